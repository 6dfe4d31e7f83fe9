namespace Mamba.Broker.Engine.Tests;

/// <summary>Rings, limits that page, single active consumers, paused queues.</summary>
internal sealed class QueueKindTests
{
    private static readonly NodeOptions Ring = new() { MaxMessages = 3, Overflow = OverflowPolicy.DropHead };

    [Test]
    public async Task A_ring_keeps_the_newest_messages_and_refuses_none([Values] bool durable)
    {
        await using var bed = new TestBed();
        var queue = await bed.QueueAsync("q", Ring);
        Assert.That(bed.PublishAll(queue, ["a", "b", "c", "d", "e"], durable), Is.All.EqualTo(PublishOutcome.Accepted));
        var status = queue.Describe();
        Assert.That((status.Depth, status.Dropped, status.Rejected), Is.EqualTo((3L, 2L, 0L)));
        Assert.That(bed.Drain("q"), Is.EqualTo(new[] { "c", "d", "e" }));
        Assert.That(bed.DepthOf("DLQ.q"), Is.Zero);
    }

    [Test]
    public async Task A_ring_drops_the_oldest_whatever_its_priority()
    {
        await using var bed = new TestBed();
        var queue = await bed.QueueAsync("q", Ring);
        bed.Publish(queue, "high", priority: 9);
        bed.PublishAll(queue, ["a", "b", "c"]);
        Assert.That(bed.Drain("q"), Is.EqualTo(new[] { "a", "b", "c" }));
    }

    [Test]
    public async Task A_ring_counts_bytes_too()
    {
        await using var bed = new TestBed();
        var queue = await bed.QueueAsync("q", new NodeOptions { MaxBytes = 10, Overflow = OverflowPolicy.DropHead });
        bed.PublishAll(queue, ["aaaa", "bbbb", "cccc", "d"]);
        Assert.That(bed.Drain("q"), Is.EqualTo(new[] { "bbbb", "cccc", "d" }));
        bed.Publish(queue, "larger than all");
        Assert.That(bed.DepthOf("q"), Is.Zero);
    }

    [Test]
    public async Task What_is_held_does_not_count_in_a_ring_until_it_comes_back()
    {
        await using var bed = new TestBed();
        var queue = await bed.QueueAsync("q", Ring);
        var consumer = TestBed.Consume(queue);
        bed.PublishAll(queue, ["a", "b"]);
        var held = consumer.TakeExactly(2);
        bed.PublishAll(queue, ["c", "d", "e", "f"]);
        Assert.That(bed.DepthOf("q"), Is.EqualTo(5));
        consumer.Settle(new Settlement(held[0].Token, OutcomeKind.Released));
        consumer.Accept(held[1]);
        Assert.That(consumer.TakeExactly(3).ConvertAll(static one => one.Text), Is.EqualTo(new[] { "d", "e", "f" }));
        Assert.That(queue.Describe().Dropped, Is.EqualTo(2));
    }

    [Test]
    public async Task What_a_ring_drops_can_be_dead_lettered()
    {
        await using var bed = new TestBed();
        var queue = await bed.QueueAsync("q", Ring with { DeadLetterDropped = true });
        bed.PublishAll(queue, ["a", "b", "c", "d", "e"]);
        TestBed.WaitUntil(() => bed.DepthOf("DLQ.q") == 2, "two messages to be moved");
        Assert.That(bed.Drain("DLQ.q"), Is.EqualTo(new[] { "a|MaxLength,q,,0,", "b|MaxLength,q,,0," }));
        Assert.That(bed.Drain("q"), Is.EqualTo(new[] { "c", "d", "e" }));
    }

