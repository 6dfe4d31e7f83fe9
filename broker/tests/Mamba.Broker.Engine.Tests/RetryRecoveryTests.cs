using Mamba.Broker.Journal;

namespace Mamba.Broker.Engine.Tests;

/// <summary>Counts and waits of failed deliveries over crashes, compaction, and a journal that has several words about one message.</summary>
[TestFixture]
internal sealed class RetryRecoveryTests
{
    private static readonly NodeOptions Backoff = new()
    {
        Retry = new RetryPolicy { InitialDelay = TimeSpan.FromSeconds(10), Jitter = 0, MaxDelay = TimeSpan.FromMinutes(1) },
    };

    private static readonly string[] Filling = [.. Enumerable.Repeat(new string('f', 60_000), 30)];

    [Test]
    public async Task The_wait_goes_on_over_a_crash_and_the_count_is_kept()
    {
        await using var bed = Bed();
        var queue = await bed.QueueAsync();
        bed.PublishAll(queue, ["a", "b", "c"]);
        var consumer = TestBed.Consume(queue);
        var taken = consumer.TakeExactly(3);
        consumer.SettleAndWait(Failed(taken[0]));
        var due = bed.Now + 10_000;
        bed.Clock.Advance(TimeSpan.FromSeconds(4));
        await bed.CrashAsync();
        var parked = (await bed.Engine.ListScheduledAsync(new ScheduledQuery()))[0];
        Assert.That((parked.Kind, parked.DueAt, parked.DeliveryCount), Is.EqualTo((ScheduledKind.Parked, due, 1u)));
        Assert.That(bed.Engine.Find("q")!.Describe(), Has.Property("Depth").EqualTo(3).And.Property("Parked").EqualTo(1));
        consumer = TestBed.Consume(bed.Engine.Find("q")!);
        Assert.That(consumer.TakeExactly(2).Select(static one => one.Text), Is.EqualTo(new[] { "b", "c" }));
        bed.Clock.Advance(TimeSpan.FromSeconds(6));
        Assert.That(consumer.Take(), Has.Property("Text").EqualTo("a").And.Property("DeliveryCount").EqualTo(1));
    }

    [Test]
    public async Task What_fell_due_while_the_broker_was_down_is_in_its_place()
    {
        await using var bed = Bed();
        var queue = await bed.QueueAsync();
        FailFirst(bed, queue, "a", "b");
        await bed.Engine.DisposeAsync();
        bed.Clock.Advance(TimeSpan.FromMinutes(1));
        await bed.RestartAsync();
        Assert.That(bed.Drain("q"), Is.EqualTo(new[] { "a", "b" }));
    }

    [Test]
    public async Task Of_several_waits_the_last_one_holds_over_a_crash()
    {
        await using var bed = Bed();
        var queue = await bed.QueueAsync();
        bed.PublishAll(queue, ["counted", "delayed"]);
        var consumer = TestBed.Consume(queue);
        var taken = consumer.TakeExactly(2);
        consumer.SettleAndWait(Failed(taken[0]));
        consumer.SettleAndWait(Later(taken[1], bed.Now + 1_000));
        bed.Clock.Advance(TimeSpan.FromSeconds(10));
        taken = consumer.TakeExactly(2);
        consumer.SettleAndWait(Failed(taken[0]));
        consumer.SettleAndWait(Later(taken[1], bed.Now + 2_000));
        await bed.CrashAsync();
        var list = await bed.Engine.ListScheduledAsync(new ScheduledQuery());
        Assert.That(list.Select(item => (item.DueAt - bed.Now, item.DeliveryCount)), Is.EqualTo(new[] { (2_000L, 0u), (20_000L, 2u) }));
    }

    [Test]
    public async Task A_message_that_failed_again_without_a_wait_is_there_after_a_crash()
    {
        await using var bed = Bed();
        var queue = await bed.QueueAsync();
        var consumer = FailFirst(bed, queue, "a");
        bed.Clock.Advance(TimeSpan.FromSeconds(10));
        var taken = consumer.Take();
        consumer.SettleAndWait(Failed(taken) with { RetryAt = bed.Now });
        await bed.CrashAsync();
        Assert.That(TestBed.Consume(bed.Engine.Find("q")!).Take().DeliveryCount, Is.EqualTo(2));
    }

    [Test]
    public async Task Count_wait_and_new_annotations_are_one_record()
    {
        await using var bed = Bed();
        var queue = await bed.QueueAsync();
        var consumer = FailFirst(bed, queue, "a");
        bed.Clock.Advance(TimeSpan.FromSeconds(10));
        consumer.SettleAndWait(Failed(consumer.Take()) with { MessageAnnotations = "x"u8.ToArray() });
        bed.Clock.Advance(TimeSpan.FromSeconds(20));
        consumer.SettleAndWait(Failed(consumer.Take()) with { RetryAt = bed.Now });
        await bed.Engine.DisposeAsync();
        var records = new Kinds();
        using (Journal.Journal.Open(new JournalOptions { Directory = bed.Directory, SegmentSize = 1024 * 1024, Sync = false }, records))
        {
            Assert.That(records.OfMessages, Is.EqualTo(new[] { "Enqueue", "Park", "Enqueue,Park", "Count" }));
        }
    }

