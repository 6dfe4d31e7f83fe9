namespace Mamba.Broker.Engine.Tests;

internal sealed class QueueTests
{
    [Test]
    public async Task Messages_come_in_order_and_leave_when_accepted([Values] bool durable)
    {
        await using var bed = new TestBed();
        var queue = await bed.QueueAsync();
        var outcomes = bed.PublishAll(queue, ["a", "b", "c"], durable);
        Assert.That(outcomes, Is.All.EqualTo(PublishOutcome.Accepted));

        var consumer = TestBed.Consume(queue);
        var taken = consumer.TakeExactly(3);
        Assert.Multiple(() =>
        {
            Assert.That(taken.ConvertAll(static one => one.Text), Is.EqualTo(new[] { "a", "b", "c" }));
            Assert.That(taken, Is.All.Matches<Taken>(static one => one.FirstAcquirer && one.DeliveryCount == 0));
            Assert.That(queue.Describe().Acquired, Is.EqualTo(3));
        });
        foreach (var one in taken)
        {
            Assert.That(consumer.SettleAndWait(Settlement.Accept(one.Token)), Is.EqualTo(SettleStatus.Settled));
        }

        var status = queue.Describe();
        Assert.That((status.Depth, status.Bytes, status.Dequeued, status.Enqueued), Is.EqualTo((0L, 0L, 3L, 3L)));
    }

    [Test]
    public async Task Higher_priority_first_and_in_order_within_it()
    {
        await using var bed = new TestBed();
        var queue = await bed.QueueAsync();
        bed.Publish(queue, "low1", priority: 1);
        bed.Publish(queue, "high1", priority: 9);
        bed.Publish(queue, "mid", priority: 4);
        bed.Publish(queue, "high2", priority: 200);
        bed.Publish(queue, "low2", priority: 1);
        Assert.That(bed.Drain("q"), Is.EqualTo(new[] { "high1", "high2", "mid", "low1", "low2" }));
    }

    [Test]
    public async Task Released_and_failed_messages_return_to_their_place()
    {
        await using var bed = new TestBed();
        var queue = await bed.QueueAsync();
        bed.PublishAll(queue, ["a", "b", "c", "d"]);
        var consumer = TestBed.Consume(queue);
        var taken = consumer.TakeExactly(3);
        consumer.Settle(new Settlement(taken[2].Token, OutcomeKind.Released));
        consumer.Settle(new Settlement(taken[0].Token, OutcomeKind.Modified, DeliveryFailed: true));
        var again = consumer.TakeExactly(3);
        Assert.Multiple(() =>
        {
            Assert.That(again.ConvertAll(static one => one.Text), Is.EqualTo(new[] { "a", "c", "d" }));
            Assert.That(again.ConvertAll(static one => one.DeliveryCount), Is.EqualTo(new uint[] { 1, 0, 0 }));
            Assert.That(again.ConvertAll(static one => one.FirstAcquirer), Is.EqualTo(new[] { false, false, true }));
        });
    }

    [Test]
    public async Task Closing_gives_everything_back([Values] SettleOnClose mode)
    {
        await using var bed = new TestBed();
        var queue = await bed.QueueAsync();
        bed.PublishAll(queue, ["a", "b", "c"]);
        var consumer = TestBed.Consume(queue);
        var other = TestBed.Consume(queue);
        consumer.TakeExactly(2);
        consumer.Close(mode);
        consumer.Close(mode);
        var taken = other.TakeExactly(3);
        Assert.Multiple(() =>
        {
            Assert.That(taken.ConvertAll(static one => one.Text), Is.EqualTo(new[] { "a", "b", "c" }));
            Assert.That(taken[0].DeliveryCount, Is.EqualTo(mode == SettleOnClose.Failed ? 1 : 0));
            Assert.That(taken[2].DeliveryCount, Is.Zero);
            Assert.That(consumer.TryTake(), Is.Null);
        });
    }

