using Mamba.Amqp.Messaging;
using Mamba.Amqp.Transport;
using Mamba.Amqp.Types;
using Mamba.Broker.Server.Tests.Peers;
using Mamba.Broker.Server.Tests.Security;

namespace Mamba.Broker.Server.Tests.Dialects.ServiceBus;

/// <summary>What Service Bus clients send and receive, byte by byte, and what hostile ones do.</summary>
[TestFixture]
internal sealed class EntityLinkTests() : RunningBroker(
    $$"""security.sharedAccessKeys=[{"name":"{{ClaimsPeer.KeyName}}","key":"{{ClaimsPeer.Key}}"}]""",
    """addresses.rules=[{"pattern":"one.#","deadLetterAddress":"dead"},{"pattern":"pair","deadLetterAddress":"dead"}]""")
{
    private static readonly Symbol Number = new("x-opt-sequence-number");

    [Test]
    public async Task A_batch_with_a_wrong_message_is_refused_whole()
    {
        await using var peer = await EntityPeer.ConnectAsync(Endpoint);
        await peer.Raw.AttachSenderAsync(0, "batch.wrong");
        var outcome = (Rejected)(await peer.PublishBatchAsync(0, Frames.Message("good"), [0xFF, 0x00], Frames.Message("good, too")))!;
        Assert.That(outcome.Error!.Description, Does.StartWith("Message 2 of the batch: "));
        Assert.That(((Rejected)(await peer.PublishBatchAsync(0))!).Error!.Condition, Is.EqualTo(ErrorCondition.InvalidField));
        Assert.That(await peer.PublishBatchAsync(0, Frames.Message("alone")), Is.TypeOf<Accepted>(), "the link goes on");
        Assert.That(await TakeAllAsync("batch.wrong", 1), Is.EqualTo(1));
    }

    [Test]
    public async Task An_address_may_be_written_as_a_url_for_which_a_token_is_put()
    {
        const string Url = "amqps://broker.example/url.one";
        await using var claims = await ClaimsPeer.ConnectAsync(Endpoint);
        Assert.That((await claims.PutAsync(Url, ClaimsPeer.Token(Url))).Status, Is.EqualTo(202));
        await claims.Raw.AttachSenderAsync(0, Url);
        Assert.That(await claims.PublishAsync(0, "by URL"), Is.TypeOf<Accepted>());
        await claims.Raw.AttachReceiverAsync(1, Url, credit: 1);
        Assert.That((await claims.Raw.ReceiveAsync()).Body, Is.EqualTo("by URL"));
        Assert.That((await claims.TryAttachAsync(Frames.Sender(2, "amqps://broker.example/url.two")))?.Condition, Is.EqualTo(ErrorCondition.UnauthorizedAccess));
        Assert.That(await TakeAllAsync("url.one", 0), Is.Zero, "it is held by its receiver, in the queue of that name");
    }

    [Test]
    public async Task A_batch_of_too_many_messages_is_refused()
    {
        await using var peer = await EntityPeer.ConnectAsync(Endpoint);
        await peer.Raw.AttachSenderAsync(0, "batch.many");
        var one = new AmqpMessage { Body = new ValueBody(null) }.Encode();
        var outcome = (Rejected)(await peer.PublishBatchAsync(0, [.. Enumerable.Repeat(one, 5_009)]))!;
        Assert.That(outcome.Error!.Condition, Is.EqualTo(ErrorCondition.ResourceLimitExceeded));
        Assert.That(await peer.PublishBatchAsync(0, [.. Enumerable.Repeat(one, 5_000)]), Is.TypeOf<Accepted>());
        Assert.That(await TakeAllAsync("batch.many", 5_000), Is.EqualTo(5_000));
    }

    [Test]
    public async Task A_batch_that_was_sent_settled_keeps_its_place()
    {
        await using var peer = await EntityPeer.ConnectAsync(Endpoint);
        await peer.Raw.AttachSenderAsync(0, "batch.settled");
        await peer.SendBatchAsync(0, settled: true, Frames.Message("1"), Frames.Message("2"));
        Assert.That(await peer.PublishAsync(0, Frames.Message("3")), Is.TypeOf<Accepted>());
        await peer.Raw.AttachReceiverAsync(1, "batch.settled", credit: 3);
        foreach (var expected in new[] { "1", "2", "3" })
        {
            Assert.That((await peer.Raw.ReceiveAsync()).Body, Is.EqualTo(expected));
        }
    }

    [Test]
    public async Task Batches_are_for_clients_that_showed_a_token_and_links_to_one_address()
    {
        await using var stranger = await RawPeer.BeginAsync(Endpoint);
        await stranger.AttachSenderAsync(0, "batch.strange");
        await stranger.SendAsync(Frames.Of(
            new Transfer { Handle = 0, DeliveryId = 0, DeliveryTag = DeliveryTag.FromUInt64(0), MessageFormat = EntityPeer.BatchFormat },
            payload: new AmqpMessage { Body = new DataBody(Frames.Message("x")) }.Encode()));
        Assert.That(((Rejected)(await stranger.NextAsync<Disposition>()).State!).Error!.Condition, Is.EqualTo(ErrorCondition.NotImplemented));

        await using var peer = await EntityPeer.ConnectAsync(Endpoint);
        await peer.Raw.AttachRelayAsync(0);
        Assert.That(((Rejected)(await peer.PublishBatchAsync(0, Frames.Message("x")))!).Error!.Condition, Is.EqualTo(ErrorCondition.NotImplemented));
    }

    [Test]
    public async Task The_bare_message_goes_out_as_it_came_and_gets_an_id_only_where_it_has_none()
    {
        await using var peer = await EntityPeer.ConnectAsync(Endpoint);
        await peer.Raw.AttachSenderAsync(0, "bare");
        var named = new AmqpMessage { Properties = new MessageProperties { MessageId = 7UL, Subject = "s" }, ApplicationProperties = new AmqpMap { { "k", 1 } }, Body = new ValueBody("named") };
        await peer.PublishAsync(0, named.Encode());
        await peer.PublishAsync(0, new AmqpMessage { Properties = new MessageProperties { Subject = "kept" }, Body = new ValueBody("nameless") }.Encode());
        await peer.PublishAsync(0, new AmqpMessage { ApplicationProperties = new AmqpMap { { "k", 2 } }, Body = new ValueBody("bare") }.Encode());
        await peer.Raw.AttachReceiverAsync(1, "bare", credit: 3);
        var first = (await peer.Raw.ReceiveAsync()).Message;
        Assert.That(first.Header!.Value.Durable, Is.True);
        Assert.That(first.Properties!.MessageId, Is.EqualTo(7UL));
        var second = (await peer.Raw.ReceiveAsync()).Message;
        Assert.That((second.Properties!.MessageId, second.Properties.Subject), Is.EqualTo(((object)$"{Convert.ToUInt64(second.MessageAnnotations![Number]):x32}", "kept")));
        var third = (await peer.Raw.ReceiveAsync()).Message;
        Assert.That((third.ApplicationProperties!["k"], third.Value, third.Properties!.MessageId is string), Is.EqualTo(((object)2, (object)"bare", true)));
        first.Header = null;
        first.MessageAnnotations = null;
        Assert.That(first.Encode(), Is.EqualTo(named.Encode()));
    }

    [Test]
    public async Task Queues_with_one_address_for_their_dead_letters_see_their_own()
    {
        await using var peer = await EntityPeer.ConnectAsync(Endpoint);
        uint handle = 0;
        foreach (var queue in new[] { "one.a", "pair" })
        {
            await peer.Raw.AttachSenderAsync(handle, queue);
            await peer.PublishAsync(handle++, Frames.Message($"from {queue}"));
            await peer.Raw.AttachReceiverAsync(handle++, queue, credit: 1);
            var received = await peer.Raw.ReceiveAsync();
            var info = new AmqpMap { { new Symbol("DeadLetterReason"), "Bad" }, { new Symbol("DeadLetterErrorDescription"), $"of {queue}" } };
            var rejected = new Rejected { Error = new AmqpError(new Symbol("com.microsoft:dead-letter"), description: null, info) };
            await peer.Raw.SendAsync(Frames.Settle(received.DeliveryId, rejected, settled: false));
            var settled = await peer.Raw.NextAsync<Disposition>();
            Assert.That((settled.Settled, settled.State), Is.EqualTo((true, (DeliveryState)Accepted.Instance)), "what would repeat the error is taken for a failure");
        }

        await peer.Raw.AttachReceiverAsync(handle, "pair/$DeadLetterQueue", credit: 5);
        var dead = (await peer.Raw.ReceiveAsync()).Message;
        Assert.That(dead.Value, Is.EqualTo("from pair"));
        Assert.That((dead.ApplicationProperties!["DeadLetterReason"], dead.ApplicationProperties["DeadLetterErrorDescription"]), Is.EqualTo(((object)"Bad", (object)"of pair")));
        Assert.That(await TakeAllAsync("dead", 1), Is.EqualTo(1), "the other one is for whoever comes by the address itself");
    }

    [Test]
    public async Task A_delivery_counts_whose_receiver_is_lost()
    {
        await using (var peer = await EntityPeer.ConnectAsync(Endpoint))
        {
            await peer.Raw.AttachSenderAsync(0, "lost");
            await peer.PublishAsync(0, Frames.Message("heavy"));
            await peer.Raw.AttachReceiverAsync(1, "lost", credit: 1);
            Assert.That((await peer.Raw.ReceiveAsync()).Header.DeliveryCount, Is.Zero);
            peer.Raw.Reset();
        }

        await using var next = await EntityPeer.ConnectAsync(Endpoint);
        await next.Raw.AttachReceiverAsync(1, "lost", credit: 1);
        Assert.That((await next.Raw.ReceiveAsync()).Header.DeliveryCount, Is.EqualTo(1));
    }

    [TestCase("some/Subscriptions/s")]
    [TestCase("some/$DeadLetterQueue")]
    public async Task What_is_for_receiving_is_not_sent_to(string address)
    {
        await using var peer = await EntityPeer.ConnectAsync(Endpoint);
        Assert.That((await ClaimsPeer.TryAttachAsync(peer.Raw, Frames.Sender(0, address)))?.Condition, Is.EqualTo(ErrorCondition.NotAllowed));
    }

    [Test]
    public async Task A_receiver_for_a_session_is_refused()
    {
        await using var peer = await EntityPeer.ConnectAsync(Endpoint);
        var attach = new Attach
        {
            Name = "session", Handle = 0, Role = Role.Receiver, Target = new Target { Address = "here" },
            Source = new Source { Address = "some", Filter = new AmqpMap { { new Symbol("com.microsoft:session-filter"), null } } },
        };
        Assert.That((await ClaimsPeer.TryAttachAsync(peer.Raw, Frames.Of(attach)))?.Condition, Is.EqualTo(ErrorCondition.NotImplemented));
    }
}
