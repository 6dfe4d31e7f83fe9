using Mamba.Amqp.Messaging;
using Mamba.Amqp.Transport;
using Mamba.Amqp.Types;
using Mamba.Broker.Server.Tests.Durability;
using Mamba.Broker.Server.Tests.Management;
using Mamba.Broker.Server.Tests.Peers;

namespace Mamba.Broker.Server.Tests.Diverts;

/// <summary>Diverts of the settings and of management: what senders, receivers and administrators see of them.</summary>
[TestFixture]
internal sealed class DivertLinkTests() : RunningBroker(
    """addresses.rules=[{ "pattern": "news.#", "kind": "topic" }, { "pattern": "small.#", "maxLength": 2 }]""",
    """
    addresses.diverts=[
      { "name": "audit", "pattern": "orders.#", "target": "audit" },
      { "name": "large", "pattern": "orders.#", "target": "large", "selector": "amount > 100", "move": true, "priority": 5 },
      { "name": "news", "pattern": "press", "target": "news.press" }]
    """)
{
    private const string Type = "org.mamba.divert";

    private static readonly Symbol OriginalAddress = new("x-opt-orig-address");

    [Test]
    public async Task Messages_are_copied_or_moved_and_say_where_they_were_sent()
    {
        await using var peer = await RawPeer.BeginAsync(Endpoint);
        await peer.AttachSenderAsync(0, "orders.eu");
        Assert.That(await peer.PublishAsync(0, 0, Order("1", 50)), Is.InstanceOf<Accepted>());
        Assert.That(await peer.PublishAsync(0, 1, Order("2", 500)), Is.InstanceOf<Accepted>());
        Assert.That(await BodiesAsync("orders.eu", 1), Is.EqualTo(new[] { "1" }));
        Assert.That(await DrainAsync("audit", 1), Has.One.Matches<ReceivedMessage>(static one => one.Body == "1" && Origin(one) == "orders.eu"));
        var large = (await DrainAsync("large", 1)).Single();
        Assert.That((large.Body, Origin(large)), Is.EqualTo(("2", "orders.eu")));
        Assert.That(large.Message.ApplicationProperties!["amount"], Is.EqualTo(500), "the bare message is as it was sent");
    }

    [Test]
    public async Task A_divert_may_lead_to_a_topic()
    {
        await using var peer = await RawPeer.BeginAsync(Endpoint);
        await using var listener = await RawPeer.BeginAsync(Endpoint);
        await listener.AttachReceiverAsync(1, "news.press", 5);
        await peer.AttachSenderAsync(0, "press");
        await peer.PublishAsync(0, 0, Frames.Message("hear", durable: true));
        Assert.That((await listener.ReceiveAsync()).Body, Is.EqualTo("hear"));
        Assert.That(await BodiesAsync("press", 1), Is.EqualTo(new[] { "hear" }));
    }

    [Test]
    public async Task A_full_target_refuses_the_message_and_the_sender_learns_why()
    {
        await using var manager = await ManagementPeer.ConnectAsync(Endpoint);
        Assert.That((await CreateAsync(manager, "narrow", "wide", "small.target")).Status, Is.EqualTo(201));
        await using var peer = await RawPeer.BeginAsync(Endpoint);
        await peer.AttachSenderAsync(0, "wide");
        for (var i = 0u; i < 2; i++)
        {
            Assert.That(await peer.PublishAsync(0, i, Frames.Message($"{i}", durable: true)), Is.InstanceOf<Accepted>());
        }

        var rejected = await peer.PublishAsync(0, 2, Frames.Message("2", durable: true)) as Rejected;
        Assert.That(rejected?.Error?.Condition, Is.EqualTo(ErrorCondition.ResourceLimitExceeded));
        Assert.That(rejected!.Error!.Description, Does.Contain("divert").And.Contain("'wide'").And.Contain("nowhere"));
        Assert.That(await BodiesAsync("small.target", 2), Is.EqualTo(new[] { "0", "1" }));
        Assert.That(await BodiesAsync("wide", 2), Is.EqualTo(new[] { "0", "1" }), "not even where it was sent");
        Assert.That(await peer.PublishAsync(0, 3, Frames.Message("3", durable: true)), Is.InstanceOf<Accepted>());
        Assert.That((await manager.AskAsync("DELETE", Type, "narrow")).Status, Is.EqualTo(204));
    }

    [Test]
    public async Task A_transaction_diverts_when_it_commits()
    {
        await using var peer = await RawPeer.BeginAsync(Endpoint);
        await peer.AttachSenderAsync(0, "orders.txn");
        var work = await TransactionLife.AttachAsync(peer);
        var lost = await work.BeginAsync(0, "lost");
        await peer.SendAsync(work.Discharge(lost, fail: true).Frame);
        Assert.That((await peer.NextAsync<Disposition>()).State, Is.InstanceOf<Accepted>());
        var id = await work.DeclareAsync();
        await work.SendAsync(0, id, "in a transaction");
        await work.CommitAsync(id);
        Assert.That(await BodiesAsync("orders.txn", 1), Is.EqualTo(new[] { "in a transaction" }));
        Assert.That(await BodiesAsync("audit", 1), Does.Contain("in a transaction").And.Not.Contain("lost"));
    }

    [Test]
    public async Task Management_makes_lists_and_ends_diverts()
    {
        await using var manager = await ManagementPeer.ConnectAsync(Endpoint);
        var made = await CreateAsync(manager, "tap", "trades.*", "tap.trades", new() { { "selector", "side = 'buy'" }, { "move", true }, { "priority", 7 }, { "targetType", "topic" } });
        Assert.That(made.Status, Is.EqualTo(201), made.Description);
        var expected = new AmqpMap
        {
            { "name", "tap" }, { "identity", "divert/tap" }, { "type", Type }, { "pattern", "trades.*" }, { "target", "tap.trades" }, { "targetType", "topic" },
            { "move", true }, { "priority", 7L }, { "selector", "side = 'buy'" }, { "configured", false }, { "diverted", 0L },
        };
        Assert.That(made.Map, Is.EquivalentTo(expected));
        Assert.That((await manager.AskAsync("READ", Type, "tap")).Map, Is.EquivalentTo(expected));
        var listed = (await manager.AskAsync("QUERY", more: new() { { "entityType", Type } }, body: new() { { "attributeNames", new List<object?> { "name", "configured" } } })).Map;
        Assert.That((List<object?>)listed["results"]!, Does.Contain(new List<object?> { "tap", false }).And.Contain(new List<object?> { "audit", true }));
        Assert.That((await manager.AskAsync("DELETE", "org.mamba.topic", "tap.trades")).Status, Is.EqualTo(409), "something leads there");
        Assert.That((await manager.AskAsync("DELETE", Type, "tap")).Status, Is.EqualTo(204));
        Assert.That((await manager.AskAsync("READ", Type, "tap")).Status, Is.EqualTo(404));
        Assert.That((await manager.AskAsync("DELETE", "org.mamba.topic", "tap.trades")).Status, Is.EqualTo(204));
    }

    [Test]
    public async Task What_cannot_be_is_refused_with_the_reason()
    {
        await using var manager = await ManagementPeer.ConnectAsync(Endpoint);
        var round = await CreateAsync(manager, "back", "audit", "orders.back");
        Assert.That((round.Status, round.Description), Is.EqualTo((409, round.Description)));
        Assert.That(round.Description, Does.Contain("messages would go round").And.Contain("'orders.back' (back)").And.Contain("'audit' (audit)"));
        Assert.That((await CreateAsync(manager, "audit", "x", "y")).Description, Does.Contain("two diverts named 'audit'"));
        Assert.That((await CreateAsync(manager, "s", "x", "y", new() { { "selector", "a >" } })).Status, Is.EqualTo(400));
        Assert.That((await CreateAsync(manager, "k", "x", "y", new() { { "targetType", "table" } })).Status, Is.EqualTo(400));
        Assert.That((await CreateAsync(manager, "k", "x", "news.press", new() { { "targetType", "queue" } })).Status, Is.EqualTo(409));
        Assert.That((await CreateAsync(manager, "k", "x", "$management")).Status, Is.EqualTo(403));
        Assert.That((await CreateAsync(manager, "k", "x", "temp-1")).Status, Is.EqualTo(400));
        Assert.That((await manager.AskAsync("CREATE", Type, "k", new() { { "pattern", "x" } })).Description, Does.Contain("target"));
        Assert.That((await manager.AskAsync("DELETE", Type, "audit")).Description, Does.Contain("configuration"));
    }

    [Test]
    public async Task A_dry_run_says_where_a_message_would_go_and_why()
    {
        await using var manager = await ManagementPeer.ConnectAsync(Endpoint);
        await using var peer = await RawPeer.BeginAsync(Endpoint);
        await peer.AttachSenderAsync(0, "orders.dry");
        var small = await RouteAsync(manager, "orders.dry", new() { { "applicationProperties", new AmqpMap { { "amount", 5 } } }, { "header", new AmqpMap { { "durable", true } } } });
        Assert.That((List<object?>)small["stored"]!, Is.EqualTo(new[] { "orders.dry", "audit" }));
        var diverts = ((List<object?>)Stop(small, 0)["diverts"]!).Cast<AmqpMap>().ToList();
        Assert.That(diverts.ConvertAll(static one => (one["name"], one["selected"], one["applied"])), Is.EqualTo(new (object?, object?, object?)[]
        {
            ("large", false, false), ("audit", true, true),
        }));
        Assert.That(diverts[0]["reason"], Does.Contain("selector is not true"));
        Assert.That(Stop(small, 1)["via"], Is.EqualTo("audit"));
        var large = await RouteAsync(manager, "orders.dry", new() { { "applicationProperties", new AmqpMap { { "amount", 500 } } } });
        Assert.That((List<object?>)large["stored"]!, Is.EqualTo(new[] { "large" }));
        Assert.That(((AmqpMap)((List<object?>)Stop(large, 0)["diverts"]!)[1]!)["reason"], Does.Contain("took the message away"));
        await using var drain = await RawPeer.BeginAsync(Endpoint);
        Assert.That(await QueueCounter.DrainAsync(drain, "orders.dry", atLeast: 0), Is.Empty, "nothing was stored");
    }

    [Test]
    public async Task A_dry_run_names_the_subscriptions_of_a_topic()
    {
        await using var manager = await ManagementPeer.ConnectAsync(Endpoint);
        await manager.AskAsync("CREATE", "org.mamba.topic", "news.dry");
        await manager.AskAsync("CREATE", "org.mamba.subscription", "c:short", new() { { "topic", "news.dry" }, { "selector", "words < 10" } });
        await manager.AskAsync("CREATE", "org.mamba.subscription", "c:all", new() { { "topic", "news.#" } });
        var trace = await RouteAsync(manager, "news.dry", new() { { "applicationProperties", new AmqpMap { { "words", 50 } } } });
        Assert.That(
            ((List<object?>)Stop(trace, 0)["queues"]!).Cast<AmqpMap>().Select(static one => (one["name"], one["selected"])),
            Is.EquivalentTo(new (object?, object?)[] { ("short", false), ("all", true) }));
        Assert.That((List<object?>)(await RouteAsync(manager, "nowhere", []))["stored"]!, Is.Empty);
    }

    [TestCase("properties", "colour", "'colour' cannot be set here")]
    [TestCase("header", "priority", "whole number")]
    [TestCase("body", "x", "not understood")]
    public async Task A_dry_run_refuses_what_is_no_message(string section, string field, string reason)
    {
        await using var manager = await ManagementPeer.ConnectAsync(Endpoint);
        var answer = await manager.AskAsync("ROUTE", more: new() { { "address", "x" } }, body: new() { { section, new AmqpMap { { field, "red" } } } });
        Assert.That((answer.Status, answer.Description), Is.EqualTo((400, answer.Description)));
        Assert.That(answer.Description, Does.Contain(reason));
    }

    private static AmqpMap Stop(AmqpMap trace, int index) => (AmqpMap)((List<object?>)trace["stops"]!)[index]!;

    private static async Task<AmqpMap> RouteAsync(ManagementPeer manager, string address, AmqpMap message)
    {
        var answer = await manager.AskAsync("ROUTE", more: new() { { "address", address } }, body: message);
        Assert.That(answer.Status, Is.EqualTo(200), answer.Description);
        return answer.Map;
    }

    private static Task<Answer> CreateAsync(ManagementPeer manager, string name, string pattern, string target, AmqpMap? more = null)
    {
        var body = more ?? [];
        body.Add("pattern", pattern);
        body.Add("target", target);
        return manager.AskAsync("CREATE", Type, name, body);
    }

    private static byte[] Order(string body, int amount) => new AmqpMessage
    {
        Header = MessageHeader.Default with { Durable = true },
        ApplicationProperties = new AmqpMap { { "amount", amount } },
        Body = new ValueBody(body),
    }.Encode();

    private static string? Origin(ReceivedMessage message) => message.Message.MessageAnnotations?[OriginalAddress] as string;

    private async Task<List<ReceivedMessage>> DrainAsync(string queue, int atLeast)
    {
        await using var peer = await RawPeer.BeginAsync(Endpoint);
        return await QueueCounter.DrainAsync(peer, queue, atLeast);
    }

    private async Task<string[]> BodiesAsync(string queue, int atLeast) => [.. (await DrainAsync(queue, atLeast)).Select(static one => one.Body)];
}
