using System.Buffers.Binary;
using System.Net.Sockets;
using Mamba.Amqp.Codec;
using Mamba.Amqp.Conformance.Running;
using Mamba.Amqp.Framing;
using Mamba.Amqp.Sasl;
using Mamba.Amqp.Transport;

namespace Mamba.Amqp.Conformance.Wire;

/// <summary>
/// One TCP connection to the broker, at the level of bytes and frames. It answers nothing by itself. What comes is taken with
/// Expect calls, which leave frames of other links and sessions for later ones. One caller at a time.
/// </summary>
public sealed class AmqpWire(Stream stream, WireTrace trace, string label, CancellationToken guard) : IAsyncDisposable
{
    /// <summary>The largest frame the suite reads; nothing of a broker is near it.</summary>
    public const int LargestFrame = 32 * 1024 * 1024;

    private readonly List<AmqpFrame> _pending = [];
    private readonly SemaphoreSlim _writing = new(1);
    private readonly CancellationTokenSource _keepAlive = new();
    private bool _isCut;
    private byte[] _buffer = new byte[64 * 1024];
    private int _unread;
    private bool _ended;

    public WireTrace Trace => trace;

    /// <summary>How many empty frames came.</summary>
    public int EmptyFrames { get; private set; }

    /// <summary>The bytes of the last empty frame that came.</summary>
    public byte[] LastEmptyFrame { get; private set; } = [];

    /// <summary>The largest frame that came, in bytes.</summary>
    public int LargestReceived { get; private set; }

    /// <summary>Whether a protocol header came.</summary>
    public bool HasHeader { get; private set; }

    /// <summary>What came and was not read as a header or frame.</summary>
    public ReadOnlySpan<byte> Unread => _buffer.AsSpan(0, _unread);

    public static async Task<AmqpWire> ConnectAsync(string host, int port, WireTrace trace, string label, CancellationToken guard)
    {
        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        try
        {
            await socket.ConnectAsync(host, port, guard);
        }
        catch
        {
            socket.Dispose();
            throw;
        }

        return new AmqpWire(new NetworkStream(socket, ownsSocket: true), trace, label, guard);
    }

    // ---------------------------------------------------------------- out --

    /// <summary>Sends bytes as they are.</summary>
    public async Task SendBytesAsync(byte[] bytes, string? note = null)
    {
        Note($"-> {note ?? WireTrace.Hex(bytes)}");
        await _writing.WaitAsync(guard);
        try
        {
            await stream.WriteAsync(bytes, guard);
            await stream.FlushAsync(guard);
        }
        catch (IOException e)
        {
            // The broker may have closed the connection already: what it sent before that is still to be read.
            Note($"-- could not be sent: {e.Message}");
        }
        finally
        {
            _writing.Release();
        }
    }

    /// <summary>Sends empty frames from now on, so often that a case may wait longer than the broker's idle-time-out.</summary>
    public void KeepAlive(TimeSpan interval) => _ = KeepAliveAsync(interval, _keepAlive.Token);

    /// <summary>Sends no more empty frames.</summary>
    public void StopKeepAlive() => _keepAlive.Cancel();

    public Task SendHeaderAsync(ProtocolHeader header)
    {
        var bytes = new byte[ProtocolHeader.Size];
        header.Write(bytes);
        return SendBytesAsync(bytes, header.ToString());
    }

    public Task SendAsync(IAmqpEncodable body, ushort channel = 0, byte[]? payload = null) =>
        SendBytesAsync(Raw.Frame(body, channel, payload), WireTrace.Describe(channel, body is SaslInit init ? WithoutPassword(init) : body, payload));

    /// <summary>Sends several frames in one write.</summary>
    public Task SendTogetherAsync(params (ushort Channel, IAmqpEncodable Body)[] frames) =>
        SendBytesAsync(
            [.. frames.SelectMany(static f => Raw.Frame(f.Body, f.Channel))],
            string.Join(" | ", frames.Select(static f => WireTrace.Describe(f.Channel, f.Body, []))));

