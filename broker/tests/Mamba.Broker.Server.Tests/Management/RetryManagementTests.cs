using Mamba.Amqp.Messaging;
using Mamba.Amqp.Types;
using Mamba.Broker.Server.Tests.Durability;
using Mamba.Broker.Server.Tests.Peers;

namespace Mamba.Broker.Server.Tests.Management;

/// <summary>Retry policies made and read, and failed deliveries that wait listed, over the management node.</summary>
[TestFixture]
internal sealed class RetryManagementTests() : MortalBroker("""addresses.rules=[{ "pattern": "ruled.#", "retry": { "delay": "2 s", "order": "group" } }]""")
{
    private const string Queue = "org.mamba.queue";
    private const string Schedule = "org.mamba.schedule";

    [Test]
    public async Task A_policy_is_made_read_and_kept_over_a_kill()
    {
        await using (var peer = await ManagementPeer.ConnectAsync(Life.Endpoint))
        {
            var created = await peer.AskAsync("CREATE", Queue, "own", new AmqpMap
            {
                { "retryDelay", 3_600_000L }, { "retryMaxDelay", 7_200_000 }, { "retryMultiplier", 1 }, { "retryJitter", 0.25 }, { "retryOrder", "group" },
            });
            Assert.That(created.Status, Is.EqualTo(201), created.Description);
            Assert.That(PolicyIn(created.Map), Is.EqualTo(new object?[] { 3_600_000L, 7_200_000L, 1d, 0.25, "group" }));
        }

        await Life.KillAndRestartAsync();
        await using (var peer = await ManagementPeer.ConnectAsync(Life.Endpoint))
        {
            Assert.That(PolicyIn((await peer.AskAsync("READ", Queue, "own")).Map), Is.EqualTo(new object?[] { 3_600_000L, 7_200_000L, 1d, 0.25, "group" }));
            Assert.That(PolicyIn((await peer.AskAsync("CREATE", Queue, "plain")).Map), Is.All.Null);
            Assert.That(PolicyIn((await peer.AskAsync("CREATE", Queue, "ruled.q")).Map), Is.EqualTo(new object?[] { 2_000L, 300_000L, 2d, 0.2, "group" }));
            var changed = await peer.AskAsync("CREATE", Queue, "ruled.other", new AmqpMap { { "retryOrder", "free" } });
            Assert.That(PolicyIn(changed.Map), Is.EqualTo(new object?[] { 2_000L, 300_000L, 2d, 0.2, "free" }), "what is not given stays the rule's");
        }
    }

    [TestCase("retryDelay", -1L)]
    [TestCase("retryDelay", 31_536_000_001L)]
    [TestCase("retryMultiplier", 0.5)]
    [TestCase("retryMultiplier", "2")]
    [TestCase("retryJitter", 1.01)]
    [TestCase("retryJitter", double.NaN)]
    [TestCase("retryOrder", "strict")]
    [TestCase("retryMaxDelay", 10L)]
    public async Task A_policy_that_cannot_be_is_refused_by_name(string key, object value)
    {
        await using var peer = await ManagementPeer.ConnectAsync(Life.Endpoint);
        var answer = await peer.AskAsync("CREATE", Queue, "wrong", new AmqpMap { { key, value } });
        Assert.That(answer.Status, Is.EqualTo(400));
        Assert.That(answer.Description, Does.Contain(key));
        Assert.That((await peer.AskAsync("READ", Queue, "wrong")).Status, Is.EqualTo(404));
    }

    [Test]
    public async Task What_waits_is_counted_and_listed_by_its_kind_and_cancelled_singly()
    {
        await using var peer = await ManagementPeer.ConnectAsync(Life.Endpoint);
        await peer.AskAsync("CREATE", Queue, "own", new AmqpMap { { "retryDelay", 3_600_000L }, { "retryMaxDelay", 3_600_000L } });
        await Life.PublishAsync("own", "a", "b");
        await FailAsync("own");

        var figures = (await peer.AskAsync("READ", Queue, "own")).Map;
        Assert.That((figures["depth"], figures["parked"]), Is.EqualTo((2L, 1L)));
        Assert.That(await RowsAsync(peer, null), Is.Empty, "it is no schedule");
        var rows = await RowsAsync(peer, "parked");
        Assert.That(rows, Has.Count.EqualTo(1));
        Assert.That(rows[0].Skip(1), Is.EqualTo(new object[] { "parked", 1L, "own" }));
        var name = (string)rows[0][0]!;
        Assert.That((await peer.AskAsync("READ", Schedule, name)).Map["deliveryCount"], Is.EqualTo(1L));
        Assert.That((await peer.AskAsync("DELETE", Schedule, name)).Status, Is.EqualTo(204));
        Assert.That((await peer.AskAsync("DELETE", Schedule, name)).Status, Is.EqualTo(404));
        Assert.That(await RowsAsync(peer, "parked"), Is.Empty);
        await FailAsync("own");
        Assert.That((await peer.AskAsync("PURGE", Queue, "own")).Map["purged"], Is.EqualTo(1L), "what waits is purged");
    }

    [Test]
    public async Task What_was_cancelled_is_among_the_dead_letters_after_a_kill()
    {
        await using (var peer = await ManagementPeer.ConnectAsync(Life.Endpoint))
        {
            await peer.AskAsync("CREATE", Queue, "own", new AmqpMap { { "retryDelay", 3_600_000L }, { "retryMaxDelay", 3_600_000L } });
            await Life.PublishAsync("own", "a", "b");
            await FailAsync("own");
            var name = (string)(await RowsAsync(peer, "parked"))[0][0]!;
            Assert.That((await peer.AskAsync("DELETE", Schedule, name)).Status, Is.EqualTo(204));
        }

        await Life.KillAndRestartAsync();
        await using var reader = await RawPeer.BeginAsync(Life.Endpoint);
        var dead = (await QueueCounter.DrainAsync(reader, "DLQ.own", 1)).Single();
        Assert.That((dead.Body, dead.Message.MessageAnnotations![new Symbol("x-opt-dead-letter-reason")]), Is.EqualTo(("a", (object)"cancelled")));
        Assert.That((await QueueCounter.DrainAsync(reader, "own", 1)).ConvertAll(static one => one.Body), Is.EqualTo(new[] { "b" }));
    }

    /// <summary>Takes the first message of a queue and fails to deal with it.</summary>
    private async Task FailAsync(string queue)
    {
        await using var consumer = await RawPeer.BeginAsync(Life.Endpoint);
        await consumer.AttachReceiverAsync(0, queue, credit: 1);
        await KilledBrokerTests.SettleAndWaitAsync(consumer, (await consumer.ReceiveAsync()).DeliveryId, new Modified { DeliveryFailed = true });
    }

    private static object?[] PolicyIn(AmqpMap attributes) =>
        [attributes["retryDelay"], attributes["retryMaxDelay"], attributes["retryMultiplier"], attributes["retryJitter"], attributes["retryOrder"]];

    private static Task<List<List<object?>>> RowsAsync(ManagementPeer peer, string? kind)
    {
        var filters = new AmqpMap { { "address", "own" } };
        if (kind is not null)
        {
            filters.Add("kind", kind);
        }

        return peer.QueryAsync(Schedule, filters, "name", "kind", "deliveryCount", "address");
    }
}
