using Mamba.Amqp.Messaging;
using Mamba.Amqp.Transport;
using Mamba.Amqp.Types;
using Mamba.Broker.Server.Tests.Peers;

namespace Mamba.Broker.Server.Tests.Management;

/// <summary>What can be done with queues, topics, subscriptions, connections and links over the wire.</summary>
[TestFixture]
internal sealed class ManagementOperationTests() : ManagedBroker("limits.maxMessageSize=1 MiB")
{
    private const string Queue = "org.mamba.queue";
    private const string Topic = "org.mamba.topic";
    private const string Subscription = "org.mamba.subscription";
    private const string Connection = "org.mamba.connection";

    [Test]
    public async Task A_queue_is_made_with_settings_used_purged_and_deleted()
    {
        var name = Unique("q");
        var created = await Peer.AskAsync("CREATE", Queue, name, new AmqpMap { { "maxMessages", 3 }, { "maxDeliveries", 2u }, { "deadLetterAddress", "dead" } });
        Assert.That((created.Status, created.Description), Is.EqualTo((201, "Created")));
        Assert.That(created.Map["identity"], Is.EqualTo($"queue/{name}"));
        Assert.That((created.Map["maxMessages"], created.Map["maxDeliveries"], created.Map["deadLetterAddress"]), Is.EqualTo((3L, 2L, "dead")));
        Assert.That((created.Map["durable"], created.Map["temporary"], created.Map["depth"]), Is.EqualTo((true, false, 0L)));
        await PublishAsync(name, 3);
        var read = await Peer.AskAsync("READ", Queue, name);
        Assert.That((read.Map["depth"], read.Map["enqueued"], read.Map["producers"], read.Map["consumers"]), Is.EqualTo((3L, 3L, 1L, 0L)));
        await using (var other = await RawPeer.BeginAsync(Endpoint))
        {
            await other.AttachSenderAsync(0, name);
            Assert.That(await other.PublishAsync(0, 0, Frames.Message("one too many")), Is.TypeOf<Rejected>());
        }

        Assert.That((await Peer.AskAsync("PURGE", Queue, name)).Map["purged"], Is.EqualTo(3L));
        Assert.That((await Peer.AskAsync("READ", more: new AmqpMap { { "identity", $"queue/{name}" } })).Map["depth"], Is.Zero);
        Assert.That((await Peer.AskAsync("DELETE", Queue, name)).Status, Is.EqualTo(204));
        Assert.That((await Peer.AskAsync("READ", Queue, name)).Status, Is.EqualTo(404));
    }

    [Test]
    public async Task What_is_there_is_not_made_again()
    {
        var name = Unique("q");
        Assert.That((await Peer.AskAsync("CREATE", Queue, name)).Status, Is.EqualTo(201));
        var again = await Peer.AskAsync("CREATE", Queue, name);
        Assert.That(again.Status, Is.EqualTo(409));
        Assert.That(again.Description, Does.Contain($"There is a queue '{name}' already"));
        Assert.That((await Peer.AskAsync("CREATE", Topic, name)).Status, Is.EqualTo(409));
        Assert.That((await Peer.AskAsync("READ", Topic, name)).Status, Is.EqualTo(404), "a queue is no topic");
    }

    [TestCase("$management", 403)]
    [TestCase("temp-1", 403)]
    [TestCase("a\u0001b", 400)]
    public async Task Names_that_cannot_be_are_refused(string name, int status) =>
        Assert.That((await Peer.AskAsync("CREATE", Queue, name)).Status, Is.EqualTo(status));

    [Test]
    public async Task A_wrong_or_unknown_attribute_makes_nothing()
    {
        var name = Unique("q");
        foreach (var body in new AmqpMap[] { new() { { "maxMesages", 3 } }, new() { { "maxMessages", -1 } }, new() { { "durable", "perhaps" } }, new() { { "name", "other" } }, new() { { "depth", 5 } } })
        {
            var answer = await Peer.AskAsync("CREATE", Queue, name, body);
            Assert.That(answer.Status, Is.EqualTo(400), answer.Description);
        }

        Assert.That((await Peer.AskAsync("READ", Queue, name)).Status, Is.EqualTo(404));
    }

    [Test]
    public async Task A_queue_is_deleted_only_on_the_conditions_that_are_set()
    {
        var name = Unique("q");
        await PublishAsync(name, 1);
        var full = await Peer.AskAsync("DELETE", Queue, name, new AmqpMap { { "ifEmpty", true } });
        Assert.That((full.Status, full.Description), Is.EqualTo((409, $"'{name}' has 1 messages, and is kept as ifEmpty asks.")));
        await using var consumer = await RawPeer.BeginAsync(Endpoint);
        await consumer.AttachReceiverAsync(0, name, credit: 0);
        Assert.That((await Peer.AskAsync("DELETE", Queue, name, new AmqpMap { { "ifUnused", true } })).Status, Is.EqualTo(409));
        Assert.That((await Peer.AskAsync("DELETE", Queue, name, new AmqpMap { { "force", true } })).Status, Is.EqualTo(400));
        Assert.That((await Peer.AskAsync("DELETE", Queue, name)).Status, Is.EqualTo(204));
        Assert.That((await consumer.NextAsync<Detach>()).Error!.Condition, Is.EqualTo(ErrorCondition.ResourceDeleted));
    }