    /// <summary>Says that no more bytes will follow, without closing the way in.</summary>
    public void ShutdownSend()
    {
        Note("-- end of stream sent");
        (stream as NetworkStream)?.Socket.Shutdown(SocketShutdown.Send);
    }

    /// <summary>Drops the connection as a killed process would.</summary>
    public void Reset()
    {
        Note("-- reset");
        if (stream is NetworkStream network)
        {
            network.Socket.LingerState = new LingerOption(enable: true, seconds: 0);
        }

        stream.Dispose();
        _ended = true;
    }

    // ----------------------------------------------------------------- in --

    /// <summary>The next eight bytes must be a protocol header; any, or this one.</summary>
    public async Task<ProtocolHeader> ExpectHeaderAsync(ProtocolHeader? expected = null)
    {
        while (_unread < ProtocolHeader.Size)
        {
            if (!await ReadMoreAsync($"the protocol header {expected}".TrimEnd()))
            {
                throw new CheckFailedException($"expected the protocol header {expected?.ToString() ?? "of any version"}, and the broker closed the connection");
            }
        }

        if (!ProtocolHeader.TryParse(_buffer.AsSpan(0, ProtocolHeader.Size), out var header))
        {
            throw new CheckFailedException($"expected a protocol header, and {WireTrace.Hex(_buffer.AsSpan(0, _unread))} came");
        }

        Consume(ProtocolHeader.Size);
        HasHeader = true;
        Note($"<- {header}");
        if (expected is { } wanted && wanted != header)
        {
            throw new CheckFailedException($"expected the protocol header {wanted}, and {header} came");
        }

        return header;
    }

    /// <summary>
    /// The next frame whose body is a <typeparamref name="T"/> that matches. Flows, transfers and dispositions that come before it
    /// are kept for later; a detach, end or close that nobody waits for is a failure.
    /// </summary>
    public async Task<AmqpFrame> ExpectFrameAsync<T>(Func<AmqpFrame, T, bool>? matches = null, string? what = null, bool keep = false)
        where T : IAmqpEncodable
    {
        for (var i = 0; i < _pending.Count; i++)
        {
            if (_pending[i].Body is T body && (matches is null || matches(_pending[i], body)))
            {
                var found = _pending[i];
                if (!keep)
                {
                    _pending.RemoveAt(i);
                }

                return found;
            }
        }

        what ??= typeof(T).Name.ToLowerInvariant();
        while (true)
        {
            var frame = await NextFrameAsync(what) ?? throw new CheckFailedException($"expected {what}, and the broker closed the connection");
            if (frame.Body is T body && (matches is null || matches(frame, body)))
            {
                if (keep)
                {
                    _pending.Add(frame);
                }

                return frame;
            }

            if (frame.Body is not (Flow or Transfer or Disposition))
            {
                throw new UnexpectedFrameException(what, frame);
            }

            _pending.Add(frame);
        }
    }

    /// <summary>The body of the next such frame.</summary>
    public async Task<T> ExpectAsync<T>(Func<T, bool>? matches = null, string? what = null, bool keep = false)
        where T : IAmqpEncodable =>
        (T)(await ExpectFrameAsync<T>(matches is null ? null : (_, body) => matches(body), what, keep)).Body!;

    /// <summary>The next frame of any kind that is not empty; null at the end of the stream.</summary>
    public async Task<AmqpFrame?> NextAsync(string what = "a frame")
    {
        if (_pending.Count > 0)
        {
            var frame = _pending[0];
            _pending.RemoveAt(0);
            return frame;
        }

        return await NextFrameAsync(what);
    }

    /// <summary>The broker must close the connection, and send nothing before it; what came before this call does not count.</summary>
    public async Task ExpectEndOfStreamAsync(bool tolerateFrames = false)
    {
        _pending.Clear();
        while (await NextAsync("the end of the stream") is { } frame)
        {
            if (!tolerateFrames)
            {
                throw new UnexpectedFrameException("the end of the stream", frame);
            }
        }
    }

