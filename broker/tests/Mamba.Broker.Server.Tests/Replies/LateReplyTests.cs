using Mamba.Amqp.Messaging;
using Mamba.Amqp.Transport;
using Mamba.Amqp.Types;
using Mamba.Broker.Server.Tests.Durability;
using Mamba.Broker.Server.Tests.Management;
using Mamba.Broker.Server.Tests.Peers;

namespace Mamba.Broker.Server.Tests.Replies;

/// <summary>Replies to temporary queues that are gone, and deadlines of requests.</summary>
[TestFixture]
internal sealed class LateReplyTests() : MortalBroker("replies.keepAfterLoss=200 ms")
{
    [Test]
    public async Task What_nobody_came_back_for_is_deleted_in_time()
    {
        await using var responder = await RawPeer.BeginAsync(Life.Endpoint);
        await using (var lost = await RawPeer.BeginAsync(Life.Endpoint, "client"))
        {
            await responder.AttachSenderAsync(0, await lost.AttachDynamicReceiverAsync(0));
            lost.Reset();
        }

        Assert.That((await responder.NextAsync<Detach>()).Error!.Condition, Is.EqualTo(ErrorCondition.ResourceDeleted));
        Assert.That(await FigureAsync("keptTemporaryNodes"), Is.Zero);
    }

    [Test]
    public async Task Late_replies_are_refused_and_counted()
    {
        string address;
        await using (var client = await RawPeer.BeginAsync(Life.Endpoint))
        {
            address = await client.AttachDynamicReceiverAsync(0);
            await client.CloseAsync();
        }

        await using var responder = await RawPeer.BeginAsync(Life.Endpoint);
        Assert.That(await FigureAsync("lateReplies"), Is.Zero);
        await responder.AttachRelayAsync(0);
        foreach (var id in new[] { 0u, 1u })
        {
            var outcome = await responder.PublishAsync(0, id, To(address));
            Assert.That((outcome as Rejected)?.Error?.Condition, Is.EqualTo(ErrorCondition.NotFound));
        }

        Assert.That(await FigureAsync("lateReplies"), Is.EqualTo(2L));
        await responder.SendAsync(Frames.Sender(1, address));
        await responder.NextAsync<Attach>();
        Assert.That((await responder.NextAsync<Detach>()).Error!.Condition, Is.EqualTo(ErrorCondition.NotFound));
        Assert.That(await FigureAsync("lateReplies"), Is.EqualTo(3L), "a link that cannot be attached counts as one");
        Assert.That(await responder.PublishAsync(0, 2, To("a.queue")), Is.TypeOf<Accepted>(), "the link goes on");
        Assert.That(await FigureAsync("lateReplies"), Is.EqualTo(3L));
    }

    [Test]
    public async Task A_late_reply_that_is_settled_ends_the_link_and_is_counted()
    {
        await using var responder = await RawPeer.BeginAsync(Life.Endpoint);
        await responder.AttachRelayAsync(0);
        await responder.SendAsync(Frames.Transfer(0, 0, To("temp-0123456789abcdef"), settled: true));
        Assert.That((await responder.NextAsync<Detach>()).Error!.Condition, Is.EqualTo(ErrorCondition.NotFound));
        Assert.That(await FigureAsync("lateReplies"), Is.EqualTo(1L));
    }

    [Test]
    public async Task Nothing_of_it_outlives_the_broker()
    {
        string address;
        await using (var client = await RawPeer.BeginAsync(Life.Endpoint, "client"))
        {
            address = await client.AttachDynamicReceiverAsync(0);
        }

        await Life.KillAndRestartAsync();
        await using var again = await RawPeer.BeginAsync(Life.Endpoint, "client");
        await again.SendAsync(Frames.Receiver(0, address));
        await again.NextAsync<Attach>();
        Assert.That((await again.NextAsync<Detach>()).Error!.Condition, Is.EqualTo(ErrorCondition.NotFound));
        await again.SendAsync(Frames.Detach(0));
        Assert.That(await again.AttachDynamicReceiverAsync(1), Is.Not.EqualTo(address));
    }

    [Test]
    public async Task The_responder_is_told_how_long_the_requester_still_waits([Values] bool absolute)
    {
        const long wait = 3_600_000;
        await using var client = await RawPeer.BeginAsync(Life.Endpoint);
        await client.AttachSenderAsync(0, "requests");
        var now = TimeProvider.System.GetUtcNow().ToUnixTimeMilliseconds();
        await client.PublishAsync(0, 0, new AmqpMessage
        {
            Header = absolute ? null : MessageHeader.Default with { Ttl = (uint)wait },
            Properties = new MessageProperties { ReplyTo = "replies", AbsoluteExpiryTime = absolute ? new Timestamp(now + wait) : null },
            Body = new ValueBody("request"),
        }.Encode());
        await client.AttachReceiverAsync(1, "requests", credit: 1);
        var ttl = (long?)(await client.ReceiveAsync()).Header.Ttl;
        Assert.That(ttl, Is.GreaterThan(0L).And.LessThanOrEqualTo(wait), "what is left of it");
    }

    [Test]
    public async Task A_request_whose_requester_does_not_wait_any_more_is_not_delivered()
    {
        await using var client = await RawPeer.BeginAsync(Life.Endpoint);
        await client.AttachSenderAsync(0, "requests");
        await client.PublishAsync(0, 0, Frames.Message("too late", MessageHeader.Default with { Ttl = 1 }));
        await client.PublishAsync(0, 1, Frames.Message("in time", MessageHeader.Default with { Ttl = 3_600_000 }));
        Assert.That(await Life.DrainAsync("DLQ.requests", atLeast: 1), Has.Count.EqualTo(1), "it expired");
        Assert.That((await Life.DrainAsync("requests")).ConvertAll(static m => m.Body), Is.EqualTo(new[] { "in time" }));
    }

    private static byte[] To(string address) =>
        new AmqpMessage { Properties = new MessageProperties { To = address, CorrelationId = "c" }, Body = new ValueBody("reply") }.Encode();

    private async Task<object?> FigureAsync(string attribute)
    {
        await using var manager = await ManagementPeer.ConnectAsync(Life.Endpoint);
        return await manager.ReadAsync("org.mamba.broker", "broker", attribute);
    }
}
