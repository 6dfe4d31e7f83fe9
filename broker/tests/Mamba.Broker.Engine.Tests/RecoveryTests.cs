using System.Globalization;

namespace Mamba.Broker.Engine.Tests;

internal sealed class RecoveryTests
{
    [Test]
    public async Task What_was_there_is_there_again([Values] bool crash)
    {
        await using var bed = new TestBed();
        var queue = await bed.QueueAsync("q", new NodeOptions { MaxDeliveries = 7, MaxMessages = 50, DeadLetterAddress = "dead", ExpiryAddress = "expired" });
        bed.PublishAll(queue, [.. Enumerable.Range(0, 20).Select(static i => $"{i}")]);
        bed.PublishAll(queue, ["volatile"], durable: false);
        bed.Publish(queue, "urgent", priority: 8);
        var consumer = TestBed.Consume(queue);
        var taken = consumer.TakeExactly(6);
        Assert.That(taken[0].Text, Is.EqualTo("urgent"));
        consumer.SettleAndWait(Settlement.Accept(taken[1].Token));
        consumer.SettleAndWait(Settlement.Accept(taken[3].Token));
        consumer.SettleAndWait(new Settlement(taken[4].Token, OutcomeKind.Modified, DeliveryFailed: true));
        consumer.SettleAndWait(new Settlement(taken[5].Token, OutcomeKind.Released));
        var options = queue.Options;

        await (crash ? bed.CrashAsync() : bed.RestartAsync());
        var again = bed.Engine.Find("q")!;
        Assert.That(again.Options, Is.EqualTo(options));
        Assert.That(again.Describe().Depth, Is.EqualTo(19));
        var all = TestBed.Consume(again).TakeExactly(19);
        Assert.Multiple(() =>
        {
            Assert.That(all.ConvertAll(static one => one.Text), Is.EqualTo(new[] { "urgent", "1", "3", "4", "5", "6", "7", "8", "9", "10", "11", "12", "13", "14", "15", "16", "17", "18", "19" }));
            Assert.That(all, Is.All.Matches<Taken>(static one => !one.FirstAcquirer));
            Assert.That(all[2].DeliveryCount, Is.EqualTo(1));
            Assert.That(all.Sum(static one => one.DeliveryCount), Is.EqualTo(1));
            Assert.That(all[0].Raw.Priority, Is.EqualTo(8));
            Assert.That(all[0].Raw.Durable, Is.True);
        });
    }

    [Test]
    public async Task Recovering_twice_gives_the_same([Values(1, 2, 3)] int seed)
    {
        await using var bed = new TestBed();
        var random = new Random(seed);
        var queue = await bed.QueueAsync();
        var expected = new List<string>();
        for (var round = 0; round < 10; round++)
        {
            var texts = Enumerable.Range(0, random.Next(50)).Select(i => $"{round}.{i}").ToList();
            bed.PublishAll(bed.Engine.Find("q")!, texts);
            expected.AddRange(texts);
            var consumer = TestBed.Consume(bed.Engine.Find("q")!);
            var settle = Math.Min(random.Next(40), expected.Count);
            foreach (var taken in consumer.TakeExactly(settle))
            {
                Assert.That(expected.Remove(taken.Text), Is.True, taken.Text);
                consumer.SettleAndWait(Settlement.Accept(taken.Token));
            }

            consumer.Close();
            await (random.Next(2) == 0 ? bed.CrashAsync() : bed.RestartAsync());
        }

        Assert.That(bed.Drain("q"), Is.EqualTo(expected));
    }

    [Test]
    public async Task Compaction_gives_space_back_and_loses_nothing_and_brings_nothing_back()
    {
        await using var bed = new TestBed(static options => options with { SegmentBytes = 64 * 1024, CompactionMinSegments = 3 });
        var queue = await bed.QueueAsync();
        var other = await bed.QueueAsync("other");
        var consumer = TestBed.Consume(queue);
        var kept = new List<string>();
        for (var round = 0; round < 60; round++)
        {
            var texts = Enumerable.Range(0, 100).Select(i => $"{round}.{i}.{new string('x', 200)}").ToList();
            bed.PublishAll(queue, texts);
            bed.Publish(other, $"other{round}");
            foreach (var taken in consumer.TakeExactly(100))
            {
                if (taken.Text.Contains(".7.", StringComparison.Ordinal))
                {
                    kept.Add(taken.Text);
                }
                else
                {
                    consumer.SettleAndWait(Settlement.Accept(taken.Token));
                }
            }
        }

        await bed.Engine.CompactAsync();
        TestBed.WaitUntil(() => bed.Engine.SegmentCount <= 6, "segments to go");
        Assert.That(bed.Events.Count("failure"), Is.Zero);
        Assert.That(bed.Events.Count("segment"), Is.GreaterThan(20));
        consumer.Close();
        await bed.CrashAsync();
        Assert.That(bed.Drain("q"), Is.EqualTo(kept));
        Assert.That(bed.Drain("other"), Is.EqualTo(Enumerable.Range(0, 60).Select(static i => $"other{i}")));
        await bed.RestartAsync();
        Assert.That((bed.DepthOf("q"), bed.DepthOf("other")), Is.EqualTo((0L, 0L)));
    }

