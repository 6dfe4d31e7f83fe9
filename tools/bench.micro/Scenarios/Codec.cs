using Mamba.Amqp.Codec;
using Mamba.Amqp.Framing;
using Mamba.Amqp.Messaging;
using Mamba.Amqp.Transport;

namespace Mamba.Tools.Bench.Micro.Scenarios;

/// <summary>A performative that is encoded and decoded.</summary>
/// <typeparam name="T">The performative.</typeparam>
public abstract class CodecScenario<T> : Scenario
    where T : struct, IAmqpEncodable
{
    private readonly ByteBuffer _buffer = new();
    private byte[] _encoded = [];

    protected T Value { get; set; }

    protected ReadOnlySpan<byte> Encoded => _encoded;

    public override void Setup()
    {
        Encode();
        _encoded = _buffer.ToArray();
    }

    /// <summary>A whole frame into an empty buffer.</summary>
    protected void Encode()
    {
        _buffer.Clear();
        FrameWriter.Write(_buffer, 1, Value);
    }

    /// <summary>The frame's header and the performative's descriptor, as a connection reads them before it knows what follows.</summary>
    protected AmqpReader Open()
    {
        FrameReader.TryRead(_encoded, 65_536, out _, out var body, out _);
        var reader = new AmqpReader(body);
        reader.ReadDescriptor();
        return reader;
    }

    protected override void Dispose(bool disposing) => _buffer.Dispose();
}

/// <summary>A transfer as Qpid's clients send it: unsettled, with a tag of 8 bytes.</summary>
public abstract class TransferScenario : CodecScenario<Transfer>
{
    public override void Setup()
    {
        Value = new Transfer { Handle = 1, DeliveryId = 70_000, DeliveryTag = DeliveryTag.FromUInt64(70_000), MessageFormat = 0, Settled = false };
        base.Setup();
    }
}

public sealed class TransferEncode : TransferScenario
{
    public override void Once() => Encode();
}

public sealed class TransferDecode : TransferScenario
{
    public Transfer Last { get; private set; }

    public override void Once()
    {
        var reader = Open();
        Last = Transfer.ReadFields(ref reader);
    }
}

/// <summary>A range of deliveries accepted and settled.</summary>
public abstract class DispositionScenario : CodecScenario<Disposition>
{
    public override void Setup()
    {
        Value = new Disposition { Role = Role.Receiver, First = 70_000, Last = 70_063, Settled = true, State = Accepted.Instance };
        base.Setup();
    }
}

public sealed class DispositionEncode : DispositionScenario
{
    public override void Once() => Encode();
}

public sealed class DispositionDecode : DispositionScenario
{
    public Disposition Last { get; private set; }

    public override void Once()
    {
        var reader = Open();
        Last = Disposition.ReadFields(ref reader);
    }
}

/// <summary>A link's flow with credit.</summary>
public abstract class FlowScenario : CodecScenario<Flow>
{
    public override void Setup()
    {
        Value = new Flow
        {
            NextIncomingId = 70_000,
            IncomingWindow = 2048,
            NextOutgoingId = 1,
            OutgoingWindow = int.MaxValue,
            Handle = 1,
            DeliveryCount = 70_000,
            LinkCredit = 500,
        };
        base.Setup();
    }
}

public sealed class FlowEncode : FlowScenario
{
    public override void Once() => Encode();
}

public sealed class FlowDecode : FlowScenario
{
    public Flow Last { get; private set; }

    public override void Once()
    {
        var reader = Open();
        Last = Flow.ReadFields(ref reader);
    }
}

/// <summary>Cuts frames of a 100-byte message out of what one receive brought.</summary>
public sealed class FrameCut : BatchScenario
{
    private byte[] _received = [];

    public int Cut { get; private set; }

    public override void Setup()
    {
        using var buffer = new ByteBuffer();
        for (uint i = 0; i < Size; i++)
        {
            FrameWriter.Write(buffer, 0, new Transfer { Handle = 0, DeliveryId = i, DeliveryTag = DeliveryTag.FromUInt64(i), Settled = true }, new byte[100]);
        }

        _received = buffer.ToArray();
    }

    public override void Once()
    {
        ReadOnlySpan<byte> left = _received;
        while (FrameReader.TryRead(left, 65_536, out _, out _, out var consumed))
        {
            left = left[consumed..];
            Cut++;
        }
    }
}
