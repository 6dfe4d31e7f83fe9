using System.Globalization;
using Mamba.Amqp.Messaging;
using Mamba.Amqp.Transport;
using Mamba.Broker.Server.Tests.Peers;
using Mamba.Broker.Testing;

namespace Mamba.Broker.Server.Tests.Limits;

/// <summary>Receivers that take without end and give nothing back.</summary>
[TestFixture]
internal sealed class ReceiverLimitTests() : RunningBroker("limits.stalledPeerTimeout=1 s")
{
    private const int UnsettledPerLink = 10_000;

    [Test]
    public async Task A_receiver_that_never_settles_is_given_so_much_and_others_get_the_rest()
    {
        const int More = 300;
        await Filler.FillAsync(Endpoint, "hoard", UnsettledPerLink + More, Number);
        await using var hoarder = await RawPeer.BeginAsync(Endpoint);
        await hoarder.AttachReceiverAsync(0, "hoard", uint.MaxValue);
        var last = 0u;
        for (var i = 0; i < UnsettledPerLink; i++)
        {
            last = (await hoarder.ReceiveAsync()).DeliveryId;
        }

        // A session flow that is to be echoed comes back behind everything that would still be sent.
        await hoarder.SendAsync(Frames.Of(new Flow { NextIncomingId = last + 1, IncomingWindow = 1_000_000, NextOutgoingId = 0, OutgoingWindow = 10, Echo = true }));
        Assert.That((await hoarder.TryNextAsync())?.Performative, Is.InstanceOf<Flow>(), "at the limit no more messages come");
        await Honest.AssertServedAsync();
        Assert.That(await TakeAllAsync("hoard", More / 2), Is.EqualTo(More), "what is left is for others");

        await Filler.FillAsync(Endpoint, "hoard", 20, Number);
        await hoarder.SendAsync(Frames.Settle(0, Accepted.Instance, last: 9));
        for (var i = 0; i < 10; i++)
        {
            await hoarder.ReceiveAsync();
        }

        await hoarder.DisposeAsync();
        Assert.That(await TakeAllAsync("hoard", UnsettledPerLink), Is.EqualTo(UnsettledPerLink + 10), "what it held goes back when it is gone");
    }

    [Test]
    public async Task A_peer_that_does_not_read_is_cut_and_its_messages_go_back()
    {
        const int Count = 300;
        var body = new string('x', 100_000);
        await Filler.FillAsync(Endpoint, "stalled", Count, i => Frames.Message($"{i}:{body}"));
        await using var stalled = await RawPeer.BeginAsync(Endpoint, receiveBuffer: 4_096);
        await stalled.AttachReceiverAsync(0, "stalled", credit: Count);
        await stalled.ReceiveAsync(); // they are on their way; from here on it reads nothing

        // Nobody but the broker can end that connection: while it holds messages, not all of them can be had.
        await using var other = await RawPeer.BeginAsync(Endpoint);
        var taken = await QueueCounter.DrainAsync(other, "stalled", Count);
        Assert.That(taken.Select(static m => m.Body.Split(':')[0]), Is.Unique.And.Exactly(Count).Items);
        Assert.That(taken.TrueForAll(m => m.Body.EndsWith(body, StringComparison.Ordinal)), Is.True);
        await Honest.AssertServedAsync();

        PeerFrame? frame;
        do
        {
            frame = await stalled.TryNextAsync(); // what was under way; the last frame may be broken off
        }
        while (frame is not null);
    }

    [TestCase(0u)]
    [TestCase(uint.MaxValue)]
    [TestCase(4_294_967_280u)]
    [TestCase(2_147_483_648u)]
    public async Task Credit_without_end_beside_any_delivery_count_is_served_or_not_but_never_hurts(uint deliveryCount)
    {
        var queue = $"credit-{deliveryCount}";
        await Filler.FillAsync(Endpoint, queue, 100, Number);
        await using (var peer = await RawPeer.BeginAsync(Endpoint))
        {
            await peer.SendAsync(Frames.Receiver(0, queue));
            await peer.NextAsync<Attach>();
            await peer.SendAsync(Frames.Credit(0, uint.MaxValue, deliveryCount));
            for (var i = 0; i < 100; i++)
            {
                Assert.That((await peer.ReceiveAsync()).Body, Is.EqualTo(i.ToString(CultureInfo.InvariantCulture)));
            }

            await peer.SendAsync(Frames.Credit(0, uint.MaxValue, deliveryCount: 100, drain: true));
            Flow drained;
            do
            {
                drained = await peer.NextAsync<Flow>();
            }
            while (!drained.Drain);

            Assert.That((drained.LinkCredit, drained.DeliveryCount), Is.EqualTo((0u, 99u)), "100 + (2^32 - 1), as serial numbers");
            await peer.CloseAsync();
        }

        Assert.That(await TakeAllAsync(queue, 100), Is.EqualTo(100), "none was settled");
    }

    [Test]
    public async Task Credit_far_above_what_there_is_can_be_taken_back()
    {
        await using var peer = await RawPeer.BeginAsync(Endpoint);
        await peer.AttachReceiverAsync(0, "taken-back", uint.MaxValue);
        await peer.SendAsync(Frames.Of(new Flow { NextIncomingId = 0, IncomingWindow = 100, NextOutgoingId = 0, OutgoingWindow = 100, Handle = 0, DeliveryCount = 0, LinkCredit = 0, Echo = true }));
        await peer.NextAsync<Flow>();
        await Filler.FillAsync(Endpoint, "taken-back", 3, Number);
        Assert.That(await TakeAllAsync("taken-back", 3), Is.EqualTo(3));
        await peer.CloseAsync();
    }

    private static byte[] Number(int i) => Frames.Message(i.ToString(CultureInfo.InvariantCulture));

}
