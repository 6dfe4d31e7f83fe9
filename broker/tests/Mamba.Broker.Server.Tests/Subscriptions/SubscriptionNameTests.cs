using Mamba.Amqp.Messaging;
using Mamba.Amqp.Transport;
using Mamba.Amqp.Types;
using Mamba.Broker.Server.Tests.Peers;

namespace Mamba.Broker.Server.Tests.Subscriptions;

/// <summary>What the names of links that nobody expects come to as names of subscriptions.</summary>
[TestFixture]
internal sealed class SubscriptionNameTests() : RunningBroker
{
    private static readonly Symbol Topic = new("topic");
    private static readonly Symbol Shared = new("shared");

    [TestCase("", false)]
    [TestCase("|2", true)]
    [TestCase("|global", true)]
    [TestCase("|volatile1", true)]
    public async Task A_subscription_without_name_is_refused_and_the_connection_goes_on(string name, bool shared)
    {
        await using var peer = await RawPeer.BeginAsync(Endpoint);
        foreach (var durable in new[] { TerminusDurability.UnsettledState, TerminusDurability.None })
        {
            if (durable == TerminusDurability.None && !shared)
            {
                continue;
            }

            await peer.SendAsync(Subscribe(0, name, "unnamed", shared ? [Topic, Shared] : [Topic], durable));
            Assert.That((await peer.NextAsync<Attach>()).Source, Is.Null);
            Assert.That((await peer.NextAsync<Detach>()).Error!.Condition, Is.EqualTo(ErrorCondition.InvalidField));
            await peer.SendAsync(Frames.Detach(0));
        }

        await peer.AttachReceiverAsync(1, "unnamed-queue", credit: 1);
        await peer.CloseAsync();
    }

    [Test]
    public async Task Of_an_unshared_subscription_the_whole_name_counts()
    {
        await using var peer = await RawPeer.BeginAsync(Endpoint, "whole");
        foreach (var region in new[] { "eu", "us" })
        {
            await peer.SendAsync(Subscribe(0, $"orders|{region}", $"orders-{region}", [Topic]));
            Assert.That((await peer.NextAsync<Attach>()).Source, Is.Not.Null);
            await peer.SendAsync(Frames.Detach(0, closed: false));
            await peer.NextAsync<Detach>();
        }

        await peer.AttachSenderAsync(1, "topic://orders-eu");
        Assert.That(await peer.PublishAsync(1, 0, Frames.Message("kept")), Is.InstanceOf<Accepted>());
        await peer.SendAsync(Subscribe(0, "orders|eu", "orders-eu", [Topic]));
        await peer.NextAsync<Attach>();
        await peer.SendAsync(Frames.Credit(0, 1));
        Assert.That((await peer.ReceiveAsync()).Body, Is.EqualTo("kept"));
        await peer.SendAsync(Frames.Detach(0, closed: false));
        await peer.NextAsync<Detach>();

        foreach (var region in new[] { "eu", "us" })
        {
            await peer.SendAsync(LookUp(2, $"orders|{region}"));
            Assert.That((await peer.NextAsync<Attach>()).Source!.Address, Is.EqualTo($"orders-{region}"));
            await peer.SendAsync(Frames.Detach(2));
            Assert.That((await peer.NextAsync<Detach>()).Error, Is.Null);
        }

        await peer.SendAsync(LookUp(2, "orders|eu"));
        Assert.That((await peer.NextAsync<Attach>()).Source, Is.Null, "unsubscribed");
    }

    private static byte[] Subscribe(
        uint handle, string name, string topic, Symbol[] capabilities, TerminusDurability durable = TerminusDurability.UnsettledState) => Frames.Of(new Attach
    {
        Name = name,
        Handle = handle,
        Role = Role.Receiver,
        Source = new Source { Address = topic, Durable = durable, Capabilities = capabilities },
        Target = new Target(),
    });

    private static byte[] LookUp(uint handle, string name) =>
        Frames.Of(new Attach { Name = name, Handle = handle, Role = Role.Receiver, Target = new Target() });
}
