using Mamba.Amqp.Conformance.Running;
using Mamba.Amqp.Conformance.Wire;
using Mamba.Amqp.Messaging;
using Mamba.Amqp.Transport;
using Mamba.Amqp.Types;

namespace Mamba.Amqp.Conformance.Messaging;

/// <summary>
/// Suspending links and resuming deliveries (AMQP 1.0 §2.6.13, §3.4.6). A broker whose attach never has an unsettled map where
/// deliveries are unsettled does not resume: to it most of this does not apply.
/// </summary>
public static class ResumeCases
{
    private static readonly byte[] Payload = AmqpMessage.FromValue("resume me").Encode();

    [Case("RESUME-01", "3.4.6", "What the client does not remember is sent again, as a delivery that is not resumed",
        Covers = "messaging.3.4.6-1 messaging.3.4.6-2 messaging.3.4.6-10 messaging.3.4.6-11 transport.2.7.5-13")]
    public static async Task NotRemembered(CaseContext c)
    {
        var (session, receiver, _) = await SuspendAsync(c);
        var again = await ReattachAsync(session, receiver, new AmqpMap());
        var delivery = await again.ReceiveOneAsync();
        Check.Equal(delivery.Value, "resume me");
        Check.That(!delivery.First.Resume, "a delivery that is not marked as resumed");
    }

    [Case("RESUME-02", "2.6.3", "The attach of a link that had a terminus has its unsettled deliveries",
        Covers = "transport.2.6.3-2 transport.2.7.3-3 transport.2.7.3-5")]
    public static async Task Map(CaseContext c)
    {
        var (session, receiver, delivery) = await SuspendAsync(c);
        var again = await ReattachAsync(session, receiver, Tags(delivery, null));
        var map = ResumedMap(again);
        Check.That(map.ContainsKey(Tag(delivery)), "the delivery's tag in the map");
        foreach (var (_, state) in map)
        {
            Check.Present(state, "a state for every tag in the map");
        }
    }

    [Case("RESUME-03", "2.6.13", "A delivery that both sides hold unsettled is resumed, and marked so on its first transfer",
        Covers = "transport.2.6.13-4 transport.2.6.13-5 transport.2.7.5-14 messaging.3.4.6-5 messaging.3.4.6-6 messaging.3.4.6-7 messaging.3.4.6-8")]
    public static async Task BothHold(CaseContext c)
    {
        var (session, receiver, delivery) = await SuspendAsync(c);
        var again = await ReattachAsync(session, receiver, Tags(delivery, new Received { SectionNumber = 0, SectionOffset = 0 }));
        ResumedMap(again);
        var resumed = await again.ReceiveOneAsync();
        Check.That(resumed.First.Resume, "resume on the first transfer");
        Check.Equal(resumed.First.DeliveryTag?.ToArray(), Tag(delivery));
        await again.SettleAsync(resumed, Accepted.Instance);
        await again.ExpectEmptyAsync();
    }

    [Case("RESUME-04", "3.4.6", "A delivery that the client says it has accepted is settled so, and its data is not sent again",
        Covers = "messaging.3.4.6-13 messaging.3.4.6-14")]
    public static async Task SaysAccepted(CaseContext c)
    {
        var (session, receiver, delivery) = await SuspendAsync(c);
        var again = await ReattachAsync(session, receiver, Tags(delivery, Accepted.Instance));
        ResumedMap(again);
        var resumed = await again.ReceiveOneAsync();
        Check.That(resumed.First.Resume, "resume on the first transfer");
        Check.Is<Accepted>(resumed.First.State, "the state of the transfer");
        await again.SettleAsync(resumed, Accepted.Instance);
        await again.DetachAsync();
        await (await session.ReceiveFromAsync(receiver.Local.Source!.Address)).ExpectEmptyAsync();
    }

    [Case("RESUME-05", "2.6.13", "Tags that only the client lists are ignored by a sending broker",
        Covers = "transport.2.6.13-2 transport.2.6.13-3")]
    public static async Task OnlyClient(CaseContext c)
    {
        var (session, receiver, _) = await SuspendAsync(c);
        var again = await ReattachAsync(session, receiver, new AmqpMap { ["never-seen"u8.ToArray()] = Accepted.Instance });
        Check.Equal((await again.ReceiveOneAsync()).Value, "resume me");
    }

