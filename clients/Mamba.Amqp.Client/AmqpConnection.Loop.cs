using Mamba.Amqp.Codec;
using Mamba.Amqp.Endpoints;
using Mamba.Amqp.Transport;
using Mamba.Amqp.Types;

namespace Mamba.Amqp.Client;

/// <content>
/// The turns of a connection, and its input and output. The protocol engine is single-threaded: whoever wants something of
/// it takes a turn, under one lock. At the end of the outermost turn the senders that wait go on, and what was written
/// starts on its way: by the thread that took the turn, or, where more is likely to follow at once, by a pool thread that
/// picks up all of it. Only one write is under way at a time; what is written meanwhile goes with the next. So batches form
/// by themselves when the socket is busy, and a single message leaves without a change of threads when it is not.
/// </content>
public sealed partial class AmqpConnection : IThreadPoolWorkItem
{
    // Small while a connection is idle, large when it is busy: a read that fills the buffer doubles it.
    private const int InitialReceiveBuffer = 8 * 1024;
    private const int BusyReceiveBuffer = 256 * 1024;

    private readonly Lock _gate = new();
    private readonly Stream _stream;
    private readonly ConnectionEngine _engine;
    private readonly ITimer _timer;
    private readonly ByteBuffer _outgoing = new();
    private Task _receiving = Task.CompletedTask;
    private AmqpException? _failure;
    private int _depth;
    private bool _writing;
    private bool _closing;
    private bool _closeWhenFlushed;

