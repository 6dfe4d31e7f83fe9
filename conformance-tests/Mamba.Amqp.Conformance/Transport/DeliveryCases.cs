using Mamba.Amqp.Conformance.Running;
using Mamba.Amqp.Conformance.Wire;
using Mamba.Amqp.Messaging;
using Mamba.Amqp.Transport;

namespace Mamba.Amqp.Conformance.Transport;

/// <summary>Deliveries to the client and what it says about them (AMQP 1.0 §2.6.12, §2.6.14, §2.7.5, §2.7.6).</summary>
public static class DeliveryCases
{
    [Case("DELIVERY-01", "2.7.5", "The first transfer of a message in many frames has delivery-id, delivery-tag and message-format 0",
        Covers = "transport.2.7.5-1 transport.2.7.5-2 transport.2.7.5-3 transport.2.6.12-1")]
    public static async Task FirstTransfer(CaseContext c)
    {
        var session = await c.BeginAsync(static open => open.MaxFrameSize = 512);
        var delivery = await (await WindowCases.FilledAsync(c, session, 1, 3000)).ReceiveOneAsync();
        Check.That(delivery.Transfers.Count > 5, "more than five frames");
        Check.Present(delivery.First.DeliveryId, "delivery-id");
        Check.That(Check.Present(delivery.First.DeliveryTag, "delivery-tag").Length <= 32, "a delivery-tag of 32 bytes at most");
        Check.Equal(delivery.First.MessageFormat, (uint?)0);
        foreach (var transfer in delivery.Transfers.Skip(1))
        {
            Check.That(transfer.DeliveryId is null || transfer.DeliveryId == delivery.First.DeliveryId, "later frames without or with the same delivery-id");
        }
    }

    [Case("DELIVERY-02", "2.6.14", "Messages on one link are not interleaved", Covers = "transport.2.6.14-1")]
    public static async Task NotInterleaved(CaseContext c)
    {
        var session = await c.BeginAsync(static open => open.MaxFrameSize = 512);
        var receiver = await WindowCases.FilledAsync(c, session, 3, 1500);
        await receiver.CreditAsync(3);
        for (var i = 0; i < 3; i++)
        {
            var delivery = await receiver.ReceiveAsync();
            Check.Equal(delivery.Value, $"{i}".PadRight(1500, '.'));
        }
    }

    [Case("DELIVERY-03", "2.8.8", "Delivery-ids count up by one over all links of the session", Traps = "31")]
    public static async Task ConsecutiveIds(CaseContext c)
    {
        var session = await c.BeginAsync();
        var one = await WindowCases.FilledAsync(c, session, 3);
        var two = await WindowCases.FilledAsync(c, session, 3);
        var previous = (await one.ReceiveOneAsync()).Id;
        foreach (var link in new[] { two, one, two, two, one })
        {
            var id = (await link.ReceiveOneAsync()).Id;
            Check.Equal(id, previous + 1);
            previous = id;
        }
    }

    [Case("DELIVERY-04", "2.6.12", "Unsettled deliveries of a link have different delivery-tags", Covers = "transport.2.6.12-2")]
    public static async Task UniqueTags(CaseContext c)
    {
        var session = await c.BeginAsync();
        var receiver = await WindowCases.FilledAsync(c, session, 20);
        await receiver.CreditAsync(20);
        HashSet<string> tags = [];
        for (var i = 0; i < 20; i++)
        {
            var tag = Check.Present((await receiver.ReceiveAsync()).First.DeliveryTag, "delivery-tag").ToString();
            Check.That(tags.Add(tag), $"a tag that is not {tag} again");
        }
    }

    [Case("DELIVERY-05", "2.8.2", "On a link with snd-settle-mode settled deliveries come settled", Covers = "transport.2.7.5-7")]
    public static async Task SettledMode(CaseContext c)
    {
        var session = await c.BeginAsync();
        var queue = await c.QueueAsync();
        await (await session.SendToAsync(queue)).SendAcceptedAsync("x");
        var receiver = await session.ReceiveFromAsync(queue, static a => a.SndSettleMode = SenderSettleMode.Settled);
        if (receiver.Remote.SndSettleMode != SenderSettleMode.Settled)
        {
            throw CaseContext.NotApplicable($"the broker answers snd-settle-mode {receiver.Remote.SndSettleMode}");
        }

        Check.That((await receiver.ReceiveOneAsync()).Settled, "a settled delivery");
    }