    /// <summary>An empty frame must come.</summary>
    public async Task ExpectEmptyFrameAsync()
    {
        var before = EmptyFrames;
        while (EmptyFrames == before)
        {
            if (TryCutFrame() is { } frame)
            {
                Keep(frame);
            }
            else if (!await ReadMoreAsync("an empty frame"))
            {
                throw new CheckFailedException("expected an empty frame, and the broker closed the connection");
            }
        }
    }

    /// <summary>Nothing that matches may come in a quiet period; other frames are kept.</summary>
    /// <param name="forbidden">What must not come; any frame when null.</param>
    public async Task ExpectQuietAsync(Func<AmqpFrame, bool>? forbidden = null, TimeSpan? period = null)
    {
        using var quiet = CancellationTokenSource.CreateLinkedTokenSource(guard);
        quiet.CancelAfter(period ?? CaseContext.Quiet);
        try
        {
            while (true)
            {
                if (_pending.Find(f => forbidden is null || forbidden(f)) is { } found)
                {
                    throw new CheckFailedException($"expected nothing, and {WireTrace.Describe(found.Channel, found.Body, found.Payload)} came");
                }

                if (TryCutFrame() is { } frame)
                {
                    Keep(frame);
                }
                else if (_ended || !await FillAsync(quiet.Token))
                {
                    throw new CheckFailedException("expected nothing to happen, and the broker closed the connection");
                }
            }
        }
        catch (OperationCanceledException) when (!guard.IsCancellationRequested)
        {
            Note($"-- nothing for {(period ?? CaseContext.Quiet).TotalMilliseconds} ms");
        }
    }

    /// <summary>
    /// The next frame that matches, if it comes within a period; null otherwise. For answers that a broker may leave out. A detach,
    /// end or close that comes instead is a failure.
    /// </summary>
    public async Task<AmqpFrame?> TryExpectAsync(Func<AmqpFrame, bool> matches, string what, TimeSpan period)
    {
        if (_pending.FindIndex(f => matches(f)) is >= 0 and var kept)
        {
            var found = _pending[kept];
            _pending.RemoveAt(kept);
            return found;
        }

        using var limit = CancellationTokenSource.CreateLinkedTokenSource(guard);
        limit.CancelAfter(period);
        try
        {
            while (true)
            {
                if (TryCutFrame() is not { } frame)
                {
                    if (_ended || !await FillAsync(limit.Token))
                    {
                        throw new CheckFailedException($"expected {what}, and the broker closed the connection");
                    }
                }
                else if (matches(frame))
                {
                    return frame;
                }
                else if (frame.Body is Detach or End or Close)
                {
                    throw new UnexpectedFrameException(what, frame);
                }
                else
                {
                    Keep(frame);
                }
            }
        }
        catch (OperationCanceledException) when (!guard.IsCancellationRequested)
        {
            Note($"-- no {what} within {period.TotalMilliseconds} ms; going on");
            return null;
        }
    }

    /// <summary>Keeps a frame for the next call that wants it.</summary>
    public void PutBack(AmqpFrame frame) => _pending.Insert(0, frame);

    /// <summary>Forgets frames that were kept for later.</summary>
    public void Drop(Predicate<AmqpFrame> which) => _pending.RemoveAll(which);

    /// <summary>Waits a quiet period, whatever comes in it.</summary>
    public async Task ExpectQuietOrEndAsync()
    {
        try
        {
            await ExpectQuietAsync(static _ => false);
        }
        catch (CheckFailedException e)
        {
            Note($"-- {e.Message}");
        }
    }

    /// <summary>Cuts the connection without a word. Idempotent.</summary>
    public async ValueTask DisposeAsync()
    {
        if (_isCut)
        {
            return;
        }

        _isCut = true;
        await _keepAlive.CancelAsync();
        await stream.DisposeAsync();
        _keepAlive.Dispose();
    }

