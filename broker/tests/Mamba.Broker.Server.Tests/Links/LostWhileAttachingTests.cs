using Mamba.Amqp.Messaging;
using Mamba.Amqp.Transport;
using Mamba.Amqp.Types;
using Mamba.Broker.Server.Tests.Management;
using Mamba.Broker.Server.Tests.Peers;

namespace Mamba.Broker.Server.Tests.Links;

/// <summary>
/// A connection that is lost while the broker waits for its disk on behalf of an attach leaves nobody behind: no consumer that messages
/// are kept for, and no subscription that nobody is on.
/// </summary>
[TestFixture]
internal sealed class LostWhileAttachingTests() : RunningBroker
{
    private const int Rounds = 40;
    private static readonly Symbol[] Topic = [new("topic")];
    private static readonly Symbol[] Shared = [new("topic"), new("shared")];

    [Test]
    public async Task No_consumer_stays_on_the_queue()
    {
        await using var sender = await RawPeer.BeginAsync(Endpoint);
        await sender.AttachSenderAsync(0, "lost");
        for (var round = 0; round < Rounds; round++)
        {
            await using var peer = await RawPeer.BeginAsync(Endpoint);
            await peer.SendAsync(Frames.Of(new Attach
            {
                Name = "resumable",
                Handle = 0,
                Role = Role.Receiver,
                RcvSettleMode = ReceiverSettleMode.Second,
                Source = new Source { Address = "lost", Durable = TerminusDurability.UnsettledState, ExpiryPolicy = TerminusExpiryPolicy.Never },
                Target = new Target(),
            }));
            peer.Reset();
        }

        await UntilAsync(async manager => await manager.ReadAsync("org.mamba.queue", "lost", "consumers") is 0L);
    }

    [Test]
    public async Task No_volatile_subscription_stays_on_the_topic()
    {
        await using var other = await RawPeer.BeginAsync(Endpoint);
        await other.AttachReceiverAsync(0, "topic://lost-news", credit: 0);
        for (var round = 0; round < Rounds; round++)
        {
            await using var peer = await RawPeer.BeginAsync(Endpoint);

            // Subscriptions are made one after the other: the second waits for the first to be on disk.
            await peer.SendAsync(Subscribe(0, $"kept-{round}", Topic, TerminusDurability.UnsettledState), Subscribe(1, "gone", Shared, TerminusDurability.None));
            peer.Reset();
        }

        await other.SendAsync(Subscribe(1, "after-all", Topic, TerminusDurability.UnsettledState));
        await other.NextAsync<Attach>();
        await UntilAsync(async manager => (await manager.QueryAsync("org.mamba.subscription", filters: null, "name"))
            .TrueForAll(static row => !((string)row[0]!).Contains(":gone", StringComparison.Ordinal)));
    }

    /// <summary>Asks until it is so: the broker learns of a lost connection in its own time.</summary>
    private async Task UntilAsync(Func<ManagementPeer, Task<bool>> isSo)
    {
        using var limit = new CancellationTokenSource(2 * RawPeer.Patience);
        while (true)
        {
            await using var manager = await ManagementPeer.ConnectAsync(Endpoint);
            if (await isSo(manager))
            {
                return;
            }

            Assert.That(limit.IsCancellationRequested, Is.False, "it never came to be");
        }
    }

    private static byte[] Subscribe(uint handle, string name, Symbol[] capabilities, TerminusDurability durable) => Frames.Of(new Attach
    {
        Name = name,
        Handle = handle,
        Role = Role.Receiver,
        Source = new Source { Address = "lost-news", Durable = durable, Capabilities = capabilities },
        Target = new Target(),
    });
}
