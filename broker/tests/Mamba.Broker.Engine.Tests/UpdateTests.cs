namespace Mamba.Broker.Engine.Tests;

/// <summary>Settings that change while a queue, topic or subscription is in use, and paused subscriptions.</summary>
internal sealed class UpdateTests
{
    private static readonly SubscriptionKey Key = new("c", "s", true);

    [Test]
    public async Task A_limit_that_comes_later_counts_what_is_there_and_survives_a_crash()
    {
        await using var bed = new TestBed();
        var queue = await bed.QueueAsync();
        bed.PublishAll(queue, ["a", "b", "c"]);
        await bed.Engine.UpdateAsync("q", static options => options with { MaxMessages = 4 });
        Assert.That((bed.Publish(queue, "d"), bed.Publish(queue, "e")), Is.EqualTo((PublishOutcome.Accepted, PublishOutcome.RejectedFull)));
        await bed.CrashAsync();
        queue = bed.Engine.Find("q")!;
        Assert.That((queue.Options.MaxMessages, bed.Publish(queue, "e")), Is.EqualTo((4L, PublishOutcome.RejectedFull)));
        await bed.Engine.UpdateAsync("q", static options => options with { MaxMessages = 0 });
        Assert.That(bed.Publish(queue, "e"), Is.EqualTo(PublishOutcome.Accepted));
        Assert.That(bed.Drain("q"), Is.EqualTo(new[] { "a", "b", "c", "d", "e" }));
        await bed.Engine.UpdateAsync("q", static options => options with { MaxMessages = 1 });
        Assert.That((bed.Publish(queue, "f"), bed.Publish(queue, "g")), Is.EqualTo((PublishOutcome.Accepted, PublishOutcome.RejectedFull)));
    }

    [Test]
    public async Task A_queue_becomes_a_ring_and_ends_being_one()
    {
        await using var bed = new TestBed();
        var queue = await bed.QueueAsync();
        var consumer = TestBed.Consume(queue);
        bed.PublishAll(queue, ["a", "b", "c", "d"]);
        var held = consumer.Take();
        await bed.Engine.UpdateAsync("q", static options => options with { MaxMessages = 2, Overflow = OverflowPolicy.DropHead });
        Assert.That((queue.Describe().Depth, queue.Describe().Dropped), Is.EqualTo((3L, 1L)), "what is held does not count");
        bed.Publish(queue, "e");
        await bed.Engine.UpdateAsync("q", static options => options with { Overflow = OverflowPolicy.Reject, MaxMessages = 0 });
        bed.PublishAll(queue, ["f", "g"]);
        consumer.Settle(new Settlement(held.Token, OutcomeKind.Released));
        Assert.That(consumer.TakeExactly(5).ConvertAll(static taken => taken.Text), Is.EqualTo(new[] { "a", "d", "e", "f", "g" }));
        Assert.That(queue.Describe().Dropped, Is.EqualTo(2), "the count goes on");
    }

    [Test]
    public async Task A_queue_gets_keys_and_keeps_the_newest_of_each()
    {
        await using var bed = new TestBed();
        var queue = await bed.QueueAsync();
        var consumer = TestBed.Consume(queue);
        bed.PublishAll(queue, ["a=1", "b=1", "a=2", "plain", "b=2", "b=3"]);
        var held = consumer.TakeExactly(2);
        await bed.Engine.UpdateAsync("q", static options => options with { LastValueKey = "key" });
        Assert.That(queue.Describe().Depth, Is.EqualTo(5));
        foreach (var taken in held)
        {
            consumer.Settle(new Settlement(taken.Token, OutcomeKind.Released));
        }

        Assert.That(consumer.TakeExactly(3).ConvertAll(static taken => taken.Text), Is.EqualTo(new[] { "a=2", "plain", "b=3" }));
        Assert.That(queue.Describe().Depth, Is.EqualTo(3));
        consumer.Close();
        bed.Publish(queue, "a=3");
        await bed.Engine.UpdateAsync("q", static options => options with { LastValueKey = null });
        bed.Publish(queue, "a=4");
        await bed.CrashAsync();
        Assert.That(bed.Drain("q"), Is.EquivalentTo(new[] { "a=3", "plain", "b=3", "a=4" }));
    }

