using System.Buffers.Binary;
using System.Diagnostics.CodeAnalysis;
using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using System.Text;
using Mamba.Amqp.Codec;
using Mamba.Amqp.Framing;
using Mamba.Amqp.Messaging;
using Mamba.Amqp.Transactions;
using Mamba.Amqp.Transport;
using Mamba.Amqp.Types;
using Mamba.Broker.Testing;

namespace Mamba.Broker.Server.Tests.Peers;

/// <summary>
/// A client that sends whatever bytes the test makes and reads whole frames: nothing it sends is checked, everything that
/// comes back is decoded strictly. Every wait is bounded. For one task at a time.
/// </summary>
internal sealed class RawPeer : IAsyncDisposable
{
    /// <summary>How long a frame may take that must come. Generous: it tells a hang from a busy machine.</summary>
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    private static int _opened;

    private readonly Socket _socket;
    private readonly StringBuilder _trace = new();
    private byte[] _buffer = new byte[16 * 1024];
    private int _unread;

    private RawPeer(Socket socket) => _socket = socket;

    /// <summary>Whether the broker's end of stream was a reset.</summary>
    public bool WasReset { get; private set; }

    /// <summary>Whether SASL frames are read instead of AMQP ones.</summary>
    public bool InSasl { get; set; }

    /// <summary>Whether protocol headers may come between frames; they are passed over, and say which kind of frames follows.</summary>
    public bool FollowsHeaders { get; set; }

    /// <summary>The frames that came in so far, one a line.</summary>
    public string Trace => _trace.ToString();

