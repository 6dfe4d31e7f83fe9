using Apache.NMS;

namespace Mamba.NmsAmqp.Cases;

/// <summary>Consumers that choose.</summary>
internal static class SelectorCases
{
    public static IEnumerable<Case> All =>
    [
        new("selector.by-properties", ByProperties),
        new("selector.a-bad-one-is-refused", BadSelector),
    ];

    private static void ByProperties(Broker broker)
    {
        using var connection = broker.Connect();
        using var session = connection.CreateSession();
        var queue = session.GetQueue(Broker.Fresh("selector"));
        using var producer = session.CreateProducer(queue);
        foreach (var (color, number) in new[] { ("red", 1), ("blue", 2), ("red", 3), ("red", 4) })
        {
            var message = session.CreateTextMessage($"{color} {number}");
            message.Properties.SetString("color", color);
            message.Properties.SetInt("n", number);
            producer.Send(message, MsgDeliveryMode.Persistent, (MsgPriority)(number + 3), TimeSpan.Zero);
        }

        using var consumer = session.CreateConsumer(queue, "color = 'red' AND n > 1");
        Expect.NextText(consumer, "red 4");
        Expect.NextText(consumer, "red 3");
        Expect.NothingMore(consumer);
    }

    /// <summary>The client has no exception of its own for this error condition: what it says is the broker's.</summary>
    private static void BadSelector(Broker broker)
    {
        using var connection = broker.Connect();
        using var session = connection.CreateSession();
        var queue = session.GetQueue(Broker.Fresh("selector"));
        var refused = Expect.Thrown<NMSException>("CreateConsumer", () => session.CreateConsumer(queue, "color = = 1"));
        Expect.That("a message about the filter", refused.Message.Contains("filter", StringComparison.Ordinal), refused.Message);
        Sending.Texts(session, queue, "the session goes on");
        using var consumer = session.CreateConsumer(queue);
        Expect.NextText(consumer, "the session goes on");
    }
}