    [Test]
    public async Task Crashes_at_any_time_while_compacting_neither_lose_nor_bring_back([Range(1, 6)] int seed)
    {
        await using var bed = new TestBed(static options => options with { SegmentBytes = 32 * 1024, CompactionMinSegments = 2 });
        await bed.QueueAsync();
        var random = new Random(seed);
        var expected = new SortedDictionary<int, string>();
        var number = 0;
        for (var life = 0; life < 8; life++)
        {
            var queue = bed.Engine.Find("q")!;
            var consumer = TestBed.Consume(queue);
            for (var round = 0; round < 10; round++)
            {
                var first = number;
                number += 40;
                bed.PublishAll(queue, [.. Enumerable.Range(first, 40).Select(static i => $"{i}:{new string('y', 150)}")]);
                for (var i = first; i < number; i++)
                {
                    expected[i] = $"{i}:{new string('y', 150)}";
                }

                Settle(consumer, random, expected);
            }

            await bed.CrashAsync();
            Assert.That(bed.DepthOf("q"), Is.EqualTo(expected.Count), $"life {life}");
        }

        Assert.That(bed.Drain("q"), Is.EqualTo(expected.Values));
    }

    [Test]
    public async Task A_crash_between_copying_and_deleting_is_harmless()
    {
        await using var bed = new TestBed(static options => options with { SegmentBytes = 32 * 1024, CompactionMinSegments = 2 });
        var queue = await bed.QueueAsync();
        await bed.Engine.Compactor.Turn.WaitAsync();
        var images = new List<string>();
        bed.Engine.Compactor.BeforeDelete = () => images.Add(bed.CopyFolder());
        PublishInGroups(bed, queue, 400, durable: true);
        var consumer = TestBed.Consume(queue);
        var expected = new List<string>();
        foreach (var taken in consumer.TakeExactly(400))
        {
            if (expected.Count * 4 <= int.Parse(taken.Text.AsSpan(0, taken.Text.IndexOf('p', StringComparison.Ordinal)), CultureInfo.InvariantCulture))
            {
                expected.Add(taken.Text);
            }
            else
            {
                consumer.SettleAndWait(Settlement.Accept(taken.Token));
            }
        }

        bed.Engine.Compactor.Turn.Release();
        await bed.Engine.CompactAsync();
        Assert.That(images, Is.Not.Empty);
        await bed.Engine.Compactor.Turn.WaitAsync();
        bed.Configure = static options => options with { SegmentBytes = 32 * 1024, CompactionMinSegments = 1000 };
        foreach (var image in images)
        {
            Assert.That(TestBed.Drain(bed.OpenCopy(image), "q"), Is.EqualTo(expected));
        }

        bed.Engine.Compactor.Turn.Release();
        consumer.Close();
        Assert.That(bed.Drain("q"), Is.EqualTo(expected));
        TestContext.Out.WriteLine($"{images.Count} images");
    }

    [Test]
    public async Task Removals_outlive_the_messages_they_remove()
    {
        await using var bed = new TestBed(static options => options with { SegmentBytes = 32 * 1024, CompactionMinSegments = 1000 });
        var queue = await bed.QueueAsync();
        var churn = await bed.QueueAsync("churn");
        bed.PublishAll(queue, [.. Enumerable.Range(0, 100).Select(static i => $"{i}")]);
        var consumer = TestBed.Consume(queue);
        var churner = TestBed.Consume(churn);
        for (var round = 0; round < 50; round++)
        {
            consumer.SettleAndWait(Settlement.Accept(consumer.Take().Token));
            bed.PublishAll(churn, [.. Enumerable.Range(0, 20).Select(static i => new string('z', 500))]);
            foreach (var taken in churner.TakeExactly(20))
            {
                churner.SettleAndWait(Settlement.Accept(taken.Token));
            }
        }

        await bed.Engine.CompactAsync();
        await bed.CrashAsync();
        Assert.That(bed.Drain("q"), Is.EqualTo(Enumerable.Range(50, 50).Select(static i => $"{i}")));
    }

