namespace Mamba.Broker.Engine.Tests;

/// <summary>Queues of last values. In these tests a message's key is what stands before '='.</summary>
internal sealed class LastValueTests
{
    private static readonly NodeOptions LastValues = new() { LastValueKey = "key" };

    [Test]
    public async Task A_newer_message_takes_the_place_of_the_older_one_with_its_key([Values] bool durable)
    {
        await using var bed = new TestBed();
        var queue = await bed.QueueAsync("q", LastValues);
        bed.PublishAll(queue, ["a=1", "b=1", "plain", "a=2", "c=1", "plain", "b=2", "a=3"], durable);
        var status = queue.Describe();
        Assert.That((status.Depth, status.Dropped, status.Enqueued), Is.EqualTo((5L, 3L, 8L)));
        Assert.That(bed.Drain("q"), Is.EqualTo(new[] { "a=3", "b=2", "plain", "c=1", "plain" }));
        Assert.That(queue.Describe().Bytes, Is.Zero);
    }

    [Test]
    public async Task One_by_one_it_is_the_same([Values] bool durable)
    {
        await using var bed = new TestBed();
        var queue = await bed.QueueAsync("q", LastValues);
        foreach (var text in new[] { "a=1", "b=1", "a=2", "a=3", "b=2" })
        {
            Assert.That(bed.Publish(queue, text, durable), Is.EqualTo(PublishOutcome.Accepted));
        }

        Assert.That(bed.Drain("q"), Is.EqualTo(new[] { "a=3", "b=2" }));
    }

    [Test]
    public async Task A_key_is_compared_in_full()
    {
        await using var bed = new TestBed();
        var queue = await bed.QueueAsync("q", LastValues);
        var keys = Enumerable.Range(0, 3_000).Select(static i => $"k{i * 7919}").ToArray();
        bed.PublishAll(queue, [.. keys.Select(static key => key + "=old")], durable: false);
        bed.PublishAll(queue, [.. keys.Select(static key => key + "=new")], durable: false);
        Assert.That(bed.Drain("q"), Is.EqualTo(keys.Select(static key => key + "=new")));
    }

    [Test]
    public async Task A_key_that_is_too_long_is_refused_and_one_that_just_fits_is_not()
    {
        await using var bed = new TestBed();
        var queue = await bed.QueueAsync("q", LastValues);
        Assert.That(bed.Publish(queue, new string('k', NodeOptions.MaxKeyLength) + "="), Is.EqualTo(PublishOutcome.Accepted));
        Assert.That(bed.Publish(queue, new string('k', NodeOptions.MaxKeyLength + 1) + "="), Is.EqualTo(PublishOutcome.KeyTooLong));
        Assert.That(bed.DepthOf("q"), Is.EqualTo(1));
    }

    [Test]
    public async Task What_is_held_stays_until_it_comes_back_and_then_it_is_dropped([Values] bool durable, [Values] bool closes)
    {
        await using var bed = new TestBed();
        var queue = await bed.QueueAsync("q", LastValues);
        var consumer = TestBed.Consume(queue);
        bed.Publish(queue, "a=1", durable);
        var held = consumer.Take();
        bed.Publish(queue, "a=2", durable);
        Assert.That(bed.DepthOf("q"), Is.EqualTo(2));
        var newer = consumer.Take();
        Assert.That(newer.Text, Is.EqualTo("a=2"));
        if (closes)
        {
            consumer.Accept(newer);
            consumer.Close();
        }
        else
        {
            consumer.Settle(new Settlement(held.Token, OutcomeKind.Released));
            Assert.That(consumer.TryTake(), Is.Null);
            consumer.Accept(newer);
        }

        Assert.That(bed.DepthOf("q"), Is.Zero);
    }

