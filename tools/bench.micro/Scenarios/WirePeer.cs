using System.Buffers.Binary;
using System.Net;
using Mamba.Amqp.Codec;
using Mamba.Amqp.Framing;
using Mamba.Amqp.Messaging;
using Mamba.Amqp.Transport;
using Mamba.Broker.Server.Transport;

namespace Mamba.Tools.Bench.Micro.Scenarios;

/// <summary>
/// A peer of one connection without a socket: one link to send on, one to receive from, both to the same queue. What it sends is
/// encoded beforehand and patched, so that its own cost hardly shows.
/// </summary>
internal sealed class WirePeer : ByteTransport
{
    /// <summary>Large, so that every delivery-id has four bytes to be patched.</summary>
    private const uint FirstId = 0x1000_0000;

    private static readonly IPEndPoint Nowhere = new(IPAddress.Loopback, 0);
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(1);

    private readonly Lock _gate = new();
    private readonly int _size;
    private readonly bool _settled;
    private readonly byte[] _transfers;
    private readonly int _stride;
    private readonly int _idAt;
    private readonly ByteBuffer _answers = new();
    private readonly AutoResetEvent _progress = new(initialState: false);
    private ReadOnlyMemory<byte> _input;
    private Memory<byte> _receiving;
    private bool _isReceiving;
    private uint _sent;
    private int _attached;
    private uint _received;
    private uint _accepted;
    private bool _refused;

    public WirePeer(byte[] payload, int size, bool settled)
    {
        _size = size;
        _settled = settled;
        var transfer = new Transfer { Handle = 0, DeliveryId = FirstId, DeliveryTag = DeliveryTag.FromUInt64(1), MessageFormat = 0, Settled = settled };
        using var buffer = new ByteBuffer();
        _stride = FrameWriter.Write(buffer, 0, transfer, payload);
        Span<byte> id = stackalloc byte[4];
        BinaryPrimitives.WriteUInt32BigEndian(id, FirstId);
        _idAt = buffer.WrittenSpan.IndexOf(id);
        for (var i = 1; i < size; i++)
        {
            FrameWriter.Write(buffer, 0, transfer with { DeliveryTag = DeliveryTag.FromUInt64((ulong)i + 1) }, payload);
        }

        _transfers = buffer.ToArray();
    }

    public override IPEndPoint LocalEndPoint => Nowhere;

    public override IPEndPoint RemoteEndPoint => Nowhere;

    /// <summary>Opens everything; returns when both links are attached.</summary>
    public void Open(string address)
    {
        var mode = _settled ? SenderSettleMode.Settled : SenderSettleMode.Unsettled;
        using var buffer = new ByteBuffer();
        ProtocolHeader.Amqp.Write(buffer);
        FrameWriter.Write(buffer, 0, new Open { ContainerId = "peer" });
        FrameWriter.Write(buffer, 0, new Begin { NextOutgoingId = 0, IncomingWindow = 2048, OutgoingWindow = 2048 });
        FrameWriter.Write(buffer, 0, new Attach
        {
            Name = "in", Handle = 0, Role = Role.Sender, SndSettleMode = mode, InitialDeliveryCount = 0, Source = new Source(), Target = new Target { Address = address },
        });
        FrameWriter.Write(buffer, 0, new Attach
        {
            Name = "out", Handle = 1, Role = Role.Receiver, SndSettleMode = mode, Source = new Source { Address = address }, Target = new Target(),
        });
        Feed(buffer.ToArray());
        Await(() => Volatile.Read(ref _attached) == 2);
        GiveCredit();
        Feed(_answers.WrittenMemory);
    }

    /// <summary>Sends a batch, returns when all of it has come back and was accepted, and settles it.</summary>
    public void RoundTrip()
    {
        for (var i = 0; i < _size; i++)
        {
            BinaryPrimitives.WriteUInt32BigEndian(_transfers.AsSpan((i * _stride) + _idAt), FirstId + _sent++);
        }

        Feed(_transfers);
        while (Volatile.Read(ref _received) != _sent || (!_settled && Volatile.Read(ref _accepted) != _sent))
        {
            RequireProgress();
        }

        _answers.Clear();
        if (!_settled)
        {
            FrameWriter.Write(_answers, 0, new Disposition
            {
                Role = Role.Receiver, First = _received - (uint)_size, Last = _received - 1, Settled = true, State = Accepted.Instance,
            });
        }

        GiveCredit();
        Feed(_answers.WrittenMemory);
    }

    public override int Receive(Memory<byte> buffer)
    {
        lock (_gate)
        {
            if (_input.IsEmpty)
            {
                _receiving = buffer;
                _isReceiving = true;
                return Pending;
            }

            return Fill(buffer);
        }
    }

    public override int Send(ReadOnlyMemory<byte> bytes)
    {
        var left = bytes.Span;
        if (left.StartsWith("AMQP"u8))
        {
            left = left[ProtocolHeader.Size..];
        }

        while (FrameReader.TryRead(left, uint.MaxValue, out _, out var body, out var consumed))
        {
            Take(body);
            left = left[consumed..];
        }

        _progress.Set();
        return 1;
    }

    public override ValueTask ShutdownAsync() => ValueTask.CompletedTask;

    public override void Dispose()
    {
        _answers.Dispose();
        _progress.Dispose();
    }

    /// <summary>Hands bytes to the broker, whose turn runs here and now unless one is running elsewhere. They must stay until it has them.</summary>
    private void Feed(ReadOnlyMemory<byte> bytes)
    {
        int count;
        lock (_gate)
        {
            _input = bytes;
            if (!_isReceiving)
            {
                return;
            }

            _isReceiving = false;
            count = Fill(_receiving);
        }

        Owner.OnReceived(count);
    }

    private int Fill(Memory<byte> buffer)
    {
        var count = Math.Min(buffer.Length, _input.Length);
        _input[..count].CopyTo(buffer);
        _input = _input[count..];
        return count;
    }

    private void GiveCredit() => FrameWriter.Write(_answers, 0, new Flow
    {
        NextIncomingId = _received,
        IncomingWindow = 2048,
        NextOutgoingId = _sent,
        OutgoingWindow = 2048,
        Handle = 1,
        DeliveryCount = _received,
        LinkCredit = 1000,
    });

    private void Take(ReadOnlySpan<byte> body)
    {
        var reader = new AmqpReader(body);
        switch (reader.ReadDescriptor())
        {
            case Transfer.Descriptor:
                Volatile.Write(ref _received, _received + 1);
                break;
            case Disposition.Descriptor:
                var disposition = Disposition.ReadFields(ref reader);
                Volatile.Write(ref _accepted, disposition.LastOrFirst + 1 - FirstId);
                break;
            case Attach.Descriptor:
                Interlocked.Increment(ref _attached);
                break;
            case Detach.Descriptor or End.Descriptor or Close.Descriptor:
                _refused = true;
                break;
        }
    }

    private void Await(Func<bool> condition)
    {
        while (!condition())
        {
            RequireProgress();
        }
    }

    private void RequireProgress()
    {
        if (!_progress.WaitOne(Patience) || _refused)
        {
            throw new InvalidOperationException($"The broker went wrong: {_received} of {_sent} messages came back, {_accepted} are accepted.");
        }
    }
}
