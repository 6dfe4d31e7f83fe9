namespace Mamba.Broker.Engine.Tests;

/// <summary>Repeating schedules: their instants, that each comes once over crashes, and that they are listed and cancelled by id.</summary>
[TestFixture]
internal sealed class ScheduleTests
{
    private const long Minute = 60_000;

    [Test]
    public async Task A_series_is_delivered_at_each_of_its_instants_and_then_ends([Values] bool durable)
    {
        await using var bed = new TestBed();
        var queue = await bed.QueueAsync();
        var start = bed.Now;
        Publish(bed, queue, "tick", Series(start + 1_000, 500, 2), durable);
        using var consumer = new Reader(queue);
        Assert.That(consumer.TryNext(), Is.Null);
        bed.Clock.Advance(TimeSpan.FromMilliseconds(1_000));
        Assert.That(consumer.Next(), Is.EqualTo($"tick@{start + 1_000}"));
        bed.Clock.Advance(TimeSpan.FromMilliseconds(500));
        Assert.That(consumer.Next(), Is.EqualTo($"tick@{start + 1_500}"));
        bed.Clock.Advance(TimeSpan.FromMilliseconds(500));
        Assert.That(consumer.Next(), Is.EqualTo($"tick@{start + 2_000}"));
        bed.UntilScheduled(0);
        bed.Clock.Advance(TimeSpan.FromHours(1));
        Assert.That(consumer.TryNext(), Is.Null);
    }

    [Test]
    public async Task A_counted_series_that_is_late_delivers_its_number()
    {
        await using var bed = new TestBed();
        var queue = await bed.QueueAsync();
        var start = bed.Now;
        Publish(bed, queue, "x", Series(start + 1, 1, 9));
        using var consumer = new Reader(queue);
        bed.Clock.Advance(TimeSpan.FromMilliseconds(100));
        Assert.That(consumer.Next(10), Is.EqualTo(Enumerable.Range(1, 10).Select(i => $"x@{start + i}")));
    }

    [Test]
    public async Task An_instant_comes_once_whatever_the_limits_of_transactions()
    {
        await using var bed = new TestBed(static options => options with { MaxTransactionOperations = 1 });
        var queue = await bed.QueueAsync();
        var start = bed.Now;
        Publish(bed, queue, "x", Series(start + 1_000, 1_000, MessageSchedule.Forever));
        bed.Clock.Advance(TimeSpan.FromMilliseconds(1_000));
        using (var consumer = new Reader(queue))
        {
            Assert.That(consumer.Next(), Is.EqualTo($"x@{start + 1_000}"));
        }

        await bed.UntilWrittenAsync();
        await bed.CrashAsync();
        bed.Clock.Advance(TimeSpan.FromMilliseconds(1_000));
        using var after = new Reader(bed.Engine.Find("q")!);
        Assert.That(after.Next(), Is.EqualTo($"x@{start + 2_000}"));
    }

    [Test]
    public async Task A_cron_entry_delivers_at_each_of_its_minutes()
    {
        await using var bed = new TestBed();
        var queue = await bed.QueueAsync();
        var start = bed.Now;
        Publish(bed, queue, "x", Cron("*/5 * * * *"));
        using var consumer = new Reader(queue);
        for (var i = 1; i <= 3; i++)
        {
            bed.Clock.Advance(TimeSpan.FromMinutes(5));
            Assert.That(consumer.Next(), Is.EqualTo($"x@{start + (i * 5 * Minute)}"));
        }

        Assert.That(await ListOneAsync(bed), Has.Property("Cron").EqualTo("*/5 * * * *").And.Property("DueAt").EqualTo(start + (20 * Minute)));
    }

    [Test]
    public async Task A_cron_entry_with_a_repeat_begins_a_series_at_each_of_its_minutes()
    {
        await using var bed = new TestBed();
        var queue = await bed.QueueAsync();
        var start = bed.Now;
        Publish(bed, queue, "x", Cron("0 * * * *") with { Delay = 1_000, Period = 2_000, Repeat = 1 });
        using var consumer = new Reader(queue);
        for (var hour = 1; hour <= 2; hour++)
        {
            var instant = start + (hour * 60 * Minute);
            bed.Clock.Advance(TimeSpan.FromMilliseconds(instant - bed.Now));
            bed.UntilScheduled(2);
            Assert.That(consumer.TryNext(), Is.Null);
            bed.Clock.Advance(TimeSpan.FromMilliseconds(1_000));
            Assert.That(consumer.Next(), Is.EqualTo($"x@{instant + 1_000}"));
            bed.Clock.Advance(TimeSpan.FromMilliseconds(2_000));
            Assert.That(consumer.Next(), Is.EqualTo($"x@{instant + 3_000}"));
        }
    }

