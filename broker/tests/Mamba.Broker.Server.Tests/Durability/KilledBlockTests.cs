using Mamba.Amqp.Messaging;
using Mamba.Amqp.Transport;
using Mamba.Broker.Server.Tests.Peers;

namespace Mamba.Broker.Server.Tests.Durability;

/// <summary>A queue that makes senders wait, over kill -9: what was accepted is there, the limit holds, and credit comes when there is room.</summary>
[TestFixture]
internal sealed class KilledBlockTests() : MortalBroker("""addresses.rules=[{ "pattern": "tight.#", "maxLength": 4, "overflow": "block" }]""")
{
    [Test]
    public async Task A_full_queue_gives_no_credit_after_the_restart_and_then_as_much_as_there_is_room_for()
    {
        await Life.PublishAsync("tight.q", "1", "2", "3", "4");
        await Life.KillAndRestartAsync();
        await using var peer = await RawPeer.BeginAsync(Life.Endpoint);
        await peer.SendAsync(Frames.Sender(0, "tight.q"));
        await peer.NextAsync<Attach>();
        await peer.AttachSenderAsync(1, "other");
        Assert.That(peer.Trace, Does.Not.Contain("handle=0, delivery-count=0, link-credit=4"), "the other link's credit came, and none for the full queue");
        Assert.That((await Life.DrainAsync("tight.q", 4)).ConvertAll(static m => m.Body), Is.EqualTo(new[] { "1", "2", "3", "4" }));
        await peer.CreditAsync(0);
        Assert.That(await peer.PublishAsync(0, 0, Frames.Message("5", durable: true)), Is.InstanceOf<Accepted>());
        await Life.KillAndRestartAsync();
        Assert.That((await Life.DrainAsync("tight.q", 1)).ConvertAll(static m => m.Body), Is.EqualTo(new[] { "5" }));
    }
}
