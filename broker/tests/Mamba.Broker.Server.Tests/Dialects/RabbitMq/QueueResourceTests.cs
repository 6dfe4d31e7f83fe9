using Mamba.Amqp.Messaging;
using Mamba.Amqp.Transport;
using Mamba.Amqp.Types;
using Mamba.Broker.Server.Tests.Management;
using Mamba.Broker.Server.Tests.Peers;

namespace Mamba.Broker.Server.Tests.Dialects.RabbitMq;

/// <summary>Queues by <c>/queues/NAME</c>: declared, looked at, used, purged, deleted.</summary>
[TestFixture]
internal sealed class QueueResourceTests() : RunningBroker(
    """addresses.rules=[{ "pattern": "news.#", "kind": "topic" }]""")
{
    [Test]
    public async Task A_queue_from_declaration_to_deletion()
    {
        await using var pair = await LinkPairPeer.ConnectAsync(Endpoint);
        Assert.That((await pair.AskAsync("404", "GET", "/queues/life")).Text, Does.Contain("'life'"));
        var made = await pair.AskAsync("201", "PUT", "/queues/life", new AmqpMap());
        Assert.That(
            new[] { "name", "durable", "auto_delete", "exclusive", "type", "message_count", "consumer_count", "vhost" }.Select(name => made.Map[name]),
            Is.EqualTo(new object[] { "life", true, false, false, "quorum", 0UL, 0U, "/" }));
        Assert.That(made.Map["leader"], Is.EqualTo("mamba"));
        await pair.AskAsync("200", "PUT", "/queues/life", new AmqpMap { { "durable", true }, { "arguments", new AmqpMap() } });
        await SendAsync("/queues/life", 3);
        Assert.That((await pair.AskAsync("200", "GET", "/queues/life")).Map["message_count"], Is.EqualTo(3UL));
        Assert.That((await pair.AskAsync("200", "DELETE", "/queues/life/messages")).Map["message_count"], Is.EqualTo(3UL));
        await SendAsync("/queues/life", 1);
        Assert.That((await pair.AskAsync("200", "DELETE", "/queues/life")).Map["message_count"], Is.EqualTo(1UL));
        await pair.AskAsync("404", "GET", "/queues/life");
        Assert.That((await pair.AskAsync("200", "DELETE", "/queues/life")).Map["message_count"], Is.EqualTo(0UL));
        await pair.AskAsync("404", "DELETE", "/queues/life/messages");
    }

    [Test]
    public async Task Arguments_become_settings()
    {
        await using var pair = await LinkPairPeer.ConnectAsync(Endpoint);
        var arguments = new AmqpMap
        {
            { "x-queue-type", "quorum" }, { "x-max-length", 5 }, { "x-max-length-bytes", 5000L }, { "x-overflow", "reject-publish" }, { "x-single-active-consumer", true },
            { "x-delivery-limit", 3 }, { "x-dead-letter-exchange", "" }, { "x-dead-letter-routing-key", "graves" }, { "x-max-priority", 5 }, { "x-queue-leader-locator", "balanced" },
        };
        var made = await pair.AskAsync("201", "PUT", "/queues/settings", new AmqpMap { { "arguments", arguments } });
        Assert.That((AmqpMap)made.Map["arguments"]!, Is.EquivalentTo(new AmqpMap
        {
            { "x-queue-type", "quorum" }, { "x-max-length", 5L }, { "x-max-length-bytes", 5000L }, { "x-overflow", "reject-publish" }, { "x-single-active-consumer", true },
            { "x-delivery-limit", 3L }, { "x-dead-letter-exchange", "" }, { "x-dead-letter-routing-key", "graves" },
        }));
        await pair.AskAsync("200", "PUT", "/queues/settings", new AmqpMap { { "arguments", arguments } });
        await using var manager = await ManagementPeer.ConnectAsync(Endpoint);
        var entity = (await manager.AskAsync("READ", "org.mamba.queue", "settings")).Map;
        Assert.That(
            new[] { "maxMessages", "maxBytes", "overflow", "singleActiveConsumer", "maxDeliveries", "deadLetterAddress" }.Select(name => entity[name]),
            Is.EqualTo(new object[] { 5L, 5000L, "reject", true, 4L, "graves" }));
    }

    [Test]
    public async Task A_length_alone_drops_the_oldest()
    {
        await using var pair = await LinkPairPeer.ConnectAsync(Endpoint);
        await pair.AskAsync("201", "PUT", "/queues/ring", new AmqpMap { { "arguments", new AmqpMap { { "x-max-length", 2 } } } });
        await SendAsync("/queues/ring", 3);
        await pair.Raw.AttachReceiverAsync(9, "/queues/ring", 2);
        Assert.That((await pair.Raw.ReceiveAsync()).Body, Is.EqualTo("1"));
        Assert.That((await pair.Raw.ReceiveAsync()).Body, Is.EqualTo("2"));
    }

    [Test]
    public async Task Another_declaration_of_the_same_queue_says_what_differs()
    {
        await using var pair = await LinkPairPeer.ConnectAsync(Endpoint);
        await pair.AskAsync("201", "PUT", "/queues/same", new AmqpMap { { "arguments", new AmqpMap { { "x-max-length", 5 } } } });
        Assert.That((await pair.AskAsync("409", "PUT", "/queues/same", new AmqpMap())).Text, Does.Contain("'x-max-length'").And.Contain("'5'").And.Contain("none"));
        Assert.That(
            (await pair.AskAsync("409", "PUT", "/queues/same", new AmqpMap { { "arguments", new AmqpMap { { "x-max-length", 6 } } } })).Text,
            Does.Contain("received '6' but current is '5'"));
        Assert.That((await pair.AskAsync("409", "PUT", "/queues/same", new AmqpMap { { "durable", false } })).Text, Does.Contain("'durable'"));
        Assert.That((await pair.AskAsync("409", "PUT", "/queues/same", new AmqpMap { { "exclusive", true } })).Text, Does.Contain("'exclusive'"));
        await pair.Raw.AttachReceiverAsync(9, "news.x", 1);
        Assert.That((await pair.AskAsync("409", "PUT", "/queues/news.x", new AmqpMap())).Text, Does.Contain("topic"));
    }

    [TestCase("x-queue-type", "stream", "durable subscription")]
    [TestCase("x-queue-type", "other", "classic and quorum")]
    [TestCase("x-message-ttl", 1000, "not supported")]
    [TestCase("x-expires", 1000, "not supported")]
    [TestCase("x-nonsense", 1, "not supported")]
    [TestCase("x-max-length", "five", "whole number")]
    [TestCase("x-max-length", -1, "whole number")]
    [TestCase("x-max-priority", 10, "1 to 9")]
    [TestCase("x-overflow", "reject-publish-dlx", "drop-head or reject-publish")]
    [TestCase("x-single-active-consumer", "true", "boolean")]
    [TestCase("x-dead-letter-routing-key", "k", "x-dead-letter-exchange")]
    [TestCase("x-delayed-retry-type", "failed", "not supported")]
    public async Task What_has_no_counterpart_is_refused_by_name(string name, object value, string reason)
    {
        await using var pair = await LinkPairPeer.ConnectAsync(Endpoint);
        var answer = await pair.AskAsync("400", "PUT", "/queues/refused", new AmqpMap { { "arguments", new AmqpMap { { name, value } } } });
        Assert.That(answer.Text, Does.Contain($"'{name}'").And.Contain(reason));
        await pair.AskAsync("404", "GET", "/queues/refused");
    }

    [Test]
    public async Task Fields_that_are_wrong_are_refused()
    {
        await using var pair = await LinkPairPeer.ConnectAsync(Endpoint);
        Assert.That((await pair.AskAsync("400", "PUT", "/queues/wrong", new AmqpMap { { "durable", "yes" } })).Text, Does.Contain("'durable'"));
        Assert.That((await pair.AskAsync("400", "PUT", "/queues/wrong", new AmqpMap { { "colour", "red" } })).Text, Does.Contain("colour"));
        Assert.That((await pair.AskAsync("400", "PUT", "/queues/wrong", new AmqpMap { { "arguments", 1 } })).Text, Does.Contain("map"));
        await pair.AskAsync("400", "PUT", "/queues/", new AmqpMap());
        foreach (var reserved in new[] { "amq.x", "$x", "temp-x" })
        {
            await pair.AskAsync("403", "PUT", $"/queues/{reserved}", new AmqpMap());
        }
    }

    [Test]
    public async Task Names_are_percent_encoded_everywhere()
    {
        await using var pair = await LinkPairPeer.ConnectAsync(Endpoint);
        var made = await pair.AskAsync("201", "PUT", "/queues/a%20b%2Fc%C3%A9", new AmqpMap());
        Assert.That(made.Map["name"], Is.EqualTo("a b/cé"));
        await SendAsync("/queues/a%20b%2fc%c3%a9", 1);
        await pair.Raw.AttachReceiverAsync(9, "a b/cé", 1);
        Assert.That((await pair.Raw.ReceiveAsync()).Body, Is.EqualTo("0"), "it is the queue of that name for every client");
    }

    [Test]
    public async Task An_exclusive_queue_is_its_connections_and_ends_with_it()
    {
        await using var other = await LinkPairPeer.ConnectAsync(Endpoint);
        await using (var pair = await LinkPairPeer.ConnectAsync(Endpoint))
        {
            var made = await pair.AskAsync("201", "PUT", "/queues/mine", new AmqpMap { { "exclusive", true } });
            Assert.That(made.Map["exclusive"], Is.True);
            await pair.AskAsync("200", "PUT", "/queues/mine", new AmqpMap { { "exclusive", true } });
            Assert.That((await other.AskAsync("400", "PUT", "/queues/mine", new AmqpMap { { "exclusive", true } })).Text, Does.Contain("another connection"));
            await other.AskAsync("400", "DELETE", "/queues/mine");
            await other.AskAsync("400", "DELETE", "/queues/mine/messages");
            await other.AskAsync("200", "GET", "/queues/mine");
            await SendAsync("/queues/mine", 1);
            await other.Raw.SendAsync(Frames.Receiver(9, "/queues/mine"));
            await other.Raw.NextAsync<Attach>();
            Assert.That((await other.Raw.NextAsync<Detach>()).Error!.Condition, Is.EqualTo(ErrorCondition.ResourceLocked));
            await pair.Raw.AttachReceiverAsync(9, "/queues/mine", 1);
            Assert.That((await pair.Raw.ReceiveAsync()).Body, Is.EqualTo("0"));
            await pair.Raw.CloseAsync();
        }

        await other.AskAsync("404", "GET", "/queues/mine");
        await other.AskAsync("201", "PUT", "/queues/mine", new AmqpMap());
    }

    [Test]
    public async Task An_exclusive_queue_that_was_deleted_leaves_its_name_to_others()
    {
        await using var other = await LinkPairPeer.ConnectAsync(Endpoint);
        await using (var pair = await LinkPairPeer.ConnectAsync(Endpoint))
        {
            await pair.AskAsync("201", "PUT", "/queues/passed", new AmqpMap { { "exclusive", true } });
            await pair.AskAsync("200", "DELETE", "/queues/passed");
            await other.AskAsync("201", "PUT", "/queues/passed", new AmqpMap());
            await pair.Raw.CloseAsync();
        }

        await other.AskAsync("200", "GET", "/queues/passed");
    }

    [TestCase(false)]
    [TestCase(true)]
    public async Task An_auto_delete_queue_ends_with_its_last_consumer(bool exclusive)
    {
        var name = $"/queues/passing-{exclusive}";
        await using var pair = await LinkPairPeer.ConnectAsync(Endpoint);
        var made = await pair.AskAsync("201", "PUT", name, new AmqpMap { { "auto_delete", true }, { "exclusive", exclusive } });
        Assert.That((made.Map["auto_delete"], made.Map["durable"]), Is.EqualTo(((object)true, (object)!exclusive)));
        await SendAsync(name, 1);
        Assert.That((await pair.AskAsync("200", "GET", name)).Map["message_count"], Is.EqualTo(1UL), "it waits for its first consumer");
        await pair.Raw.AttachReceiverAsync(10, name, 0);
        await pair.Raw.AttachReceiverAsync(11, name, 0);
        await pair.Raw.SendAsync(Frames.Detach(10));
        await pair.Raw.NextAsync<Detach>();
        await pair.AskAsync("200", "GET", name);
        await pair.Raw.SendAsync(Frames.Detach(11));
        await pair.Raw.NextAsync<Detach>();
        using var patience = new CancellationTokenSource(RawPeer.Patience);
        while ((await pair.AskAsync("GET", name)).Status != "404")
        {
            patience.Token.ThrowIfCancellationRequested();
        }
    }

    [Test]
    public async Task Nothing_is_made_by_attaching_or_sending()
    {
        await using var peer = await RawPeer.BeginAsync(Endpoint);
        await peer.SendAsync(Frames.Sender(0, "/queues/nowhere"), Frames.Receiver(1, "/queues/nowhere"));
        for (var i = 0; i < 2; i++)
        {
            await peer.NextAsync<Attach>();
            Assert.That((await peer.NextAsync<Detach>()).Error!.Condition, Is.EqualTo(ErrorCondition.NotFound));
        }

        await peer.AttachRelayAsync(2);
        Assert.That(await RelayAsync(peer, 2, 0, "/queues/nowhere"), Is.InstanceOf<Released>());
        foreach (var (id, address) in new[] { (1u, "/queues/"), (2u, "/queues/%zz"), (3u, "/exchanges//k"), (4u, "/exchanges/a/b/c") })
        {
            Assert.That(((await RelayAsync(peer, 2, id, address)) as Rejected)?.Error?.Condition, Is.EqualTo(ErrorCondition.PreconditionFailed), address);
        }

        await peer.SendAsync(Frames.Sender(3, "/queues/"));
        await peer.NextAsync<Attach>();
        Assert.That((await peer.NextAsync<Detach>()).Error!.Condition, Is.EqualTo(ErrorCondition.InvalidField));
    }

    [Test]
    public async Task Settled_messages_that_a_link_leaves_behind_still_go_there()
    {
        await using var pair = await LinkPairPeer.ConnectAsync(Endpoint);
        await pair.AskAsync("201", "PUT", "/queues/left", new AmqpMap());
        await using var peer = await RawPeer.BeginAsync(Endpoint);
        await peer.AttachRelayAsync(0);

        // The first makes a queue, which the second has to wait for.
        await peer.SendAsync(
            Frames.Transfer(0, 0, To("left.first", "1"), settled: true), Frames.Transfer(0, 1, To("/queues/left", "2"), settled: true), Frames.Detach(0));
        await peer.NextAsync<Detach>();
        Assert.That(await TakeAllAsync("left", 1), Is.EqualTo(1));
        Assert.That(await TakeAllAsync("left.first", 1), Is.EqualTo(1));
    }

    [Test]
    public async Task A_prefix_takes_such_an_address_literally()
    {
        await using var peer = await RawPeer.BeginAsync(Endpoint);
        await peer.AttachSenderAsync(0, "queue:///queues/literal");
        Assert.That(await peer.PublishAsync(0, 0, Frames.Message("there")), Is.InstanceOf<Accepted>());
        await peer.AttachReceiverAsync(1, "queue:///queues/literal", 1);
        Assert.That((await peer.ReceiveAsync()).Body, Is.EqualTo("there"));
    }

    private async Task SendAsync(string address, uint count)
    {
        await using var peer = await RawPeer.BeginAsync(Endpoint);
        await peer.AttachRelayAsync(0);
        for (var i = 0u; i < count; i++)
        {
            Assert.That(await RelayAsync(peer, 0, i, address, $"{i}"), Is.InstanceOf<Accepted>());
        }
    }

    private static Task<DeliveryState?> RelayAsync(RawPeer peer, uint handle, uint id, string to, string body = "x") =>
        peer.PublishAsync(handle, id, To(to, body));

    private static byte[] To(string to, string body) => new AmqpMessage { Properties = new MessageProperties { To = to }, Body = new ValueBody(body) }.Encode();
}
