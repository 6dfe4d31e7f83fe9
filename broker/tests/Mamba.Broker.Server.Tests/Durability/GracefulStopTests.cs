using Mamba.Amqp.Messaging;
using Mamba.Amqp.Transport;
using Mamba.Broker.Server.Tests.Peers;

namespace Mamba.Broker.Server.Tests.Durability;

/// <summary>A stop that is asked for: peers are told, and what they held is there again after the start, in order.</summary>
[TestFixture]
internal sealed class GracefulStopTests
{
    [Test]
    public async Task Peers_are_told_and_the_process_ends_when_they_have_answered()
    {
        await using var life = await BrokerLife.StartAsync();
        await using var peer = await RawPeer.BeginAsync(life.Endpoint);
        await peer.AttachReceiverAsync(0, "queue", credit: 10);
        var stopping = life.Broker.StopAsync();
        var error = (await peer.NextAsync<Close>()).Error;
        Assert.That(error?.Condition, Is.EqualTo(ErrorCondition.ConnectionForced), error?.Description);
        await peer.SendAsync(Frames.Close());
        Assert.That(await peer.TryNextAsync(), Is.Null);
        Assert.That(await stopping, Is.Zero, life.Broker.Errors);
    }

    [Test]
    public async Task What_was_held_is_there_again_at_its_place_and_may_have_been_out()
    {
        await using var life = await BrokerLife.StartAsync();
        await life.PublishAsync("held", "1", "2", "3", "4");
        await using (var peer = await RawPeer.BeginAsync(life.Endpoint))
        {
            await peer.AttachReceiverAsync(0, "held", credit: 3);
            await peer.ReceiveAsync();
            var second = await peer.ReceiveAsync();
            await peer.ReceiveAsync();
            await KilledBrokerTests.SettleAndWaitAsync(peer, second.DeliveryId, Accepted.Instance);
            var stopping = life.Broker.StopAsync();
            await peer.NextAsync<Close>();
            await peer.SendAsync(Frames.Close());
            Assert.That(await stopping, Is.Zero, life.Broker.Errors);
        }

        await life.RestartAsync();
        var found = await life.DrainAsync("held");
        Assert.That(found.ConvertAll(static m => m.Body), Is.EqualTo(new[] { "1", "3", "4" }));
        Assert.That(found.TrueForAll(static m => m.Header is { FirstAcquirer: false, DeliveryCount: 0 }), Is.True);
    }
}