    [Test]
    public async Task A_schedule_on_a_topic_reaches_who_subscribes_at_each_instant()
    {
        await using var bed = new TestBed();
        var topic = await bed.TopicAsync();
        var start = bed.Now;
        using var first = new Reader(topic);
        Publish(bed, topic, "x", Series(start + 1_000, 1_000, 1));
        bed.Clock.Advance(TimeSpan.FromMilliseconds(1_000));
        Assert.That(first.Next(), Is.EqualTo($"x@{start + 1_000}"));
        using var second = new Reader(topic);
        bed.Clock.Advance(TimeSpan.FromMilliseconds(1_000));
        Assert.That(first.Next(), Is.EqualTo($"x@{start + 2_000}"));
        Assert.That(second.Next(), Is.EqualTo($"x@{start + 2_000}"));
    }

    [Test]
    public async Task A_topic_that_keeps_messages_keeps_the_copies_and_not_the_schedule()
    {
        await using var bed = new TestBed();
        var topic = await bed.TopicAsync("t", new NodeOptions { Retain = 5 });
        var start = bed.Now;
        Publish(bed, topic, "x", Series(start + 1_000, 1_000, 1));
        using var before = new Reader(topic);
        Assert.That(before.TryNext(), Is.Null);
        bed.Clock.Advance(TimeSpan.FromMilliseconds(1_000));
        Assert.That(before.Next(), Is.EqualTo($"x@{start + 1_000}"));
        bed.Clock.Advance(TimeSpan.FromMilliseconds(1_000));
        Assert.That(before.Next(), Is.EqualTo($"x@{start + 2_000}"));
        Assert.That(before.TryNext(), Is.Null);
    }

    [Test]
    public async Task Each_instant_comes_once_over_crashes()
    {
        await using var bed = new TestBed();
        var queue = await bed.QueueAsync();
        var start = bed.Now;
        Publish(bed, queue, "x", Series(start + 1_000, 1_000, 5));
        var found = new List<string>();
        for (var i = 0; i < 6; i++)
        {
            if (i % 2 == 0)
            {
                bed.Clock.Advance(TimeSpan.FromMilliseconds(1_000));
                await bed.CrashAsync();
            }
            else
            {
                await bed.CrashAsync();
                bed.Clock.Advance(TimeSpan.FromMilliseconds(1_000));
            }

            using var consumer = new Reader(bed.Engine.Find("q")!);
            found.Add(consumer.Next());
        }

        Assert.That(found, Is.EqualTo(Enumerable.Range(1, 6).Select(i => $"x@{start + (i * 1_000)}")));
        bed.UntilScheduled(0);
        Assert.That(bed.DepthOf("q"), Is.Zero);
    }

    [Test]
    public async Task Missed_instants_are_made_up_for_once_and_used_up()
    {
        await using var bed = new TestBed();
        var queue = await bed.QueueAsync();
        var start = bed.Now;
        Publish(bed, queue, "x", Series(start + 1_000, 1_000, 9));
        Publish(bed, await bed.QueueAsync("c"), "c", Cron("* * * * *"));
        await bed.Engine.DisposeAsync();
        bed.Clock.Advance(TimeSpan.FromMilliseconds(4_500));
        await bed.RestartAsync();
        using var consumer = new Reader(bed.Engine.Find("q")!);
        Assert.That(consumer.Next(), Is.EqualTo($"x@{start + 1_000}"));
        Assert.That((await ListAsync(bed, "q"))[0], Has.Property("DueAt").EqualTo(start + 5_000).And.Property("Repeats").EqualTo(5));
        bed.Clock.Advance(TimeSpan.FromMilliseconds(500));
        Assert.That(consumer.Next(), Is.EqualTo($"x@{start + 5_000}"));

        await bed.Engine.DisposeAsync();
        bed.Clock.Advance(TimeSpan.FromMinutes(10.25));
        var now = bed.Now;
        await bed.RestartAsync();
        using var last = new Reader(bed.Engine.Find("q")!);
        using var minutes = new Reader(bed.Engine.Find("c")!);
        Assert.That(last.Next(), Is.EqualTo($"x@{start + 6_000}"));
        Assert.That(minutes.Next(), Is.EqualTo($"c@{start + Minute}"));
        TestBed.WaitUntil(() => ListAsync(bed, "q").GetAwaiter().GetResult().Count == 0, "the end of the series: all that was left of it passed");
        Assert.That((await ListAsync(bed, "c"))[0].DueAt, Is.GreaterThan(now));
        Assert.That(minutes.TryNext(), Is.Null);
    }