    [Test]
    public async Task Where_the_dead_letter_address_is_no_queue_the_ring_keeps_its_limit()
    {
        await using var bed = new TestBed();
        await bed.TopicAsync("dead");
        await bed.TopicAsync("DLQ.q");
        var queue = await bed.QueueAsync("q", Ring with { DeadLetterDropped = true, DeadLetterAddress = "dead" });
        bed.PublishAll(queue, ["a", "b", "c", "d", "e"]);
        TestBed.WaitUntil(() => bed.DepthOf("q") == 3, "the rest to go");
        Assert.That(bed.Drain("q"), Is.EqualTo(new[] { "c", "d", "e" }));
    }

    [Test]
    public async Task A_ring_passes_set_aside_messages_of_groups_over_no_less()
    {
        await using var bed = new TestBed();
        var queue = await bed.QueueAsync("q", Ring);
        var one = TestBed.Consume(queue);
        var two = TestBed.Consume(queue);
        Send(bed, queue, "g1");
        one.Take();
        Send(bed, queue, "g2", "g3");
        Assert.That(two.TryTake(), Is.Null);
        Send(bed, queue, "g4", "g5");
        Assert.That(one.TakeExactly(3).ConvertAll(static taken => taken.Text), Is.EqualTo(new[] { "g3", "g4", "g5" }));
    }

    [Test]
    public async Task A_ring_holds_its_limit_after_a_crash([Values] bool restart)
    {
        await using var bed = new TestBed();
        var queue = await bed.QueueAsync("q", Ring);
        for (var i = 0; i < 50; i++)
        {
            bed.Publish(queue, $"m{i}");
        }

        await (restart ? bed.RestartAsync() : bed.CrashAsync());
        Assert.That(bed.DepthOf("q"), Is.EqualTo(3));
        bed.Publish(bed.Engine.Find("q")!, "new");
        Assert.That(bed.Drain("q"), Is.EqualTo(new[] { "m48", "m49", "new" }));
    }

    [Test]
    public async Task A_paging_queue_takes_all_and_keeps_little_in_memory([Values] bool durable)
    {
        await using var bed = new TestBed();
        var queue = await bed.QueueAsync("q", new NodeOptions { MaxBytes = 10_000, Overflow = OverflowPolicy.Page });
        var text = new string('x', 1000);
        for (var i = 0; i < 200; i++)
        {
            Assert.That(bed.Publish(queue, text, durable), Is.EqualTo(PublishOutcome.Accepted));
        }

        Assert.That(queue.Describe().InMemoryBytes, Is.LessThan(20_000));
        Assert.That(bed.Drain("q"), Has.Count.EqualTo(200).And.All.EqualTo(text));
    }

    [Test]
    public async Task One_consumer_is_active_and_the_next_takes_over_in_order([Values] SettleOnClose mode)
    {
        await using var bed = new TestBed();
        var queue = await bed.QueueAsync("q", new NodeOptions { SingleActiveConsumer = true });
        var one = TestBed.Consume(queue);
        var two = TestBed.Consume(queue);
        var three = TestBed.Consume(queue, new SubscribeOptions { Filter = new TextFilter("") });
        bed.PublishAll(queue, ["a", "b", "c", "d", "e"]);
        Assert.That(two.TryTake(), Is.Null);
        Assert.That(three.TryTake(), Is.Null);
        one.Accept(one.TakeExactly(2)[0]);
        var woken = two.ReadyCount;
        one.Close(mode);
        Assert.That(two.ReadyCount, Is.GreaterThan(woken));
        Assert.That(three.TryTake(), Is.Null);
        Assert.That(two.TakeExactly(2).ConvertAll(static taken => taken.Text), Is.EqualTo(new[] { "b", "c" }));
        woken = three.ReadyCount;
        two.Close();
        Assert.That(three.ReadyCount, Is.GreaterThan(woken));
        Assert.That(three.TakeExactly(4).ConvertAll(static taken => taken.Text), Is.EqualTo(new[] { "b", "c", "d", "e" }));
    }

