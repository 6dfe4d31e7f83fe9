using Mamba.Amqp.Messaging;
using Mamba.Amqp.Transport;
using Mamba.Amqp.Types;
using Mamba.Broker.Server.Tests.Durability;
using Mamba.Broker.Server.Tests.Management;
using Mamba.Broker.Server.Tests.Peers;

namespace Mamba.Broker.Server.Tests.Dialects.RabbitMq;

/// <summary>Exchanges and bindings over the link pair, and what senders see of them.</summary>
[TestFixture]
internal sealed class ExchangeResourceTests() : RunningBroker
{
    [Test]
    public async Task An_exchange_from_declaration_to_deletion()
    {
        await using var pair = await LinkPairPeer.ConnectAsync(Endpoint);
        Assert.That((await pair.AskAsync("204", "PUT", "/exchanges/life", new AmqpMap { { "type", "topic" } })).Body, Is.Null);
        await pair.AskAsync("204", "PUT", "/exchanges/life", new AmqpMap { { "type", "topic" }, { "durable", true }, { "arguments", new AmqpMap() } });
        Assert.That((await pair.AskAsync("409", "PUT", "/exchanges/life", new AmqpMap { { "type", "fanout" } })).Text, Does.Contain("'type'").And.Contain("'fanout'").And.Contain("'topic'"));
        await using var peer = await RawPeer.BeginAsync(Endpoint);
        await peer.AttachSenderAsync(1, "/exchanges/life/some.key");
        Assert.That(await peer.PublishAsync(1, 0, Frames.Message("nowhere")), Is.InstanceOf<Released>());
        await pair.AskAsync("204", "DELETE", "/exchanges/life");
        await pair.AskAsync("204", "DELETE", "/exchanges/life");
        Assert.That((await peer.PublishAsync(1, 1, Frames.Message("gone")) as Rejected)?.Error?.Condition, Is.EqualTo(ErrorCondition.NotFound));
    }

    [TestCase("PUT", "/exchanges/bad", "type", "nonsense", "400", "direct, fanout, topic and headers")]
    [TestCase("PUT", "/exchanges/bad", "colour", "red", "400", "colour")]
    [TestCase("PUT", "/exchanges/bad", "durable", "yes", "400", "boolean")]
    [TestCase("PUT", "/exchanges/amq.mine", "type", "topic", "403", "'amq.'")]
    [TestCase("PUT", "/exchanges/amq.topic", "type", "topic", "204", null)]
    [TestCase("PUT", "/exchanges/amq.topic", "type", "direct", "409", "'type'")]
    [TestCase("PUT", "/exchanges/", "type", "topic", "403", "default exchange")]
    [TestCase("DELETE", "/exchanges/", null, null, "403", "default exchange")]
    [TestCase("DELETE", "/exchanges/amq.topic", null, null, "403", "cannot be deleted")]
    [TestCase("GET", "/exchanges/amq.topic", null, null, "405", "PUT, DELETE")]
    [TestCase("GET", "/bindings", null, null, "400", "'src'")]
    [TestCase("GET", "/bindings?src=amq.topic", null, null, "400", "'dste' or 'dstq'")]
    [TestCase("GET", "/bindings?src=amq.topic&dstq=none&key=", null, null, "200", null)]
    [TestCase("PUT", "/bindings", null, null, "405", "GET, POST")]
    [TestCase("POST", "/bindings", "source", "amq.topic", "400", "'destination_queue'")]
    [TestCase("POST", "/bindings", "destination_queue", "honest", "400", "'source'")]
    [TestCase("DELETE", "/bindings/nonsense", null, null, "400", "location")]
    [TestCase("DELETE", "/bindings/src=none;dstq=none;key=;args=", null, null, "204", null)]
    public async Task Requests_are_answered_as_RabbitMQ_does(string method, string target, string? field, object? value, string status, string? text)
    {
        await using var pair = await LinkPairPeer.ConnectAsync(Endpoint);
        var answer = await pair.AskAsync(status, method, target, field is null ? null : new AmqpMap { { field, value } });
        Assert.That(text is null || answer.Text.Contains(text, StringComparison.Ordinal), Is.True, () => AmqpValue.ToString(answer.Body));
    }