    [Test]
    public async Task Missed_instants_are_left_out_when_the_settings_say_so()
    {
        await using var bed = new TestBed(static options => options with { MissedInstants = MissedInstants.Skip });
        var queue = await bed.QueueAsync();
        var start = bed.Now;
        Publish(bed, queue, "x", Series(start + 1_000, 1_000, 9));
        await bed.Engine.DisposeAsync();
        bed.Clock.Advance(TimeSpan.FromMilliseconds(4_500));
        await bed.RestartAsync();
        TestBed.WaitUntil(() => ListAsync(bed, "q").GetAwaiter().GetResult() is [{ Repeats: 5 }], "the schedule to go on");
        using var consumer = new Reader(bed.Engine.Find("q")!);
        Assert.That(consumer.TryNext(), Is.Null);
        bed.Clock.Advance(TimeSpan.FromMilliseconds(500));
        Assert.That(consumer.Next(), Is.EqualTo($"x@{start + 5_000}"));
    }

    [Test]
    public async Task A_schedule_is_cancelled_by_the_id_it_keeps_and_stays_cancelled()
    {
        await using var bed = new TestBed();
        var queue = await bed.QueueAsync();
        Publish(bed, queue, "x", Series(bed.Now + 1_000, 1_000, MessageSchedule.Forever));
        var id = (await ListOneAsync(bed)).Id;
        bed.Clock.Advance(TimeSpan.FromMilliseconds(1_000));
        using (var consumer = new Reader(queue))
        {
            consumer.Next();
        }

        Assert.That((await ListOneAsync(bed)).Id, Is.EqualTo(id), "over an instant");
        await bed.CrashAsync();
        Assert.That((await ListOneAsync(bed)).Id, Is.EqualTo(id), "over a crash");
        Assert.That(await bed.Engine.CancelScheduledAsync(id + 1_000), Is.False);
        Assert.That(await bed.Engine.CancelScheduledAsync(id), Is.True);
        Assert.That(await bed.Engine.CancelScheduledAsync(id), Is.False);
        await bed.CrashAsync();
        bed.Clock.Advance(TimeSpan.FromHours(1));
        Assert.That(await bed.Engine.ListScheduledAsync(new ScheduledQuery()), Is.Empty);
        Assert.That(bed.DepthOf("q"), Is.Zero);
    }

    [Test]
    public async Task Cancelling_a_cron_entry_ends_the_series_it_began()
    {
        await using var bed = new TestBed();
        var queue = await bed.QueueAsync();
        Publish(bed, queue, "x", Cron("0 * * * *") with { Period = 1_000, Repeat = 100 });
        var id = (await ListOneAsync(bed)).Id;
        bed.Clock.Advance(TimeSpan.FromHours(1));
        bed.UntilScheduled(2);
        var list = await ListAsync(bed, "q");
        Assert.That(list.Select(static item => item.Parent), Is.EqualTo(new[] { id, 0UL }), "the series comes first");
        Assert.That(await bed.Engine.CancelScheduledAsync(id, "q"), Is.True);
        Assert.That(await ListAsync(bed, "q"), Is.Empty);
    }

    [Test]
    public async Task A_delayed_message_is_listed_and_cancelled_by_id()
    {
        await using var bed = new TestBed();
        var queue = await bed.QueueAsync();
        bed.PublishAll(queue, ["a", "b"], delay: 5_000);
        var list = await ListAsync(bed, "q");
        Assert.That(list, Has.Count.EqualTo(2).And.All.Property("Kind").EqualTo(ScheduledKind.Delayed));
        Assert.That(await bed.Engine.CancelScheduledAsync(list[0].Id), Is.True);
        await bed.CrashAsync();
        bed.Clock.Advance(TimeSpan.FromSeconds(6));
        using var consumer = new Reader(bed.Engine.Find("q")!);
        Assert.That(consumer.Next(), Is.EqualTo("b"));
        Assert.That(bed.DepthOf("q"), Is.Zero);
    }