    [Test]
    public async Task The_next_is_chosen_by_priority_and_the_active_one_stays()
    {
        await using var bed = new TestBed();
        var queue = await bed.QueueAsync("q", new NodeOptions { SingleActiveConsumer = true });
        var one = TestBed.Consume(queue);
        var low = TestBed.Consume(queue);
        var high = TestBed.Consume(queue, new SubscribeOptions { Priority = 5 });
        bed.PublishAll(queue, ["a", "b"]);
        Assert.That(high.TryTake(), Is.Null);
        one.Accept(one.Take());
        one.Close();
        Assert.That(low.TryTake(), Is.Null);
        Assert.That(high.Take().Text, Is.EqualTo("b"));
    }

    [Test]
    public async Task The_next_waits_for_a_transaction_of_the_one_before_it()
    {
        await using var bed = new TestBed();
        var queue = await bed.QueueAsync("q", new NodeOptions { SingleActiveConsumer = true });
        var one = TestBed.Consume(queue);
        var two = TestBed.Consume(queue);
        bed.PublishAll(queue, ["a", "b"]);
        var work = bed.Engine.BeginTransaction();
        work.AddSettle(one.Subscription, Settlement.Accept(one.Take().Token), settledByPeer: false);
        one.Close();
        Assert.That(two.TryTake(), Is.Null);
        var woken = two.ReadyCount;
        work.Rollback();
        Assert.That(two.ReadyCount, Is.GreaterThan(woken));
        Assert.That(two.TakeExactly(2).ConvertAll(static taken => taken.Text), Is.EqualTo(new[] { "a", "b" }));
    }

    [Test]
    public async Task A_browser_is_neither_active_nor_kept_out()
    {
        await using var bed = new TestBed();
        var queue = await bed.QueueAsync("q", new NodeOptions { SingleActiveConsumer = true });
        var browser = TestBed.Consume(queue, new SubscribeOptions { Browse = true });
        var one = TestBed.Consume(queue);
        bed.PublishAll(queue, ["a", "b"]);
        Assert.That(browser.TakeExactly(2), Has.Count.EqualTo(2));
        Assert.That(one.TakeExactly(2), Has.Count.EqualTo(2));
    }

    [Test]
    public async Task A_paused_queue_takes_messages_and_gives_none()
    {
        await using var bed = new TestBed();
        var queue = await bed.QueueAsync();
        var one = TestBed.Consume(queue);
        var selecting = TestBed.Consume(queue, new SubscribeOptions { Filter = new TextFilter("") });
        bed.PublishAll(queue, ["a", "b"]);
        var held = one.Take();
        await bed.Engine.SetPausedAsync("q", paused: true);
        bed.PublishAll(queue, ["c", "d"]);
        Assert.That(one.TryTake(), Is.Null);
        Assert.That(selecting.TryTake(), Is.Null);
        Assert.That(queue.Describe().Paused, Is.True);
        Assert.That(one.SettleAndWait(Settlement.Accept(held.Token)), Is.EqualTo(SettleStatus.Settled), "Settling goes on.");
        var browser = TestBed.Consume(queue, new SubscribeOptions { Browse = true });
        Assert.That(browser.TakeExactly(3), Has.Count.EqualTo(3), "Browsing goes on.");

        var woken = (one.ReadyCount, selecting.ReadyCount);
        await bed.Engine.SetPausedAsync("q", paused: false);
        Assert.That(one.ReadyCount, Is.GreaterThan(woken.Item1));
        Assert.That(selecting.ReadyCount, Is.GreaterThan(woken.Item2));
        one.Close();
        Assert.That(selecting.TakeExactly(3).ConvertAll(static taken => taken.Text), Is.EqualTo(new[] { "b", "c", "d" }));
        Assert.That(queue.Describe().Paused, Is.False);
    }

