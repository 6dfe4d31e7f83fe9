using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Threading.Channels;
using Mamba.Amqp.Codec;
using Mamba.Amqp.Framing;
using Mamba.Amqp.Sasl;
using Mamba.Amqp.Transport;

namespace Mamba.Broker.Testing;

/// <summary>
/// One end of an AMQP connection over a real socket that follows a script, written as the wire trace it should make:
/// <code>
///   await using var peer = ScriptedPeer.Listen();
///   peer.ExpectSaslAnonymous();
///   peer.Expect&lt;Open&gt;(open => Assert.That(open.Hostname, Is.EqualTo("here"))).Respond(_ => new Open { ContainerId = "peer" });
///   peer.Expect&lt;Begin&gt;().Respond(_ => new Begin { RemoteChannel = 0, IncomingWindow = 10, OutgoingWindow = 10 });
///   ... what is tested ...
///   await peer.DoneAsync();
/// </code>
/// Each call adds a step; the steps run in order, on their own. The first that fails closes the socket, and
/// <see cref="DoneAsync"/> throws what it found together with the trace so far. Empty frames are passed over, and so are
/// frames of the types named to <see cref="Skip{T}"/>. The script may be written before or while it runs; from one thread.
/// </summary>
public sealed class ScriptedPeer : IAsyncDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private readonly Channel<Func<Task>> _steps = Channel.CreateUnbounded<Func<Task>>();
    private readonly List<Type> _skipped = [];
    private readonly StringBuilder _trace = new();
    private readonly Socket? _listener;
    private readonly Task _running;
    private Socket? _socket;
    private byte[] _buffer = new byte[64 * 1024];
    private int _unread;

    private ScriptedPeer(Socket? listener, Socket? socket)
    {
        _listener = listener;
        _socket = socket;
        _running = RunAsync();
    }

    /// <summary>Where a listening peer waits; the first connection is its only one.</summary>
    public IPEndPoint Endpoint => (IPEndPoint)(_listener ?? _socket!).LocalEndPoint!;

    public Uri Uri => new($"amqp://127.0.0.1:{Endpoint.Port}");

    /// <summary>The frame the last Expect took.</summary>
    public PeerFrame Last { get; private set; } = new(0, null, []);

    /// <summary>The largest frame taken, in bytes.</summary>
    public uint MaxFrameSize { get; set; } = 1024 * 1024;

    /// <summary>Everything that went over the wire, one line a frame: "&lt;-" came in, "->" went out.</summary>
    public string Trace
    {
        get
        {
            lock (_trace)
            {
                return _trace.ToString();
            }
        }
    }

    /// <summary>A peer in the server's place, on a free port of loopback.</summary>
    public static ScriptedPeer Listen()
    {
        var listener = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        listener.Listen(1);
        return new ScriptedPeer(listener, null);
    }

    /// <summary>A peer in the client's place.</summary>
    public static async Task<ScriptedPeer> ConnectAsync(IPEndPoint endpoint)
    {
        var socket = new Socket(endpoint.AddressFamily, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        await socket.ConnectAsync(endpoint);
        return new ScriptedPeer(null, socket);
    }

    /// <summary>The next frame must hold a <typeparamref name="T"/> that passes <paramref name="check"/>.</summary>
    public Expectation<T> Expect<T>(Action<T>? check = null)
        where T : IAmqpEncodable => Expect<T>(check is null ? null : (performative, _) => check(performative));

    /// <summary>The same with the frame, for its channel and payload.</summary>
    public Expectation<T> Expect<T>(Action<T, PeerFrame>? check)
        where T : IAmqpEncodable
    {
        Add(async () =>
        {
            Last = await NextFrameAsync();
            if (Last.Performative is not T performative)
            {
                throw new InvalidOperationException($"expected {typeof(T).Name}, and {Describe(Last)} came");
            }

            check?.Invoke(performative, Last);
        });
        return new Expectation<T>(this);
    }

    /// <summary>The next eight bytes must be this protocol header.</summary>
    public ScriptedPeer ExpectHeader(ProtocolHeader header)
    {
        return Add(async () =>
        {
            await ReadUntilAsync(ProtocolHeader.Size);
            if (!ProtocolHeader.TryParse(_buffer.AsSpan(0, _unread), out var found) || found != header)
            {
                throw new InvalidOperationException($"expected the header {header}, and {Convert.ToHexString(_buffer, 0, ProtocolHeader.Size)} came");
            }

            Note($"<- {found}");
            Consume(ProtocolHeader.Size);
        });
    }

    /// <summary>The next bytes must be these, whatever frames they make.</summary>
    public ScriptedPeer ExpectBytes(params byte[] bytes)
    {
        return Add(async () =>
        {
            await ReadUntilAsync(bytes.Length);
            if (!_buffer.AsSpan(0, bytes.Length).SequenceEqual(bytes))
            {
                throw new InvalidOperationException($"expected {Convert.ToHexString(bytes)}, and {Convert.ToHexString(_buffer, 0, bytes.Length)} came");
            }

            Note($"<- {Convert.ToHexString(bytes)}");
            Consume(bytes.Length);
        });
    }

    /// <summary>The other side must close the socket, sending nothing more; frames that are skipped may come before.</summary>
    public ScriptedPeer ExpectEndOfStream()
    {
        return Add(async () =>
        {
            var frame = await TryNextFrameAsync();
            if (frame is not null)
            {
                throw new InvalidOperationException($"expected the end of the stream, and {Describe(frame)} came");
            }

            Note("<- end of stream");
        });
    }

    /// <summary>In the server's place: a SASL exchange in which the client picks ANONYMOUS, and both AMQP headers.</summary>
    public ScriptedPeer ExpectSaslAnonymous()
    {
        ExpectHeader(ProtocolHeader.Sasl);
        SendHeader(ProtocolHeader.Sasl);
        Send(new SaslMechanisms { SaslServerMechanisms = ["ANONYMOUS"] });
        Expect<SaslInit>().Respond(_ => new SaslOutcome { Code = SaslCode.Ok });
        ExpectHeader(ProtocolHeader.Amqp);
        return SendHeader(ProtocolHeader.Amqp);
    }

    /// <summary>Frames of this type are passed over from now on.</summary>
    public ScriptedPeer Skip<T>()
        where T : IAmqpEncodable => Add(() =>
        {
            _skipped.Add(typeof(T));
            return Task.CompletedTask;
        });

    /// <summary>Sends a protocol header.</summary>
    public ScriptedPeer SendHeader(ProtocolHeader header) => Add(async () =>
    {
        using var buffer = new ByteBuffer();
        header.Write(buffer);
        await WriteAsync(buffer, $"-> {header}");
    });

    /// <summary>Sends a frame; SASL bodies go as SASL frames.</summary>
    public ScriptedPeer Send(IAmqpEncodable performative, ushort channel = 0, byte[]? payload = null) =>
        Send(_ => performative, channel, payload);

    /// <summary>Sends a frame that is made when its turn comes, from the last one that came in.</summary>
    public ScriptedPeer Send(Func<PeerFrame, IAmqpEncodable> make, ushort channel = 0, byte[]? payload = null) =>
        Add(() => WriteFrameAsync(make(Last), channel, payload));

    /// <summary>Sends bytes as they are.</summary>
    public ScriptedPeer SendBytes(params byte[] bytes) => Add(async () =>
    {
        using var buffer = new ByteBuffer();
        buffer.Write(bytes);
        await WriteAsync(buffer, $"-> {Convert.ToHexString(bytes)}");
    });

    /// <summary>Waits for something that happens elsewhere in the test before the script goes on.</summary>
    public ScriptedPeer Await(Task signal) => Add(() => signal.WaitAsync(Patience));

    /// <summary>Runs a piece of the test within the script.</summary>
    public ScriptedPeer Do(Action action) => Add(() =>
    {
        action();
        return Task.CompletedTask;
    });

    /// <summary>Closes the socket: in order, or with a reset, as a killed process does.</summary>
    public ScriptedPeer Hangup(bool reset = false) => Add(() =>
    {
        if (reset)
        {
            _socket!.LingerState = new LingerOption(enable: true, seconds: 0);
        }

        _socket!.Dispose();
        Note(reset ? "-- reset" : "-- closed");
        return Task.CompletedTask;
    });

    /// <summary>Ends when all steps so far have run; throws what the first failing one found.</summary>
    public async Task DoneAsync()
    {
        var done = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        Add(() =>
        {
            done.SetResult();
            return Task.CompletedTask;
        });
        await (await Task.WhenAny(done.Task, _running)).WaitAsync(Patience);
    }

    public async ValueTask DisposeAsync()
    {
        _steps.Writer.TryComplete();
        _listener?.Dispose();
        _socket?.Dispose();
        try
        {
            await _running;
        }
        catch (Exception e)
        {
            // DoneAsync reports failures. A test that ends without it is disposed of in the middle of a step.
            Note($"-- ended: {e.Message}");
        }
    }

    private ScriptedPeer Add(Func<Task> step)
    {
        _steps.Writer.TryWrite(step);
        return this;
    }

    private async Task RunAsync()
    {
        try
        {
            _socket ??= await _listener!.AcceptAsync();
            _socket.NoDelay = true;
            await foreach (var step in _steps.Reader.ReadAllAsync())
            {
                await step();
            }
        }
        catch (Exception e)
        {
            _socket?.Dispose();
            throw new InvalidOperationException($"{e.Message}\nThe trace until then:\n{Trace}", e);
        }
    }

    private async Task<PeerFrame> NextFrameAsync() =>
        await TryNextFrameAsync() ?? throw new InvalidOperationException("expected a frame, and the other side closed the socket");

    private async Task<PeerFrame?> TryNextFrameAsync()
    {
        while (true)
        {
            if (TryCutFrame() is { } frame)
            {
                if (frame.Performative is not null)
                {
                    Note($"<- {Describe(frame)}");
                    if (!_skipped.Contains(frame.Performative.GetType()))
                    {
                        return frame;
                    }
                }
            }
            else if (!await ReadMoreAsync())
            {
                return null;
            }
        }
    }

    private PeerFrame? TryCutFrame()
    {
        if (!FrameReader.TryRead(_buffer.AsSpan(0, _unread), MaxFrameSize, out var header, out var body, out var consumed))
        {
            return null;
        }

        var frame = PeerFrame.Decode(header.Channel, body);
        Consume(consumed);
        return frame;
    }

    private async Task ReadUntilAsync(int bytes)
    {
        while (_unread < bytes)
        {
            if (!await ReadMoreAsync())
            {
                throw new InvalidOperationException($"expected {bytes} bytes, and the other side closed the socket after {_unread}");
            }
        }
    }

    private async Task<bool> ReadMoreAsync()
    {
        if (_unread == _buffer.Length)
        {
            Array.Resize(ref _buffer, _buffer.Length * 2);
        }

        using var limit = new CancellationTokenSource(Patience);
        try
        {
            var read = await _socket!.ReceiveAsync(_buffer.AsMemory(_unread), limit.Token);
            _unread += read;
            return read > 0;
        }
        catch (OperationCanceledException e)
        {
            throw new TimeoutException($"nothing came for {Patience.TotalSeconds} s", e);
        }
    }

    private void Consume(int bytes)
    {
        _buffer.AsSpan(bytes, _unread - bytes).CopyTo(_buffer);
        _unread -= bytes;
    }

    private async Task WriteFrameAsync(IAmqpEncodable performative, ushort channel, byte[]? payload)
    {
        using var buffer = new ByteBuffer();
        var isSasl = performative is SaslMechanisms or SaslInit or SaslChallenge or SaslResponse or SaslOutcome;
        var start = FrameWriter.Begin(buffer, isSasl ? FrameType.Sasl : FrameType.Amqp, channel);
        performative.Write(new AmqpWriter(buffer));
        buffer.Write(payload ?? []);
        FrameWriter.End(buffer, start);
        await WriteAsync(buffer, $"-> {Describe(new PeerFrame(channel, performative, payload ?? []))}");
    }

    private async Task WriteAsync(ByteBuffer buffer, string note)
    {
        Note(note);
        var left = buffer.WrittenMemory;
        while (!left.IsEmpty)
        {
            left = left[await _socket!.SendAsync(left)..];
        }
    }

    private static string Describe(PeerFrame frame) =>
        $"[{frame.Channel}] {frame.Performative}{(frame.Payload.Length > 0 ? $" + {frame.Payload.Length} bytes" : "")}";

    private void Note(string line)
    {
        lock (_trace)
        {
            _trace.Append(line).Append('\n');
        }
    }
}

/// <summary>What may follow an expected frame.</summary>
public readonly struct Expectation<T>(ScriptedPeer peer)
    where T : IAmqpEncodable
{
    /// <summary>Answers on the channel given (0), with what is made of the frame that came.</summary>
    public Expectation<T> Respond(Func<T, IAmqpEncodable> make, ushort channel = 0, byte[]? payload = null)
    {
        peer.Send(frame => make((T)frame.Performative!), channel, payload);
        return this;
    }
}
