using Mamba.Amqp.Messaging;
using Mamba.Amqp.Transport;
using Mamba.Amqp.Types;
using Mamba.Broker.Server.Tests.Management;
using Mamba.Broker.Server.Tests.Peers;

namespace Mamba.Broker.Server.Tests.Durability;

/// <summary>Copies over kill -9: a message is at all its addresses or at none, and whatever was accepted is at all of them.</summary>
[TestFixture]
internal sealed class KilledDivertTests() : MortalBroker(
    """addresses.diverts=[{ "name": "1", "pattern": "orders", "target": "copy.1" }, { "name": "2", "pattern": "copy.1", "target": "copy.2" }]""")
{
    [Test]
    public async Task A_message_is_everywhere_or_nowhere([Values(1, 60, 250)] int confirmed)
    {
        await using (var peer = await RawPeer.BeginAsync(Life.Endpoint))
        {
            await peer.AttachSenderAsync(0, "orders");
            for (var i = 0; i < confirmed; i++)
            {
                Assert.That(await peer.PublishAsync(0, (uint)i, Frames.Message($"{i}", durable: true)), Is.InstanceOf<Accepted>());
            }

            // More of them are on their way while the broker is killed.
            for (var i = confirmed; i < confirmed + 300; i++)
            {
                await peer.SendAsync(Frames.Transfer(0, (uint)i, Frames.Message($"{i}", durable: true)));
            }

            await Life.KillAndRestartAsync();
        }

        var left = await BodiesAsync("orders", confirmed);
        Assert.That(left, Is.Unique.And.SupersetOf(Enumerable.Range(0, confirmed).Select(static i => $"{i}")));
        Assert.That(await BodiesAsync("copy.1", confirmed), Is.EqualTo(left));
        Assert.That(await BodiesAsync("copy.2", confirmed), Is.EqualTo(left));
    }

    [Test]
    public async Task A_committed_transaction_is_everywhere_and_an_open_one_nowhere()
    {
        await using (var peer = await RawPeer.BeginAsync(Life.Endpoint))
        {
            await peer.AttachSenderAsync(0, "orders");
            var work = await TransactionLife.AttachAsync(peer);
            var done = await work.DeclareAsync();
            await work.SendAsync(0, done, "done");
            await work.CommitAsync(done);
            await work.SendAsync(0, await work.DeclareAsync(), "open");
            await Life.KillAndRestartAsync();
        }

        foreach (var queue in new[] { "orders", "copy.1", "copy.2" })
        {
            Assert.That(await BodiesAsync(queue, 1), Is.EqualTo(new[] { "done" }), queue);
        }
    }

    [Test]
    public async Task A_divert_made_by_management_is_on_disk_when_it_is_answered()
    {
        await using (var manager = await ManagementPeer.ConnectAsync(Life.Endpoint))
        {
            var body = new AmqpMap { { "pattern", "trades" }, { "target", "elsewhere" }, { "move", true } };
            Assert.That((await manager.AskAsync("CREATE", "org.mamba.divert", "away", body)).Status, Is.EqualTo(201));
            Assert.That((await manager.AskAsync("CREATE", "org.mamba.divert", "gone", new AmqpMap { { "pattern", "trades" }, { "target", "gone" } })).Status, Is.EqualTo(201));
            Assert.That((await manager.AskAsync("DELETE", "org.mamba.divert", "gone")).Status, Is.EqualTo(204));
            await Life.KillAndRestartAsync();
        }

        await Life.PublishAsync("trades", "a", "b");
        Assert.That(await BodiesAsync("elsewhere", 2), Is.EqualTo(new[] { "a", "b" }));
        Assert.That(await BodiesAsync("trades", 0), Is.Empty);
        Assert.That(await BodiesAsync("gone", 0), Is.Empty);
    }

    private async Task<string[]> BodiesAsync(string queue, int atLeast) => [.. (await Life.DrainAsync(queue, atLeast)).Select(static one => one.Body)];
}
