using Mamba.Amqp.Conformance.Running;
using Mamba.Amqp.Conformance.Wire;
using Mamba.Amqp.Messaging;
using Mamba.Amqp.Transport;
using Mamba.Amqp.Types;

namespace Mamba.Amqp.Conformance.Messaging;

/// <summary>
/// Links that ask for all there is to be resumed by: a terminus that keeps unsettled state and never expires, and a receiver that
/// settles second.
/// </summary>
internal static class ResumeLinks
{
    public static readonly byte[] Payload = AmqpMessage.FromValue("resume me").Encode();

    /// <summary>A receiver link that is detached, not closed, with one delivery unsettled.</summary>
    public static async Task<(Session Session, ReceiverLink Receiver, Delivery Delivery)> SuspendAsync(CaseContext c, Session? on = null)
    {
        var session = on ?? await c.BeginAsync();
        var receiver = await ReceiveFromAsync(session, await FilledAsync(c, session, 1));
        var delivery = await receiver.ReceiveOneAsync();
        await receiver.DetachAsync(closed: false);
        return (session, receiver, delivery);
    }

    /// <summary>A queue with so many messages; the first says "resume me", the others their number.</summary>
    public static async Task<string> FilledAsync(CaseContext c, Session session, int messages)
    {
        var queue = await c.QueueAsync();
        var sender = await session.SendToAsync(queue);
        for (var i = 0; i < messages; i++)
        {
            await sender.SendAcceptedAsync(i == 0 ? Payload : AmqpMessage.FromValue($"{i}").Encode());
        }

        return queue;
    }

    public static Task<ReceiverLink> ReceiveFromAsync(Session session, string queue, Action<Attach>? change = null) =>
        session.ReceiveFromAsync(queue, a =>
        {
            a.RcvSettleMode = ReceiverSettleMode.Second;
            a.Source!.ExpiryPolicy = TerminusExpiryPolicy.Never;
            a.Source.Durable = TerminusDurability.UnsettledState;
            change?.Invoke(a);
        });

    public static Task<SenderLink> SendToAsync(Session session, string queue, Action<Attach>? change = null) =>
        session.SendToAsync(queue, a =>
        {
            a.RcvSettleMode = ReceiverSettleMode.Second;
            var target = (Target)a.Target!;
            target.ExpiryPolicy = TerminusExpiryPolicy.Never;
            target.Durable = TerminusDurability.UnsettledState;
            change?.Invoke(a);
        });

    /// <summary>Attaches a receiver link once more, on the same session or another.</summary>
    public static async Task<ReceiverLink> ReattachAsync(Session session, ReceiverLink old, AmqpMap? unsettled, bool incomplete = false)
    {
        var attach = session.NewAttach(Role.Receiver, new Target(), old.Local.Source, old.Local.Name);
        attach.RcvSettleMode = old.Local.RcvSettleMode;
        attach.Unsettled = unsettled;
        attach.IncompleteUnsettled = incomplete;
        return new ReceiverLink(session, attach, await Session.OptionalAsync(session.AttachAsync(attach), "an attach that resumes"));
    }

    /// <summary>Attaches a sender link once more, on the same session or another.</summary>
    public static async Task<SenderLink> ReattachAsync(Session session, SenderLink old, AmqpMap? unsettled, bool incomplete = false)
    {
        var attach = session.NewAttach(Role.Sender, old.Local.Target, old.Local.Source, old.Local.Name);
        attach.RcvSettleMode = old.Local.RcvSettleMode;
        attach.Unsettled = unsettled;
        attach.IncompleteUnsettled = incomplete;
        attach.InitialDeliveryCount = old.DeliveryCount;
        return new SenderLink(session, attach, await Session.OptionalAsync(session.AttachAsync(attach), "an attach that resumes"));
    }

    /// <summary>Sends a delivery of an earlier attachment once more.</summary>
    public static Task<uint> ResumeAsync(
        SenderLink link, DeliveryTag tag, byte[] payload, DeliveryState? state = null, bool settled = false, bool aborted = false) =>
        link.SendAsync(payload, change: t => t with { Resume = true, DeliveryTag = tag, State = state, Settled = settled, Aborted = aborted });

    /// <summary>The broker's map, if it resumes at all.</summary>
    public static AmqpMap MapOf(Attach remote) => remote.Unsettled is { Count: > 0 } map
        ? map
        : throw CaseContext.NotApplicable("the broker does not resume: its attach lists no unsettled delivery");

    /// <summary>The outcome the broker states for a delivery, which it does not settle first.</summary>
    public static async Task<DeliveryState> StateAsync(SenderLink link, uint deliveryId)
    {
        var disposition = await link.Session.ExpectAsync<Disposition>(
            d => d.Role == Role.Receiver && d.State is not null && d.First <= deliveryId && deliveryId <= d.LastOrFirst,
            $"a state for delivery {deliveryId}",
            keep: true);
        return disposition.State!;
    }

    public static async Task SettleAsync(SenderLink link, uint deliveryId)
    {
        await link.Session.SendAsync(new Disposition { Role = Role.Sender, First = deliveryId, Settled = true, State = Accepted.Instance });
        await link.Session.FenceAsync();
    }

    /// <summary>All that a queue holds, as strings.</summary>
    public static async Task<string> ContentsAsync(Session session, string? queue) =>
        string.Join(' ', (await (await session.ReceiveFromAsync(queue)).TakeAllAsync(1000)).Select(static d => d.Value));

    public static byte[] Tag(Delivery delivery) => delivery.First.DeliveryTag!.Value.ToArray();

    public static AmqpMap Tags(Delivery delivery, DeliveryState? state = null) => new() { [Tag(delivery)] = state ?? new Received() };
}
