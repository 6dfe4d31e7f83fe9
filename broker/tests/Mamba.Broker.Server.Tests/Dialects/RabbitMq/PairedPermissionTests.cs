using Mamba.Amqp.Messaging;
using Mamba.Amqp.Transport;
using Mamba.Amqp.Types;
using Mamba.Broker.Server.Tests.Peers;

namespace Mamba.Broker.Server.Tests.Dialects.RabbitMq;

/// <summary>Rules of security.permissions over link pairs and addresses of version 2: exchanges are called /exchanges/NAME in them.</summary>
[TestFixture]
internal sealed class PairedPermissionTests() : RunningBroker(
    """
    security.permissions=[
      { "pattern": "own.#", "users": ["*"], "actions": ["send", "receive", "manage"] },
      { "pattern": "look.#", "users": ["*"], "actions": ["browse"] },
      { "pattern": "/exchanges/own.#", "users": ["*"], "actions": ["send", "manage"] },
      { "pattern": "/exchanges/amq.fanout", "users": ["*"], "actions": ["manage"] },
      { "pattern": "honest", "users": ["*"], "actions": ["send", "receive", "create"] }]
    """)
{
    [Test]
    public async Task What_is_ones_own_is_administered_and_used()
    {
        await using var pair = await LinkPairPeer.ConnectAsync(Endpoint);
        await pair.AskAsync("201", "PUT", "/queues/own.q", new AmqpMap());
        await pair.AskAsync("204", "PUT", "/exchanges/own.x", new AmqpMap());
        await pair.AskAsync("204", "POST", "/bindings", Binding("own.x", "own.q"));
        await using var peer = await RawPeer.BeginAsync(Endpoint);
        await peer.AttachSenderAsync(0, "/exchanges/own.x/k");
        Assert.That(await peer.PublishAsync(0, 0, Frames.Message("1")), Is.InstanceOf<Accepted>());
        await peer.AttachReceiverAsync(1, "/queues/own.q", 1);
        Assert.That((await peer.ReceiveAsync()).Body, Is.EqualTo("1"));
    }

    [TestCase("PUT", "/queues/other", "other")]
    [TestCase("PUT", "/queues/look.q", "look.q")]
    [TestCase("GET", "/queues/other", "other")]
    [TestCase("DELETE", "/queues/honest", "honest")]
    [TestCase("DELETE", "/queues/honest/messages", "honest")]
    [TestCase("PUT", "/exchanges/other", "/exchanges/other")]
    [TestCase("DELETE", "/exchanges/other", "/exchanges/other")]
    [TestCase("GET", "/bindings?src=own.x&dstq=honest&key=", "honest")]
    [TestCase("DELETE", "/bindings/src=own.x;dstq=honest;key=;args=", "honest")]
    public async Task What_is_not_is_forbidden(string method, string target, string name)
    {
        await using var pair = await LinkPairPeer.ConnectAsync(Endpoint);
        Assert.That((await pair.AskAsync("403", method, target, method == "PUT" ? new AmqpMap() : null)).Text, Does.Contain($"'{name}'"));
    }

    [Test]
    public async Task Nobody_reaches_a_queue_by_binding_it_or_by_dead_letters()
    {
        await using var pair = await LinkPairPeer.ConnectAsync(Endpoint);
        await pair.AskAsync("204", "PUT", "/exchanges/own.y", new AmqpMap());
        await pair.AskAsync("403", "POST", "/bindings", Binding("own.y", "honest"));
        await pair.AskAsync("403", "POST", "/bindings", Binding("amq.topic", "own.q"));
        foreach (var (exchange, key) in new[] { ("", "honest"), ("amq.direct", "k") })
        {
            var arguments = new AmqpMap { { "x-dead-letter-exchange", exchange }, { "x-dead-letter-routing-key", key } };
            await pair.AskAsync("403", "PUT", "/queues/own.sly", new AmqpMap { { "arguments", arguments } });
        }
    }

    [Test]
    public async Task Links_and_messages_need_the_permission_of_their_address()
    {
        await using var peer = await RawPeer.BeginAsync(Endpoint);
        await peer.SendAsync(Frames.Sender(0, "/exchanges/amq.fanout"), Frames.Sender(1, "/queues/look.q"), Frames.Receiver(2, "/queues/look.q"));
        for (var i = 0; i < 3; i++)
        {
            await peer.NextAsync<Attach>();
            Assert.That((await peer.NextAsync<Detach>()).Error!.Condition, Is.EqualTo(ErrorCondition.UnauthorizedAccess));
        }

        await peer.AttachRelayAsync(3);
        var id = 0u;
        foreach (var to in new[] { "/exchanges/amq.fanout", "/queues/other" })
        {
            var message = new AmqpMessage { Properties = new MessageProperties { To = to }, Body = new ValueBody("x") }.Encode();
            Assert.That((await peer.PublishAsync(3, id++, message) as Rejected)?.Error?.Condition, Is.EqualTo(ErrorCondition.UnauthorizedAccess));
        }
    }

    private static AmqpMap Binding(string source, string queue) => new() { { "source", source }, { "destination_queue", queue }, { "binding_key", "k" }, { "arguments", new AmqpMap() } };
}