    [Test]
    public async Task The_list_is_in_order_and_asks_by_address_kind_and_time()
    {
        await using var bed = new TestBed();
        var now = bed.Now;
        var queue = await bed.QueueAsync();
        Publish(bed, queue, "late", Series(now + 9_000, 1_000, 1));
        Publish(bed, queue, "early", Series(now + 3_000, 1_000, 1));
        bed.Publish(await bed.QueueAsync("other"), "delayed", delay: 5_000);
        Assert.That((await bed.Engine.ListScheduledAsync(new ScheduledQuery())).Select(item => item.DueAt - now), Is.EqualTo(new[] { 3_000, 5_000, 9_000 }));
        Assert.That(await ListAsync(bed, "q"), Has.Count.EqualTo(2));
        Assert.That(await bed.Engine.ListScheduledAsync(new ScheduledQuery { Kind = ScheduledKind.Delayed }), Has.Count.EqualTo(1));
        Assert.That(await bed.Engine.ListScheduledAsync(new ScheduledQuery { Kind = ScheduledKind.Repeating, DueBefore = now + 5_000 }), Has.Count.EqualTo(1));
        Assert.That(await bed.Engine.ListScheduledAsync(new ScheduledQuery { Max = 2 }), Has.Count.EqualTo(2));
        Assert.That(() => bed.Engine.ListScheduledAsync(new ScheduledQuery { Address = "none" }), Throws.TypeOf<EngineException>());
    }

    [Test]
    public async Task An_address_has_so_many_schedules_and_no_more_and_a_full_one_goes_on()
    {
        await using var bed = new TestBed(static options => options with { MaxSchedulesPerAddress = 2 });
        var queue = await bed.QueueAsync();
        var schedule = Series(bed.Now + 1_000, 1_000, 1);
        Assert.That(Publish(bed, queue, "a", schedule), Is.EqualTo(PublishOutcome.Accepted));
        Assert.That(Publish(bed, queue, "b", schedule), Is.EqualTo(PublishOutcome.Accepted));
        Assert.That(Publish(bed, queue, "c", schedule), Is.EqualTo(PublishOutcome.TooManySchedules));
        Assert.That(Publish(bed, await bed.QueueAsync("other"), "d", schedule), Is.EqualTo(PublishOutcome.Accepted));
        using var consumer = new Reader(queue);
        bed.Clock.Advance(TimeSpan.FromMilliseconds(1_000));
        consumer.Next(2);
        bed.Clock.Advance(TimeSpan.FromMilliseconds(1_000));
        consumer.Next(2);
        TestBed.WaitUntil(() => Publish(bed, queue, "e", Series(bed.Now + 1_000, 1, 1)) == PublishOutcome.Accepted, "room for another");
    }

    [Test]
    public async Task An_instant_waits_for_room_on_a_full_queue()
    {
        await using var bed = new TestBed();
        var queue = await bed.QueueAsync("small", new NodeOptions { MaxMessages = 1 });
        var start = bed.Now;
        bed.Publish(queue, "in the way");
        Publish(bed, queue, "x", Series(start + 1_000, 1_000, 1));
        bed.Clock.Advance(TimeSpan.FromMilliseconds(1_000));
        using var consumer = new Reader(queue);
        Assert.That(consumer.Next(), Is.EqualTo("in the way"));
        string? found = null;
        TestBed.WaitUntil(() =>
        {
            bed.Clock.Advance(TimeSpan.FromMilliseconds(1_000));
            return (found = consumer.TryNext()) is not null;
        }, "the instant that waited");
        Assert.That(found, Is.EqualTo($"x@{start + 1_000}"));
    }

    [Test]
    public async Task A_schedule_is_part_of_the_transaction_it_is_sent_in()
    {
        await using var bed = new TestBed();
        var queue = await bed.QueueAsync();
        var given = bed.Engine.BeginTransaction();
        given.AddPublish(queue, Message(bed, "kept", Series(bed.Now + 1_000, 1_000, 1)));
        var recorder = new CommitRecorder();
        given.Commit(recorder);
        Assert.That((await recorder.Task).Outcome, Is.EqualTo(CommitOutcome.Committed));
        var taken = bed.Engine.BeginTransaction();
        taken.AddPublish(queue, Message(bed, "dropped", Series(bed.Now + 1_000, 1_000, 1)));
        taken.Rollback();
        Assert.That(await ListAsync(bed, "q"), Has.Count.EqualTo(1));
        bed.Clock.Advance(TimeSpan.FromMilliseconds(1_000));
        using var consumer = new Reader(queue);
        Assert.That(consumer.Next(), Does.StartWith("kept@"));
    }

