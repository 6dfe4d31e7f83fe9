using Mamba.Amqp.Messaging;
using Mamba.Amqp.Transport;
using Mamba.Broker.Server.Tests.Peers;

namespace Mamba.Broker.Server.Tests.Durability;

/// <summary>What topics keep over kill -9 beyond plain subscriptions.</summary>
[TestFixture]
internal sealed class TopicDurabilityTests
{
    [Test]
    public async Task A_durable_subscription_to_a_pattern_is_there_with_its_messages()
    {
        await using var life = await BrokerLife.StartAsync();
        await (await SubscribeAsync(life, "topic://shop.#")).LeaveAsync();
        await life.PublishAsync("topic://shop.orders", "1");
        await life.PublishAsync("topic://shop.bills.paid", "2");
        await life.PublishAsync("topic://other", "not this");
        await life.KillAndRestartAsync();
        await life.PublishAsync("topic://shop.new", "3");
        await life.PublishAsync("topic://shop.orders", "4");
        await life.KillAndRestartAsync();
        await using var again = await SubscribeAsync(life, "topic://shop.#");
        Assert.That(await again.ReceiveAsync(4), Is.EqualTo(new[] { "1", "2", "3", "4" }));
    }

    [Test]
    public async Task What_a_topic_keeps_and_what_a_subscription_got_of_it_are_there()
    {
        await using var life = await BrokerLife.StartAsync("""addresses.rules=[{"pattern":"kept","kind":"topic","retain":2}]""");
        await life.PublishAsync("topic://kept", "1", "2", "3");
        await (await SubscribeAsync(life, "topic://kept")).LeaveAsync();
        await life.PublishAsync("topic://kept", "4");
        await life.KillAndRestartAsync();
        await life.PublishAsync("topic://kept", "5");
        await using (var subscriber = await SubscribeAsync(life, "topic://kept"))
        {
            Assert.That(await subscriber.ReceiveAsync(4), Is.EqualTo(new[] { "2", "3", "4", "5" }));
        }

        await using var late = await SubscribeAsync(life, "topic://kept", "another");
        Assert.That(await late.ReceiveAsync(2), Is.EqualTo(new[] { "4", "5" }));
    }

    private static async Task<Subscriber> SubscribeAsync(BrokerLife life, string address, string name = "daily")
    {
        var peer = await RawPeer.BeginAsync(life.Endpoint, "subscriber");
        await peer.SendAsync(Frames.Of(new Attach
        {
            Name = name,
            Role = Role.Receiver,
            Source = new Source { Address = address, Durable = TerminusDurability.UnsettledState, ExpiryPolicy = TerminusExpiryPolicy.Never },
            Target = new Target { Address = "here" },
        }));
        Assert.That((await peer.NextAsync<Attach>()).Source, Is.Not.Null);
        return new Subscriber(peer);
    }

    private sealed class Subscriber(RawPeer peer) : IAsyncDisposable
    {
        /// <summary>Detaches: the subscription stays.</summary>
        public async Task LeaveAsync()
        {
            await peer.SendAsync(Frames.Detach(0, closed: false));
            await peer.NextAsync<Detach>();
            await peer.CloseAsync();
            await peer.DisposeAsync();
        }

        public async Task<List<string>> ReceiveAsync(int count)
        {
            await peer.SendAsync(Frames.Credit(0, (uint)count));
            var bodies = new List<string>();
            while (bodies.Count < count)
            {
                bodies.Add((await peer.ReceiveAsync()).Body);
            }

            return bodies;
        }

        public ValueTask DisposeAsync() => peer.DisposeAsync();
    }
}
