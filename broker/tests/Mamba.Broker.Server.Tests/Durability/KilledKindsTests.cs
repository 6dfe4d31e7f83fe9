using Mamba.Amqp.Types;
using Mamba.Broker.Server.Tests.Management;

namespace Mamba.Broker.Server.Tests.Durability;

/// <summary>Rings keep their limit, and paused queues stay paused, over kill -9.</summary>
[TestFixture]
internal sealed class KilledKindsTests() : MortalBroker("""addresses.rules=[{ "pattern": "ring.#", "maxLength": 3, "overflow": "dropHead" }]""")
{
    [Test]
    public async Task A_ring_holds_the_newest_messages_and_no_more()
    {
        await Life.PublishAsync("ring.q", "1", "2", "3", "4", "5", "6", "7");
        await Life.KillAndRestartAsync();
        Assert.That((await Life.DrainAsync("ring.q")).ConvertAll(static m => m.Body), Is.EqualTo(new[] { "5", "6", "7" }));
    }

    [Test]
    public async Task A_paused_queue_is_paused_until_it_is_resumed()
    {
        await Life.PublishAsync("held", "1", "2");
        Assert.That(await SetAsync("PAUSE"), Is.EqualTo(200));
        await Life.KillAndRestartAsync();
        Assert.That(await Life.DrainAsync("held"), Is.Empty);
        await Life.PublishAsync("held", "3");
        Assert.That(await SetAsync("RESUME"), Is.EqualTo(200));
        await Life.KillAndRestartAsync();
        Assert.That((await Life.DrainAsync("held")).ConvertAll(static m => m.Body), Is.EqualTo(new[] { "1", "2", "3" }));
    }

    [Test]
    public async Task A_paused_subscription_and_settings_that_were_changed_are_what_they_were()
    {
        await using (var peer = await ManagementPeer.ConnectAsync(Life.Endpoint))
        {
            await peer.AskAsync("CREATE", "org.mamba.topic", "t");
            await peer.AskAsync("CREATE", "org.mamba.subscription", "c:s", new AmqpMap { { "topic", "t" } });
            await peer.AskAsync("CREATE", "org.mamba.queue", "changed");
            Assert.That((await peer.AskAsync("PAUSE", "org.mamba.subscription", "c:s")).Status, Is.EqualTo(200));
            Assert.That((await peer.AskAsync("UPDATE", "org.mamba.subscription", "c:s", new AmqpMap { { "maxMessages", 2 }, { "overflow", "dropHead" } })).Status, Is.EqualTo(200));
            Assert.That((await peer.AskAsync("UPDATE", "org.mamba.queue", "changed", new AmqpMap { { "lastValueKey", "symbol" }, { "maxDeliveries", 5 } })).Status, Is.EqualTo(200));
        }

        await Life.KillAndRestartAsync();
        await Life.PublishAsync("topic://t", "1", "2", "3");
        await using (var peer = await ManagementPeer.ConnectAsync(Life.Endpoint))
        {
            var subscription = (await peer.AskAsync("READ", "org.mamba.subscription", "c:s")).Map;
            Assert.That(
                (subscription["paused"], subscription["maxMessages"], subscription["overflow"], subscription["depth"], subscription["dropped"]),
                Is.EqualTo((true, 2L, "dropHead", 2L, 1L)));
            var queue = (await peer.AskAsync("READ", "org.mamba.queue", "changed")).Map;
            Assert.That((queue["lastValueKey"], queue["maxDeliveries"]), Is.EqualTo(("symbol", 5L)));
            Assert.That((await peer.AskAsync("RESUME", "org.mamba.subscription", "c:s")).Status, Is.EqualTo(200));
        }

        await Life.KillAndRestartAsync();
        await using (var peer = await ManagementPeer.ConnectAsync(Life.Endpoint))
        {
            Assert.That((await peer.AskAsync("READ", "org.mamba.subscription", "c:s")).Map["paused"], Is.False);
        }
    }

    private async Task<int> SetAsync(string operation)
    {
        await using var peer = await ManagementPeer.ConnectAsync(Life.Endpoint);
        return (await peer.AskAsync(operation, "org.mamba.queue", "held")).Status;
    }
}
