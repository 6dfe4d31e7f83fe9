using System.Globalization;
using Mamba.Broker.Journal;

namespace Mamba.Broker.Engine.Tests;

[NonParallelizable]
internal sealed class MemoryTests
{
    [Test]
    public async Task An_idle_queue_takes_little_memory([Values] bool used)
    {
        const int Queues = 10_000;
        await using var bed = new TestBed(static options => options with { Sync = false });
        await MakeQueuesAsync(bed, "warm", 10, used);
        bed.Engine.ReleaseIdleMemory();
        var before = GC.GetTotalMemory(forceFullCollection: true);
        await MakeQueuesAsync(bed, "q", Queues, used);
        bed.Engine.ReleaseIdleMemory();
        var perQueue = (GC.GetTotalMemory(forceFullCollection: true) - before) / Queues;
        TestContext.Out.WriteLine($"{perQueue} bytes per queue");
        Assert.That(bed.Engine.Describe(), Has.Count.EqualTo(Queues + 10));
        Assert.That(perQueue, Is.LessThan(2048), "bytes per idle queue");
    }

    [Test]
    public void A_pool_gives_up_what_nobody_needed_since_the_last_trim()
    {
        var pool = new IdlePool<object>(100);
        for (var i = 0; i < 120; i++)
        {
            Assert.That(pool.TryGive(new object()), Is.EqualTo(i < 100));
        }

        pool.Trim();
        Assert.That(pool.Count, Is.EqualTo(100), "all of them came since the last trim");
        for (var i = 0; i < 30; i++)
        {
            Assert.That(pool.TryTake(out _), Is.True);
        }

        for (var i = 0; i < 30; i++)
        {
            Assert.That(pool.TryGive(new object()), Is.True);
        }

        pool.Trim();
        Assert.That(pool.Count, Is.EqualTo(30), "so many were needed at a time");
        pool.Trim();
        Assert.That(pool.Count, Is.Zero);
        Assert.That(pool.TryTake(out _), Is.False);
    }

    [Test]
    public void A_cleared_pool_is_empty_and_goes_on()
    {
        var pool = new IdlePool<object>(2);
        Assert.That(pool.TryGive(new object()) && pool.TryGive(new object()), Is.True);
        pool.Clear();
        Assert.That(pool.Count, Is.Zero);
        Assert.That(pool.TryGive(new object()), Is.True);
        Assert.That(pool.TryTake(out _), Is.True);
    }

    [Test]
    public async Task The_index_of_a_drained_queue_is_given_back()
    {
        await using var bed = new TestBed(static options => options with { Sync = false });
        var queue = await bed.QueueAsync();
        var before = bed.Engine.MessageMemoryBytes;
        for (var i = 0; i < 20; i++)
        {
            bed.PublishAll(queue, [.. Enumerable.Range(0, 1000).Select(static n => n.ToString(CultureInfo.InvariantCulture))]);
        }

        Assert.That(bed.Engine.MessageMemoryBytes - before, Is.GreaterThan(20_000 * QueueEntry.Size));
        Assert.That(bed.Drain("q"), Has.Count.EqualTo(20_000));
        bed.Engine.ReleaseIdleMemory();
        Assert.That(bed.Engine.MessageMemoryBytes, Is.EqualTo(before));
    }

    [Test]
    public async Task Recovery_takes_the_memory_of_the_index_and_no_more()
    {
        const int Messages = 20_000;
        await using var bed = new TestBed(static options => options with { Sync = false });
        var queue = await bed.QueueAsync();
        var before = EntryChunkPool.InUse;
        for (var i = 0; i < Messages / 1000; i++)
        {
            bed.PublishAll(queue, [.. Enumerable.Range(0, 1000).Select(static n => n.ToString(CultureInfo.InvariantCulture))]);
        }

        var filled = EntryChunkPool.InUse - before;
        await bed.CrashAsync();
        Assert.That(bed.DepthOf("q"), Is.EqualTo(Messages));

        // The queue of the crashed engine still counts; the recovered one has as many chunks, and recovery's own are free again.
        Assert.That(EntryChunkPool.InUse - before, Is.EqualTo(2 * filled).Within(1));
    }

    [Test]
    public async Task Recovered_messages_are_in_the_order_of_their_ids_whatever_the_order_in_the_journal([Values(1, 2, 3, 4)] int seed)
    {
        await using var bed = new TestBed();
        var queue = await bed.QueueAsync();
        var host = ((QueueNode)queue).Host;
        var random = new Random(seed);
        var ids = Enumerable.Range(1, 2000).Select(static id => (ulong)id).ToArray();
        random.Shuffle(ids);
        var recovered = new RecoveredQueue(host.Id);
        var offset = 0;
        foreach (var id in ids)
        {
            // Copies, as compaction leaves them: of two of one version the later counts, and a higher version counts in any case.
            foreach (var version in id % 3 == 0 ? new byte[] { 1, 0, 0 } : id % 3 == 1 ? [0, 0] : [0])
            {
                recovered.Add(new EnqueueOperation { MessageId = id, Version = version, Priority = 4, BodyLength = 10 + version }, new RecordAddress(1, offset), 0);
                offset += 64;
            }
        }

        foreach (var id in ids.Where(static id => id % 5 == 0))
        {
            recovered.Remove(id, 1);
        }

        Assert.That(recovered.Restore(host, new SegmentLedger(), new RecoveredHolds([]), now: 0), Is.EqualTo(1600));
        var consumer = host.Subscribe(new SubscribeOptions(), new SilentSubscriber());
        var taken = new AcquiredMessage[2000];
        Assert.That(consumer.Acquire(taken), Is.EqualTo(1600));
        var expected = Enumerable.Range(1, 2000).Select(static id => (ulong)id).Where(static id => id % 5 != 0).ToArray();
        Assert.That(taken.Take(1600).Select(static one => one.MessageId), Is.EqualTo(expected));
        Assert.That(taken.Take(1600), Is.All.Matches<AcquiredMessage>(static one => one.Length == (one.MessageId % 3 == 0 ? 11 : 10) && one.Priority == 4));
    }

    private static async Task MakeQueuesAsync(TestBed bed, string prefix, int count, bool used)
    {
        for (var i = 0; i < count; i++)
        {
            var address = string.Create(CultureInfo.InvariantCulture, $"{prefix}{i}");
            var queue = await bed.QueueAsync(address);
            if (used)
            {
                bed.Publish(queue, "one", durable: false);
                Assert.That(bed.Drain(address), Has.Count.EqualTo(1));
            }
        }
    }
}