    // ------------------------------------------------------------- inside --

    private async Task KeepAliveAsync(TimeSpan interval, CancellationToken stop)
    {
        try
        {
            using var timer = new PeriodicTimer(interval);
            while (await timer.WaitForNextTickAsync(stop))
            {
                await SendBytesAsync(Raw.EmptyFrame(), "[0] (empty frame)");
            }
        }
        catch (Exception e) when (e is OperationCanceledException or ObjectDisposedException)
        {
            // The case is over, or the connection is.
            Note("-- no more empty frames");
        }
    }

    /// <summary>As a trace has it, which reports show to everybody.</summary>
    private static SaslInit WithoutPassword(SaslInit init) => init.Mechanism == "PLAIN" && init.InitialResponse is not null
        ? new SaslInit { Mechanism = init.Mechanism, InitialResponse = "(left out)"u8.ToArray(), Hostname = init.Hostname }
        : init;

    private void Keep(AmqpFrame frame)
    {
        if (frame.Body is not null)
        {
            _pending.Add(frame);
        }
    }

    private async Task<AmqpFrame?> NextFrameAsync(string what)
    {
        while (true)
        {
            if (TryCutFrame() is { } frame)
            {
                if (frame.Body is not null)
                {
                    return frame;
                }
            }
            else if (!await ReadMoreAsync(what))
            {
                return null;
            }
        }
    }

    private AmqpFrame? TryCutFrame()
    {
        if (_unread < FrameHeader.Length)
        {
            return null;
        }

        var size = BinaryPrimitives.ReadUInt32BigEndian(_buffer);
        if (_buffer.AsSpan(0, 4).SequenceEqual("AMQP"u8))
        {
            throw new CheckFailedException($"expected a frame, and the protocol header {WireTrace.Hex(_buffer.AsSpan(0, 8))} came");
        }

        try
        {
            var header = FrameHeader.Parse(_buffer.AsSpan(0, FrameHeader.Length), LargestFrame);
            if (_unread < size)
            {
                return null;
            }

            var frame = AmqpFrame.Decode(header, _buffer.AsSpan(0, (int)size));
            Consume((int)size);
            LargestReceived = Math.Max(LargestReceived, (int)size);
            if (frame.Body is null)
            {
                EmptyFrames++;
                LastEmptyFrame = frame.Bytes;
            }

            Note($"<- {WireTrace.Describe(frame.Channel, frame.Body, frame.Payload)}");
            return frame;
        }
        catch (AmqpException e)
        {
            var hex = WireTrace.Hex(_buffer.AsSpan(0, (int)Math.Min(size, (uint)_unread)));
            throw new CheckFailedException($"the broker sent a frame that cannot be read ({e.Message}): {hex}", e);
        }
    }

    private async Task<bool> ReadMoreAsync(string what)
    {
        if (_ended)
        {
            return false;
        }

        try
        {
            return await FillAsync(guard);
        }
        catch (OperationCanceledException e)
        {
            throw new CheckFailedException($"expected {what}, and nothing came in the time a case has", e);
        }
    }

    private async Task<bool> FillAsync(CancellationToken cancel)
    {
        if (_unread == _buffer.Length)
        {
            Array.Resize(ref _buffer, _buffer.Length * 2);
        }

        var read = 0;
        try
        {
            read = await stream.ReadAsync(_buffer.AsMemory(_unread), cancel);
        }
        catch (IOException e)
        {
            Note($"<- connection reset ({e.Message})");
        }

        _unread += read;
        if (read == 0)
        {
            _ended = true;
            Note("<- end of stream");
        }

        return read > 0;
    }

    private void Consume(int bytes)
    {
        _buffer.AsSpan(bytes, _unread - bytes).CopyTo(_buffer);
        _unread -= bytes;
    }

    private void Note(string line) => trace.Add(label + line);
}
