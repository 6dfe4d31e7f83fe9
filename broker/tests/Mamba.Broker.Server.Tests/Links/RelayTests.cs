using Mamba.Amqp.Messaging;
using Mamba.Amqp.Transport;
using Mamba.Broker.Server.Tests.Peers;

namespace Mamba.Broker.Server.Tests.Links;

/// <summary>Anonymous links that end while the addresses of their messages are being made; and what flows say is available.</summary>
[TestFixture]
internal sealed class RelayTests : RunningBroker
{
    private const int Count = 20;

    private static int _number;

    [TestCase("detach")]
    [TestCase("close")]
    public async Task Settled_messages_are_stored_though_their_link_ends_at_once(string end)
    {
        var (one, two) = (Unique(), Unique());
        await using var peer = await AttachRelayAsync();
        var frames = Enumerable.Range(0, Count).Select(i => Frames.Transfer(0, (uint)i, To(i % 2 == 0 ? one : two, i), settled: true));
        await peer.SendAsync([.. frames, end == "close" ? Frames.Close() : Frames.Detach(0)]);
        foreach (var (queue, first) in new[] { (one, 0), (two, 1) })
        {
            await using var reader = await RawPeer.BeginAsync(Endpoint);
            var found = await QueueCounter.DrainAsync(reader, queue, atLeast: Count / 2);
            Assert.That(found.ConvertAll(static message => message.Body), Is.EqualTo(Enumerable.Range(0, Count / 2).Select(i => $"{(2 * i) + first}")));
        }
    }

    [Test]
    public async Task One_that_has_nowhere_to_go_does_not_keep_the_others_back()
    {
        var queue = Unique();
        await using var peer = await AttachRelayAsync();
        await peer.SendAsync(
            Frames.Transfer(0, 0, To(queue, 0), settled: true), Frames.Transfer(0, 1, To("temp-gone", 1), settled: true),
            Frames.Transfer(0, 2, To(queue, 2), settled: true), Frames.Close());
        await using var reader = await RawPeer.BeginAsync(Endpoint);
        Assert.That((await QueueCounter.DrainAsync(reader, queue, atLeast: 1))[0].Body, Is.EqualTo("0"));
    }

    [Test]
    public async Task A_flow_that_was_asked_for_says_how_many_messages_are_available()
    {
        var queue = Unique();
        await using var peer = await RawPeer.BeginAsync(Endpoint);
        await peer.AttachSenderAsync(0, queue);
        for (uint i = 0; i < 5; i++)
        {
            Assert.That(await peer.PublishAsync(0, i, Frames.Message($"{i}")), Is.TypeOf<Accepted>());
        }

        await peer.SendAsync(Frames.Receiver(1, queue));
        await peer.NextAsync<Attach>();
        await peer.SendAsync(Frames.Of(new Flow
        {
            IncomingWindow = 1_000, NextOutgoingId = 5, OutgoingWindow = 1_000, Handle = 1, DeliveryCount = 0, LinkCredit = 0, Echo = true,
        }));
        Assert.That((await FlowAsync(peer, 1)).Available, Is.EqualTo(5u));
        await peer.SendAsync(Frames.Credit(1, 2, drain: true));
        await peer.ReceiveAsync();
        await peer.ReceiveAsync();
        var drained = await FlowAsync(peer, 1);
        Assert.That((drained.Drain, drained.LinkCredit, drained.Available), Is.EqualTo((true, 0u, 3u)), "what is left");
    }

    private static async Task<Flow> FlowAsync(RawPeer peer, uint handle)
    {
        Flow flow;
        do
        {
            flow = await peer.NextAsync<Flow>();
        }
        while (flow.Handle != handle);
        return flow;
    }

    private static string Unique() => $"relayed-{Interlocked.Increment(ref _number)}";

    private static byte[] To(string address, int number) => new AmqpMessage
    {
        Header = MessageHeader.Default with { Durable = true },
        Properties = new MessageProperties { To = address },
        Body = new ValueBody($"{number}"),
    }.Encode();

    private async Task<RawPeer> AttachRelayAsync()
    {
        var peer = await RawPeer.BeginAsync(Endpoint);
        await peer.AttachRelayAsync(0);
        return peer;
    }
}
