using Apache.NMS;

namespace Mamba.NmsAmqp.Cases;

/// <summary>The kinds of messages, and what they carry beside their bodies.</summary>
internal static class BodyCases
{
    public static IEnumerable<Case> All =>
    [
        new("body.every-kind-of-message", EveryKindOfMessage),
        new("body.headers-and-properties", HeadersAndProperties),
    ];

    private static void EveryKindOfMessage(Broker broker)
    {
        using var connection = broker.Connect();
        using var session = connection.CreateSession();
        var queue = session.GetQueue(Broker.Fresh("kinds"));
        using var consumer = session.CreateConsumer(queue);
        using var producer = session.CreateProducer(queue);
        SendEveryKind(session, producer);

        Expect.NextText(consumer, "hällo");
        var bytes = Expect.Next<IBytesMessage>(consumer, "a message of bytes");
        Expect.Equal("bytes", "01-02-03", BitConverter.ToString(bytes.Content));

        var map = Expect.Next<IMapMessage>(consumer, "a map");
        Expect.Equal("string in the map", "value", map.Body.GetString("key"));
        Expect.Equal("long in the map", 5L, map.Body.GetLong("long"));

        var stream = Expect.Next<IStreamMessage>(consumer, "a stream");
        Expect.Equal("string in the stream", "first", stream.ReadString());
        Expect.Equal("int in the stream", 3, stream.ReadInt32());

        var empty = Expect.Next<IMessage>(consumer, "a message without a body");
        Expect.That("a message without a body", empty is not (ITextMessage or IBytesMessage or IMapMessage or IStreamMessage), empty);
        Expect.NothingMore(consumer);
        Expect.Equal("ReceiveNoWait on an empty queue", null, consumer.ReceiveNoWait());
    }

    private static void SendEveryKind(ISession session, IMessageProducer producer)
    {
        producer.Send(session.CreateTextMessage("hällo"));
        producer.Send(session.CreateBytesMessage([1, 2, 3]));

        var map = session.CreateMapMessage();
        map.Body.SetString("key", "value");
        map.Body.SetLong("long", 5);
        producer.Send(map);

        var stream = session.CreateStreamMessage();
        stream.WriteString("first");
        stream.WriteInt32(3);
        producer.Send(stream);

        producer.Send(session.CreateMessage());
    }

    private static void HeadersAndProperties(Broker broker)
    {
        using var connection = broker.Connect();
        using var session = connection.CreateSession();
        var queue = session.GetQueue(Broker.Fresh("properties"));
        var sent = session.CreateTextMessage("x");
        sent.Properties.SetBool("bool", true);
        sent.Properties.SetShort("short", 4);
        sent.Properties.SetInt("int", 7);
        sent.Properties.SetLong("long", 5);
        sent.Properties.SetFloat("float", 2.5f);
        sent.Properties.SetDouble("double", 1.5);
        sent.Properties.SetString("string", "text");
        sent.NMSCorrelationID = "correlation";
        sent.NMSType = "type";
        using var producer = session.CreateProducer(queue);
        producer.Priority = MsgPriority.High;
        producer.Send(sent);

        using var consumer = session.CreateConsumer(queue);
        var received = Expect.NextText(consumer, "x", redelivered: false);
        foreach (var name in (string[])["bool", "short", "int", "long", "float", "double", "string"])
        {
            Expect.Equal($"property {name}", sent.Properties[name], received.Properties[name]);
        }

        Expect.Equal("NMSMessageId", sent.NMSMessageId, received.NMSMessageId);
        Expect.Equal("NMSCorrelationID", "correlation", received.NMSCorrelationID);
        Expect.Equal("NMSType", "type", received.NMSType);
        Expect.Equal("NMSDeliveryMode", MsgDeliveryMode.Persistent, received.NMSDeliveryMode);
        Expect.Equal("NMSPriority", MsgPriority.High, received.NMSPriority);
    }
}