    [Test]
    public async Task A_consumer_cannot_settle_what_another_holds_nor_twice()
    {
        await using var bed = new TestBed();
        var queue = await bed.QueueAsync();
        bed.Publish(queue, "a");
        var consumer = TestBed.Consume(queue);
        var other = TestBed.Consume(queue);
        var taken = consumer.Take();
        Assert.Multiple(() =>
        {
            Assert.That(other.SettleAndWait(Settlement.Accept(taken.Token)), Is.EqualTo(SettleStatus.Unknown));
            Assert.That(consumer.SettleAndWait(Settlement.Accept(taken.Token + 1000)), Is.EqualTo(SettleStatus.Unknown));
            Assert.That(consumer.SettleAndWait(Settlement.Accept(taken.Token)), Is.EqualTo(SettleStatus.Settled));
            Assert.That(consumer.SettleAndWait(Settlement.Accept(taken.Token)), Is.EqualTo(SettleStatus.Unknown));
        });
    }

    [Test]
    public async Task Competing_consumers_get_fair_shares()
    {
        await using var bed = new TestBed();
        var queue = await bed.QueueAsync();
        var consumers = new[] { TestBed.Consume(queue), TestBed.Consume(queue), TestBed.Consume(queue) };
        bed.PublishAll(queue, [.. Enumerable.Range(0, 30).Select(static i => $"{i}")]);
        Assert.That(consumers[0].TakeUpTo(1000), Has.Count.EqualTo(10));
        Assert.That(consumers[1].TakeUpTo(1000), Has.Count.InRange(7, 10));
        Assert.That(consumers[2].TakeUpTo(1000), Is.Not.Empty);
    }

    [Test]
    public async Task Consumers_are_woken_in_turn()
    {
        await using var bed = new TestBed();
        var queue = await bed.QueueAsync();
        var consumers = new[] { TestBed.Consume(queue), TestBed.Consume(queue), TestBed.Consume(queue) };
        var taken = new int[3];
        for (var i = 0; i < 30; i++)
        {
            var before = consumers.Select(static one => one.ReadyCount).ToArray();
            bed.Publish(queue, $"{i}", durable: false);
            var woken = Array.FindIndex(consumers, one => one.ReadyCount > before[Array.IndexOf(consumers, one)]);
            Assert.That(woken, Is.Not.Negative, "nobody was woken");
            taken[woken] += consumers[woken].TakeUpTo(5).Count;
        }

        Assert.That(taken, Is.EqualTo(new[] { 10, 10, 10 }));
    }

    [Test]
    public async Task A_woken_consumer_without_credit_hands_the_turn_on()
    {
        await using var bed = new TestBed();
        var queue = await bed.QueueAsync();
        var first = TestBed.Consume(queue);
        var second = TestBed.Consume(queue);
        bed.Publish(queue, "a", durable: false);
        Assert.That((first.ReadyCount, second.ReadyCount), Is.EqualTo((1, 0)));
        Assert.That(first.TakeUpTo(0), Is.Empty);
        Assert.That(second.ReadyCount, Is.EqualTo(1));
        first.Close();
        Assert.That(second.Take().Text, Is.EqualTo("a"));
    }

    [Test]
    public async Task Higher_consumer_priority_is_served_first()
    {
        await using var bed = new TestBed();
        var queue = await bed.QueueAsync();
        var low = TestBed.Consume(queue);
        var high = TestBed.Consume(queue, new SubscribeOptions { Priority = 5 });
        bed.PublishAll(queue, ["a", "b", "c"], durable: false);
        Assert.That((low.ReadyCount, high.ReadyCount), Is.EqualTo((0, 1)));
        Assert.That(low.TakeUpTo(3), Is.Empty);
        Assert.That(high.TakeUpTo(2), Has.Count.EqualTo(2));
        Assert.That(low.ReadyCount, Is.EqualTo(1));
        Assert.That(low.Take().Text, Is.EqualTo("c"));
    }

