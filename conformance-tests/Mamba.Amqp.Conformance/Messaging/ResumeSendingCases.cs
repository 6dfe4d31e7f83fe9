using Mamba.Amqp.Conformance.Running;
using Mamba.Amqp.Conformance.Wire;
using Mamba.Amqp.Messaging;
using Mamba.Amqp.Transport;
using Mamba.Amqp.Types;
using static Mamba.Amqp.Conformance.Messaging.ResumeLinks;

namespace Mamba.Amqp.Conformance.Messaging;

/// <summary>Suspending links and resuming deliveries to the broker (AMQP 1.0 §2.6.13, §3.4.6).</summary>
public static class ResumeSendingCases
{
    [Case("RESUME-07", "3.4.6", "A sender's delivery that the broker holds in part is resumed: data it has is ignored the second time",
        Covers = "messaging.3.4.6-3 messaging.3.4.6-4 messaging.3.4.6-12")]
    public static async Task PartOfMessage(CaseContext c)
    {
        var (link, tag) = await SuspendInPartAsync(c);
        var again = await ReattachAsync(link.Session, link, Map(tag, new Received()));
        RequirePart(again, tag);
        var id = await ResumeAsync(again, tag, Payload, new Received());
        Check.Is<Accepted>(await StateAsync(again, id));
        await SettleAsync(again, id);
        Check.Equal(await ContentsAsync(link.Session, Address(link)), "resume me");
    }

    [Case("RESUME-20", "3.4.6", "A delivery that the broker holds in part goes on at the position that the sender states")]
    public static async Task FromPosition(CaseContext c)
    {
        var (link, tag) = await SuspendInPartAsync(c);
        var again = await ReattachAsync(link.Session, link, Map(tag, new Received()));
        var part = RequirePart(again, tag);
        var from = (int)part.SectionOffset;
        Check.Equal(part.SectionNumber, 0u);
        var id = await ResumeAsync(again, tag, Payload[from..], new Received { SectionOffset = part.SectionOffset });
        Check.Is<Accepted>(await StateAsync(again, id));
        await SettleAsync(again, id);
        Check.Equal(await ContentsAsync(link.Session, Address(link)), "resume me");
    }

    [Case("RESUME-21", "2.6.14", "A resumed delivery that the sender aborts is forgotten, and nothing of it is delivered")]
    public static async Task Aborted(CaseContext c)
    {
        var (link, tag) = await SuspendInPartAsync(c);
        var again = await ReattachAsync(link.Session, link, Map(tag, new Received()));
        RequirePart(again, tag);
        await ResumeAsync(again, tag, [], aborted: true);
        await again.DetachAsync(closed: false);
        var third = await ReattachAsync(link.Session, again, Map(tag, new Received()));
        CheckAbsent(third, tag, "the aborted delivery");
        Check.Equal(await ContentsAsync(link.Session, Address(link)), "");
    }

    [Case("RESUME-08", "2.7.3", "A broker that receives on a link with its own incomplete map refuses deliveries that are not resumed",
        Covers = "transport.2.7.3-8")]
    public static async Task BrokerIncomplete(CaseContext c)
    {
        const int Messages = 60;
        var container = c.Name();
        var session = await c.BeginAsync(open => open.ContainerId = container);
        var link = await SendToAsync(session, await c.QueueAsync());
        var unsettled = new AmqpMap();
        for (var i = 0; i < Messages; i++)
        {
            var tag = new DeliveryTag([1, 2, 3, 4, 5, 6, 7, 8, (byte)i]);
            await StateAsync(link, await link.SendAsync(Payload, change: t => t with { DeliveryTag = tag }));
            unsettled[tag.ToArray()] = new Received();
        }

        await session.Wire.DisposeAsync();
        var second = await c.BeginAsync(open => (open.ContainerId, open.MaxFrameSize) = (container, 512));
        var again = await ReattachAsync(second, link, unsettled);
        if (!again.Remote.IncompleteUnsettled)
        {
            MapOf(again.Remote);
            throw CaseContext.NotApplicable("the broker's map is complete, and nothing makes it otherwise");
        }

        await again.SendAsync("new");
        await again.ExpectDetachAsync();
    }

    [Case("RESUME-22", "2.6.13", "A delivery whose outcome was lost with the connection is in the broker's map, and is not stored twice")]
    public static async Task NotTwice(CaseContext c)
    {
        var (link, tag, second) = await LoseOutcomeAsync(c);
        var again = await ReattachAsync(second, link, Map(tag, new Received()));
        Check.Is<Accepted>(StateIn(again, tag), "the broker's state");
        var id = await ResumeAsync(again, tag, Payload);
        Check.Is<Accepted>(await StateAsync(again, id));
        await SettleAsync(again, id);
        Check.Equal(await ContentsAsync(second, Address(link)), "resume me");
    }

