using System.Diagnostics;
using Apache.NMS;

namespace Mamba.NmsAmqp.Cases;

/// <summary>Topics, and the subscriptions to them.</summary>
internal static class SubscriptionCases
{
    private const int SharedMessages = 20;

    public static IEnumerable<Case> All =>
    [
        new("subscription.durable-until-unsubscribed", Durable),
        new("subscription.shared", Shared),
        new("subscription.shared-durable", SharedDurable),
        new("subscription.a-client-id-is-for-one", ClientIdInUse),
    ];

    private static void Durable(Broker broker)
    {
        var clientId = Broker.Fresh("client");
        var topic = Broker.Fresh("topic");
        using (var connection = broker.Connect(clientId))
        {
            using var session = connection.CreateSession();
            using var subscriber = session.CreateDurableConsumer(session.GetTopic(topic), "sub", null, false);
        }

        SendWhileAway(broker, topic);
        using (var connection = broker.Connect(clientId))
        {
            using var session = connection.CreateSession();
            using (var subscriber = session.CreateDurableConsumer(session.GetTopic(topic), "sub", null, false))
            {
                Expect.NextText(subscriber, "sent while all were away", redelivered: false);
            }

            session.Unsubscribe("sub");
            Expect.Thrown<InvalidDestinationException>("a second unsubscribe", () => session.Unsubscribe("sub"));
        }
    }

    private static void SendWhileAway(Broker broker, string topic)
    {
        using var connection = broker.Connect();
        using var session = connection.CreateSession();
        Sending.Texts(session, session.GetTopic(topic), "sent while all were away");
    }

    private static void Shared(Broker broker)
    {
        var topic = Broker.Fresh("topic");
        using var connection = broker.Connect();
        using var otherConnection = broker.Connect();
        using var session = connection.CreateSession();
        using var otherSession = otherConnection.CreateSession();
        using var first = session.CreateSharedConsumer(session.GetTopic(topic), "shared");
        using var second = otherSession.CreateSharedConsumer(otherSession.GetTopic(topic), "shared");

        Sending.Numbered(session, session.GetTopic(topic), SharedMessages);
        var received = new List<string>();
        var watch = Stopwatch.StartNew();
        while (received.Count < SharedMessages && watch.Elapsed < Expect.Patience)
        {
            foreach (var consumer in (IMessageConsumer[])[first, second])
            {
                if (consumer.Receive(Expect.Turn) is ITextMessage message)
                {
                    received.Add(message.Text);
                }
            }
        }

        Expect.Equal("messages that both received", SharedMessages, received.Count);
        Expect.Equal("different ones", SharedMessages, received.Distinct(StringComparer.Ordinal).Count());
        Expect.NothingMore(first);
        Expect.NothingMore(second);
    }

    /// <summary>One consumer: the client refuses a second one of the same connection by itself.</summary>
    private static void SharedDurable(Broker broker)
    {
        var clientId = Broker.Fresh("client");
        var topic = Broker.Fresh("topic");
        using (var connection = broker.Connect(clientId))
        {
            using var session = connection.CreateSession();
            using var subscriber = session.CreateSharedDurableConsumer(session.GetTopic(topic), "sub");
        }

        SendWhileAway(broker, topic);
        using (var connection = broker.Connect(clientId))
        {
            using var session = connection.CreateSession();
            using (var subscriber = session.CreateSharedDurableConsumer(session.GetTopic(topic), "sub"))
            {
                Expect.NextText(subscriber, "sent while all were away", redelivered: false);
                Expect.NothingMore(subscriber);
            }

            session.Unsubscribe("sub");
            Expect.Thrown<InvalidDestinationException>("a second unsubscribe", () => session.Unsubscribe("sub"));
        }
    }

    /// <summary>The client makes a general exception of it, whose text is the broker's.</summary>
    private static void ClientIdInUse(Broker broker)
    {
        var clientId = Broker.Fresh("client");
        using (var first = broker.Connect(clientId))
        {
            var refused = Expect.Thrown<NMSException>("a second connection", () => broker.Connect(clientId).Dispose());
            var isNamed = refused.Message.Contains("container-id", StringComparison.Ordinal);
            Expect.That("a message about the container-id", isNamed, refused.Message);
            Expect.Equal("client id of the first", clientId, first.ClientId);
        }

        broker.Connect(clientId).Dispose();
    }
}
