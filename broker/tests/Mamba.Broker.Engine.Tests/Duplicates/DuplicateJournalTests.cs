using FsCheck;
using FsCheck.Fluent;

namespace Mamba.Broker.Engine.Tests.Duplicates;

/// <summary>What a window knows after a restart, a crash, and when the segments that held its ids are gone.</summary>
internal sealed class DuplicateJournalTests
{
    [Test]
    public async Task Ids_of_stored_messages_survive_and_others_do_not([Values] bool crash)
    {
        await using var bed = DuplicateBed.Open();
        var queue = await bed.QueueAsync("once.q");
        var topic = await bed.TopicAsync("once.t");
        bed.Once(queue, "stored");
        bed.Once(queue, "in memory", durable: false);
        bed.Once(topic, "nobody hears");
        var unit = bed.Engine.BeginTransaction();
        unit.AddPublish(queue, bed.Message("committed"), queue.IdOf("committed"));
        await unit.CommitAsync();
        unit = bed.Engine.BeginTransaction();
        unit.AddPublish(queue, bed.Message("open"), queue.IdOf("open"));
        await (crash ? bed.CrashAsync() : bed.RestartAsync());
        queue = bed.Engine.Find("once.q")!;
        Assert.That(new[] { bed.Once(queue, "stored"), bed.Once(queue, "committed"), bed.Once(bed.Engine.Find("once.t")!, "nobody hears") },
            Is.All.EqualTo(PublishOutcome.Duplicate));
        Assert.That(new[] { bed.Once(queue, "in memory"), bed.Once(queue, "open") }, Is.All.EqualTo(PublishOutcome.Accepted));
        Assert.That(bed.Drain("once.q"), Is.EqualTo(new[] { "stored", "committed", "in memory", "open" }));
    }

    [Test]
    public async Task Ids_outlive_the_segments_they_were_written_to_and_hold_few()
    {
        await using var bed = DuplicateBed.Open(window: 2_000, more: static options => options with { SegmentBytes = 64 * 1024, CompactionMinSegments = 4 });
        var queue = await bed.QueueAsync("once.q");
        var text = new string('x', 200);
        for (var i = 0; i < 6_000; i += 100)
        {
            Assert.That(bed.Start(queue, [.. Enumerable.Range(i, 100).Select(n => ($"{n}", text))]).Wait(), Is.All.EqualTo(PublishOutcome.Accepted));
            bed.Drain("once.q");
        }

        await bed.Engine.CompactAsync();
        TestBed.WaitUntil(() => bed.Engine.SegmentCount < 9, "nearly all segments to go; the ids of ten are still known");
        var written = bed.Events.Count("segment ");
        for (var life = 0; life < 3; life++)
        {
            await (life == 1 ? bed.CrashAsync() : bed.RestartAsync());
            queue = bed.Engine.Find("once.q")!;
            Assert.That(bed.OnceEach(queue, Enumerable.Range(4_000, 2_000).Select(static n => $"{n}")), Is.All.EqualTo(PublishOutcome.Duplicate), $"life {life}");
            Assert.That(queue.Duplicates!.Count, Is.EqualTo(2_000));
            await bed.Engine.CompactAsync();
        }

        Assert.That(written, Is.GreaterThan(10));
        Assert.That(bed.OnceEach(queue, ["3999"]), Is.All.EqualTo(PublishOutcome.Accepted));
    }

    [Test]
    public async Task Ids_that_are_forgotten_let_their_segments_go()
    {
        await using var bed = DuplicateBed.Open(10_000, seconds: 60, static options => options with { SegmentBytes = 64 * 1024, CompactionMinSegments = 1_000 });
        var queue = await bed.QueueAsync("once.q");
        var text = new string('x', 200);
        for (var i = 0; i < 3_000; i += 100)
        {
            bed.Start(queue, [.. Enumerable.Range(i, 100).Select(n => ($"{n}", text))]).Wait();
            bed.Drain("once.q");
        }

        await bed.Engine.CompactAsync();
        Assert.That(bed.Events.Count("segment "), Is.Zero, "every segment holds ids that are known");
        bed.Clock.Advance(TimeSpan.FromSeconds(75));
        bed.Publish(await bed.QueueAsync("quiet"), "so that removals before are accounted for");
        await bed.Engine.CompactAsync();
        TestBed.WaitUntil(() => bed.Engine.SegmentCount < 5, "the segments to go");
        Assert.That(queue.Duplicates!.Count, Is.Zero);
    }

