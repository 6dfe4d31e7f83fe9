using Mamba.Amqp.Messaging;
using Mamba.Amqp.Types;
using Mamba.Broker.Server.Tests.Dialects.RabbitMq;
using Mamba.Broker.Server.Tests.Peers;

namespace Mamba.Broker.Server.Tests.Durability;

/// <summary>Exchanges over kill -9: what was answered is in force, and a message is at all its queues or at none.</summary>
[TestFixture]
internal sealed class KilledExchangeTests() : MortalBroker("clients.rabbitMqVersion=4.2.0")
{
    [Test]
    public async Task Declarations_that_were_answered_are_in_force()
    {
        await using (var pair = await LinkPairPeer.ConnectAsync(Life.Endpoint))
        {
            await pair.AskAsync("201", "PUT", "/queues/kept", new AmqpMap { { "arguments", new AmqpMap { { "x-max-length", 10 } } } });
            await pair.AskAsync("201", "PUT", "/queues/passing", new AmqpMap { { "auto_delete", true } });
            await pair.AskAsync("201", "PUT", "/queues/mine", new AmqpMap { { "exclusive", true } });
            await pair.AskAsync("204", "PUT", "/exchanges/x", new AmqpMap { { "type", "headers" } });
            foreach (var side in new[] { "buy", "sell" })
            {
                await pair.AskAsync("204", "POST", "/bindings", Binding("x", "kept", new AmqpMap { { "side", side } }));
            }

            var listed = (List<object?>)(await pair.AskAsync("200", "GET", "/bindings?src=x&dstq=kept&key=k")).Body!;
            await pair.AskAsync("204", "DELETE", (string)((AmqpMap)listed[1]!)["location"]!);
            await Life.KillAndRestartAsync();
        }

        await using var after = await LinkPairPeer.ConnectAsync(Life.Endpoint);
        await after.AskAsync("200", "PUT", "/queues/kept", new AmqpMap { { "arguments", new AmqpMap { { "x-max-length", 10 } } } });
        Assert.That((await after.AskAsync("200", "GET", "/queues/passing")).Map["auto_delete"], Is.True);
        await after.AskAsync("404", "GET", "/queues/mine");
        await after.AskAsync("204", "PUT", "/exchanges/x", new AmqpMap { { "type", "headers" } });
        await using var peer = await RawPeer.BeginAsync(Life.Endpoint);
        await peer.AttachSenderAsync(0, "/exchanges/x");
        Assert.That(await peer.PublishAsync(0, 0, Order("buy")), Is.InstanceOf<Accepted>());
        Assert.That(await peer.PublishAsync(0, 1, Order("sell")), Is.InstanceOf<Released>());
        Assert.That((await Life.DrainAsync("kept", 1)).Single().Body, Is.EqualTo("buy"));
    }

    [Test]
    public async Task A_message_is_at_all_its_queues_or_at_none()
    {
        const int confirmed = 50;
        await using (var pair = await LinkPairPeer.ConnectAsync(Life.Endpoint))
        {
            foreach (var queue in new[] { "one", "two" })
            {
                await pair.AskAsync("201", "PUT", $"/queues/{queue}", new AmqpMap());
                await pair.AskAsync("204", "POST", "/bindings", Binding("amq.fanout", queue, []));
            }

            await using var peer = await RawPeer.BeginAsync(Life.Endpoint);
            await peer.AttachSenderAsync(0, "/exchanges/amq.fanout");
            for (var i = 0; i < confirmed; i++)
            {
                Assert.That(await peer.PublishAsync(0, (uint)i, Frames.Message($"{i}", durable: true)), Is.InstanceOf<Accepted>());
            }

            // More of them are on their way while the broker is killed.
            for (var i = confirmed; i < confirmed + 200; i++)
            {
                await peer.SendAsync(Frames.Transfer(0, (uint)i, Frames.Message($"{i}", durable: true)));
            }

            await Life.KillAndRestartAsync();
        }

        var left = (await Life.DrainAsync("one", confirmed)).ConvertAll(static one => one.Body);
        Assert.That(left, Is.Unique.And.SupersetOf(Enumerable.Range(0, confirmed).Select(static i => $"{i}")));
        Assert.That((await Life.DrainAsync("two", confirmed)).ConvertAll(static one => one.Body), Is.EqualTo(left));
    }

    [Test]
    public async Task Open_announces_what_the_settings_say()
    {
        await using var peer = await RawPeer.ConnectAsync(Life.Endpoint);
        await peer.SendAsync(Frames.AmqpHeader, Frames.Open("asks"));
        await peer.ReadHeaderAsync(Frames.AmqpHeader);
        var properties = (await peer.NextAsync<Amqp.Transport.Open>()).Properties!;
        Assert.That(
            new[] { "product", "version", "node" }.Select(name => properties[new Symbol(name)]), Is.EqualTo(new[] { "RabbitMQ", "4.2.0", "mamba" }));
        Assert.That(properties[new Symbol("information")], Does.Contain("Mamba"));
    }

    private static AmqpMap Binding(string source, string queue, AmqpMap arguments) =>
        new() { { "source", source }, { "destination_queue", queue }, { "binding_key", "k" }, { "arguments", arguments } };

    private static byte[] Order(string side) => new AmqpMessage
    {
        Header = MessageHeader.Default with { Durable = true },
        ApplicationProperties = new AmqpMap { { "side", side } },
        Body = new ValueBody(side),
    }.Encode();
}