    [Test]
    public async Task Schedules_end_with_their_address_and_do_not_come_back()
    {
        await using var bed = new TestBed();
        Publish(bed, await bed.QueueAsync(), "x", Series(bed.Now + 1_000, 1_000, MessageSchedule.Forever));
        await bed.Engine.DeleteAsync("q");
        await bed.QueueAsync();
        await bed.CrashAsync();
        bed.Clock.Advance(TimeSpan.FromHours(1));
        Assert.That(await bed.Engine.ListScheduledAsync(new ScheduledQuery()), Is.Empty);
        Assert.That(bed.DepthOf("q"), Is.Zero);
    }

    [Test]
    public async Task A_schedule_outlives_the_segments_it_was_written_to()
    {
        await using var bed = new TestBed(static options => options with { CompactionMinSegments = 1 });
        var queue = await bed.QueueAsync();
        var start = bed.Now;
        Publish(bed, queue, "x", Series(start + 1_000, 1_000, 3));
        var id = (await ListOneAsync(bed)).Id;
        var filler = await bed.QueueAsync("filler");
        for (var round = 0; round < 4; round++)
        {
            bed.PublishAll(filler, [.. Enumerable.Repeat(new string('f', 60_000), 30)]);
            bed.Drain("filler");
        }

        TestBed.WaitUntil(
            () =>
            {
                bed.Engine.CompactAsync().GetAwaiter().GetResult();
                return bed.Events.Count("segment ") > 1;
            },
            "old segments to go");
        await bed.CrashAsync();
        Assert.That((await ListOneAsync(bed)).Id, Is.EqualTo(id));
        bed.Clock.Advance(TimeSpan.FromMilliseconds(1_000));
        using var consumer = new Reader(bed.Engine.Find("q")!);
        Assert.That(consumer.Next(), Is.EqualTo($"x@{start + 1_000}"));
    }

    [Test]
    public async Task Each_copy_of_a_message_with_a_time_to_live_has_its_own()
    {
        await using var bed = new TestBed();
        var queue = await bed.QueueAsync("q", new NodeOptions { ExpiryAddress = string.Empty, DeadLetterAddress = string.Empty });
        var start = bed.Now;
        var message = Message(bed, "x", Series(start + 1_000, 1_000, 1));
        message.Ttl = 100;
        message.ExpiresAt = start + 100;
        bed.PublishMessage(queue, message);
        bed.Clock.Advance(TimeSpan.FromMilliseconds(1_000));
        using var consumer = new Reader(queue);
        Assert.That(consumer.Next(), Is.EqualTo($"x@{start + 1_000}"));
    }

    private static MessageSchedule Series(long first, long period, int repeat) => new() { FirstAt = first, Period = period, Repeat = repeat };

    private static MessageSchedule Cron(string entry) =>
        new() { Cron = CronSchedule.TryParse(entry, out var cron, out var error) ? cron : throw new AssertionException(error) };

    private static StoredMessage Message(TestBed bed, string text, MessageSchedule schedule, bool durable = true)
    {
        var message = bed.Message(text, durable);
        message.Schedule = schedule;
        return message;
    }

    private static PublishOutcome Publish(TestBed bed, IMessageNode node, string text, MessageSchedule schedule, bool durable = true) =>
        bed.PublishMessage(node, Message(bed, text, schedule, durable));

    private static Task<IReadOnlyList<ScheduledMessage>> ListAsync(TestBed bed, string address) =>
        bed.Engine.ListScheduledAsync(new ScheduledQuery { Address = address });

    private static async Task<ScheduledMessage> ListOneAsync(TestBed bed)
    {
        bed.UntilScheduled(1);
        var list = await bed.Engine.ListScheduledAsync(new ScheduledQuery());
        return list[0];
    }

    /// <summary>A consumer that accepts what it reads.</summary>
    private sealed class Reader(IMessageNode node) : IDisposable
    {
        private readonly TestConsumer _consumer = TestBed.Consume(node);

        public string? TryNext()
        {
            if (_consumer.TryTake() is not { } taken)
            {
                return null;
            }

            _consumer.SettleAndWait(Settlement.Accept(taken.Token));
            return taken.Text;
        }

        public string Next()
        {
            string? found = null;
            TestBed.WaitUntil(() => (found = TryNext()) is not null, "a message");
            return found!;
        }

        public List<string> Next(int count) => [.. Enumerable.Range(0, count).Select(_ => Next())];

        public void Dispose() => _consumer.Close();
    }
}