    [Test]
    public async Task A_crash_between_copying_ids_and_deleting_their_segment_is_harmless()
    {
        await using var bed = DuplicateBed.Open(window: 500, more: static options => options with { SegmentBytes = 32 * 1024, CompactionMinSegments = 2 });
        var queue = await bed.QueueAsync("once.q");
        await bed.Engine.Compactor.Turn.WaitAsync();
        var images = new List<string>();
        bed.Engine.Compactor.BeforeDelete = () => images.Add(bed.CopyFolder());
        var text = new string('x', 100);
        for (var i = 0; i < 1_000; i += 50)
        {
            bed.Start(queue, [.. Enumerable.Range(i, 50).Select(n => ($"{n}", text))]).Wait();
            bed.Drain("once.q");
        }

        bed.Publish(await bed.QueueAsync("quiet"), "last");
        bed.Engine.Compactor.Turn.Release();
        await bed.Engine.CompactAsync();
        Assert.That(images, Is.Not.Empty);
        await bed.Engine.Compactor.Turn.WaitAsync();
        foreach (var image in images)
        {
            var engine = bed.OpenCopy(image);
            var copy = engine.Find("once.q")!;
            Assert.That(copy.Duplicates!.Count, Is.EqualTo(500));
            var unit = engine.BeginTransaction();
            Assert.That(Enumerable.Range(500, 500).Select(n => unit.AddPublish(copy, bed.Message("x"), copy.IdOf($"{n}"))), Is.All.EqualTo(PublishOutcome.Duplicate));
            Assert.That(unit.AddPublish(copy, bed.Message("x"), copy.IdOf("499")), Is.EqualTo(PublishOutcome.Accepted));
            unit.Rollback();
        }

        bed.Engine.Compactor.Turn.Release();
    }

    [Test]
    public async Task Without_the_setting_what_is_stored_means_nothing_and_holds_nothing()
    {
        await using var bed = DuplicateBed.Open();
        bed.Once(await bed.QueueAsync("once.q"), "a");
        bed.Configure = static options => options;
        await bed.RestartAsync();
        Assert.That(bed.Engine.Find("once.q")!.Duplicates, Is.Null);
        Assert.That(bed.Publish(bed.Engine.Find("once.q")!, "a"), Is.EqualTo(PublishOutcome.Accepted));
    }

    /// <summary>Any course of publishing, transactions, time, restarts, crashes and compaction, against the last ids in a list.</summary>
    [FsCheck.NUnit.Property(MaxTest = 40)]
    public Property Behaves_like_the_last_ids_in_a_list() =>
        Prop.ForAll(Gen.Choose(0, int.MaxValue).ToArbitrary(), static seed => RunAsync(seed).GetAwaiter().GetResult());

    private static async Task RunAsync(int seed)
    {
        const int Window = 20;
        const int Seconds = 30;
        var random = new Random(seed);
        await using var bed = DuplicateBed.Open(Window, Seconds, static options => options with { SegmentBytes = 16 * 1024, CompactionMinSegments = 2 });
        var queue = await bed.QueueAsync("once.q");
        var model = new List<(string Id, long Seconds)>();
        var expected = new List<string>();
        for (var step = 0; step < 120; step++)
        {
            switch (random.Next(12))
            {
                case 0:
                    await (random.Next(2) == 0 ? bed.RestartAsync() : bed.CrashAsync());
                    queue = bed.Engine.Find("once.q")!;
                    break;
                case 1:
                    bed.Clock.Advance(TimeSpan.FromSeconds(random.Next(1, 20)));
                    break;
                case 2:
                    Assert.That(bed.Drain("once.q"), Is.EqualTo(expected), $"seed {seed}, step {step}");
                    expected.Clear();
                    bed.Publish(queue, "settled before this is answered");
                    expected.Add("settled before this is answered");
                    await bed.Engine.CompactAsync();
                    break;
                case 3 or 4 or 5:
                    await TransactAsync();
                    break;
                default:
                    PublishSome();
                    break;
            }
        }

        Assert.That(bed.Drain("once.q"), Is.EqualTo(expected), $"seed {seed}");

        void PublishSome()
        {
            var ids = Enumerable.Range(0, random.Next(1, 6)).Select(_ => $"{random.Next(60)}").ToArray();
            var outcomes = bed.Start(queue, [.. ids.Select(id => (id, id + new string('.', 200)))]).Wait();
            Assert.That(outcomes, Is.EqualTo(ids.Select(id => Note(id, id + new string('.', 200)) ? PublishOutcome.Accepted : PublishOutcome.Duplicate)), $"seed {seed}");
        }

        async Task TransactAsync()
        {
            var unit = bed.Engine.BeginTransaction();
            var commits = random.Next(3) > 0;
            var ids = Enumerable.Range(0, random.Next(1, 6)).Select(_ => $"{random.Next(60)}").ToArray();
            foreach (var id in ids)
            {
                var known = IsKnown(id);
                Assert.That(unit.AddPublish(queue, bed.Message(id), queue.IdOf(id)), Is.EqualTo(known ? PublishOutcome.Duplicate : PublishOutcome.Accepted), $"seed {seed}");
            }

            if (!commits)
            {
                unit.Rollback();
                return;
            }

            Assert.That(await unit.CommitAsync(), Is.EqualTo(CommitOutcome.Committed));

            // Messages keep the order they were sent in; ids are taken in the order of their hashes.
            var fresh = ids.Where(id => !IsKnown(id)).Distinct(StringComparer.Ordinal).ToArray();
            expected.AddRange(fresh);
            foreach (var id in fresh.OrderBy(id => queue.IdOf(id).Value))
            {
                Note(id, null);
            }
        }

        bool IsKnown(string id)
        {
            var now = bed.Now / 1000;
            model.RemoveAll(one => now - one.Seconds > Seconds);
            model.RemoveRange(0, Math.Max(0, model.Count - Window));
            return model.Exists(one => one.Id == id);
        }

        bool Note(string id, string? text)
        {
            if (IsKnown(id))
            {
                return false;
            }

            model.Add((id, bed.Now / 1000));
            if (text is not null)
            {
                expected.Add(text);
            }

            return true;
        }
    }
}