    [Test]
    public async Task Definitions_survive_the_segments_they_were_made_in()
    {
        await using var bed = new TestBed(static options => options with { SegmentBytes = 16 * 1024, CompactionMinSegments = 1 });
        await bed.QueueAsync("idle", new NodeOptions { MaxMessages = 3 });
        await bed.TopicAsync("topic");
        await bed.Engine.CreateOrFindSubscriptionAsync(new SubscriptionKey("c", "s", Durable: true), "topic", new SubscriptionOptions());
        await bed.QueueAsync("gone");
        await bed.Engine.DeleteAsync("gone");
        var queue = await bed.QueueAsync();
        for (var round = 0; round < 40; round++)
        {
            bed.Publish(queue, new string('a', 2000));
            bed.Drain("q");
        }

        await bed.Engine.CompactAsync();
        Assert.That(bed.Events.Count("segment"), Is.GreaterThan(2));
        await bed.CrashAsync();
        Assert.Multiple(() =>
        {
            Assert.That(bed.Engine.Find("idle")?.Options.MaxMessages, Is.EqualTo(3));
            Assert.That(bed.Engine.Find("gone"), Is.Null);
            Assert.That(bed.Engine.FindSubscription(new SubscriptionKey("c", "s", Durable: true)), Is.Not.Null);
        });
    }

    [Test]
    public async Task A_backlog_larger_than_memory_is_paged_and_drained_in_order([Values] bool durable)
    {
        const int Count = 4000;
        await using var bed = new TestBed(static options => options with { BodyMemoryBytes = 256 * 1024 });
        var queue = await bed.QueueAsync();
        for (var i = 0; i < Count; i += 100)
        {
            var first = i;
            bed.PublishAll(queue, [.. Enumerable.Range(0, 100).Select(j => TextOf(first + j))], durable);
            Assert.That(bed.Engine.BodyMemoryBytes, Is.LessThan(450 * 1024));
        }

        Assert.That(queue.Describe().Depth, Is.EqualTo(Count));
        Assert.That(queue.Describe().InMemoryBytes, Is.LessThan(450 * 1024));
        var texts = bed.Drain("q");
        Assert.That(texts, Is.EqualTo(Enumerable.Range(0, Count).Select(TextOf)));
        Assert.That(bed.Engine.BodyMemoryBytes, Is.Zero);
        await bed.RestartAsync();
        Assert.That(bed.DepthOf("q"), Is.Zero);
    }

    [Test]
    public async Task Paged_messages_survive_compaction_of_their_segment([Values] bool durable)
    {
        await using var bed = new TestBed(static options => options with { BodyMemoryBytes = 1, SegmentBytes = 32 * 1024, CompactionMinSegments = 2 });
        var queue = await bed.QueueAsync();
        PublishInGroups(bed, queue, 600, durable);
        var consumer = TestBed.Consume(queue);
        var kept = new List<Taken>();
        var number = 0;
        foreach (var taken in consumer.TakeExactly(600))
        {
            if (number++ % 10 == 0)
            {
                kept.Add(taken);
            }
            else
            {
                consumer.SettleAndWait(Settlement.Accept(taken.Token));
            }
        }

        await bed.Engine.CompactAsync();
        Assert.That(bed.Events.Count("segment"), Is.GreaterThan(3));
        foreach (var taken in kept)
        {
            using var _ = new Releaser(consumer.Subscription.LoadBody(new AcquiredMessage { Token = taken.Token, MessageId = taken.Raw.MessageId, Location = taken.Raw.Location })!);
        }

        consumer.Close();
        Assert.That(bed.Drain("q"), Is.EqualTo(kept.ConvertAll(static one => one.Text)));
    }

    /// <summary>A batch lies in one segment, so that many segments need many batches.</summary>
    private static void PublishInGroups(TestBed bed, IMessageNode queue, int count, bool durable)
    {
        for (var first = 0; first < count; first += 10)
        {
            bed.PublishAll(queue, [.. Enumerable.Range(first, 10).Select(TextOf)], durable);
        }
    }

    private static string TextOf(int i) => i.ToString(CultureInfo.InvariantCulture) + new string('p', 900);

    private static void Settle(TestConsumer consumer, Random random, SortedDictionary<int, string> expected)
    {
        foreach (var taken in consumer.TakeUpTo(60))
        {
            if (random.Next(5) == 0)
            {
                consumer.Settle(new Settlement(taken.Token, OutcomeKind.Released));
                continue;
            }

            consumer.SettleAndWait(Settlement.Accept(taken.Token));
            expected.Remove(int.Parse(taken.Text.AsSpan(0, taken.Text.IndexOf(':')), CultureInfo.InvariantCulture));
        }
    }

    private sealed class Releaser(StoredMessage message) : IDisposable
    {
        public void Dispose() => message.Release();
    }
}