    [TestCase(false, 1)]
    [TestCase(false, 2)]
    [TestCase(true, 1)]
    [TestCase(true, 2)]
    public async Task Keys_that_go_while_a_message_is_on_its_way_replace_nothing(bool durable, int readings)
    {
        await using var bed = new TestBed();
        var queue = await bed.QueueAsync("q", new NodeOptions { LastValueKey = "key" });
        bed.Publish(queue, "a=1", durable);
        bed.Annotator.OnKey = () =>
        {
            if (--readings == 0)
            {
                bed.Engine.UpdateAsync("q", static options => options with { LastValueKey = null }).GetAwaiter().GetResult();
            }
        };
        Assert.That(bed.Publish(queue, "a=2", durable), Is.EqualTo(PublishOutcome.Accepted));
        Assert.That(readings, Is.Zero);
        if (durable)
        {
            await bed.CrashAsync();
        }

        Assert.That(bed.Drain("q"), Is.EqualTo(new[] { "a=1", "a=2" }));
    }

    [Test]
    public async Task Senders_begin_to_wait_and_go_on_as_the_settings_say()
    {
        await using var bed = new TestBed();
        var queue = await bed.QueueAsync();
        var producer = new Sender();
        queue.AddProducer(producer);
        bed.PublishAll(queue, ["a", "b"]);
        await bed.Engine.UpdateAsync("q", static options => options with { MaxMessages = 2, Overflow = OverflowPolicy.Block });
        Assert.That(queue.CreditFor(producer), Is.Zero);
        await bed.Engine.UpdateAsync("q", static options => options with { MaxMessages = 10 });
        Assert.That((producer.Told, queue.CreditFor(producer)), Is.EqualTo((1, 8L)));
        await bed.Engine.UpdateAsync("q", static options => options with { MaxMessages = 1 });
        Assert.That(queue.CreditFor(producer), Is.Zero);
        await bed.Engine.UpdateAsync("q", static options => options with { Overflow = OverflowPolicy.Reject });
        Assert.That((producer.Told, queue.CreditFor(producer)), Is.EqualTo((2, long.MaxValue)));
    }

    [Test]
    public async Task A_single_active_consumer_is_chosen_and_let_go_of()
    {
        await using var bed = new TestBed();
        var queue = await bed.QueueAsync();
        var one = TestBed.Consume(queue);
        var two = TestBed.Consume(queue);
        await bed.Engine.UpdateAsync("q", static options => options with { SingleActiveConsumer = true });
        bed.PublishAll(queue, ["a", "b"]);
        Assert.That((two.TryTake(), one.Take().Text), Is.EqualTo(((Taken?)null, "a")));
        await bed.Engine.UpdateAsync("q", static options => options with { SingleActiveConsumer = false });
        Assert.That(two.Take().Text, Is.EqualTo("b"));
    }

    [Test]
    public async Task A_pause_outlives_an_update()
    {
        await using var bed = new TestBed();
        var queue = await bed.QueueAsync();
        bed.Publish(queue, "a");
        await bed.Engine.SetPausedAsync("q", true);
        await bed.Engine.UpdateAsync("q", static options => options with { SingleActiveConsumer = true, MaxDeliveries = 3 });
        var consumer = TestBed.Consume(queue);
        Assert.That((queue.Describe().Paused, consumer.TryTake()), Is.EqualTo((true, (Taken?)null)));
        await bed.CrashAsync();
        queue = bed.Engine.Find("q")!;
        Assert.That((queue.Describe().Paused, queue.Options.SingleActiveConsumer, queue.Options.MaxDeliveries), Is.EqualTo((true, true, 3)));
        await bed.Engine.SetPausedAsync("q", false);
        Assert.That(TestBed.Consume(queue).Take().Text, Is.EqualTo("a"));
    }

    [Test]
    public async Task Dead_letters_go_where_the_new_settings_say()
    {
        await using var bed = new TestBed();
        var queue = await bed.QueueAsync();
        var consumer = TestBed.Consume(queue);
        bed.PublishAll(queue, ["a", "b"]);
        consumer.SettleAndWait(new Settlement(consumer.Take().Token, OutcomeKind.Rejected));
        await bed.Engine.UpdateAsync("q", static options => options with { DeadLetterAddress = "elsewhere" });
        consumer.SettleAndWait(new Settlement(consumer.Take().Token, OutcomeKind.Rejected));
        Assert.That((bed.DepthOf("DLQ.q"), bed.DepthOf("elsewhere")), Is.EqualTo((1L, 1L)));
    }