    [Test]
    public async Task Bindings_are_listed_with_their_locations_and_deleted_by_them()
    {
        await using var pair = await LinkPairPeer.ConnectAsync(Endpoint);
        await pair.AskAsync("204", "PUT", "/exchanges/list%20of", new AmqpMap { { "type", "headers" } });
        await pair.AskAsync("201", "PUT", "/queues/listed", new AmqpMap());
        var plain = Binding("list of", "listed", "a key");
        var choosy = Binding("list of", "listed", "a key", new AmqpMap { { "x-match", "any" }, { "b", "two" }, { "a", 1 } });
        foreach (var body in new[] { plain, choosy, plain, choosy })
        {
            await pair.AskAsync("204", "POST", "/bindings", body);
        }

        var listed = await ListAsync(pair, "src=list%20of&dstq=listed&key=a%20key");
        Assert.That(listed, Has.Count.EqualTo(2));
        Assert.That(listed[0], Is.EquivalentTo(new AmqpMap
        {
            { "source", "list of" }, { "destination_queue", "listed" }, { "binding_key", "a key" }, { "arguments", new AmqpMap() },
            { "location", "/bindings/src=list%20of;dstq=listed;key=a%20key;args=" },
        }));
        Assert.That((AmqpMap)listed[1]["arguments"]!, Is.EquivalentTo(new AmqpMap { { "a", 1 }, { "b", "two" }, { "x-match", "any" } }));
        await pair.AskAsync("204", "DELETE", (string)listed[1]["location"]!);
        Assert.That(await ListAsync(pair, "src=list%20of&dstq=listed&key=a%20key"), Is.EqualTo(new[] { listed[0] }));
        Assert.That(await ListAsync(pair, "src=list%20of&dstq=listed&key=other"), Is.Empty);
        await pair.AskAsync("204", "DELETE", (string)listed[0]["location"]!);
        Assert.That(await ListAsync(pair, "src=list%20of&dstq=listed&key=a%20key"), Is.Empty);
    }

    [Test]
    public async Task Bindings_that_cannot_be_are_refused_with_the_reason()
    {
        await using var pair = await LinkPairPeer.ConnectAsync(Endpoint);
        Assert.That((await pair.AskAsync("400", "POST", "/bindings", Binding("nope", "honest", "k"))).Text, Does.Contain("no exchange 'nope'"));
        Assert.That((await pair.AskAsync("400", "POST", "/bindings", Binding("amq.direct", "nope", "k"))).Text, Does.Contain("no queue 'nope'"));
        await pair.AskAsync("403", "POST", "/bindings", Binding("", "honest", "k"));
        Assert.That((await pair.AskAsync("400", "POST", "/bindings", Binding("amq.match", "honest", "", new AmqpMap { { "x-match", "anx" } }))).Text, Does.Contain("x-match"));
        Assert.That((await pair.AskAsync("400", "POST", "/bindings", Binding("amq.direct", "honest", "", new AmqpMap { { "a", 1 } }))).Text, Does.Contain("'a'").And.Contain("headers"));
    }

    [Test]
    public async Task Messages_go_where_exchange_and_key_lead_by_link_and_by_to()
    {
        await using var pair = await LinkPairPeer.ConnectAsync(Endpoint);
        foreach (var queue in new[] { "eu", "all" })
        {
            await pair.AskAsync("201", "PUT", $"/queues/{queue}", new AmqpMap());
        }

        await pair.AskAsync("204", "POST", "/bindings", Binding("amq.topic", "eu", "orders.eu.*"));
        await pair.AskAsync("204", "POST", "/bindings", Binding("amq.topic", "all", "orders.#"));
        await using var peer = await RawPeer.BeginAsync(Endpoint);
        await peer.AttachSenderAsync(0, "/exchanges/amq.topic/orders.eu.de");
        Assert.That(await peer.PublishAsync(0, 0, Frames.Message("1", durable: true)), Is.InstanceOf<Accepted>());
        await peer.AttachRelayAsync(1);
        Assert.That(await peer.PublishAsync(1, 1, To("/exchanges/amq.topic/orders.us", "2")), Is.InstanceOf<Accepted>());
        Assert.That(await peer.PublishAsync(1, 2, To("/exchanges/amq.topic/invoices", "3")), Is.InstanceOf<Released>());
        Assert.That(await peer.PublishAsync(1, 3, To("/exchanges/amq.topic", "4")), Is.InstanceOf<Released>());
        Assert.That((await peer.PublishAsync(1, 4, To("/exchanges/nope/k", "5")) as Rejected)?.Error?.Condition, Is.EqualTo(ErrorCondition.NotFound));
        Assert.That(await BodiesAsync("eu", 1), Is.EqualTo(new[] { "1" }));
        Assert.That(await BodiesAsync("all", 2), Is.EqualTo(new[] { "1", "2" }));
    }