    [Test]
    public async Task What_was_replaced_and_expired_while_it_was_held_is_dropped_like_any_other_that_was_replaced()
    {
        await using var bed = new TestBed();
        var queue = await bed.QueueAsync("q", LastValues);
        var consumer = TestBed.Consume(queue);
        bed.Publish(queue, "a=1", ttl: 500);
        bed.Publish(queue, "b=1", ttl: 500);
        var held = consumer.TakeExactly(2);
        bed.Publish(queue, "a=2");
        bed.Clock.Advance(TimeSpan.FromSeconds(1));
        held.ForEach(message => consumer.SettleAndWait(new Settlement(message.Token, OutcomeKind.Released)));
        Assert.That(bed.Drain("DLQ.q"), Is.EqualTo(new[] { "b=1|Expired,q,,0," }));
        consumer.Close();
        Assert.That(bed.Drain("q"), Is.EqualTo(new[] { "a=2" }));
    }

    [Test]
    public async Task What_is_held_can_be_accepted_and_rejected_as_ever()
    {
        await using var bed = new TestBed();
        var queue = await bed.QueueAsync("q", LastValues);
        var consumer = TestBed.Consume(queue);
        bed.PublishAll(queue, ["a=1", "b=1"]);
        var held = consumer.TakeExactly(2);
        bed.PublishAll(queue, ["a=2", "b=2"]);
        Assert.That(consumer.SettleAndWait(Settlement.Accept(held[0].Token)), Is.EqualTo(SettleStatus.Settled));
        consumer.SettleAndWait(new Settlement(held[1].Token, OutcomeKind.Rejected));
        Assert.That(bed.Drain("DLQ.q"), Is.EqualTo(new[] { "b=1|Rejected,q,,0," }));
        consumer.Close();
        Assert.That(bed.Drain("q"), Is.EqualTo(new[] { "a=2", "b=2" }));
        Assert.That(bed.DepthOf("q"), Is.Zero);
    }

    [Test]
    public async Task After_the_newest_was_consumed_the_key_begins_anew()
    {
        await using var bed = new TestBed();
        var queue = await bed.QueueAsync("q", LastValues);
        bed.PublishAll(queue, ["a=1", "a=2"]);
        Assert.That(bed.Drain("q"), Is.EqualTo(new[] { "a=2" }));
        bed.Publish(queue, "a=3");
        Assert.That(bed.Drain("q"), Is.EqualTo(new[] { "a=3" }));
        await bed.UntilWrittenAsync();
        await bed.CrashAsync();
        Assert.That(bed.DepthOf("q"), Is.Zero);
    }

    [Test]
    public async Task Another_priority_goes_to_its_own_line()
    {
        await using var bed = new TestBed();
        var queue = await bed.QueueAsync("q", LastValues);
        bed.PublishAll(queue, ["a=1", "b=1"]);
        bed.Publish(queue, "b=2", priority: 9);
        bed.Publish(queue, "a=2", priority: 0);
        Assert.That(bed.Drain("q"), Is.EqualTo(new[] { "b=2", "a=2" }));
    }

    [Test]
    public async Task A_message_with_a_delay_replaces_at_once_and_comes_when_it_is_due()
    {
        await using var bed = new TestBed();
        var queue = await bed.QueueAsync("q", LastValues);
        bed.Publish(queue, "a=1");
        bed.Publish(queue, "a=2", delay: 1_000);
        Assert.That(bed.Drain("q"), Is.Empty);
        bed.Clock.Advance(TimeSpan.FromSeconds(2));
        TestBed.WaitUntil(() => bed.Drain("q") is ["a=2"], "the delayed message");
    }

    [Test]
    public async Task A_delayed_message_gives_way_to_a_newer_one()
    {
        await using var bed = new TestBed();
        var queue = await bed.QueueAsync("q", LastValues);
        bed.Publish(queue, "a=1", delay: 1_000);
        bed.Publish(queue, "a=2");
        bed.Clock.Advance(TimeSpan.FromSeconds(2));
        Assert.That(bed.DepthOf("q"), Is.EqualTo(1));
        Assert.That(bed.Drain("q"), Is.EqualTo(new[] { "a=2" }));
    }

