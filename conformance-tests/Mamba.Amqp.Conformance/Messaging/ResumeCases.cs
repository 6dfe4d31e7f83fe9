using Mamba.Amqp.Conformance.Running;
using Mamba.Amqp.Conformance.Wire;
using Mamba.Amqp.Messaging;
using Mamba.Amqp.Transport;
using Mamba.Amqp.Types;
using static Mamba.Amqp.Conformance.Messaging.ResumeLinks;

namespace Mamba.Amqp.Conformance.Messaging;

/// <summary>
/// Suspending links and resuming deliveries from the broker (AMQP 1.0 §2.6.13, §3.4.6). A broker whose attach never has an unsettled
/// map where deliveries are unsettled does not resume: to it most of this does not apply.
/// </summary>
public static class ResumeCases
{
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
        var again = await ReattachAsync(session, receiver, Tags(delivery));
        var map = MapOf(again.Remote);
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
        var again = await ReattachAsync(session, receiver, Tags(delivery));
        MapOf(again.Remote);
        var resumed = await again.ReceiveOneAsync();
        Check.That(resumed.First.Resume, "resume on the first transfer");
        Check.Equal(resumed.First.DeliveryTag?.ToArray(), Tag(delivery));
        await again.SettleAsync(resumed, Accepted.Instance);
        await again.ExpectEmptyAsync();
    }

    [Case("RESUME-04", "3.4.6", "A delivery that the client says it has accepted is settled so, and its data is not sent again",
        Covers = "messaging.3.4.6-13 messaging.3.5.2-1")]
    public static async Task SaysAccepted(CaseContext c)
    {
        var (session, receiver, delivery) = await SuspendAsync(c);
        var again = await ReattachAsync(session, receiver, Tags(delivery, Accepted.Instance));
        MapOf(again.Remote);
        var resumed = await again.ReceiveOneAsync();
        Check.That(resumed.First.Resume, "resume on the first transfer");
        Check.Is<Accepted>(resumed.First.State, "the state of the transfer");
        Check.Equal(resumed.Payload.Length, 0);
        await again.SettleAsync(resumed, Accepted.Instance);
        await again.DetachAsync();
        Check.Equal(await ContentsAsync(session, receiver.Local.Source!.Address), "");
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
        var again = await ReattachAsync(session, receiver, Tags(delivery), incomplete: true);
        MapOf(again.Remote);
        await again.CreditAsync(10);
        Check.That((await again.ReceiveAsync()).First.Resume, "a resumed delivery");
        await again.ExpectNoTransferAsync();
    }

    [Case("RESUME-09", "2.6.13", "With an incomplete map a tag that is not in it is not taken for settled: it is resumed in the next round")]
    public static async Task SecondRound(CaseContext c)
    {
        var session = await c.BeginAsync();
        var receiver = await ReceiveFromAsync(session, await FilledAsync(c, session, 2));
        await receiver.CreditAsync(2);
        Delivery[] held = [await receiver.ReceiveAsync(), await receiver.ReceiveAsync()];
        await receiver.DetachAsync(closed: false);
        var first = await ReattachAsync(session, receiver, Tags(held[1], Accepted.Instance), incomplete: true);
        MapOf(first.Remote);
        await first.CreditAsync(10);
        Check.Equal(Tag(await first.ReceiveAsync()), Tag(held[1]));
        await first.ExpectNoTransferAsync();
        await first.DetachAsync(closed: false);
        var second = await ReattachAsync(session, receiver, Tags(held[0]));
        Check.That(second.Remote.Unsettled?.ContainsKey(Tag(held[0])) == true, "the other delivery in the broker's map of the second round");
        Check.That(second.Remote.Unsettled?.ContainsKey(Tag(held[1])) == false, "nothing of what was settled in the first round");
        var resumed = await second.ReceiveOneAsync();
        Check.That(resumed.First.Resume, "resume on the first transfer");
        Check.Equal(resumed.Value, "resume me");
    }

    [Case("RESUME-10", "2.7.3", "A map that is larger than a frame is sent in part, and said to be incomplete", Covers = "transport.2.7.3-4")]
    public static async Task LargeMap(CaseContext c)
    {
        const int Messages = 60;
        var container = c.Name();
        var session = await c.BeginAsync(open => open.ContainerId = container);
        var receiver = await ReceiveFromAsync(session, await FilledAsync(c, session, Messages));
        await receiver.CreditAsync(Messages);
        List<Delivery> held = [];
        while (held.Count < Messages)
        {
            held.Add(await receiver.ReceiveAsync());
        }

        await session.Wire.DisposeAsync();
        var second = await c.BeginAsync(open => (open.ContainerId, open.MaxFrameSize) = (container, 512));
        var again = await ReattachAsync(second, receiver, new AmqpMap());
        Check.That(MapOf(again.Remote).Count < Messages, "fewer tags than there are deliveries, as they do not fit a frame of 512 bytes");
        Check.That(again.Remote.IncompleteUnsettled, "incomplete-unsettled");
        await again.CreditAsync(Messages);
        await again.ExpectNoTransferAsync();
        await again.DetachAsync(closed: false);
        var third = await ReattachAsync(second, receiver, new AmqpMap());
        Check.That(!third.Remote.IncompleteUnsettled, "a complete map once the client was seen to know nothing");
        await third.CreditAsync(Messages);
        Check.Equal((await third.ReceiveAsync()).Value, "resume me");
    }

    [Case("RESUME-11", "3.5.6", "Deliveries of a lost connection are resumed on another one of the container, and nobody else gets them before")]
    public static async Task OtherConnection(CaseContext c)
    {
        var container = c.Name();
        var session = await c.BeginAsync(open => open.ContainerId = container);
        var receiver = await ReceiveFromAsync(session, await FilledAsync(c, session, 1));
        var delivery = await receiver.ReceiveOneAsync();
        await session.Wire.DisposeAsync();
        var second = await c.BeginAsync(open => open.ContainerId = container);
        if (receiver.Remote.Source!.ExpiryPolicy != TerminusExpiryPolicy.Never)
        {
            throw CaseContext.NotApplicable("the broker's terminus does not outlive the connection");
        }

        await (await second.ReceiveFromAsync(receiver.Local.Source!.Address)).ExpectEmptyAsync();
        var again = await ReattachAsync(second, receiver, Tags(delivery));
        MapOf(again.Remote);
        var resumed = await again.ReceiveOneAsync();
        Check.That(resumed.First.Resume, "resume on the first transfer");
        Check.Equal(resumed.Value, "resume me");
    }

    [Case("RESUME-12", "2.6.1", "A link that is attached anew while its old connection lives is taken from that, with what it has unsettled")]
    public static async Task Stolen(CaseContext c)
    {
        var container = c.Name();
        var session = await c.BeginAsync(open => open.ContainerId = container);
        var receiver = await ReceiveFromAsync(session, await FilledAsync(c, session, 1));
        var delivery = await receiver.ReceiveOneAsync();
        var second = await c.BeginAsync(open => open.ContainerId = container);
        var again = await ReattachAsync(second, receiver, Tags(delivery, Accepted.Instance));
        await receiver.ExpectDetachAsync(ErrorCondition.Stolen);
        MapOf(again.Remote);
        var resumed = await again.ReceiveOneAsync();
        Check.That(resumed.First.Resume, "resume on the first transfer");
        Check.Is<Accepted>(resumed.First.State, "the state of the transfer");
    }

    [Case("RESUME-13", "2.6.6", "A link that was closed has nothing to resume: what it had unsettled is anybody's")]
    public static async Task Closed(CaseContext c)
    {
        var session = await c.BeginAsync();
        var receiver = await ReceiveFromAsync(session, await FilledAsync(c, session, 1));
        await receiver.ReceiveOneAsync();
        await receiver.DetachAsync(closed: true);
        Check.Equal(await ContentsAsync(session, receiver.Local.Source!.Address), "resume me");
    }

    [Case("RESUME-14", "3.5.6", "What a suspended link has unsettled goes back when the time of its terminus is over")]
    public static async Task Timeout(CaseContext c)
    {
        var session = await c.BeginAsync();
        var receiver = await ReceiveFromAsync(session, await FilledAsync(c, session, 1), static a =>
        {
            a.Source!.ExpiryPolicy = TerminusExpiryPolicy.LinkDetach;
            a.Source.Timeout = 1;
        });
        await receiver.ReceiveOneAsync();
        await receiver.DetachAsync(closed: false);
        var other = await session.ReceiveFromAsync(receiver.Local.Source!.Address);
        Check.Equal((await other.ReceiveOneAsync()).Value, "resume me");
    }

    [Case("RESUME-15", "2.6.13", "What is resumed comes before what is new, in its order")]
    public static async Task ResumedFirst(CaseContext c)
    {
        var session = await c.BeginAsync();
        var receiver = await ReceiveFromAsync(session, await FilledAsync(c, session, 4));
        await receiver.CreditAsync(3);
        Delivery[] held = [await receiver.ReceiveAsync(), await receiver.ReceiveAsync(), await receiver.ReceiveAsync()];
        await receiver.DetachAsync(closed: false);
        var again = await ReattachAsync(session, receiver, new AmqpMap
        {
            [Tag(held[2])] = new Received(),
            [Tag(held[1])] = Accepted.Instance,
        });
        MapOf(again.Remote);
        await again.CreditAsync(4);
        Delivery[] resumed = [await again.ReceiveAsync(), await again.ReceiveAsync()];
        Check.That(resumed.All(static d => d.First.Resume), "two resumed deliveries before all others");
        Check.That(
            resumed.Any(d => Tag(d).AsSpan().SequenceEqual(Tag(held[1]))) && resumed.Any(d => Tag(d).AsSpan().SequenceEqual(Tag(held[2]))),
            "the two that both sides hold");
        Check.Equal((await again.ReceiveAsync()).Value, "resume me");
        Check.Equal((await again.ReceiveAsync()).Value, "3");
    }
}