    [Test]
    public async Task Every_setting_is_on_disk()
    {
        await using var bed = new TestBed();
        var all = new NodeOptions
        {
            MaxMessages = 1, MaxBytes = 2, Overflow = OverflowPolicy.Block, DeadLetterDropped = true, SingleActiveConsumer = true, LastValueKey = "ä",
            MaxDeliveries = 3, MaxAcquires = 4, DeadLetterAddress = "d", ExpiryAddress = "e", Retry = new RetryPolicy { Jitter = 0.5, Order = RetryOrder.Group },
        };
        await bed.QueueAsync();
        await bed.TopicAsync();
        var subscription = await bed.Engine.CreateOrFindSubscriptionAsync(Key, "t", new SubscriptionOptions { Shared = true });
        await bed.Engine.UpdateAsync("q", _ => all);
        await bed.Engine.UpdateAsync("t", _ => all with { MaxMessages = 9 });
        await bed.Engine.UpdateSubscriptionAsync(Key, _ => all with { MaxMessages = 8 });
        await bed.CrashAsync();
        subscription = bed.Engine.FindSubscription(Key)!;
        Assert.That(bed.Engine.Find("q")!.Options, Is.EqualTo(all));
        Assert.That(bed.Engine.Find("t")!.Options, Is.EqualTo(all with { MaxMessages = 9 }));
        Assert.That((subscription.Settings, subscription.Options.Shared), Is.EqualTo((all with { MaxMessages = 8 }, true)));
    }

    [Test]
    public async Task Subscriptions_follow_their_topic_until_they_have_settings_of_their_own()
    {
        await using var bed = new TestBed();
        var topic = await bed.TopicAsync();
        var own = await bed.Engine.CreateOrFindSubscriptionAsync(Key, "t", new SubscriptionOptions());
        var other = await bed.Engine.CreateOrFindSubscriptionAsync(new SubscriptionKey("c", "other", true), "t", new SubscriptionOptions());
        await bed.Engine.UpdateSubscriptionAsync(Key, static options => options with { MaxMessages = 1, Overflow = OverflowPolicy.DropHead });
        await bed.Engine.UpdateAsync("t", static options => options with { MaxMessages = 2, Overflow = OverflowPolicy.DropHead });
        bed.PublishAll(topic, ["a", "b", "c"]);
        Assert.That((own.Describe().Depth, other.Describe().Depth), Is.EqualTo((1L, 2L)));
        Assert.That(topic.Options.MaxMessages, Is.EqualTo(2));
        await bed.CrashAsync();
        Assert.That(bed.Engine.FindSubscription(Key)!.Settings.MaxMessages, Is.EqualTo(1));
        Assert.That(bed.Engine.FindSubscription(other.Key)!.Settings.MaxMessages, Is.EqualTo(2));
    }

    [Test]
    public async Task What_only_a_new_node_can_have_is_refused()
    {
        await using var bed = new TestBed();
        await bed.QueueAsync();
        var temporary = await bed.Engine.CreateTemporaryAsync(NodeKind.Queue, LifetimePolicy.DeleteOnClose, this);
        Assert.That(() => bed.Engine.UpdateAsync("q", static options => options with { Durable = false }), Refused(EngineError.NotAllowed));
        Assert.That(() => bed.Engine.UpdateAsync("q", static options => options with { NonDestructive = true }), Refused(EngineError.NotAllowed));
        Assert.That(() => bed.Engine.UpdateAsync(temporary.Address, static options => options with { MaxMessages = 1 }), Refused(EngineError.NotAllowed));
        Assert.That(() => bed.Engine.UpdateAsync("nowhere", static options => options), Refused(EngineError.NotFound));
        Assert.That(() => bed.Engine.UpdateSubscriptionAsync(Key, static options => options), Refused(EngineError.NotFound));
        Assert.That(() => bed.Engine.SetSubscriptionPausedAsync(Key, true), Refused(EngineError.NotFound));
        await bed.QueueAsync("DLQ.q", new NodeOptions { IsDeadLetter = true });
        Assert.That(() => bed.Engine.UpdateAsync("DLQ.q", static options => options with { MaxMessages = 1 }), Refused(EngineError.NotAllowed));
    }

