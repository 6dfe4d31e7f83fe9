using Mamba.Amqp.Conformance.Running;
using Mamba.Amqp.Conformance.Wire;
using Mamba.Amqp.Messaging;
using Mamba.Amqp.Transport;
using Mamba.Amqp.Types;

namespace Mamba.Amqp.Conformance.Jms;

/// <summary>Destinations, consumers and messages as the JMS mapping has them.</summary>
public static class DestinationCases
{
    private static readonly Symbol[] AllOutcomes = ["amqp:accepted:list", "amqp:rejected:list", "amqp:released:list", "amqp:modified:list"];

    [Case("JMS-20", "jms-mapping", "A consumer attaches to a queue as Qpid JMS does: capability queue, four outcomes, modified as default outcome",
        Traps = "46")]
    public static async Task QueueConsumer(CaseContext c)
    {
        var session = await c.BeginAsync();
        var queue = await c.QueueAsync();
        await (await session.SendToAsync(queue, static a => ((Target)a.Target!).Capabilities = ["queue"])).SendAcceptedAsync("x");
        var receiver = await session.ReceiveFromAsync(queue, a => AsJms(a, "queue"));
        var source = receiver.Remote.Source!;
        Check.That(source.Outcomes is null || source.Outcomes.Contains(new Symbol("amqp:modified:list")), "modified among the outcomes");
        Check.Equal((await receiver.TakeAsync()).Value, "x");
    }

    [Case("JMS-21", "jms-mapping", "A topic gives each consumer every message")]
    public static async Task Topic(CaseContext c)
    {
        var topic = await c.TopicAsync();
        var session = await c.BeginAsync();
        var one = await ConsumeAsync(session, topic);
        var two = await ConsumeAsync(session, topic);
        await PublishAsync(session, topic, "a");
        Check.Equal((await one.TakeAsync()).Value, "a");
        Check.Equal((await two.TakeAsync()).Value, "a");
    }

    [Case("JMS-22", "jms-mapping", "A message to a topic without subscribers is accepted and gone")]
    public static async Task NoSubscribers(CaseContext c)
    {
        var topic = await c.TopicAsync();
        var session = await c.BeginAsync();
        await PublishAsync(session, topic, "lost");
        var receiver = await ConsumeAsync(session, topic);
        await PublishAsync(session, topic, "seen");
        Check.Equal((await receiver.TakeAsync()).Value, "seen");
    }

    [Case("JMS-23", "jms-mapping", "A temporary queue is made with capability temporary-queue, used on another session, and goes with its creator",
        Traps = "42")]
    public static async Task TemporaryQueue(CaseContext c)
    {
        var peer = await c.OpenAsync();
        var creator = await CreateAsync(await peer.BeginAsync(0), "temporary-queue", LifetimePolicy.DeleteOnClose);
        var address = ((Target)creator.Remote.Target!).Address!;
        var session = await peer.BeginAsync(1);
        var receiver = await session.ReceiveFromAsync(address, a => AsJms(a, "temporary-queue"));
        var sender = await session.SendToAsync(address, static a => ((Target)a.Target!).Capabilities = ["temporary-queue"]);
        await sender.SendAcceptedAsync("x");
        Check.Equal((await receiver.TakeAsync()).Value, "x");
        await sender.DetachAsync();
        await receiver.DetachAsync();
        await creator.DetachAsync();
        Check.Condition((await RefusalAsync(session.ReceiveFromAsync(address, a => AsJms(a, "temporary-queue")))).Error);
    }

    [Case("JMS-24", "jms-mapping", "A lifetime-policy given as a bare symbol is understood", Traps = "42")]
    public static async Task SymbolPolicy(CaseContext c)
    {
        var creator = await CreateAsync(await c.BeginAsync(), "temporary-queue", new Symbol("delete-on-close"));
        Check.Present(((Target)creator.Remote.Target!).Address, "the address of the node");
    }