    [Test]
    public async Task Exclusive_consumers_lock_the_queue()
    {
        await using var bed = new TestBed();
        var queue = await bed.QueueAsync();
        var exclusive = TestBed.Consume(queue, new SubscribeOptions { Exclusive = true });
        var refused = Assert.Throws<EngineException>(() => TestBed.Consume(queue));
        Assert.That(refused!.Error, Is.EqualTo(EngineError.ResourceLocked));
        var browser = TestBed.Consume(queue, new SubscribeOptions { Browse = true });
        exclusive.Close();
        var plain = TestBed.Consume(queue);
        Assert.Throws<EngineException>(() => TestBed.Consume(queue, new SubscribeOptions { Exclusive = true }));
        plain.Close();
        browser.Close();
        Assert.That(queue.Describe().Consumers, Is.Zero);
    }

    [Test]
    public async Task Browsers_see_everything_once_and_take_nothing()
    {
        await using var bed = new TestBed();
        var queue = await bed.QueueAsync();
        bed.PublishAll(queue, [.. Enumerable.Range(0, 200).Select(static i => $"{i}")]);
        var browser = TestBed.Consume(queue, new SubscribeOptions { Browse = true });
        var seen = browser.TakeUpTo(150);
        Assert.That(browser.SettleAndWait(Settlement.Accept(seen[0].Token)), Is.EqualTo(SettleStatus.Settled));
        seen.AddRange(browser.TakeUpTo(150));
        bed.Publish(queue, "200");
        TestBed.WaitUntil(() => browser.ReadyCount > 0, "the browser to be woken");
        seen.AddRange(browser.TakeUpTo(150));
        Assert.Multiple(() =>
        {
            Assert.That(seen.ConvertAll(static one => one.Text), Is.EqualTo(Enumerable.Range(0, 201).Select(static i => $"{i}")));
            Assert.That(queue.Describe().Depth, Is.EqualTo(201));
            Assert.That(queue.Describe().Acquired, Is.Zero);
        });
    }

    [Test]
    public async Task Filtering_consumers_take_only_what_matches()
    {
        await using var bed = new TestBed();
        var queue = await bed.QueueAsync();
        var red = TestBed.Consume(queue, new SubscribeOptions { Filter = new TextFilter("red") });
        bed.PublishAll(queue, [.. Enumerable.Range(0, 3000).Select(static i => i % 100 == 99 ? $"red{i}" : $"blue{i}")]);
        TestBed.WaitUntil(() => red.ReadyCount > 0, "the consumer to be woken");
        var taken = red.TakeExactly(30);
        Assert.That(taken.ConvertAll(static one => one.Text), Is.EqualTo(Enumerable.Range(0, 30).Select(static i => $"red{(i * 100) + 99}")));
        red.Settle(new Settlement(taken[3].Token, OutcomeKind.Released));
        Assert.That(red.TakeExactly(1)[0].Text, Is.EqualTo(taken[3].Text));
        Assert.That(red.TryTake(), Is.Null);
        var all = TestBed.Consume(queue);
        Assert.That(all.Take().Text, Is.EqualTo("blue0"));
        Assert.That(all.TakeExactly(2969), Has.Count.EqualTo(2969));
        Assert.That(queue.Describe().Depth, Is.EqualTo(3000));
    }