    [Case("RESUME-06", "2.7.3", "On a link with an incomplete map of the client the broker sends no new deliveries",
        Covers = "transport.2.7.3-7")]
    public static async Task Incomplete(CaseContext c)
    {
        var (session, receiver, delivery) = await SuspendAsync(c);
        await (await session.SendToAsync(receiver.Local.Source!.Address)).SendAcceptedAsync("new");
        var again = await ReattachAsync(session, receiver, Tags(delivery, new Received()), incomplete: true);
        ResumedMap(again);
        await again.CreditAsync(10);
        Check.That((await again.ReceiveAsync()).First.Resume, "a resumed delivery");
        await again.ExpectNoTransferAsync();
    }

    [Case("RESUME-07", "3.4.6", "A sender's delivery that the broker holds in part is resumed: data it has is ignored the second time",
        Covers = "messaging.3.4.6-3 messaging.3.4.6-4 messaging.3.4.6-12")]
    public static async Task PartOfMessage(CaseContext c)
    {
        var session = await c.BeginAsync();
        var queue = await c.QueueAsync();
        var sender = await session.SendToAsync(queue, static a => a.Source!.ExpiryPolicy = TerminusExpiryPolicy.Never);
        await sender.NeedCreditAsync();
        var transfer = sender.NewTransfer() with { More = true };
        await sender.SendFrameAsync(transfer, Payload[..6]);
        sender.Count();
        await sender.DetachAsync(closed: false);
        var tag = transfer.DeliveryTag!.Value.ToArray();
        var again = session.NewAttach(Role.Sender, sender.Local.Target, sender.Local.Source, sender.Local.Name);
        again.Unsettled = new AmqpMap { [tag] = new Received() };
        again.InitialDeliveryCount = 1;
        var answer = await Session.OptionalAsync(session.AttachAsync(again), "an attach that resumes");
        if (answer.Unsettled is not { Count: > 0 })
        {
            throw CaseContext.NotApplicable("the broker keeps nothing of a delivery whose link has detached");
        }

        var resumed = new SenderLink(session, again, answer);
        var id = await resumed.SendAsync(Payload, change: t => t with { Resume = true, DeliveryTag = new DeliveryTag(tag), State = new Received() });
        Check.Is<Accepted>(await resumed.OutcomeAsync(id));
        Check.Equal((await (await session.ReceiveFromAsync(queue)).TakeAsync()).Value, "resume me");
    }

    [Case("RESUME-08", "2.7.3", "A broker that receives on a link with its own incomplete map refuses deliveries that are not resumed",
        Covers = "transport.2.7.3-8")]
    public static async Task BrokerIncomplete(CaseContext c)
    {
        var session = await c.BeginAsync();
        var sender = await session.SendToAsync(await c.QueueAsync());
        if (!sender.Remote.IncompleteUnsettled)
        {
            throw CaseContext.NotApplicable("the broker's map is complete, and nothing makes it otherwise");
        }

        await sender.SendAsync("x");
        await sender.ExpectDetachAsync();
    }

    /// <summary>A receiver link that is detached, not closed, with one delivery unsettled.</summary>
    private static async Task<(Session Session, ReceiverLink Receiver, Delivery Delivery)> SuspendAsync(CaseContext c)
    {
        var session = await c.BeginAsync();
        var queue = await c.QueueAsync();
        await (await session.SendToAsync(queue)).SendAcceptedAsync(Payload);
        var receiver = await session.ReceiveFromAsync(queue, static a =>
        {
            a.Source!.ExpiryPolicy = TerminusExpiryPolicy.Never;
            a.Source.Durable = TerminusDurability.UnsettledState;
        });
        var delivery = await receiver.ReceiveOneAsync();
        await receiver.DetachAsync(closed: false);
        return (session, receiver, delivery);
    }

    private static async Task<ReceiverLink> ReattachAsync(Session session, ReceiverLink old, AmqpMap unsettled, bool incomplete = false)
    {
        var attach = session.NewAttach(Role.Receiver, new Target(), old.Local.Source, old.Local.Name);
        attach.Unsettled = unsettled;
        attach.IncompleteUnsettled = incomplete;
        return new ReceiverLink(session, attach, await Session.OptionalAsync(session.AttachAsync(attach), "an attach that resumes"));
    }

    private static AmqpMap ResumedMap(ReceiverLink link) => link.Remote.Unsettled is { Count: > 0 } map
        ? map
        : throw CaseContext.NotApplicable("the broker does not resume: its attach lists no unsettled delivery");

    private static byte[] Tag(Delivery delivery) => delivery.First.DeliveryTag!.Value.ToArray();

    private static AmqpMap Tags(Delivery delivery, DeliveryState? state) => new() { [Tag(delivery)] = state ?? new Received() };
}
