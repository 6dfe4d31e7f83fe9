using System.Diagnostics;
using Apache.NMS;

namespace Mamba.NmsAmqp.Cases;

/// <summary>When messages are delivered: at once, later, or no more.</summary>
internal static class DeliveryCases
{
    private const int Many = 500;
    private static readonly TimeSpan Delay = TimeSpan.FromMilliseconds(1_500);
    private static readonly TimeSpan TimeToLive = TimeSpan.FromMilliseconds(200);

    public static IEnumerable<Case> All =>
    [
        new("delivery.asynchronous-sends-and-a-listener", Asynchronous),
        new("delivery.delayed", Delayed),
        new("delivery.expired", Expired),
        new("delivery.by-a-failover-uri", ByFailoverUri),
    ];

    private static void Asynchronous(Broker broker)
    {
        using var connection = broker.Connect();
        using var listening = connection.CreateSession();
        using var sending = connection.CreateSession();
        var queue = listening.GetQueue(Broker.Fresh("asynchronous"));
        using var unheard = new CountdownEvent(Many);
        using var consumer = listening.CreateConsumer(queue);
        consumer.Listener += _ => unheard.Signal();
        using var producer = sending.CreateProducer(queue);
        var sends = Enumerable.Range(0, Many).Select(number => producer.SendAsync(sending.CreateTextMessage($"m{number}"))).ToArray();
        Expect.That($"{Many} sends to be settled", Task.WaitAll(sends, Expect.Patience), sends.Count(static send => send.IsCompleted));
        Expect.That($"{Many} messages to be heard", unheard.Wait(Expect.Patience), Many - unheard.CurrentCount);
    }

    private static void Delayed(Broker broker)
    {
        using var connection = broker.Connect();
        using var session = connection.CreateSession();
        var queue = session.GetQueue(Broker.Fresh("delayed"));
        using var consumer = session.CreateConsumer(queue);
        using var producer = session.CreateProducer(queue);
        producer.DeliveryDelay = Delay;
        var watch = Stopwatch.StartNew();
        producer.Send(session.CreateTextMessage("later"));
        Sending.Texts(session, queue, "now");

        Expect.NextText(consumer, "now");
        Expect.NextText(consumer, "later", redelivered: false);
        var waited = watch.Elapsed;
        Expect.That($"a wait of about {Delay} at least", waited > Delay - TimeSpan.FromMilliseconds(100), waited);
    }

    private static void Expired(Broker broker)
    {
        using var connection = broker.Connect();
        using var session = connection.CreateSession();
        var queue = session.GetQueue(Broker.Fresh("expired"));
        using var producer = session.CreateProducer(queue);
        producer.TimeToLive = TimeToLive;
        producer.Send(session.CreateTextMessage("short-lived"));
        Thread.Sleep(TimeToLive * 2);
        Sending.Texts(session, queue, "long-lived");

        using var consumer = session.CreateConsumer(queue);
        Expect.NextText(consumer, "long-lived");
        Expect.NothingMore(consumer);
    }

    private static void ByFailoverUri(Broker broker)
    {
        using var connection = new Broker($"failover:({broker.Uri})").Connect();
        using var session = connection.CreateSession();
        var queue = session.GetQueue(Broker.Fresh("failover"));
        Sending.Texts(session, queue, "x");
        using var consumer = session.CreateConsumer(queue);
        Expect.NextText(consumer, "x", redelivered: false);
    }
}