    [Test]
    public async Task A_transaction_replaces_when_it_is_committed()
    {
        await using var bed = new TestBed();
        var queue = await bed.QueueAsync("q", LastValues);
        bed.PublishAll(queue, ["a=1", "b=1"]);
        foreach (var (text, commits) in new[] { ("a=lost", false), ("a=2", true) })
        {
            var work = bed.Engine.BeginTransaction();
            work.AddPublish(queue, bed.Message("b=" + text));
            work.AddPublish(queue, bed.Message(text));
            Assert.That(bed.DepthOf("q"), Is.EqualTo(2));
            if (commits)
            {
                var done = new CommitRecorder();
                work.Commit(done);
                await done.Task;
            }
            else
            {
                work.Rollback();
            }
        }

        await bed.CrashAsync();
        Assert.That(bed.Drain("q"), Is.EquivalentTo(new[] { "b=a=2", "a=2" }));
    }

    [Test]
    public async Task One_transaction_may_replace_its_own_messages_and_take_the_old_one()
    {
        await using var bed = new TestBed();
        var queue = await bed.QueueAsync("q", LastValues);
        var consumer = TestBed.Consume(queue);
        bed.Publish(queue, "a=1");
        var held = consumer.Take();
        var work = bed.Engine.BeginTransaction();
        Assert.That(work.AddSettle(consumer.Subscription, Settlement.Accept(held.Token)), Is.True);
        foreach (var text in new[] { "a=2", "a=3" })
        {
            work.AddPublish(queue, bed.Message(text));
        }

        var done = new CommitRecorder();
        work.Commit(done);
        Assert.That((await done.Task).Outcome, Is.EqualTo(CommitOutcome.Committed));
        Assert.That(bed.DepthOf("q"), Is.EqualTo(1));
        await bed.CrashAsync();
        Assert.That(bed.Drain("q"), Is.EqualTo(new[] { "a=3" }));
    }

    [Test]
    public async Task What_a_rolled_back_transaction_held_is_dropped_when_a_newer_one_came()
    {
        await using var bed = new TestBed();
        var queue = await bed.QueueAsync("q", LastValues);
        var consumer = TestBed.Consume(queue);
        bed.Publish(queue, "a=1");
        var work = bed.Engine.BeginTransaction();
        Assert.That(work.AddSettle(consumer.Subscription, Settlement.Accept(consumer.Take().Token)), Is.True);
        bed.Publish(queue, "a=2");
        work.Rollback();
        Assert.That(consumer.Take().Text, Is.EqualTo("a=2"));
        Assert.That(bed.DepthOf("q"), Is.EqualTo(1));
    }

    [Test]
    public async Task After_a_crash_there_is_one_of_each_key_and_newer_ones_still_replace()
    {
        await using var bed = new TestBed();
        var queue = await bed.QueueAsync("q", LastValues);
        for (var i = 0; i < 20; i++)
        {
            bed.PublishAll(queue, [$"a={i}", $"b={i}", $"c={i}"]);
        }

        await bed.CrashAsync();
        queue = bed.Engine.Find("q")!;
        Assert.That(queue.Describe().Depth, Is.EqualTo(3));
        bed.Publish(queue, "b=new");
        await bed.CrashAsync();
        Assert.That(bed.Drain("q"), Is.EquivalentTo(new[] { "a=19", "b=new", "c=19" }));
    }

    [Test]
    public async Task What_was_replaced_while_it_was_held_does_not_come_back_with_a_crash()
    {
        await using var bed = new TestBed();
        var queue = await bed.QueueAsync("q", LastValues);
        var consumer = TestBed.Consume(queue);
        bed.Publish(queue, "a=1");
        consumer.Take();
        bed.Publish(queue, "a=2");
        Assert.That(consumer.SettleAndWait(Settlement.Accept(consumer.Take().Token)), Is.EqualTo(SettleStatus.Settled));
        await bed.CrashAsync();
        Assert.That(bed.DepthOf("q"), Is.Zero);
    }