    [Test]
    public async Task Headers_choose_by_application_properties()
    {
        await using var pair = await LinkPairPeer.ConnectAsync(Endpoint);
        foreach (var (queue, match) in new[] { ("any", "any"), ("both", "all") })
        {
            await pair.AskAsync("201", "PUT", $"/queues/{queue}", new AmqpMap());
            await pair.AskAsync("204", "POST", "/bindings", Binding("amq.headers", queue, "", new AmqpMap { { "x-match", match }, { "side", "buy" }, { "lots", 5 } }));
        }

        await using var peer = await RawPeer.BeginAsync(Endpoint);
        await peer.AttachSenderAsync(0, "/exchanges/amq.headers");
        Assert.That(await peer.PublishAsync(0, 0, Order("1", "buy", 5)), Is.InstanceOf<Accepted>());
        Assert.That(await peer.PublishAsync(0, 1, Order("2", "sell", 5)), Is.InstanceOf<Accepted>());
        Assert.That(await peer.PublishAsync(0, 2, Order("3", "sell", 6)), Is.InstanceOf<Released>());
        Assert.That((await BodiesAsync("any", 2), await BodiesAsync("both", 1)), Is.EqualTo((new[] { "1", "2" }, new[] { "1" })));
    }

    [Test]
    public async Task Who_may_not_send_to_an_exchange_and_who_cannot_receive_from_it()
    {
        await using var pair = await LinkPairPeer.ConnectAsync(Endpoint);
        await pair.AskAsync("204", "PUT", "/exchanges/inner", new AmqpMap { { "type", "fanout" }, { "internal", true } });
        await pair.Raw.SendAsync(Frames.Sender(1, "/exchanges/inner"), Frames.Sender(2, "/exchanges/none"), Frames.Sender(3, "/exchanges/a/b/c"), Frames.Receiver(4, "/exchanges/inner"));
        foreach (var condition in new[] { ErrorCondition.UnauthorizedAccess, ErrorCondition.NotFound, ErrorCondition.InvalidField, ErrorCondition.InvalidField })
        {
            await pair.Raw.NextAsync<Attach>();
            Assert.That((await pair.Raw.NextAsync<Detach>()).Error!.Condition, Is.EqualTo(condition));
        }
    }

    [Test]
    public async Task A_transaction_routes_at_once_and_publishes_when_it_commits()
    {
        await using var pair = await LinkPairPeer.ConnectAsync(Endpoint);
        await pair.AskAsync("201", "PUT", "/queues/worked", new AmqpMap());
        await pair.AskAsync("204", "POST", "/bindings", Binding("amq.direct", "worked", "work"));
        await using var peer = await RawPeer.BeginAsync(Endpoint);
        await peer.AttachSenderAsync(0, "/exchanges/amq.direct/work");
        await peer.AttachSenderAsync(1, "/exchanges/amq.direct/nowhere");
        var work = await TransactionLife.AttachAsync(peer);
        var id = await work.DeclareAsync();
        await work.SendAsync(0, id, "done");
        await work.CommitAsync(id);
        Assert.That(await BodiesAsync("worked", 1), Is.EqualTo(new[] { "done" }));
        var lost = await work.DeclareAsync();
        Assert.That((await work.TrySendAsync(1, lost, "lost") as Rejected)?.Error?.Condition, Is.EqualTo(ErrorCondition.NotFound));
    }

    [Test]
    public async Task Dead_letters_go_to_the_queue_that_the_exchange_leads_to()
    {
        await using var pair = await LinkPairPeer.ConnectAsync(Endpoint);
        await pair.AskAsync("204", "PUT", "/exchanges/dlx", new AmqpMap { { "type", "fanout" } });
        await pair.AskAsync("201", "PUT", "/queues/graves", new AmqpMap());
        await pair.AskAsync("204", "POST", "/bindings", Binding("dlx", "graves", ""));
        var made = await pair.AskAsync("201", "PUT", "/queues/mortal", new AmqpMap { { "arguments", new AmqpMap { { "x-dead-letter-exchange", "dlx" } } } });
        Assert.That(((AmqpMap)made.Map["arguments"]!)["x-dead-letter-exchange"], Is.EqualTo("dlx"));
        await pair.AskAsync("200", "PUT", "/queues/mortal", new AmqpMap { { "arguments", new AmqpMap { { "x-dead-letter-exchange", "dlx" } } } });
        Assert.That(
            (await pair.AskAsync("400", "PUT", "/queues/other", new AmqpMap { { "arguments", new AmqpMap { { "x-dead-letter-exchange", "amq.direct" } } } })).Text,
            Does.Contain("x-dead-letter-routing-key"));
        await using var peer = await RawPeer.BeginAsync(Endpoint);
        await peer.AttachSenderAsync(0, "/queues/mortal");
        await peer.PublishAsync(0, 0, Frames.Message("dead", durable: true));
        await peer.AttachReceiverAsync(1, "/queues/mortal", 1);
        await peer.SendAsync(Frames.Settle((await peer.ReceiveAsync()).DeliveryId, new Rejected()));
        Assert.That(await BodiesAsync("graves", 1), Is.EqualTo(new[] { "dead" }));
    }

