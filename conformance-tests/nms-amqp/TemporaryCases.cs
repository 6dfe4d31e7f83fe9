using Apache.NMS;

namespace Mamba.NmsAmqp.Cases;

/// <summary>Queues of one connection, and producers that have no destination of their own.</summary>
internal static class TemporaryCases
{
    public static IEnumerable<Case> All =>
    [
        new("temporary.request-and-reply", RequestAndReply),
        new("temporary.a-producer-without-a-destination", AnonymousProducer),
    ];

    private static void RequestAndReply(Broker broker)
    {
        var requests = Broker.Fresh("requests");
        using var asking = broker.Connect();
        using var answering = broker.Connect();
        using var session = asking.CreateSession();
        var replies = session.CreateTemporaryQueue();
        using var consumer = session.CreateConsumer(replies);
        using var producer = session.CreateProducer(session.GetQueue(requests));
        var question = session.CreateTextMessage("question");
        question.NMSReplyTo = replies;
        question.NMSCorrelationID = "1";
        producer.Send(question);

        using var answeringSession = answering.CreateSession();
        Answer(answeringSession, requests);

        var reply = Expect.NextText(consumer, "answer");
        Expect.Equal("NMSCorrelationID", "1", reply.NMSCorrelationID);
    }

    private static void Answer(ISession session, string requests)
    {
        using var consumer = session.CreateConsumer(session.GetQueue(requests));
        var question = Expect.NextText(consumer, "question");
        Expect.That("a temporary queue to reply to", question.NMSReplyTo is { IsQueue: true, IsTemporary: true }, question.NMSReplyTo);
        using var producer = session.CreateProducer(question.NMSReplyTo);
        var reply = session.CreateTextMessage("answer");
        reply.NMSCorrelationID = question.NMSCorrelationID;
        producer.Send(reply);
    }

    private static void AnonymousProducer(Broker broker)
    {
        using var connection = broker.Connect();
        using var session = connection.CreateSession();
        var queue = session.GetQueue(Broker.Fresh("queue"));
        var topic = session.GetTopic(Broker.Fresh("topic"));
        using var subscriber = session.CreateConsumer(topic);
        using var producer = session.CreateProducer();
        producer.Send(queue, session.CreateTextMessage("to a queue"));
        producer.Send(topic, session.CreateTextMessage("to a topic"));

        using var consumer = session.CreateConsumer(queue);
        Expect.That("a queue as the destination", Expect.NextText(consumer, "to a queue").NMSDestination.IsQueue, "none");
        Expect.That("a topic as the destination", Expect.NextText(subscriber, "to a topic").NMSDestination.IsTopic, "none");
    }
}