    private AmqpConnection(AmqpConnectionOptions options, Stream stream)
    {
        Options = options;
        ContainerId = options.ContainerId ?? $"mamba-{Guid.NewGuid():N}";
        _stream = stream;
        _engine = new ConnectionEngine(Settings(options, ContainerId), new ClientEvents(this));
        _timer = options.TimeProvider.CreateTimer(static state => ((AmqpConnection)state!).OnTimer(), this, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
    }

    /// <summary>A buffer to encode into within a turn.</summary>
    internal ByteBuffer Scratch { get; } = new();

    /// <summary>Whether the output buffer takes another message. Within a turn.</summary>
    internal bool HasOutputRoom => OutputRoom > 0;

    /// <summary>How many more bytes the output buffer takes. Within a turn.</summary>
    internal int OutputRoom => Options.OutputLimit - _engine.Output.Length - (_writing ? _outgoing.Length : 0);

    void IThreadPoolWorkItem.Execute() => _ = WriteAsync();

    /// <summary>
    /// Takes a turn: until the returned scope is disposed nobody else uses the engine. Turns nest on one thread. Nothing in a
    /// turn may await or block.
    /// </summary>
    /// <param name="writeInline">
    /// Whether the calling thread writes what is due at the end of the turn, rather than a pool thread.
    /// </param>
    internal Turn BeginTurn(bool writeInline = true)
    {
        _gate.Enter();
        _depth++;
        return new Turn(this, writeInline);
    }

    /// <summary>Ends the connection with its first cause: everything that waits fails with it.</summary>
    internal void Fail(AmqpException cause, bool orderly = false)
    {
        using (BeginTurn())
        {
            if (_failure is not null)
            {
                return;
            }

            _failure = cause;
            _closeWhenFlushed = true;
            foreach (var session in _sessions.ToArray())
            {
                session.Fail(cause, orderly);
            }

            AmqpTasks.Fail(_opened, cause);
            if (orderly)
            {
                _ended.TrySetResult();
            }
            else
            {
                AmqpTasks.Fail(_ended, cause);
            }

            // A peer that reads no more must not keep the socket open for ever.
            _timer.Change(FarewellTime, Timeout.InfiniteTimeSpan);
        }
    }

    /// <summary>The peer's Open, within a turn.</summary>
    internal void OnOpened(Open remote)
    {
        RemoteOpen = remote;
        if (remote.Properties?.ContainsKey(ConnectionEngine.EstablishmentFailedKey) == true)
        {
            return; // a Close with the reason follows
        }

        _opened.TrySetResult();
        _timer.Change(TimeSpan.Zero, Timeout.InfiniteTimeSpan);
    }

    /// <summary>The peer closed the connection, or answered our Close. Within a turn.</summary>
    internal void OnClosed(AmqpError? error)
    {
        if (error is null && _closing)
        {
            Fail(ClientErrors.Make(ClientErrors.Closed, "the connection is closed", AmqpErrorScope.Connection), orderly: true);
            return;
        }

        var what = _opened.Task.IsCompleted ? $"{Options} closed the connection" : $"{Options} refused the connection";
        Fail(ClientErrors.FromPeer(what, error, AmqpErrorScope.Connection));
    }

    /// <summary>The engine gave the peer up, and has written why. Within a turn.</summary>
    internal void OnEngineFailed(AmqpException cause) =>
        Fail(ClientErrors.FromPeer($"the connection to {Options} failed", cause.Error, AmqpErrorScope.Connection));

    /// <summary>A callback of the application threw on our turn. There is nobody else to tell.</summary>
    internal void OnCallbackFailed(Exception e) =>
        Fail(ClientErrors.Make(ErrorCondition.InternalError, $"a callback failed: {e.Message}", AmqpErrorScope.Connection, e));

    internal void OnAuthenticationFailed(string why) =>
        Fail(ClientErrors.Make(ClientErrors.AuthenticationFailed, $"{Options} did not authenticate us: {why}; check user and password", AmqpErrorScope.Connection));

    private static async Task<AmqpConnection> OpenAsync(AmqpConnectionOptions options, Stream stream, CancellationToken ct)
    {
        var connection = new AmqpConnection(options, stream);
        try
        {
            using (connection.BeginTurn())
            {
                connection._engine.Open(connection.LocalOpen());
            }

            connection._receiving = connection.ReceiveAsync();
            await connection._opened.Task.WaitAsync(ct);
            return connection;
        }
        catch
        {
            connection.Fail(ClientErrors.Make(ClientErrors.Closed, "connecting was given up", AmqpErrorScope.Connection), orderly: true);
            await stream.DisposeAsync();
            await connection._receiving;
            await connection._timer.DisposeAsync();
            throw;
        }
    }

    private static ConnectionSettings Settings(AmqpConnectionOptions options, string containerId) => new()
    {
        IsServer = false,
        ContainerId = containerId,
        MaxFrameSize = options.MaxFrameSize,
        MaxMessageSize = options.MaxMessageSize,
        ChannelMax = 255,
        HandleMax = 1023,
        IdleTimeoutMilliseconds = (uint)Math.Min(uint.MaxValue / 2, options.IdleTimeout.TotalMilliseconds),
        MaxUnsettledPerLink = int.MaxValue,
        MaxUnsettledPerConnection = int.MaxValue,
        SaslClientMechanisms = Credentials.Mechanisms(options),
        SaslHostname = options.HostName ?? options.Host,
    };

    private Open LocalOpen()
    {
        var properties = new AmqpMap();
        properties.Add(new Symbol("product"), "Mamba.Amqp.Client");
        properties.Add(new Symbol("version"), typeof(AmqpConnection).Assembly.GetName().Version?.ToString(3));
        foreach (var (key, value) in Options.Properties ?? [])
        {
            properties[key] = value;
        }

        return new Open
        {
            ContainerId = ContainerId,
            Hostname = Options.HostName ?? Options.Host,
            DesiredCapabilities = Options.DesiredCapabilities.Count == 0 ? null : [.. Options.DesiredCapabilities],
            Properties = properties,
        };
    }

    private void EndTurn(bool writeInline)
    {
        var start = false;
        try
        {
            if (_depth == 1)
            {
                start = FinishTurn();
            }
        }
        finally
        {
            _depth--;
            _gate.Exit();
        }

        if (!start)
        {
            return;
        }

        if (writeInline)
        {
            _ = WriteAsync();
        }
        else
        {
            ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);
        }
    }