    [Test]
    public async Task Management_lists_exchanges_with_their_bindings_and_says_where_messages_would_go()
    {
        await using var pair = await LinkPairPeer.ConnectAsync(Endpoint);
        await pair.AskAsync("204", "PUT", "/exchanges/seen", new AmqpMap { { "type", "topic" }, { "auto_delete", true } });
        foreach (var queue in new[] { "seen 1", "seen 2" })
        {
            await pair.AskAsync("201", "PUT", $"/queues/{Uri.EscapeDataString(queue)}", new AmqpMap());
            await pair.AskAsync("204", "POST", "/bindings", Binding("seen", queue, "a.#"));
        }

        await using var manager = await ManagementPeer.ConnectAsync(Endpoint);
        var entity = (await manager.AskAsync("READ", "org.mamba.exchange", "seen")).Map;
        Assert.That((entity["exchangeType"], entity["durable"], entity["autoDelete"], entity["internal"]), Is.EqualTo(((object)"topic", (object)true, (object)true, (object)false)));
        Assert.That(((List<object?>)entity["bindings"]!).ConvertAll(static one => ((AmqpMap)one!)["destination_queue"]), Is.EqualTo(new[] { "seen 1", "seen 2" }));
        var listed = (await manager.AskAsync("QUERY", more: new() { { "entityType", "org.mamba.exchange" } }, body: new() { { "attributeNames", new List<object?> { "name" } } })).Map;
        Assert.That((List<object?>)listed["results"]!, Does.Contain(new List<object?> { "seen" }).And.Contain(new List<object?> { "amq.topic" }));
        var trace = (await manager.AskAsync("ROUTE", more: new() { { "address", "/exchanges/seen/a.b" } }, body: [])).Map;
        var queues = (List<object?>)((AmqpMap)((List<object?>)trace["stops"]!)[0]!)["queues"]!;
        Assert.That(queues.ConvertAll(static one => (((AmqpMap)one!)["name"], ((AmqpMap)one)["selected"])), Is.EqualTo(new (object?, object?)[] { ("seen 1", true), ("seen 2", true) }));
        Assert.That((await manager.AskAsync("DELETE", "org.mamba.exchange", "amq.topic")).Status, Is.EqualTo(400));
        Assert.That((await manager.AskAsync("DELETE", "org.mamba.exchange", "seen")).Status, Is.EqualTo(204));
        Assert.That((await manager.AskAsync("READ", "org.mamba.exchange", "seen")).Status, Is.EqualTo(404));
    }

    private static AmqpMap Binding(string source, string queue, string key, AmqpMap? arguments = null) =>
        new() { { "source", source }, { "destination_queue", queue }, { "binding_key", key }, { "arguments", arguments ?? [] } };

    private static async Task<List<AmqpMap>> ListAsync(LinkPairPeer pair, string query) =>
        ((List<object?>)(await pair.AskAsync("200", "GET", $"/bindings?{query}")).Body!).ConvertAll(static one => (AmqpMap)one!);

    private static byte[] To(string to, string body) => new AmqpMessage { Properties = new MessageProperties { To = to }, Body = new ValueBody(body) }.Encode();

    private static byte[] Order(string body, string side, int lots) =>
        new AmqpMessage { ApplicationProperties = new AmqpMap { { "side", side }, { "lots", lots } }, Body = new ValueBody(body) }.Encode();

    private async Task<string[]> BodiesAsync(string queue, int atLeast)
    {
        await using var peer = await RawPeer.BeginAsync(Endpoint);
        return [.. (await QueueCounter.DrainAsync(peer, queue, atLeast)).Select(static one => one.Body)];
    }
}
