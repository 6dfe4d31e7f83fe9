using Apache.NMS;

namespace Mamba.NmsAmqp.Cases;

/// <summary>When a message is the consumer's for good, and how it comes again where it is not.</summary>
internal static class AcknowledgementCases
{
    public static IEnumerable<Case> All =>
    [
        new("acknowledgement.recover-brings-back-what-is-not-acknowledged", Recover),
        new("acknowledgement.individual", Individual),
    ];

    private static void Recover(Broker broker)
    {
        using var connection = broker.Connect();
        using var session = connection.CreateSession(AcknowledgementMode.ClientAcknowledge);
        var queue = session.GetQueue(Broker.Fresh("recover"));
        Sending.Numbered(session, queue, 4);
        using var consumer = session.CreateConsumer(queue);
        Expect.NextText(consumer, "m0", redelivered: false);
        Expect.NextText(consumer, "m1", redelivered: false);
        session.Recover();

        Expect.NextText(consumer, "m0", redelivered: true);
        Expect.NextText(consumer, "m1", redelivered: true);
        Expect.NextText(consumer, "m2", redelivered: false).Acknowledge();
        Expect.NextText(consumer, "m3", redelivered: false).Acknowledge();
        session.Recover();
        Expect.NothingMore(consumer);
    }

    private static void Individual(Broker broker)
    {
        var name = Broker.Fresh("individual");
        using (var connection = broker.Connect())
        {
            using var session = connection.CreateSession(AcknowledgementMode.IndividualAcknowledge);
            var queue = session.GetQueue(name);
            Sending.Numbered(session, queue, 3);
            using var consumer = session.CreateConsumer(queue);
            Expect.NextText(consumer, "m0");
            Expect.NextText(consumer, "m1").Acknowledge();
        }

        using (var connection = broker.Connect())
        {
            using var session = connection.CreateSession();
            using var consumer = session.CreateConsumer(session.GetQueue(name));
            Expect.NextText(consumer, "m0");
            Expect.NextText(consumer, "m2", redelivered: false);
            Expect.NothingMore(consumer);
        }
    }
}