    [Test]
    public async Task A_durable_subscription_is_made_before_its_consumer_comes()
    {
        var topic = Unique("t");
        Assert.That((await Peer.AskAsync("CREATE", Topic, topic)).Status, Is.EqualTo(201));
        var created = await Peer.AskAsync("CREATE", Subscription, "app:news", new AmqpMap { { "topic", topic }, { "selector", "colour = 'red'" } });
        Assert.That(created.Status, Is.EqualTo(201), created.Description);
        Assert.That((created.Map["selector"], created.Map["clientId"], created.Map["subscriptionName"], created.Map["shared"]), Is.EqualTo(("colour = 'red'", "app", "news", false)));
        await using (var publisher = await RawPeer.BeginAsync(Endpoint))
        {
            await publisher.AttachSenderAsync(0, $"topic://{topic}");
            foreach (var (id, colour) in new[] { (0u, "red"), (1u, "blue") })
            {
                var message = new AmqpMessage { ApplicationProperties = new AmqpMap { { "colour", colour } }, Body = new ValueBody(colour) };
                Assert.That(await publisher.PublishAsync(0, id, message.Encode()), Is.TypeOf<Accepted>());
            }
        }

        Assert.That((await Peer.AskAsync("READ", Subscription, "app:news")).Map["depth"], Is.EqualTo(1L), "what the selector lets through");
        Assert.That((await Peer.AskAsync("READ", Topic, topic)).Map["depth"], Is.EqualTo(1L));
        Assert.That((await Peer.AskAsync("CREATE", Subscription, "app:news", new AmqpMap { { "topic", topic } })).Status, Is.EqualTo(409));
        Assert.That((await Peer.AskAsync("PURGE", Subscription, "app:news")).Map["purged"], Is.EqualTo(1L));
        Assert.That((await Peer.AskAsync("DELETE", Subscription, "app:news")).Status, Is.EqualTo(204));
        Assert.That((await Peer.AskAsync("READ", Subscription, "app:news")).Status, Is.EqualTo(404));
    }

    [TestCase("news", null, null, "client:subscription")]
    [TestCase("app:x|volatile", null, null, "volatile ones are made by their consumers")]
    [TestCase("app:x", "selector", "colour =", "cannot be used")]
    [TestCase("app:x", "durable", false, "durable")]
    [TestCase(":x", "shared", false, "shared when it is global")]
    [TestCase("app:x", "clientId", "other", "cannot be set to 'other'")]
    public async Task A_subscription_that_cannot_be_is_refused(string name, string? key, object? value, string part)
    {
        var body = new AmqpMap { { "topic", "some.topic" } };
        if (key is not null)
        {
            body.Add(key, value);
        }

        var answer = await Peer.AskAsync("CREATE", Subscription, name, body);
        Assert.That(answer.Status, Is.EqualTo(400));
        Assert.That(answer.Description, Does.Contain(part));
    }

    [Test]
    public async Task A_subscription_needs_a_topic_that_is_there()
    {
        Assert.That((await Peer.AskAsync("CREATE", Subscription, "app:x")).Description, Does.Contain("'topic'"));
        Assert.That((await Peer.AskAsync("CREATE", Subscription, "app:x", new AmqpMap { { "topic", Unique("none") } })).Status, Is.EqualTo(404));
        var queue = Unique("q");
        await Peer.AskAsync("CREATE", Queue, queue);
        Assert.That((await Peer.AskAsync("CREATE", Subscription, "app:x", new AmqpMap { { "topic", queue } })).Status, Is.EqualTo(400));
    }

    [Test]
    public async Task A_subscription_in_use_is_not_deleted()
    {
        var topic = Unique("t");
        var container = Unique("client");
        await using var consumer = await RawPeer.BeginAsync(Endpoint, container);
        await consumer.SendAsync(Frames.Of(new Attach
        {
            Name = "sub",
            Handle = 0,
            Role = Role.Receiver,
            Source = new Source { Address = $"topic://{topic}", Durable = TerminusDurability.UnsettledState, ExpiryPolicy = TerminusExpiryPolicy.Never },
            Target = new Target { Address = "here" },
        }));
        await consumer.NextAsync<Attach>();
        var name = $"{container}:sub";
        Assert.That((await Peer.AskAsync("READ", Subscription, name)).Map["consumers"], Is.EqualTo(1L));
        var refused = await Peer.AskAsync("DELETE", Subscription, name);
        Assert.That(refused.Status, Is.EqualTo(409));
        Assert.That(refused.Description, Does.Contain("active consumers"));
    }