    [TestCase("a~,1", true)]
    [TestCase("a", false)]
    public async Task The_last_failure_is_counted_before_the_message_is_moved(string text, bool ownMaximum)
    {
        await using var bed = new TestBed();
        var queue = await bed.QueueAsync("q", new NodeOptions { MaxDeliveries = ownMaximum ? 5 : 1 });
        await bed.QueueAsync("DLQ.q");
        var message = bed.Message(text);
        message.HasOwnRetry = ownMaximum;
        bed.PublishMessage(queue, message);
        var consumer = TestBed.Consume(queue);
        Assert.That(consumer.SettleAndWait(Failed(consumer.Take())), Is.EqualTo(SettleStatus.Settled));
        await bed.Engine.DisposeAsync();
        var records = new Kinds();
        using (Journal.Journal.Open(new JournalOptions { Directory = bed.Directory, SegmentSize = 1024 * 1024, Sync = false }, records))
        {
            Assert.That(records.OfMessages, Is.EqualTo(new[] { "Enqueue", "Count", "Remove,Enqueue" }));
        }
    }

    [Test]
    public async Task A_parked_message_and_its_wait_outlive_the_segments_they_were_written_to()
    {
        await using var bed = new TestBed(static options => options with { CompactionMinSegments = 1, DefaultNodeOptions = Backoff });
        var queue = await bed.QueueAsync();
        var consumer = FailFirst(bed, queue, "a", "b");
        var due = bed.Now + 10_000;
        consumer.Close();
        var filler = await bed.QueueAsync("filler");
        for (var round = 0; round < 4; round++)
        {
            bed.PublishAll(filler, Filling);
            bed.Drain("filler");
        }

        CompactTheFirstSegmentAway(bed);
        await bed.CrashAsync();
        var parked = (await bed.Engine.ListScheduledAsync(new ScheduledQuery { Address = "q" }))[0];
        Assert.That((parked.DueAt, parked.DeliveryCount), Is.EqualTo((due, 1u)));
        bed.Clock.Advance(TimeSpan.FromSeconds(10));
        Assert.That(bed.Drain("q"), Is.EqualTo(new[] { "a", "b" }));
    }

    [Test]
    public async Task A_message_that_is_parked_during_a_compaction_keeps_its_wait()
    {
        using var disk = new HeldDisk();
        await using var bed = new TestBed(options => options with { CompactionMinSegments = 1, DefaultNodeOptions = Backoff, Files = disk, Sync = true });
        var queue = await bed.QueueAsync();
        bed.Publish(queue, "a");
        var consumer = TestBed.Consume(queue);
        var taken = consumer.Take();
        var filler = await bed.QueueAsync("filler");
        await bed.Engine.Compactor.Turn.WaitAsync();
        for (var round = 0; round < 4; round++)
        {
            bed.PublishAll(filler, Filling);
            var drain = TestBed.Consume(filler);
            foreach (var one in drain.TakeExactly(Filling.Length))
            {
                drain.SettleAndWait(Settlement.Accept(one.Token));
            }

            drain.Close();
        }

        disk.Hold();
        bed.Engine.Compactor.Turn.Release();
        disk.WaitUntilHeld();
        var recorder = new SettleRecorder(1);
        consumer.Subscription.Settle([Failed(taken)], recorder);
        disk.LetGo();
        recorder.Wait();
        CompactTheFirstSegmentAway(bed);
        await bed.RestartAsync();
        var parked = (await bed.Engine.ListScheduledAsync(new ScheduledQuery { Address = "q" }))[0];
        Assert.That((parked.DueAt, parked.DeliveryCount), Is.EqualTo((bed.Now + 10_000, 1u)));
    }

    [Test]
    public async Task A_nodes_own_policy_is_kept_with_its_definition()
    {
        await using var bed = new TestBed();
        var own = new NodeOptions
        {
            MaxDeliveries = 3,
            Retry = new RetryPolicy
            {
                InitialDelay = TimeSpan.FromMilliseconds(17),
                Multiplier = 1.5,
                Jitter = 0.25,
                MaxDelay = TimeSpan.FromDays(2),
                Order = RetryOrder.Group,
            },
        };
        await bed.QueueAsync("q", own);
        await bed.QueueAsync("plain", new NodeOptions { MaxDeliveries = 3 });
        await bed.CrashAsync();
        Assert.That(bed.Engine.Find("q")!.Options, Is.EqualTo(own));
        Assert.That(bed.Engine.Find("plain")!.Options.Retry, Is.Null);
    }

