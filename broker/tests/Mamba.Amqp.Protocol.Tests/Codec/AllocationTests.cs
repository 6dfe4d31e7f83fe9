using Mamba.Amqp.Codec;
using Mamba.Amqp.Framing;
using Mamba.Amqp.Messaging;
using Mamba.Amqp.Transport;

namespace Mamba.Amqp.Tests.Codec;

/// <summary>What is done once or more per message touches no heap.</summary>
public sealed class AllocationTests
{
    private const int Rounds = 10_000;

    private static readonly byte[] Payload = Message();

    [Test]
    public void TransfersAreWrittenAndReadWithoutAllocation()
    {
        using var buffer = new ByteBuffer(4_096);
        Transfer transfer = new()
        {
            Handle = 3, DeliveryId = 70_000, DeliveryTag = DeliveryTag.FromUInt64(42), MessageFormat = 0, Settled = false, State = Accepted.Instance,
        };
        uint sum = 0;
        AssertNoAllocation(() =>
        {
            buffer.Clear();
            FrameWriter.Write(buffer, 1, transfer, Payload);
            FrameReader.TryRead(buffer.WrittenSpan, 4_096, out _, out var body, out _);
            var reader = new AmqpReader(body);
            reader.ReadDescriptor();
            var read = Transfer.ReadFields(ref reader);
            sum += read.Handle + (uint)reader.Rest.Length + (ReferenceEquals(read.State, Accepted.Instance) ? 1u : 0u);
        });
        Assert.That(sum % (3 + (uint)Payload.Length + 1), Is.Zero);
    }

    [Test]
    public void FlowsAreWrittenAndReadWithoutAllocation()
    {
        using var buffer = new ByteBuffer(4_096);
        Flow flow = new() { NextIncomingId = 1, IncomingWindow = 2_048, NextOutgoingId = 5, OutgoingWindow = 2_048, Handle = 0, DeliveryCount = 9, LinkCredit = 100 };
        uint sum = 0;
        AssertNoAllocation(() =>
        {
            buffer.Clear();
            FrameWriter.Write(buffer, 1, flow);
            var reader = new AmqpReader(buffer.WrittenSpan[FrameHeader.Length..]);
            reader.ReadDescriptor();
            sum += Flow.ReadFields(ref reader).LinkCredit.GetValueOrDefault();
        });
        Assert.That(sum % 100, Is.Zero);
    }

    [Test]
    public void DispositionsAreWrittenAndReadWithoutAllocation()
    {
        using var buffer = new ByteBuffer(4_096);
        Disposition disposition = new() { Role = Role.Receiver, First = 1, Last = 90_000, Settled = true, State = Released.Instance };
        uint sum = 0;
        AssertNoAllocation(() =>
        {
            buffer.Clear();
            FrameWriter.Write(buffer, 1, disposition);
            var reader = new AmqpReader(buffer.WrittenSpan[FrameHeader.Length..]);
            reader.ReadDescriptor();
            sum += Disposition.ReadFields(ref reader).LastOrFirst;
        });
        Assert.That(sum, Is.Not.Zero);
    }

    [Test]
    public void MessagesAreScannedAndTheirHeadersWrittenWithoutAllocation()
    {
        using var buffer = new ByteBuffer(4_096);
        var sum = 0;
        AssertNoAllocation(() =>
        {
            var layout = MessageScanner.Scan(Payload);
            var reader = new AmqpReader(layout.Header.In(Payload));
            var header = MessageHeader.Read(ref reader);
            buffer.Clear();
            (header with { DeliveryCount = header.DeliveryCount + 1 }).Write(new AmqpWriter(buffer));
            var properties = new PropertiesView(layout.Properties.ValueIn(Payload));
            sum += properties.ToUtf8.Length + (int)properties.GroupSequence.GetValueOrDefault() + (int)(properties.AbsoluteExpiryTime?.Milliseconds ?? 0);
        });
        Assert.That(sum, Is.Not.Zero);
    }

    private static byte[] Message() => new AmqpMessage
    {
        Header = MessageHeader.Default with { Durable = true, Ttl = 60_000 },
        MessageAnnotations = new Mamba.Amqp.Types.AmqpMap { [(Mamba.Amqp.Types.Symbol)"x-opt-jms-msg-type"] = (sbyte)5 },
        Properties = new MessageProperties { MessageId = "ID:1", To = "queue", GroupSequence = 7, AbsoluteExpiryTime = new Mamba.Amqp.Types.Timestamp(1_000) },
        ApplicationProperties = new Mamba.Amqp.Types.AmqpMap { ["colour"] = "red", ["size"] = 12 },
        Body = new ValueBody("hello"),
    }.Encode();

    private static void AssertNoAllocation(Action round)
    {
        // Warm up until the second tier of compiled code is in use.
        for (var i = 0; i < 100; i++)
        {
            round();
        }

        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var i = 0; i < Rounds; i++)
        {
            round();
        }

        Assert.That(GC.GetAllocatedBytesForCurrentThread() - before, Is.Zero, $"bytes allocated in {Rounds} rounds");
    }
}