    [Test]
    public async Task A_queue_that_gets_keys_by_its_settings_keeps_the_newest_of_each()
    {
        await using var bed = new TestBed();
        bed.PublishAll(await bed.QueueAsync("q"), ["a=1", "b=1", "a=2", "plain", "a=3"]);
        bed.Configure = static options => options with { DefaultNodeOptions = LastValues };
        await bed.RestartAsync();
        Assert.That(bed.DepthOf("q"), Is.EqualTo(3));
        await bed.CrashAsync();
        Assert.That(bed.Drain("q"), Is.EqualTo(new[] { "b=1", "plain", "a=3" }));
    }

    [Test]
    public async Task Compaction_brings_nothing_back()
    {
        await using var bed = new TestBed(static options => options with { SegmentBytes = 64 * 1024, CompactionMinSegments = 2 });
        var queue = await bed.QueueAsync("q", LastValues);
        var filler = new string('x', 2_000);
        bed.Publish(queue, "keep=1");
        for (var i = 0; i < 200; i++)
        {
            bed.PublishAll(queue, [$"a={i}{filler}", $"b={i}{filler}"]);
            if (i % 50 == 49)
            {
                await bed.Engine.CompactAsync();
            }
        }

        await bed.CrashAsync();
        Assert.That(bed.Drain("q").ConvertAll(static text => text.TrimEnd('x')), Is.EquivalentTo(new[] { "keep=1", "a=199", "b=199" }));
        await bed.UntilWrittenAsync();
        await bed.CrashAsync();
        Assert.That(bed.DepthOf("q"), Is.Zero);
    }

    [Test]
    public async Task Many_publishers_leave_one_of_each_key_before_and_after_a_crash()
    {
        await using var bed = new TestBed();
        var queue = await bed.QueueAsync("q", LastValues);
        var consumer = TestBed.Consume(queue);
        await Task.WhenAll(Enumerable.Range(0, 4).Select(publisher => Task.Run(() =>
        {
            for (var i = 0; i < 100; i++)
            {
                bed.PublishAll(queue, [$"a={publisher}.{i}", $"b={publisher}.{i}"]);
            }
        })).Append(Task.Run(() =>
        {
            for (var i = 0; i < 200; i++)
            {
                foreach (var taken in consumer.TakeUpTo(2))
                {
                    consumer.Settle(i % 3 == 0 ? Settlement.Accept(taken.Token) : new Settlement(taken.Token, OutcomeKind.Released));
                }
            }
        })));
        consumer.Close();
        bed.PublishAll(queue, ["a=last", "b=last"]);
        await bed.CrashAsync();
        Assert.That(bed.Drain("q"), Is.EquivalentTo(new[] { "a=last", "b=last" }));
    }

    [Test]
    public async Task Each_subscription_of_a_topic_has_last_values_of_its_own()
    {
        await using var bed = new TestBed();
        var topic = await bed.TopicAsync("t", LastValues);
        var one = await bed.Engine.CreateOrFindSubscriptionAsync(new SubscriptionKey("c", "one", true), "t", new SubscriptionOptions());
        bed.PublishAll(topic, ["a=1", "b=1"]);
        var two = await bed.Engine.CreateOrFindSubscriptionAsync(new SubscriptionKey("c", "two", true), "t", new SubscriptionOptions());
        bed.Publish(topic, "a=2");
        await bed.CrashAsync();
        one = bed.Engine.FindSubscription(one.Key)!;
        two = bed.Engine.FindSubscription(two.Key)!;
        Assert.That(TestBed.Consume(one).TakeExactly(2).ConvertAll(static taken => taken.Text), Is.EquivalentTo(new[] { "a=2", "b=1" }));
        Assert.That(TestBed.Consume(two).Take().Text, Is.EqualTo("a=2"));
    }