    [Test]
    public async Task A_pause_holds_consumers_that_get_copies_and_not_those_that_only_look()
    {
        await using var bed = new TestBed();
        var queue = await bed.QueueAsync("q", new NodeOptions { NonDestructive = true });
        var one = TestBed.Consume(queue);
        var selecting = TestBed.Consume(queue, new SubscribeOptions { Filter = new TextFilter("") });
        bed.PublishAll(queue, ["a", "b"]);
        Assert.That((one.Take().Text, selecting.Take().Text), Is.EqualTo(("a", "a")));
        await bed.Engine.SetPausedAsync("q", paused: true);
        bed.Publish(queue, "c");
        var late = TestBed.Consume(queue);
        Assert.That((one.TryTake(), selecting.TryTake(), late.TryTake()), Is.EqualTo(((Taken?)null, (Taken?)null, (Taken?)null)));
        Assert.That(TestBed.Consume(queue, new SubscribeOptions { Browse = true }).TakeExactly(3), Has.Count.EqualTo(3), "Browsing goes on.");

        var woken = (one.ReadyCount, selecting.ReadyCount, late.ReadyCount);
        await bed.Engine.SetPausedAsync("q", paused: false);
        Assert.That(one.ReadyCount, Is.GreaterThan(woken.Item1));
        Assert.That(selecting.ReadyCount, Is.GreaterThan(woken.Item2));
        Assert.That(late.ReadyCount, Is.GreaterThan(woken.Item3));
        Assert.That(one.TakeExactly(2).ConvertAll(static taken => taken.Text), Is.EqualTo(new[] { "b", "c" }), "It goes on where it was.");
        Assert.That(selecting.TakeExactly(2).ConvertAll(static taken => taken.Text), Is.EqualTo(new[] { "b", "c" }));
        Assert.That(late.TakeExactly(3), Has.Count.EqualTo(3));
    }

    [Test]
    public async Task A_pause_survives_crash_and_restart_and_so_does_its_end()
    {
        await using var bed = new TestBed();
        bed.Publish(await bed.QueueAsync(), "a");
        await bed.Engine.SetPausedAsync("q", paused: true);
        await bed.CrashAsync();
        Assert.That(bed.Drain("q"), Is.Empty);
        await bed.Engine.CompactAsync();
        await bed.RestartAsync();
        Assert.That(bed.Drain("q"), Is.Empty);
        await bed.Engine.SetPausedAsync("q", paused: false);
        await bed.CrashAsync();
        Assert.That(bed.Drain("q"), Is.EqualTo(new[] { "a" }));
    }

    [Test]
    public async Task Topics_and_missing_queues_cannot_be_paused()
    {
        await using var bed = new TestBed();
        await bed.TopicAsync("t");
        Assert.That(async () => await bed.Engine.SetPausedAsync("t", true), Throws.InstanceOf<EngineException>().With.Property("Error").EqualTo(EngineError.NotAllowed));
        Assert.That(async () => await bed.Engine.SetPausedAsync("x", true), Throws.InstanceOf<EngineException>().With.Property("Error").EqualTo(EngineError.NotFound));
    }

    [Test]
    public async Task Expired_messages_go_where_the_address_says_and_others_do_not()
    {
        await using var bed = new TestBed();
        var queue = await bed.QueueAsync("q", new NodeOptions { ExpiryAddress = "late.{address}" });
        bed.Publish(queue, "a", ttl: 1000);
        bed.Publish(queue, "b");
        bed.Clock.Advance(TimeSpan.FromSeconds(2));
        TestBed.WaitUntil(() => bed.DepthOf("late.q") == 1, "the expired message to be moved");
        var consumer = TestBed.Consume(queue);
        consumer.Settle(new Settlement(consumer.Take().Token, OutcomeKind.Rejected));
        TestBed.WaitUntil(() => bed.DepthOf("DLQ.q") == 1, "the rejected message to be moved");
        Assert.That(bed.DepthOf("late.q"), Is.EqualTo(1));
    }

    private static void Send(TestBed bed, IMessageNode queue, params string[] texts)
    {
        foreach (var text in texts)
        {
            var message = bed.Message(text);
            message.GroupKey = 7;
            bed.PublishMessage(queue, message);
        }
    }
}