    [Test]
    public async Task A_connection_is_listed_and_closed_with_the_reason()
    {
        var container = Unique("victim");
        await using var victim = await RawPeer.BeginAsync(Endpoint, container);
        await victim.AttachSenderAsync(0, Unique("q"));
        var found = (await Peer.QueryAsync(Connection, null, "name", "containerId", "user", "links")).Single(row => container.Equals(row[1]));
        Assert.That((found[2], found[3]), Is.EqualTo(("anonymous", 1L)));
        var closed = await Peer.AskAsync("DELETE", Connection, (string)found[0]!, new AmqpMap { { "reason", "maintenance" } });
        Assert.That(closed.Status, Is.EqualTo(204));
        var close = await victim.NextAsync<Close>();
        Assert.That(close.Error!.Condition, Is.EqualTo(ErrorCondition.ConnectionForced));
        Assert.That(close.Error.Description, Does.EndWith("by an administrator: maintenance"));
    }

    [Test]
    public async Task The_connection_that_asks_is_not_closed_by_its_own_request()
    {
        var container = Unique("own");
        await using var own = await ManagementPeer.ConnectAsync(Endpoint, container);
        var name = (string)(await Peer.QueryAsync(Connection, null, "name", "containerId")).Single(row => container.Equals(row[1]))[0]!;
        Assert.That((await own.AskAsync("DELETE", Connection, name)).Status, Is.EqualTo(403));
        Assert.That((await own.AskAsync("READ", Connection, name)).Map["containerId"], Is.EqualTo(container));
    }

    [TestCase("nobody")]
    [TestCase("0")]
    [TestCase("99999999999999999999")]
    public async Task A_connection_that_is_not_there_is_not_found(string name) =>
        Assert.That((await Peer.AskAsync("READ", Connection, name)).Status, Is.EqualTo(404));

    [Test]
    public async Task Consumers_and_producers_are_listed_with_their_credit()
    {
        var name = Unique("q");
        await using var other = await RawPeer.BeginAsync(Endpoint);
        await other.AttachSenderAsync(0, name);
        await other.SendAsync(Frames.Receiver(1, name));
        await other.NextAsync<Attach>();
        await PublishAsync(name, 1);
        await other.SendAsync(Frames.Credit(1, 5));
        await other.ReceiveAsync();
        var consumer = (await Peer.QueryAsync("org.mamba.consumer", null, "name", "address", "credit", "unsettled", "linkName")).Single(row => name.Equals(row[1]));
        Assert.That((consumer[2], consumer[3], consumer[4]), Is.EqualTo((4L, 1L, $"r1-{name}")));
        Assert.That((await Peer.AskAsync("READ", "org.mamba.consumer", (string)consumer[0]!)).Map["address"], Is.EqualTo(name));
        var producers = await Peer.QueryAsync("org.mamba.producer", null, "address", "linkName");
        Assert.That(producers.Count(row => name.Equals(row[0])), Is.EqualTo(2), "the one here and the one that published");
        Assert.That((await Peer.AskAsync("READ", "org.mamba.consumer", "0/none")).Status, Is.EqualTo(404));
    }

    [Test]
    public async Task A_temporary_queue_is_seen_and_left_alone()
    {
        await using var other = await RawPeer.BeginAsync(Endpoint);
        var address = await other.AttachDynamicReceiverAsync(0);
        var read = await Peer.AskAsync("READ", Queue, address);
        Assert.That((read.Map["temporary"], read.Map["durable"], read.Map["consumers"]), Is.EqualTo((true, false, 1L)));
        Assert.That((await Peer.AskAsync("DELETE", Queue, address)).Status, Is.EqualTo(403));
    }

    [Test]
    public async Task The_broker_tells_about_itself()
    {
        var broker = (await Peer.AskAsync("READ", "org.mamba.broker", "broker")).Map;
        Assert.That((broker["product"], broker["takesDurableMessages"]), Is.EqualTo(("Mamba", true)));
        Assert.That(broker["connections"], Is.GreaterThanOrEqualTo(2L));
        var types = (await Peer.AskAsync("GET-TYPES")).Map;
        Assert.That(types.Count, Is.EqualTo(11));
        foreach (var (type, attributes) in (await Peer.AskAsync("GET-ATTRIBUTES")).Map)
        {
            var rows = await Peer.QueryAsync((string)type, null, [.. ((List<object?>)attributes!).Cast<string>()]);
            Assert.That(rows.TrueForAll(row => row[2] is string name && name.Equals(type)), Is.True, type.ToString());
        }
    }
}
