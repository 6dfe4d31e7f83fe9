using Mamba.Amqp.Codec;
using Mamba.Amqp.Messaging;
using Mamba.Amqp.Transport;
using Mamba.Amqp.Types;
using Mamba.Broker.Engine;
using Mamba.Broker.Server.Messages;
using Mamba.Broker.Server.Tests.Management;
using Mamba.Broker.Server.Tests.Peers;
using Mamba.Broker.Testing;

namespace Mamba.Broker.Server.Tests.Durability;

/// <summary>
/// A durable subscription whose stored filter the broker does not understand, as after going back to an older version: it is neither
/// given what it did not ask for nor robbed of its messages, and the log says what to do.
/// </summary>
[TestFixture]
internal sealed class HeldSubscriptionTests
{
    private const string Container = "held";

    [Test]
    public async Task Its_messages_are_kept_its_consumers_refused_and_unsubscribing_ends_it()
    {
        using var folder = new TempDirectory();
        await WriteJournalAsync(folder["data"]);
        await using var broker = await BrokerProcess.StartAsync(folder["data"]);
        Assert.That(broker.Errors, Does.Contain("Subscription \"later\" of client \"held\"").And.Contain("is held").And.Contain("which this version does not know"));

        await using var peer = await RawPeer.BeginAsync(broker.Amqp, Container);
        var filters = new AmqpMap { { new Symbol("s"), new DescribedValue(FilterDescriptors.SelectorCode, "a = 1") } };
        foreach (var filter in new[] { null, filters })
        {
            await peer.SendAsync(Subscribe(0, new Source { Address = "news", Durable = TerminusDurability.UnsettledState, Filter = filter, Capabilities = [new Symbol("topic")] }));
            Assert.That((await peer.NextAsync<Attach>()).Source, Is.Null);
            var error = (await peer.NextAsync<Detach>()).Error!;
            Assert.That(error.Condition, Is.EqualTo(ErrorCondition.IllegalState));
            Assert.That(error.Description, Does.Contain("is held").And.Contain("unsubscribing"));
            await peer.SendAsync(Frames.Detach(0));
        }

        await using (var manager = await ManagementPeer.ConnectAsync(broker.Amqp))
        {
            var read = (await manager.AskAsync("READ", "org.mamba.subscription", "held:later")).Map;
            Assert.That((read["depth"], read["selector"]), Is.EqualTo(((object)1L, (object?)null)));
            Assert.That(read["heldBecause"], Does.Contain("does not know"));
        }

        await peer.SendAsync(Subscribe(1, source: null));
        Assert.That((await peer.NextAsync<Attach>()).Source!.Address, Is.EqualTo("news"));
        await peer.SendAsync(Frames.Detach(1));
        Assert.That((await peer.NextAsync<Detach>()).Error, Is.Null);
        await peer.SendAsync(Subscribe(2, new Source { Address = "news", Durable = TerminusDurability.UnsettledState, Capabilities = [new Symbol("topic")] }));
        Assert.That((await peer.NextAsync<Attach>()).Source, Is.Not.Null, "the name is free again");
        await peer.CloseAsync();
    }

    private static byte[] Subscribe(uint handle, Source? source) => Frames.Of(new Attach
    {
        Name = "later",
        Handle = handle,
        Role = Role.Receiver,
        Source = source,
        Target = new Target(),
    });

    /// <summary>What a broker of another version would have left: a filter of a kind that there is none of here, and a message.</summary>
    private static async Task WriteJournalAsync(string data)
    {
        using var buffer = new ByteBuffer();
        new AmqpWriter(buffer).WriteMap(new AmqpMap { { 0x0000468C00000FFFul, "whatever this means" } });
        Directory.CreateDirectory(data);
        await using var engine = MessageEngine.Open(
            new EngineOptions { Directory = Path.Combine(data, "journal") }, new MessageAnnotator(), TimeProvider.System, IEngineEvents.None);
        var topic = await engine.GetOrCreateAsync("news", NodeKind.Topic);
        await engine.CreateOrFindSubscriptionAsync(
            new SubscriptionKey(Container, "later", Durable: true), "news", new SubscriptionOptions { FilterDefinition = buffer.ToArray() });
        var stored = new Stored();
        var batch = PublishBatch.Rent();
        batch.Add(topic, MessageIngress.Read(Frames.Message("kept", durable: true), 1, wantTo: false, out _, out _)!, stored, 0);
        engine.Publish(batch);
        await stored.Task.WaitAsync(RawPeer.Patience);
    }

    private sealed class Stored : IPublishObserver
    {
        private readonly TaskCompletionSource _done = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public Task Task => _done.Task;

        public void OnPublished(ReadOnlySpan<PublishResult> results) => _done.TrySetResult();
    }
}