    [Case("JMS-25", "jms-mapping", "A temporary topic is made with capability temporary-topic")]
    public static async Task TemporaryTopic(CaseContext c)
    {
        var session = await c.BeginAsync();
        var creator = await CreateAsync(session, "temporary-topic", LifetimePolicy.DeleteOnClose);
        var address = ((Target)creator.Remote.Target!).Address!;
        var one = await session.ReceiveFromAsync(address, a => AsJms(a, "temporary-topic"));
        var two = await session.ReceiveFromAsync(address, a => AsJms(a, "temporary-topic"));
        await (await session.SendToAsync(address, static a => ((Target)a.Target!).Capabilities = ["temporary-topic"])).SendAcceptedAsync("x");
        Check.Equal((await one.TakeAsync()).Value, "x");
        Check.Equal((await two.TakeAsync()).Value, "x");
    }

    [Case("JMS-26", "jms-mapping", "A temporary queue is consumed by its connection alone, and sent to by everybody")]
    public static async Task TemporaryOwner(CaseContext c)
    {
        var creator = await CreateAsync(await c.BeginAsync(), "temporary-queue", LifetimePolicy.DeleteOnClose);
        var address = ((Target)creator.Remote.Target!).Address!;
        var other = await c.BeginAsync();
        await (await other.SendToAsync(address, static a => ((Target)a.Target!).Capabilities = ["temporary-queue"])).SendAcceptedAsync("x");
        Check.Condition((await RefusalAsync(other.ReceiveFromAsync(address, a => AsJms(a, "temporary-queue")))).Error);
    }

    [Case("JMS-27", "jms-mapping", "The JMS annotations arrive in their types: message type and destination types are bytes", Traps = "66")]
    public static async Task Annotations(CaseContext c)
    {
        var session = await c.BeginAsync();
        var queue = await c.QueueAsync();
        var message = AmqpMessage.FromValue("x");
        message.MessageAnnotations = new AmqpMap
        {
            [new Symbol("x-opt-jms-msg-type")] = (sbyte)5, [new Symbol("x-opt-jms-dest")] = (sbyte)0, [new Symbol("x-opt-jms-reply-to")] = (sbyte)2,
        };
        await (await session.SendToAsync(queue)).SendAcceptedAsync(message);
        var annotations = Check.Present((await (await session.ReceiveFromAsync(queue)).TakeAsync()).Message.MessageAnnotations, "message-annotations");
        foreach (var (key, value) in message.MessageAnnotations)
        {
            Check.Equal(annotations[key], value, $"{key}");
        }
    }

    [Case("JMS-28", "jms-mapping", "Redelivery shows in delivery-count: after the loss of a connection with modified as default outcome it is 1",
        Traps = "51")]
    public static async Task Redelivered(CaseContext c)
    {
        var session = await c.BeginAsync();
        var queue = await c.QueueAsync();
        await (await session.SendToAsync(queue)).SendAcceptedAsync("x");
        var receiver = await session.ReceiveFromAsync(queue, a => AsJms(a, "queue"));
        var confirmed = receiver.Remote.Source!.DefaultOutcome is Modified { DeliveryFailed: true };
        await receiver.ReceiveOneAsync();
        session.Wire.Reset();
        var again = await (await c.BeginAsync()).ReceiveFromAsync(queue, a => AsJms(a, "queue"));
        Check.Equal((await again.TakeAsync()).DeliveryCount, confirmed ? 1u : 0u);
    }

    [Case("JMS-29", "jms-mapping", "A queue browser (copy, settled) sees the messages and leaves them")]
    public static async Task Browser(CaseContext c)
    {
        var session = await c.BeginAsync();
        var queue = await c.QueueAsync();
        var sender = await session.SendToAsync(queue);
        for (var i = 0; i < 3; i++)
        {
            await sender.SendAcceptedAsync($"{i}");
        }

        var browser = await Session.OptionalAsync(session.ReceiveFromAsync(queue, a =>
        {
            AsJms(a, "queue");
            a.SndSettleMode = SenderSettleMode.Settled;
            a.Source!.DistributionMode = "copy";
        }), "a browser");
        if (browser.Remote.Source!.DistributionMode is not { Value: "copy" })
        {
            throw CaseContext.NotApplicable("the broker does not confirm distribution-mode copy");
        }

        for (var i = 0; i < 3; i++)
        {
            Check.Equal((await browser.ReceiveOneAsync()).Value, $"{i}");
        }

        await browser.ExpectEmptyAsync();
        await browser.DetachAsync();
        Check.Equal((await (await session.ReceiveFromAsync(queue)).TakeAsync()).Value, "0");
    }