    /// <summary>Connects, from another of the machine's own addresses if one is named.</summary>
    public static async Task<RawPeer> ConnectAsync(IPEndPoint endpoint, int? receiveBuffer = null, IPAddress? from = null)
    {
        var socket = new Socket(endpoint.AddressFamily, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        if (receiveBuffer is { } size)
        {
            socket.ReceiveBufferSize = size;
        }

        if (from is not null)
        {
            socket.Bind(new IPEndPoint(from, 0));
        }

        using var limit = new CancellationTokenSource(Patience);
        await socket.ConnectAsync(endpoint, limit.Token);
        return new RawPeer(socket);
    }

    /// <summary>Connected, with AMQP headers and opens exchanged; of a container of its own unless one is named.</summary>
    public static async Task<RawPeer> OpenAsync(IPEndPoint endpoint, string? container = null, int? receiveBuffer = null)
    {
        var peer = await ConnectAsync(endpoint, receiveBuffer);
        await peer.SendAsync(Frames.AmqpHeader, Frames.Open(container ?? $"peer-{Interlocked.Increment(ref _opened)}"));
        await peer.ReadHeaderAsync(Frames.AmqpHeader);
        await peer.NextAsync<Open>();
        return peer;
    }

    /// <summary>The same, with a session on channel 0.</summary>
    public static async Task<RawPeer> BeginAsync(IPEndPoint endpoint, string? container = null, int? receiveBuffer = null)
    {
        var peer = await OpenAsync(endpoint, container, receiveBuffer);
        await peer.SendAsync(Frames.Begin());
        await peer.NextAsync<Begin>();
        return peer;
    }

    /// <summary>Attaches a sender and waits for its credit.</summary>
    public async Task AttachSenderAsync(uint handle, string address)
    {
        await SendAsync(Frames.Sender(handle, address));
        await NextAsync<Attach>();
        await CreditAsync(handle);
    }

    /// <summary>Attaches a sender to the anonymous terminus and waits for credit.</summary>
    public async Task AttachRelayAsync(uint handle)
    {
        await SendAsync(Frames.Of(new Attach
        {
            Name = "relay", Handle = handle, Role = Role.Sender, Source = new Source { Address = "here" }, Target = new Target(), InitialDeliveryCount = 0,
        }));
        await NextAsync<Attach>();
        await CreditAsync(handle);
    }

    /// <summary>Attaches a sender to the transaction coordinator and waits for its credit; the broker's answer.</summary>
    public async Task<Attach> AttachCoordinatorAsync(uint handle, Symbol[]? desired = null)
    {
        await SendAsync(Frames.Of(new Attach
        {
            Name = "coordinator",
            Handle = handle,
            Role = Role.Sender,
            Source = new Source { Address = "here" },
            Target = new Coordinator(),
            InitialDeliveryCount = 0,
            DesiredCapabilities = desired,
        }));
        var answer = await NextAsync<Attach>();
        await CreditAsync(handle);
        return answer;
    }

    /// <summary>Attaches a receiver and grants it credit.</summary>
    public async Task AttachReceiverAsync(uint handle, string address, uint credit)
    {
        await SendAsync(Frames.Receiver(handle, address));
        await NextAsync<Attach>();
        await SendAsync(Frames.Credit(handle, credit));
    }

    /// <summary>Attaches a receiver to a temporary queue of its own, without credit; the queue's address.</summary>
    public async Task<string> AttachDynamicReceiverAsync(uint handle)
    {
        await SendAsync(Frames.Of(new Attach
        {
            Name = "dynamic",
            Handle = handle,
            Role = Role.Receiver,
            Source = new Source { Dynamic = true },
            Target = new Target { Address = "here" },
        }));
        return (await NextAsync<Attach>()).Source!.Address!;
    }

    /// <summary>Waits for a flow that grants credit on this handle.</summary>
    public async Task CreditAsync(uint handle)
    {
        Flow flow;
        do
        {
            flow = await NextAsync<Flow>();
        }
        while (flow.Handle != handle || flow.LinkCredit is null or 0);
    }

    public async Task SendAsync(params byte[][] parts)
    {
        using var limit = new CancellationTokenSource(Patience);
        var left = (ReadOnlyMemory<byte>)(parts.Length == 1 ? parts[0] : [.. parts.SelectMany(static p => p)]);
        while (!left.IsEmpty)
        {
            left = left[await _socket.SendAsync(left, limit.Token)..];
        }
    }

    /// <summary>The same to a peer that may have hung up: false when it has.</summary>
    public async Task<bool> TrySendAsync(params byte[][] parts)
    {
        try
        {
            await SendAsync(parts);
            return true;
        }
        catch (SocketException e)
        {
            _trace.Append("-- send: ").Append(e.SocketErrorCode).Append('\n');
            return false;
        }
    }

    /// <summary>Says that nothing more will be sent; what comes can still be read.</summary>
    public void ShutdownSend()
    {
        try
        {
            _socket.Shutdown(SocketShutdown.Send);
        }
        catch (SocketException e)
        {
            _trace.Append("-- shutdown: ").Append(e.SocketErrorCode).Append('\n');
        }
    }

    /// <summary>Closes with a reset, as a killed process with unread data does.</summary>
    public void Reset()
    {
        _socket.LingerState = new LingerOption(enable: true, seconds: 0);
        _socket.Dispose();
    }

    /// <summary>
    /// From now on the system drops what comes for this socket before TCP sees it, so that nothing is acknowledged: what the other end
    /// sees of a machine that lost its network.
    /// </summary>
    public void LoseNetwork()
    {
        const int socketLevel = 1;
        const int attachFilter = 26;

        // One instruction of classic BPF, "return 0": | code u16 = 6 | jt u8 | jf u8 | k u32 |, and struct sock_fprog: | count u16 | pad | pointer |
        var program = GC.AllocateArray<byte>(8, pinned: true);
        program[0] = 6;
        Span<byte> descriptor = stackalloc byte[16];
        descriptor.Clear();
        descriptor[0] = 1;
        BitConverter.TryWriteBytes(descriptor[8..], Marshal.UnsafeAddrOfPinnedArrayElement(program, 0).ToInt64());
        _socket.SetRawSocketOption(socketLevel, attachFilter, descriptor);
        GC.KeepAlive(program);
    }

    public async Task ReadHeaderAsync(byte[] expected)
    {
        while (_unread < ProtocolHeader.Size)
        {
            if (!await ReadMoreAsync(Patience))
            {
                throw new InvalidOperationException($"expected a protocol header, and the stream ended after {_unread} bytes");
            }
        }

        Assert.That(_buffer.AsSpan(0, ProtocolHeader.Size).ToArray(), Is.EqualTo(expected), "protocol header");
        Consume(ProtocolHeader.Size);
    }

    /// <summary>The next frame that is not empty, or null at the end of the stream.</summary>
    /// <exception cref="TimeoutException">Nothing came in time.</exception>
    public async Task<PeerFrame?> TryNextAsync(TimeSpan? within = null)
    {
        while (true)
        {
            if (TryCut(out var frame))
            {
                if (frame.Performative is not null)
                {
                    _trace.Append("<- [").Append(frame.Channel).Append("] ").Append(frame.Performative).Append('\n');
                    return frame;
                }
            }
            else if (!await ReadMoreAsync(within ?? Patience))
            {
                return null;
            }
        }
    }

    /// <summary>Reads to the end of the stream.</summary>
    public async Task<List<PeerFrame>> ReadToEndAsync(TimeSpan? within = null)
    {
        var frames = new List<PeerFrame>();
        while (await TryNextAsync(within) is { } frame)
        {
            frames.Add(frame);
        }

        return frames;
    }

    /// <summary>The next frame, which must hold this performative; flows are passed over unless one is asked for.</summary>
    public async Task<T> NextAsync<T>()
        where T : IAmqpEncodable => (T)(await NextFrameAsync<T>()).Performative!;

    public async Task<PeerFrame> NextFrameAsync<T>()
        where T : IAmqpEncodable
    {
        while (true)
        {
            var frame = await TryNextAsync() ?? throw new InvalidOperationException($"expected {typeof(T).Name}, and the stream ended. Trace:\n{Trace}");
            if (frame.Performative is T)
            {
                return frame;
            }

            if (frame.Performative is not Flow)
            {
                throw new InvalidOperationException($"expected {typeof(T).Name}, and something else came. Trace:\n{Trace}");
            }
        }
    }

    /// <summary>Takes the next message on a receiving link and returns what came with it.</summary>
    public async Task<ReceivedMessage> ReceiveAsync()
    {
        var payload = new List<byte>();
        Transfer first = default;
        PeerFrame frame;
        do
        {
            frame = await NextFrameAsync<Transfer>();
            first = payload.Count == 0 ? (Transfer)frame.Performative! : first;
            payload.AddRange(frame.Payload);
        }
        while (((Transfer)frame.Performative!).More);
        var tag = first.DeliveryTag.GetValueOrDefault();
        return new ReceivedMessage(first.DeliveryId!.Value, first.Handle, AmqpMessage.Decode([.. payload]))
        {
            Tag = tag.Length == sizeof(ulong) ? BinaryPrimitives.ReadUInt64BigEndian(tag.Span) : 0,
        };
    }

    /// <summary>Sends a message unsettled and waits for its outcome.</summary>
    public async Task<DeliveryState?> PublishAsync(uint handle, uint id, byte[] payload)
    {
        await SendAsync(Frames.Transfer(handle, id, payload));
        return (await NextAsync<Disposition>()).State;
    }

    /// <summary>Closes the connection and waits for the broker's close.</summary>
    public async Task CloseAsync()
    {
        await SendAsync(Frames.Close());
        Assert.That((await NextAsync<Close>()).Error, Is.Null);
        Assert.That(await TryNextAsync(), Is.Null);
    }

    public ValueTask DisposeAsync()
    {
        _socket.Dispose();
        return ValueTask.CompletedTask;
    }

    private bool TryCut([NotNullWhen(true)] out PeerFrame? frame)
    {
        frame = null;
        if (FollowsHeaders && ProtocolHeader.TryParse(_buffer.AsSpan(0, _unread), out var protocol))
        {
            InSasl = protocol == ProtocolHeader.Sasl;
            Consume(ProtocolHeader.Size);
        }

        if (!FrameReader.TryRead(_buffer.AsSpan(0, _unread), uint.MaxValue, out var header, out var body, out var consumed))
        {
            return false;
        }

        Assert.That(header.Type, Is.EqualTo(InSasl ? FrameType.Sasl : FrameType.Amqp));
        if (body.IsEmpty)
        {
            frame = new PeerFrame(header.Channel, Performative: null, []);
        }
        else
        {
            var reader = new AmqpReader(body);
            var performative = InSasl ? PerformativeCodec.ReadSasl(ref reader) : PerformativeCodec.Read(ref reader);
            frame = new PeerFrame(header.Channel, performative, reader.Rest.ToArray());
        }

        Consume(consumed);
        return true;
    }

    private async Task<bool> ReadMoreAsync(TimeSpan within)
    {
        if (_unread == _buffer.Length)
        {
            Array.Resize(ref _buffer, _buffer.Length * 2);
        }

        using var limit = new CancellationTokenSource(within);
        try
        {
            var read = await _socket.ReceiveAsync(_buffer.AsMemory(_unread), limit.Token);
            _unread += read;
            return read > 0;
        }
        catch (OperationCanceledException e)
        {
            throw new TimeoutException($"nothing came for {within.TotalSeconds} s. Trace:\n{Trace}", e);
        }
        catch (SocketException e) when (e.SocketErrorCode is SocketError.ConnectionReset or SocketError.ConnectionAborted)
        {
            WasReset = true;
            return false;
        }
    }

    private void Consume(int bytes)
    {
        _buffer.AsSpan(bytes, _unread - bytes).CopyTo(_buffer);
        _unread -= bytes;
    }
}

/// <summary>A message as it came over a link.</summary>
internal sealed record ReceivedMessage(uint DeliveryId, uint Handle, AmqpMessage Message)
{
    /// <summary>Its delivery-tag, where that is a number.</summary>
    public ulong Tag { get; init; }

    public string Body => Message.Value as string ?? "";

    public MessageHeader Header => Message.Header ?? MessageHeader.Default;
}