    [Test]
    public async Task A_message_whose_key_is_refused_is_on_no_subscription()
    {
        await using var bed = new TestBed();
        var topic = await bed.TopicAsync("t", LastValues with { MaxMessages = 1 });
        var one = await bed.Engine.CreateOrFindSubscriptionAsync(new SubscriptionKey("c", "one", true), "t", new SubscriptionOptions());
        Assert.That(bed.Publish(topic, new string('k', 2_000) + "="), Is.EqualTo(PublishOutcome.KeyTooLong));
        Assert.That(one.Describe().Depth, Is.Zero);
        Assert.That(bed.Publish(topic, "fits"), Is.EqualTo(PublishOutcome.Accepted));
    }

    [Test]
    public async Task A_selecting_consumer_sees_what_took_a_place_it_had_passed()
    {
        await using var bed = new TestBed();
        var queue = await bed.QueueAsync("q", LastValues);
        var consumer = TestBed.Consume(queue, new SubscribeOptions { Filter = new TextFilter("a=2") });
        bed.PublishAll(queue, ["a=1", "b=1"]);
        Assert.That(consumer.TryTake(), Is.Null);
        bed.Publish(queue, "a=2");
        Assert.That(consumer.Take().Text, Is.EqualTo("a=2"));
    }

    [Test]
    public async Task Consumers_of_a_non_destructive_queue_get_copies_and_follow()
    {
        await using var bed = new TestBed();
        var queue = await bed.QueueAsync("q", LastValues with { NonDestructive = true });
        bed.PublishAll(queue, ["a=1", "b=1"]);
        var one = TestBed.Consume(queue);
        foreach (var taken in one.TakeExactly(2))
        {
            one.Accept(taken);
        }

        bed.Publish(queue, "a=2");
        Assert.That(one.Take().Text, Is.EqualTo("a=2"));
        Assert.That(TestBed.Consume(queue).TakeExactly(2).ConvertAll(static taken => taken.Text), Is.EqualTo(new[] { "a=2", "b=1" }));
        await bed.CrashAsync();
        Assert.That(bed.Engine.Find("q")!.Options, Is.EqualTo(LastValues with { NonDestructive = true }));
        Assert.That(TestBed.Consume(bed.Engine.Find("q")!).TakeExactly(2), Has.Count.EqualTo(2));
    }

    [Test]
    public async Task Limits_hold_for_last_values_too()
    {
        await using var bed = new TestBed();
        var queue = await bed.QueueAsync("q", LastValues with { MaxMessages = 2, Overflow = OverflowPolicy.DropHead });
        bed.PublishAll(queue, ["a=1", "b=1", "a=2", "b=2"]);
        Assert.That(queue.Describe().Depth, Is.EqualTo(2));
        bed.Publish(queue, "c=1");
        Assert.That(bed.Drain("q"), Has.Count.EqualTo(2).And.Contains("c=1"));
        bed.PublishAll(queue, ["a=3", "a=4"]);
        Assert.That(bed.Drain("q"), Is.EqualTo(new[] { "a=4" }));
    }

    [Test]
    public async Task On_a_full_queue_a_message_that_replaces_another_is_taken_and_a_new_key_refused([Values] bool durable)
    {
        await using var bed = new TestBed();
        var queue = await bed.QueueAsync("q", LastValues with { MaxMessages = 2 });
        bed.PublishAll(queue, ["a=0", "b=0"], durable);
        for (var i = 1; i < 20; i++)
        {
            Assert.That(bed.PublishAll(queue, [$"a={i}", $"b={i}"], durable), Is.All.EqualTo(PublishOutcome.Accepted));
            Assert.That(bed.Publish(queue, $"c={i}", durable), Is.EqualTo(PublishOutcome.RejectedFull));
        }

        Assert.That(bed.Drain("q"), Is.EqualTo(new[] { "a=19", "b=19" }));
        Assert.That(bed.Publish(queue, "c=20", durable), Is.EqualTo(PublishOutcome.Accepted));
    }
}
