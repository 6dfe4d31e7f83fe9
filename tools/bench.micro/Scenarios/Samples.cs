using Mamba.Amqp.Codec;
using Mamba.Amqp.Messaging;
using Mamba.Amqp.Types;

namespace Mamba.Tools.Bench.Micro.Scenarios;

/// <summary>Messages as clients send them.</summary>
internal static class Samples
{
    /// <summary>A header and 100 bytes of data: what a load generator sends.</summary>
    public static byte[] Plain(bool durable)
    {
        using var buffer = new ByteBuffer();
        var writer = new AmqpWriter(buffer);
        (MessageHeader.Default with { Durable = durable }).Write(writer);
        writer.WriteDescriptor((ulong)MessageSection.Data);
        writer.WriteBinary(new byte[100]);
        return buffer.ToArray();
    }

    /// <summary>What a JMS client sends: header, annotations, properties, five application properties and a text of 200 characters.</summary>
    public static byte[] Jms()
    {
        using var buffer = new ByteBuffer();
        var writer = new AmqpWriter(buffer);
        new MessageHeader(Durable: true, Priority: 5, Ttl: 60_000, FirstAcquirer: false, DeliveryCount: 0).Write(writer);
        WriteMap(writer, MessageSection.MessageAnnotations, new AmqpMap { { new Symbol("x-opt-jms-msg-type"), (sbyte)5 }, { new Symbol("x-opt-jms-dest"), (sbyte)0 } });
        new MessageProperties
        {
            MessageId = "ID:8a3f7c52-1d0e-4a53-9f06-5a1d6f0f7d11:1:1:1-1",
            To = "orders.incoming",
            ReplyTo = "orders.replies",
            CorrelationId = "order-4711",
            CreationTime = new Timestamp(1_790_000_000_000),
        }.Write(writer);
        WriteMap(writer, MessageSection.ApplicationProperties, new AmqpMap
        {
            { "region", "emea" }, { "priority", 3 }, { "retry", false }, { "amount", 129.5 }, { "customer", "C-100234" },
        });
        writer.WriteDescriptor((ulong)MessageSection.AmqpValue);
        writer.WriteString(new string('x', 200));
        return buffer.ToArray();
    }

    private static void WriteMap(AmqpWriter writer, MessageSection section, AmqpMap map)
    {
        writer.WriteDescriptor((ulong)section);
        writer.WriteMap(map);
    }
}