    [Test]
    public async Task A_paused_subscription_takes_and_does_not_give_also_after_a_crash()
    {
        await using var bed = new TestBed();
        var topic = await bed.TopicAsync();
        var paused = await bed.Engine.CreateOrFindSubscriptionAsync(Key, "t", new SubscriptionOptions());
        var other = await bed.Engine.CreateOrFindSubscriptionAsync(new SubscriptionKey("c", "other", true), "t", new SubscriptionOptions());
        await bed.Engine.SetSubscriptionPausedAsync(Key, true);
        bed.PublishAll(topic, ["a", "b"]);
        Assert.That((TestBed.Consume(paused).TryTake(), TestBed.Consume(other).Take().Text), Is.EqualTo(((Taken?)null, "a")));
        await bed.CrashAsync();
        paused = bed.Engine.FindSubscription(Key)!;
        var consumer = TestBed.Consume(paused);
        Assert.That((paused.Describe().Paused, consumer.TryTake()), Is.EqualTo((true, (Taken?)null)));
        await bed.Engine.SetSubscriptionPausedAsync(Key, false);
        Assert.That(consumer.TakeExactly(2), Has.Count.EqualTo(2));
        await bed.CrashAsync();
        Assert.That(bed.Engine.FindSubscription(Key)!.Describe().Paused, Is.False);
    }

    [Test]
    public async Task A_volatile_subscription_can_be_paused_too()
    {
        await using var bed = new TestBed();
        var topic = await bed.TopicAsync();
        var key = new SubscriptionKey(null, "s", false);
        var node = await bed.Engine.CreateOrFindSubscriptionAsync(key, "t", new SubscriptionOptions { Shared = true });
        var consumer = TestBed.Consume(node);
        await bed.Engine.SetSubscriptionPausedAsync(key, true);
        bed.Publish(topic, "a");
        Assert.That(consumer.TryTake(), Is.Null);
        await bed.Engine.SetSubscriptionPausedAsync(key, false);
        Assert.That(consumer.Take().Text, Is.EqualTo("a"));
    }

    [Test]
    public async Task Compaction_keeps_what_was_changed_last()
    {
        await using var bed = new TestBed(static options => options with { SegmentBytes = 64 * 1024, CompactionMinSegments = 2 });
        var queue = await bed.QueueAsync();
        await bed.TopicAsync();
        await bed.Engine.CreateOrFindSubscriptionAsync(Key, "t", new SubscriptionOptions());
        for (var i = 1; i <= 50; i++)
        {
            await bed.Engine.UpdateAsync("q", options => options with { MaxDeliveries = i });
            await bed.Engine.UpdateSubscriptionAsync(Key, options => options with { MaxDeliveries = i });
            bed.PublishAll(queue, [new string('x', 10_000)]);
            bed.Drain("q");
        }

        await bed.Engine.SetSubscriptionPausedAsync(Key, true);
        await bed.Engine.CompactAsync();
        await bed.CrashAsync();
        var subscription = bed.Engine.FindSubscription(Key)!;
        Assert.That((bed.Engine.Find("q")!.Options.MaxDeliveries, subscription.Settings.MaxDeliveries, subscription.Describe().Paused), Is.EqualTo((50, 50, true)));
    }

    [Test]
    public async Task Settings_change_under_load_and_nothing_is_lost()
    {
        await using var bed = new TestBed();
        var queue = await bed.QueueAsync();
        var publishing = Task.Run(() =>
        {
            for (var i = 0; i < 300; i++)
            {
                bed.PublishAll(queue, [$"{i}a", $"{i}b"]);
            }
        });
        for (var i = 0; i < 60; i++)
        {
            await bed.Engine.UpdateAsync("q", options => options with
            {
                Overflow = (i % 2) == 0 ? OverflowPolicy.Page : OverflowPolicy.Block,
                MaxMessages = (i % 3) * 10,
                SingleActiveConsumer = (i % 5) == 0,
                LastValueKey = (i % 7) == 0 ? "key" : null,
            });
        }

        await publishing.WaitAsync(TimeSpan.FromSeconds(60));
        Assert.That(bed.Drain("q"), Has.Count.EqualTo(600));
    }

    private static NUnit.Framework.Constraints.IResolveConstraint Refused(EngineError error) =>
        Throws.TypeOf<EngineException>().With.Property(nameof(EngineException.Error)).EqualTo(error);

    private sealed class Sender : IProducer
    {
        public int Told { get; private set; }

        public void OnNodeDeleted() => Told = -1;

        public void OnFull()
        {
            // It has no credit.
        }

        public void OnRoom() => Told++;
    }
}