    [Test]
    public async Task Nothing_is_lost_or_doubled_whatever_fails_and_crashes([Range(1, 15)] int seed)
    {
        await using var bed = new TestBed(static options => options with
        {
            DefaultNodeOptions = Backoff with { MaxDeliveries = 4 },
            SegmentBytes = 128 * 1024,
            CompactionMinSegments = 1,
        });
        var random = new Random(seed);
        var model = new Dictionary<string, (uint Count, long Due)>(StringComparer.Ordinal);
        var accepted = 0;
        var number = 0;
        for (var step = 0; step < 60; step++)
        {
            var queue = await bed.QueueAsync();
            var texts = Enumerable.Range(0, random.Next(1, 6)).Select(_ => $"{number++}-{new string('x', 3_000)}").ToArray();
            bed.PublishAll(queue, texts);
            Array.ForEach(texts, text => model[text] = (0, 0));
            var consumer = TestBed.Consume(queue);
            while (random.Next(8) != 0 && consumer.TryTake() is { } taken)
            {
                var (count, due) = model[taken.Text];
                Assert.That(taken.DeliveryCount, Is.EqualTo(count));
                Assert.That(due, Is.LessThanOrEqualTo(bed.Now), "it came too early");
                if (random.Next(3) == 0)
                {
                    consumer.SettleAndWait(Settlement.Accept(taken.Token));
                    model.Remove(taken.Text);
                    accepted++;
                }
                else
                {
                    consumer.SettleAndWait(Failed(taken));
                    model[taken.Text] = (count + 1, bed.Now + Backoff.Retry!.DelayOf((int)count + 1, 0.5));
                    if (count == 3)
                    {
                        model.Remove(taken.Text);
                    }
                }
            }

            consumer.Close();
            bed.Clock.Advance(TimeSpan.FromSeconds(random.Next(0, 8)));
            if (random.Next(6) == 0)
            {
                await bed.CrashAsync();
            }
        }

        await bed.CrashAsync();
        var waiting = (await bed.Engine.ListScheduledAsync(new ScheduledQuery { Address = "q" })).Select(static item => (item.DueAt, item.DeliveryCount)).Order();
        Assert.That(waiting, Is.EqualTo(model.Values.Where(one => one.Due > bed.Now).Select(static one => (one.Due, one.Count)).Order()));
        bed.Clock.Advance(TimeSpan.FromMinutes(2));
        Assert.That(bed.Drain("q"), Is.EquivalentTo(model.Keys));
        Assert.That(bed.Drain("DLQ.q"), Has.Count.EqualTo(number - accepted - model.Count));
    }

    private static TestBed Bed() => new(static options => options with { DefaultNodeOptions = Backoff });

    /// <summary>Publishes, and has the first message fail; the consumer that took it.</summary>
    private static TestConsumer FailFirst(TestBed bed, IMessageNode queue, params string[] texts)
    {
        bed.PublishAll(queue, [.. texts]);
        var consumer = TestBed.Consume(queue);
        consumer.SettleAndWait(Failed(consumer.Take()));
        return consumer;
    }

    private static void CompactTheFirstSegmentAway(TestBed bed) => TestBed.WaitUntil(
        () =>
        {
            bed.Engine.CompactAsync().GetAwaiter().GetResult();
            return bed.Events.Count("segment 1 ") > 0;
        },
        "the first segment to go");

    private static Settlement Failed(Taken taken) => new(taken.Token, OutcomeKind.Modified, DeliveryFailed: true);

    private static Settlement Later(Taken taken, long at) => new(taken.Token, OutcomeKind.Modified, RetryAt: at);

    /// <summary>The kinds of operations in each record, in journal order.</summary>
    private sealed class Kinds : IJournalReplay
    {
        public List<string> All { get; } = [];

        /// <summary>Without those that say which nodes there are, which may come in between.</summary>
        public IEnumerable<string> OfMessages => All.Where(static kinds => !kinds.Contains("Snapshot", StringComparison.Ordinal) && !kinds.Contains("Define", StringComparison.Ordinal));

        public void OnRecord(RecordAddress address, ReadOnlySpan<byte> payload)
        {
            var kinds = new List<OperationKind>();
            while (!payload.IsEmpty)
            {
                var kind = (OperationKind)payload[0];
                kinds.Add(kind);
                payload = payload[LengthOf(kind, payload)..];
            }

            All.Add(string.Join(',', kinds));
        }

        private static int LengthOf(OperationKind kind, ReadOnlySpan<byte> payload) => kind switch
        {
            OperationKind.Enqueue => EnqueueOperation.ReadHeader(payload).Length,
            OperationKind.Count => ListOperation.HeaderSize + ListOperation.CountItemSize,
            OperationKind.Remove => ListOperation.HeaderSize + ListOperation.RemoveItemSize,
            OperationKind.Park => ListOperation.HeaderSize + ParkOperation.ItemSize,
            _ => payload.Length,
        };
    }
}
