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

    private async Task<int> SetAsync(string operation)
    {
        await using var peer = await ManagementPeer.ConnectAsync(Life.Endpoint);
        return (await peer.AskAsync(operation, "org.mamba.queue", "held")).Status;
    }
}