    /// <summary>True: there is something to write, and the caller has to start it.</summary>
    private bool FinishTurn()
    {
        if (_failure is null)
        {
            for (var i = 0; i < _sessions.Count; i++)
            {
                _sessions[i].PumpSenders();
            }

            _engine.FlushDispositions();
        }

        if (_writing || (_engine.Output.Length == 0 && !_closeWhenFlushed))
        {
            return false;
        }

        _writing = true;
        return true;
    }

    /// <summary>Writes until there is nothing left. Never throws: what goes wrong fails the connection.</summary>
    private async Task WriteAsync()
    {
        try
        {
            while (TakeOutput())
            {
                await _stream.WriteAsync(_outgoing.WrittenMemory);
            }
        }
        catch (Exception e) when (e is IOException or ObjectDisposedException or System.Net.Sockets.SocketException)
        {
            OnLost(e);
            await _stream.DisposeAsync();
        }
    }

    /// <summary>False: there is nothing to write, and the next turn that writes starts a write anew.</summary>
    private bool TakeOutput()
    {
        using (BeginTurn())
        {
            // Room has come free: the senders may go on before the next batch is taken.
            _outgoing.Clear();
            if (_failure is null)
            {
                FinishTurn();
            }

            _outgoing.SwapWith(_engine.Output);
            if (_outgoing.Length > 0)
            {
                return true;
            }

            if (_closeWhenFlushed)
            {
                _stream.Dispose(); // _writing stays set: nothing is written any more
            }
            else
            {
                _writing = false;
            }

            return false;
        }
    }

    /// <summary>Reads until the stream ends. Never throws: what goes wrong fails the connection.</summary>
    private async Task ReceiveAsync()
    {
        var buffer = new byte[InitialReceiveBuffer];
        var unread = 0;
        try
        {
            while (true)
            {
                var read = await _stream.ReadAsync(buffer.AsMemory(unread));
                if (read == 0)
                {
                    OnLost(null);
                    return;
                }

                var isFull = unread + read == buffer.Length;
                unread = Consume(buffer, unread + read);
                if (unread == buffer.Length || (isFull && buffer.Length < BusyReceiveBuffer))
                {
                    Array.Resize(ref buffer, buffer.Length * 2);
                }
            }
        }
        catch (Exception e) when (e is IOException or ObjectDisposedException or System.Net.Sockets.SocketException)
        {
            OnLost(e);
        }
        catch (Exception e)
        {
            OnCallbackFailed(e);
            await _stream.DisposeAsync();
        }
    }

    /// <summary>Hands what arrived to the engine; returns how many bytes are left at the start of the buffer.</summary>
    private int Consume(byte[] buffer, int length)
    {
        int consumed;
        using (BeginTurn())
        {
            consumed = _engine.Receive(buffer.AsSpan(0, length));
        }

        buffer.AsSpan(consumed, length - consumed).CopyTo(buffer);
        return length - consumed;
    }

    private void OnLost(Exception? cause)
    {
        var why = cause is null ? "the peer ended it without a Close" : cause.Message;
        Fail(ClientErrors.Make(ClientErrors.ConnectionLost, $"the connection to {Options} was lost: {why}", AmqpErrorScope.Connection, cause));
    }

    private void OnTimer()
    {
        using (BeginTurn())
        {
            if (_failure is not null)
            {
                _stream.Dispose();
                return;
            }

            var now = (long)Options.TimeProvider.GetElapsedTime(0).TotalMilliseconds;
            var next = _engine.Tick(now);
            if (next != long.MaxValue && _failure is null)
            {
                _timer.Change(TimeSpan.FromMilliseconds(Math.Max(1, next - now)), Timeout.InfiniteTimeSpan);
            }
        }
    }

    /// <summary>One turn; ends when disposed.</summary>
    internal readonly ref struct Turn(AmqpConnection connection, bool writeInline) : IDisposable
    {
        public void Dispose() => connection.EndTurn(writeInline);
    }
}