    [Test]
    public async Task A_full_queue_refuses_and_takes_again_after_room_is_made([Values] bool durable, [Values] bool byBytes)
    {
        await using var bed = new TestBed();
        var queue = await bed.QueueAsync("q", byBytes ? new NodeOptions { MaxBytes = 3 } : new NodeOptions { MaxMessages = 3 });
        var outcomes = bed.PublishAll(queue, ["a", "b", "c", "d"], durable);
        Assert.That(outcomes, Is.EqualTo(new[] { PublishOutcome.Accepted, PublishOutcome.Accepted, PublishOutcome.Accepted, PublishOutcome.RejectedFull }));
        var consumer = TestBed.Consume(queue);
        var taken = consumer.Take();
        Assert.That(bed.Publish(queue, "e", durable), Is.EqualTo(PublishOutcome.RejectedFull));
        consumer.SettleAndWait(Settlement.Accept(taken.Token));
        Assert.That(bed.Publish(queue, "f", durable), Is.EqualTo(PublishOutcome.Accepted));
        Assert.That(queue.Describe().Rejected, Is.EqualTo(2));
    }

    [Test]
    public async Task Purge_leaves_what_consumers_hold()
    {
        await using var bed = new TestBed();
        var queue = await bed.QueueAsync();
        bed.PublishAll(queue, [.. Enumerable.Range(0, 1000).Select(static i => $"{i}")]);
        var consumer = TestBed.Consume(queue);
        consumer.TakeExactly(10);
        Assert.That(await bed.Engine.PurgeAsync("q"), Is.EqualTo(990));
        Assert.That(queue.Describe().Depth, Is.EqualTo(10));
        consumer.Close();
        await bed.RestartAsync();
        Assert.That(bed.Drain("q"), Has.Count.EqualTo(10));
    }

    [Test]
    public async Task Deleting_tells_consumers_and_publishers()
    {
        await using var bed = new TestBed();
        var queue = await bed.QueueAsync();
        bed.Publish(queue, "a");
        var consumer = TestBed.Consume(queue);
        var taken = consumer.Take();
        Assert.That(await bed.Engine.DeleteAsync("q"), Is.True);
        Assert.Multiple(async () =>
        {
            Assert.That(consumer.NodeDeleted, Is.True);
            Assert.That(bed.Publish(queue, "b"), Is.EqualTo(PublishOutcome.NotFound));
            Assert.That(consumer.SettleAndWait(Settlement.Accept(taken.Token)), Is.EqualTo(SettleStatus.Unknown));
            Assert.That(bed.Engine.Find("q"), Is.Null);
            Assert.That(await bed.Engine.DeleteAsync("q"), Is.False);
            Assert.Throws<EngineException>(() => TestBed.Consume(queue));
        });
        await bed.RestartAsync();
        Assert.That(bed.Engine.Find("q"), Is.Null);
        var again = await bed.QueueAsync();
        Assert.That(again.Describe().Depth, Is.Zero);
    }

    [Test]
    public async Task Delayed_messages_wait_until_they_are_due([Values] bool restart)
    {
        await using var bed = new TestBed();
        var queue = await bed.QueueAsync();
        bed.Publish(queue, "later", delay: 5000);
        bed.Publish(queue, "now");
        var consumer = TestBed.Consume(queue);
        Assert.That(consumer.Take().Text, Is.EqualTo("now"));
        Assert.That(consumer.TryTake(), Is.Null);
        if (restart)
        {
            await bed.RestartAsync();
            consumer = TestBed.Consume(bed.Engine.Find("q")!);
            Assert.That(consumer.Take().Text, Is.EqualTo("now"));
            Assert.That(consumer.TryTake(), Is.Null);
        }

        var before = consumer.ReadyCount;
        bed.Clock.Advance(TimeSpan.FromSeconds(6));
        Assert.That(consumer.ReadyCount, Is.GreaterThan(before));
        Assert.That(consumer.Take().Text, Is.EqualTo("later"));
    }

    [Test]
    public async Task Kinds_do_not_mix()
    {
        await using var bed = new TestBed();
        await bed.QueueAsync("x");
        var mismatch = Assert.ThrowsAsync<EngineException>(() => bed.Engine.GetOrCreateAsync("x", NodeKind.Topic));
        Assert.That(mismatch!.Error, Is.EqualTo(EngineError.Mismatch));
    }
}