    [Case("JMS-30", "jms-mapping", "A message with x-opt-delivery-time in the future is not delivered before it is due", Traps = "73")]
    public static async Task DeliveryTime(CaseContext c)
    {
        var session = await c.BeginAsync();
        if (session.Peer.Remote.OfferedCapabilities?.Contains(new Symbol("DELAYED_DELIVERY")) != true)
        {
            throw CaseContext.NotApplicable("the broker does not offer DELAYED_DELIVERY");
        }

        var queue = await c.QueueAsync();
        var message = AmqpMessage.FromValue("late");
        var due = TimeProvider.System.GetUtcNow().AddMinutes(10).ToUnixTimeMilliseconds();
        message.MessageAnnotations = new AmqpMap { [new Symbol("x-opt-delivery-time")] = due };
        await (await session.SendToAsync(queue)).SendAcceptedAsync(message);
        await (await session.ReceiveFromAsync(queue)).ExpectEmptyAsync();
    }

    [Case("JMS-31", "jms-mapping", "A message with a short delivery delay arrives when it is due")]
    public static async Task DeliveryDelay(CaseContext c)
    {
        var session = await c.BeginAsync();
        if (session.Peer.Remote.OfferedCapabilities?.Contains(new Symbol("DELAYED_DELIVERY")) != true)
        {
            throw CaseContext.NotApplicable("the broker does not offer DELAYED_DELIVERY");
        }

        var queue = await c.QueueAsync();
        var message = AmqpMessage.FromValue("soon");
        var due = TimeProvider.System.GetUtcNow().AddMilliseconds(300).ToUnixTimeMilliseconds();
        message.MessageAnnotations = new AmqpMap { [new Symbol("x-opt-delivery-time")] = due };
        await (await session.SendToAsync(queue)).SendAcceptedAsync(message);
        var delivery = await (await session.ReceiveFromAsync(queue)).ReceiveOneAsync();
        Check.Equal(delivery.Value, "soon");
        Check.That(TimeProvider.System.GetUtcNow().ToUnixTimeMilliseconds() >= due - 50, "not before it is due");
    }

    internal static void AsJms(Attach attach, string capability)
    {
        attach.SndSettleMode = SenderSettleMode.Unsettled;
        attach.Source!.Capabilities = [capability];
        attach.Source.ExpiryPolicy = TerminusExpiryPolicy.LinkDetach;
        attach.Source.Outcomes = AllOutcomes;
        attach.Source.DefaultOutcome = new Modified { DeliveryFailed = true };
        attach.Target = new Target();
    }

    internal static Task<ReceiverLink> ConsumeAsync(Session session, string topic) => session.ReceiveFromAsync(topic, static a => AsJms(a, "topic"));

    internal static async Task PublishAsync(Session session, string topic, string body)
    {
        var sender = await session.SendToAsync(topic, static a => ((Target)a.Target!).Capabilities = ["topic"]);
        Check.Is<Accepted>(await sender.OutcomeAsync(await sender.SendAsync(body)), "the outcome");
        await sender.DetachAsync();
    }

    internal static async Task<RefusedException> RefusalAsync(Task<ReceiverLink> attaching)
    {
        try
        {
            await attaching;
        }
        catch (RefusedException e)
        {
            return e;
        }

        throw new CheckFailedException("expected the link to be refused, and it was attached");
    }

    private static Task<SenderLink> CreateAsync(Session session, string capability, object policy) => Session.OptionalAsync(
        session.SendToAsync(null, a => a.Target = new Target
        {
            Dynamic = true,
            ExpiryPolicy = TerminusExpiryPolicy.LinkDetach,
            DynamicNodeProperties = new AmqpMap { [LifetimePolicy.Key] = policy },
            Capabilities = [capability],
        }), $"a {capability}");
}