    [Case("DELIVERY-06", "2.8.2", "On a link with snd-settle-mode unsettled no frame of a delivery is settled",
        Covers = "transport.2.7.5-8")]
    public static async Task UnsettledMode(CaseContext c)
    {
        var session = await c.BeginAsync(static open => open.MaxFrameSize = 512);
        var queue = await c.QueueAsync();
        await (await session.SendToAsync(queue)).SendAcceptedAsync(new string('x', 2000));
        var receiver = await session.ReceiveFromAsync(queue, static a => a.SndSettleMode = SenderSettleMode.Unsettled);
        Check.That(receiver.Remote.SndSettleMode == SenderSettleMode.Unsettled, $"the mode asked for, and it is {receiver.Remote.SndSettleMode}");
        Check.That(!(await receiver.ReceiveOneAsync()).Settled, "no frame that is settled");
    }

    [Case("DELIVERY-07", "2.6.12", "With rcv-settle-mode second the sender settles first: an unsettled outcome is answered with a settled one",
        Covers = "transport.2.7.5-11")]
    public static async Task SecondMode(CaseContext c)
    {
        var session = await c.BeginAsync();
        var queue = await c.QueueAsync();
        await (await session.SendToAsync(queue)).SendAcceptedAsync("x");
        var receiver = await Session.OptionalAsync(
            session.ReceiveFromAsync(queue, static a => a.RcvSettleMode = ReceiverSettleMode.Second), "rcv-settle-mode second");
        if (receiver.Remote.RcvSettleMode != ReceiverSettleMode.Second)
        {
            throw CaseContext.NotApplicable("the broker answers rcv-settle-mode first");
        }

        var delivery = await receiver.ReceiveOneAsync();
        await receiver.SettleAsync(delivery, Accepted.Instance, settled: false);
        await session.ExpectAsync<Disposition>(d => d.Role == Role.Sender && d.Settled && d.First <= delivery.Id && delivery.Id <= d.LastOrFirst);
        await receiver.SettleAsync(delivery, Accepted.Instance);
        await receiver.ExpectEmptyAsync();
    }

    [Case("DELIVERY-08", "2.6.12", "A sender's rcv-settle-mode second, if confirmed, is kept: the broker settles after the client")]
    public static async Task SecondModeInbound(CaseContext c)
    {
        var session = await c.BeginAsync();
        var sender = await Session.OptionalAsync(
            session.SendToAsync(await c.QueueAsync(), static a => a.RcvSettleMode = ReceiverSettleMode.Second), "rcv-settle-mode second");
        if (sender.Remote.RcvSettleMode != ReceiverSettleMode.Second)
        {
            throw CaseContext.NotApplicable("the broker answers rcv-settle-mode first");
        }

        var id = await sender.SendAsync("x");
        var disposition = await session.ExpectAsync<Disposition>(d => d.Role == Role.Receiver && d.First == id);
        Check.That(!disposition.Settled, "an outcome that is not settled yet");
        await session.SendAsync(new Disposition { Role = Role.Sender, First = id, Settled = true, State = Accepted.Instance });
    }

    [Case("DISPOSITION-01", "2.7.6", "One disposition settles a range of deliveries")]
    public static async Task Range(CaseContext c)
    {
        var session = await c.BeginAsync();
        var receiver = await WindowCases.FilledAsync(c, session, 5);
        await receiver.CreditAsync(5);
        var first = await receiver.ReceiveAsync();
        for (var i = 1; i < 5; i++)
        {
            await receiver.ReceiveAsync();
        }

        await session.SendAsync(new Disposition { Role = Role.Receiver, First = first.Id, Last = first.Id + 4, Settled = true, State = Accepted.Instance });
        await session.FenceAsync();
        await receiver.DetachAsync();
        await (await session.ReceiveFromAsync(receiver.Local.Source!.Address)).ExpectEmptyAsync();
    }

    [Case("DISPOSITION-02", "2.7.6", "A range may span links, and ids that are settled or were never used", Traps = "64")]
    public static async Task RangeOverLinks(CaseContext c)
    {
        var session = await c.BeginAsync();
        var one = await WindowCases.FilledAsync(c, session, 2);
        var two = await WindowCases.FilledAsync(c, session, 2);
        var first = await one.ReceiveOneAsync();
        await two.ReceiveOneAsync();
        var third = await one.ReceiveOneAsync();
        await one.SettleAsync(third, Accepted.Instance);
        await two.ReceiveOneAsync();
        await session.SendAsync(new Disposition { Role = Role.Receiver, First = first.Id, Last = first.Id + 50, Settled = true, State = Accepted.Instance });
        await session.FenceAsync();
        await one.DetachAsync();
        await two.DetachAsync();
        await (await session.ReceiveFromAsync(one.Local.Source!.Address)).ExpectEmptyAsync();
        await (await session.ReceiveFromAsync(two.Local.Source!.Address)).ExpectEmptyAsync();
    }