    [Case("RESUME-23", "3.4.6", "A delivery that both sides hold accepted is settled by a transfer without data")]
    public static async Task SettledWithoutData(CaseContext c)
    {
        var (link, tag, second) = await LoseOutcomeAsync(c);
        var again = await ReattachAsync(second, link, Map(tag, Accepted.Instance));
        StateIn(again, tag);
        await ResumeAsync(again, tag, [], Accepted.Instance, settled: true);
        await again.DetachAsync(closed: false);
        var third = await ReattachAsync(second, again, Map(tag, Accepted.Instance));
        CheckAbsent(third, tag, "what was settled");
        Check.Equal(await ContentsAsync(second, Address(link)), "resume me");
    }

    [Case("RESUME-24", "2.6.13", "What only the broker lists counts as settled: it is in no later map")]
    public static async Task OnlyBroker(CaseContext c)
    {
        var (link, tag, second) = await LoseOutcomeAsync(c);
        var again = await ReattachAsync(second, link, new AmqpMap());
        await again.DetachAsync(closed: false);
        var third = await ReattachAsync(second, again, Map(tag, new Received()));
        CheckAbsent(third, tag, "the delivery");
    }

    [Case("RESUME-25", "3.4.6", "A sender that has another outcome is right: the broker echoes it and settles", Covers = "messaging.3.4.6-14")]
    public static async Task SendersOutcomeCounts(CaseContext c)
    {
        var (link, tag, second) = await LoseOutcomeAsync(c);
        var again = await ReattachAsync(second, link, Map(tag, Released.Instance));
        StateIn(again, tag);
        var id = await ResumeAsync(again, tag, [], Released.Instance);
        Check.Is<Released>(await again.OutcomeAsync(id), "the outcome, echoed and settled");
    }

    [Case("RESUME-26", "2.6.13", "What is not in the broker's map is sent anew, and stored")]
    public static async Task SentAnew(CaseContext c)
    {
        var session = await c.BeginAsync();
        var link = await SendToAsync(session, await c.QueueAsync());
        await link.DetachAsync(closed: false);
        var tag = new DeliveryTag("never arrived"u8);
        var again = await ReattachAsync(session, link, Map(tag, new Received()));
        CheckAbsent(again, tag, "what never arrived");
        Check.Is<Accepted>(await StateAsync(again, await again.SendAsync(Payload, change: t => t with { DeliveryTag = tag })));
        Check.Equal(await ContentsAsync(session, Address(link)), "resume me");
    }

    /// <summary>A sender link that is detached, not closed, in the middle of a delivery.</summary>
    private static async Task<(SenderLink Link, DeliveryTag Tag)> SuspendInPartAsync(CaseContext c)
    {
        var session = await c.BeginAsync();
        var link = await SendToAsync(session, await c.QueueAsync());
        await link.NeedCreditAsync();
        var transfer = link.NewTransfer() with { More = true };
        await link.SendFrameAsync(transfer, Payload[..6]);
        link.Count();
        await link.DetachAsync(closed: false);
        return (link, transfer.DeliveryTag!.Value);
    }

    /// <summary>
    /// A sender whose connection is lost when the broker has stored a message; the outcome is not settled. And the container's next
    /// session, on another connection.
    /// </summary>
    private static async Task<(SenderLink Link, DeliveryTag Tag, Session Next)> LoseOutcomeAsync(CaseContext c)
    {
        var container = c.Name();
        var session = await c.BeginAsync(open => open.ContainerId = container);
        var link = await SendToAsync(session, await c.QueueAsync());
        var tag = new DeliveryTag("only once"u8);
        await StateAsync(link, await link.SendAsync(Payload, change: t => t with { DeliveryTag = tag }));
        await session.Wire.DisposeAsync();
        return (link, tag, await c.BeginAsync(open => open.ContainerId = container));
    }

    private static Received RequirePart(SenderLink again, DeliveryTag tag) => StateIn(again, tag) as Received
        ?? throw CaseContext.NotApplicable("the broker keeps nothing of a delivery whose link has detached");

    private static DeliveryState? StateIn(SenderLink again, DeliveryTag tag)
    {
        MapOf(again.Remote);
        return Mamba.Amqp.Endpoints.UnsettledMap.Read(again.Remote.Unsettled).GetValueOrDefault(tag);
    }

    private static AmqpMap Map(DeliveryTag tag, DeliveryState state) => new() { [tag.ToArray()] = state };

    private static void CheckAbsent(SenderLink again, DeliveryTag tag, string what) =>
        Check.That(again.Remote.Unsettled?.ContainsKey(tag.ToArray()) != true, $"a map without {what}");

    private static string Address(SenderLink link) => ((Target)link.Local.Target!).Address!;
}