    [Case("DISPOSITION-03", "2.7.6", "A disposition of the wrong role does not touch deliveries of the other direction",
        Covers = "transport.2.7.6-1")]
    public static async Task WrongRole(CaseContext c)
    {
        var session = await c.BeginAsync();
        var receiver = await WindowCases.FilledAsync(c, session, 1);
        var delivery = await receiver.ReceiveOneAsync();
        await session.SendAsync(new Disposition { Role = Role.Sender, First = delivery.Id, Settled = true, State = Accepted.Instance });
        await session.Wire.ExpectQuietOrEndAsync();
        session.Wire.Reset();
        var again = await (await c.BeginAsync()).ReceiveFromAsync(receiver.Local.Source!.Address);
        Check.Equal((await again.TakeAsync()).Value, delivery.Value);
    }

    [Case("DISPOSITION-04", "2.6.12", "An unsettled terminal outcome is answered with a settled one", Traps = "55")]
    public static async Task UnsettledOutcome(CaseContext c)
    {
        var session = await c.BeginAsync();
        var receiver = await WindowCases.FilledAsync(c, session, 1);
        var delivery = await receiver.ReceiveOneAsync();
        await receiver.SettleAsync(delivery, Accepted.Instance, settled: false);
        var answer = await session.ExpectAsync<Disposition>(
            d => d.Role == Role.Sender && d.First <= delivery.Id && delivery.Id <= d.LastOrFirst, "a disposition of the sender");
        Check.That(answer.Settled, "settled");
    }

    [Case("DISPOSITION-05", "2.7.6", "What is said of a delivery is applied while its link is detached but not closed",
        Covers = "transport.2.7.6-2")]
    public static async Task AfterDetach(CaseContext c)
    {
        var session = await c.BeginAsync();
        var queue = await c.QueueAsync();
        await (await session.SendToAsync(queue)).SendAcceptedAsync("x");
        var receiver = await session.ReceiveFromAsync(queue, static a => a.Source!.ExpiryPolicy = TerminusExpiryPolicy.SessionEnd);
        if (receiver.Remote.Source!.ExpiryPolicy == TerminusExpiryPolicy.LinkDetach)
        {
            throw CaseContext.NotApplicable("the broker's source expires when its link detaches (expiry-policy link-detach), so its deliveries are not live");
        }

        var delivery = await receiver.ReceiveOneAsync();
        await receiver.DetachAsync(closed: false);
        await receiver.SettleAsync(delivery, Accepted.Instance);
        await session.FenceAsync();
        await (await session.ReceiveFromAsync(queue)).ExpectEmptyAsync();
    }

    [Case("DISPOSITION-06", "2.7.6", "A delivery that is settled twice is settled once", Traps = "64")]
    public static async Task Twice(CaseContext c)
    {
        var session = await c.BeginAsync();
        var receiver = await WindowCases.FilledAsync(c, session, 1);
        var delivery = await receiver.ReceiveOneAsync();
        await receiver.SettleAsync(delivery, Accepted.Instance);
        await receiver.SettleAsync(delivery, Released.Instance);
        await receiver.ExpectEmptyAsync();
    }

    [Case("DISPOSITION-07", "2.7.6", "A range whose last is behind its first does no harm to other deliveries")]
    public static async Task InvertedRange(CaseContext c)
    {
        var session = await c.BeginAsync();
        var receiver = await WindowCases.FilledAsync(c, session, 3);
        await receiver.CreditAsync(3);
        var first = await receiver.ReceiveAsync();
        await receiver.ReceiveAsync();
        var third = await receiver.ReceiveAsync();
        await session.SendAsync(new Disposition { Role = Role.Receiver, First = third.Id, Last = first.Id, Settled = true, State = Accepted.Instance });
        session.Wire.ShutdownSend();
        await session.Wire.ExpectEndOfStreamAsync(tolerateFrames: true);
        var again = await c.BeginAsync();
        Check.Equal((await (await again.ReceiveFromAsync(receiver.Local.Source!.Address)).TakeAsync()).Value, first.Value);
    }
}
