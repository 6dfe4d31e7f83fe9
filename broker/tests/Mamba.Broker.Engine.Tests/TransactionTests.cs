namespace Mamba.Broker.Engine.Tests;

internal sealed class TransactionTests
{
    [Test]
    public async Task Nothing_is_visible_before_commit_and_everything_after([Values] bool durable)
    {
        await using var bed = new TestBed();
        var from = await bed.QueueAsync("from");
        var to = await bed.QueueAsync("to");
        var topic = await bed.TopicAsync();
        var subscription = await bed.Engine.CreateOrFindSubscriptionAsync(new SubscriptionKey("c", "s", Durable: true), "t", new SubscriptionOptions());
        bed.PublishAll(from, ["in1", "in2"], durable);
        var consumer = TestBed.Consume(from);
        var taken = consumer.TakeExactly(2);

        var unit = bed.Engine.BeginTransaction();
        Assert.That(unit.AddPublish(to, bed.Message("out1", durable)), Is.EqualTo(PublishOutcome.Accepted));
        Assert.That(unit.AddPublish(topic, bed.Message("out2", durable)), Is.EqualTo(PublishOutcome.Accepted));
        Assert.That(unit.AddSettle(consumer.Subscription, Settlement.Accept(taken[0].Token)), Is.True);
        Assert.That(unit.AddSettle(consumer.Subscription, Settlement.Accept(taken[0].Token)), Is.False);
        Assert.That(unit.AddSettle(consumer.Subscription, new Settlement(taken[1].Token, OutcomeKind.Rejected, ErrorCondition: "e")), Is.True);
        Assert.That((to.Describe().Depth, subscription.Describe().Depth, from.Describe().Depth), Is.EqualTo((0L, 0L, 2L)));
        consumer.Close();

        Assert.That((await CommitAsync(unit)).Outcome, Is.EqualTo(CommitOutcome.Committed));
        if (durable)
        {
            await bed.CrashAsync();
        }

        Assert.Multiple(() =>
        {
            Assert.That(bed.DepthOf("from"), Is.Zero);
            Assert.That(bed.Drain("to"), Is.EqualTo(new[] { "out1" }));
            Assert.That(TestBed.Consume(bed.Engine.FindSubscription(subscription.Key)!).Take().Text, Is.EqualTo("out2"));
            Assert.That(bed.Drain("DLQ.from"), Is.EqualTo(new[] { "in2|Rejected,from,,0,e" }));
        });
    }

    [Test]
    public async Task Rollback_discards_sends_and_gives_acks_back_as_failed_deliveries()
    {
        await using var bed = new TestBed();
        var queue = await bed.QueueAsync("q", new NodeOptions { MaxMessages = 5 });
        bed.PublishAll(queue, ["a", "b", "c"]);
        var consumer = TestBed.Consume(queue);
        var taken = consumer.TakeExactly(2);
        var unit = bed.Engine.BeginTransaction();
        unit.AddPublish(queue, bed.Message("x"));
        unit.AddPublish(queue, bed.Message("y"));
        Assert.That(unit.AddPublish(queue, bed.Message("z")), Is.EqualTo(PublishOutcome.RejectedFull));
        unit.AddSettle(consumer.Subscription, Settlement.Accept(taken[0].Token));
        unit.AddSettle(consumer.Subscription, Settlement.Accept(taken[1].Token), settledByPeer: false);
        unit.Rollback();
        unit.Rollback();
        var again = consumer.TakeExactly(2);
        Assert.Multiple(() =>
        {
            Assert.That(again.ConvertAll(static one => (one.Text, one.DeliveryCount)), Is.EqualTo(new[] { ("a", 1u), ("c", 0u) }));
            Assert.That(consumer.SettleAndWait(Settlement.Accept(taken[1].Token)), Is.EqualTo(SettleStatus.Settled));
            Assert.That(queue.Describe().Depth, Is.EqualTo(2));
            Assert.That(bed.PublishAll(queue, ["d", "e", "f"]), Is.All.EqualTo(PublishOutcome.Accepted));
        });
        await bed.CrashAsync();
        Assert.That(bed.Drain("q"), Is.EqualTo(new[] { "a", "c", "d", "e", "f" }));
    }

    [Test]
    public async Task A_waiting_consumer_gets_the_first_of_what_a_rollback_gives_back()
    {
        await using var bed = new TestBed();
        var queue = await bed.QueueAsync();
        var other = await bed.QueueAsync("other");
        bed.PublishAll(queue, ["a", "b", "c"]);
        bed.PublishAll(other, ["x"]);
        var (consumer, elsewhere) = (TestBed.Consume(queue), TestBed.Consume(other));
        var unit = bed.Engine.BeginTransaction();
        var taken = consumer.TakeExactly(3);
        unit.AddSettle(consumer.Subscription, Settlement.Accept(taken[0].Token));
        unit.AddSettle(elsewhere.Subscription, Settlement.Accept(elsewhere.Take().Token));
        unit.AddSettle(consumer.Subscription, Settlement.Accept(taken[1].Token));
        unit.AddSettle(consumer.Subscription, Settlement.Accept(taken[2].Token));
        using var waiting = new EagerSubscriber(queue);
        unit.Rollback();
        Assert.That(waiting.Got, Is.EqualTo(new[] { "a" }));
    }

    [Test]
    public async Task A_waiting_consumer_finds_all_that_a_commit_brings_to_its_queue([Values] bool durable)
    {
        await using var bed = new TestBed();
        var queue = await bed.QueueAsync();
        var other = await bed.QueueAsync("other");
        using var waiting = new EagerSubscriber(queue);
        var unit = bed.Engine.BeginTransaction();
        unit.AddPublish(queue, bed.Message("low", durable, priority: 1));
        unit.AddPublish(other, bed.Message("x", durable));
        unit.AddPublish(queue, bed.Message("high", !durable, priority: 9));
        unit.AddPublish(other, bed.Message("y", durable));
        Assert.That((await CommitAsync(unit)).Outcome, Is.EqualTo(CommitOutcome.Committed));
        Assert.That(waiting.Got, Is.EqualTo(new[] { "high" }));
        Assert.That(bed.Drain("other"), Is.EqualTo(new[] { "x", "y" }));
    }

    [Test]
    public async Task Many_messages_over_many_queues_keep_their_order_on_each()
    {
        await using var bed = new TestBed();
        var queues = new List<IMessageNode>();
        for (var i = 0; i < 5; i++)
        {
            queues.Add(await bed.QueueAsync($"q{i}"));
        }

        var unit = bed.Engine.BeginTransaction();
        for (var i = 0; i < 1_000; i++)
        {
            unit.AddPublish(queues[i * i % 7 % 5], bed.Message($"{i:0000}"));
        }

        Assert.That((await CommitAsync(unit)).Outcome, Is.EqualTo(CommitOutcome.Committed));
        var drained = queues.ConvertAll(queue => bed.Drain(queue.Address));
        Assert.That(drained, Is.All.Ordered);
        Assert.That(drained.Sum(static texts => texts.Count), Is.EqualTo(1_000));
    }

    [Test]
    public async Task Rollback_only_and_deleted_nodes_roll_back_at_commit()
    {
        await using var bed = new TestBed();
        var queue = await bed.QueueAsync();
        var doomed = await bed.QueueAsync("doomed");
        var marked = bed.Engine.BeginTransaction();
        marked.AddPublish(queue, bed.Message("a"));
        marked.MarkRollbackOnly("full");
        marked.MarkRollbackOnly("later reason");
        Assert.That(await CommitAsync(marked), Is.EqualTo((CommitOutcome.RolledBack, "full")));

        var unit = bed.Engine.BeginTransaction();
        unit.AddPublish(queue, bed.Message("b"));
        unit.AddPublish(doomed, bed.Message("c"));
        await bed.Engine.DeleteAsync("doomed");
        Assert.That((await CommitAsync(unit)).Outcome, Is.EqualTo(CommitOutcome.RolledBack));
        Assert.That(queue.Describe().Depth, Is.Zero);
        Assert.That(unit.IsRollbackOnly, Is.True);
    }

    [Test]
    public async Task Limits_of_operations_and_bytes()
    {
        await using var bed = new TestBed(static options => options with { MaxTransactionOperations = 3, MaxTransactionBytes = 10 });
        var queue = await bed.QueueAsync();
        bed.Publish(queue, "in");
        var consumer = TestBed.Consume(queue);
        var taken = consumer.Take();
        var unit = bed.Engine.BeginTransaction();
        Assert.That(unit.AddPublish(queue, bed.Message("12345678")), Is.EqualTo(PublishOutcome.Accepted));
        Assert.That(unit.AddPublish(queue, bed.Message("123")), Is.EqualTo(PublishOutcome.LimitExceeded));
        unit.AddPublish(queue, bed.Message("1"));
        unit.AddPublish(queue, bed.Message("2"));
        Assert.That(unit.AddPublish(queue, bed.Message("")), Is.EqualTo(PublishOutcome.LimitExceeded));
        Assert.That(unit.AddSettle(consumer.Subscription, Settlement.Accept(taken.Token)), Is.False);
        Assert.That((unit.Operations, unit.Bytes), Is.EqualTo((3, 10L)));
        Assert.That((await CommitAsync(unit)).Outcome, Is.EqualTo(CommitOutcome.Committed));
        Assert.Throws<InvalidOperationException>(() => unit.AddPublish(queue, bed.Message("late")));
    }

    [Test]
    public async Task Outcomes_that_keep_the_message_take_effect_at_commit()
    {
        await using var bed = new TestBed();
        var queue = await bed.QueueAsync();
        bed.PublishAll(queue, ["a", "b"]);
        var consumer = TestBed.Consume(queue);
        var taken = consumer.TakeExactly(2);
        var unit = bed.Engine.BeginTransaction();
        unit.AddSettle(consumer.Subscription, new Settlement(taken[0].Token, OutcomeKind.Modified, DeliveryFailed: true));
        unit.AddSettle(consumer.Subscription, new Settlement(taken[1].Token, OutcomeKind.Released));
        Assert.That(consumer.TryTake(), Is.Null);
        await CommitAsync(unit);
        Assert.That(consumer.TakeExactly(2).ConvertAll(static one => (one.Text, one.DeliveryCount)), Is.EqualTo(new[] { ("a", 1u), ("b", 0u) }));
    }

    [Test]
    public async Task Messages_of_a_transaction_keep_their_order_behind_earlier_ones()
    {
        await using var bed = new TestBed();
        var queue = await bed.QueueAsync();
        var expected = new List<string>();
        for (var round = 0; round < 20; round++)
        {
            var batch = PublishBatch.Rent();
            batch.Add(queue, bed.Message($"{round}-durable", durable: true), null, 0);
            batch.Add(queue, bed.Message($"{round}-volatile", durable: false), null, 0);
            bed.Engine.Publish(batch);
            var unit = bed.Engine.BeginTransaction();
            unit.AddPublish(queue, bed.Message($"{round}-tx", durable: false));
            unit.Commit(new CommitRecorder());
            expected.AddRange([$"{round}-durable", $"{round}-volatile", $"{round}-tx"]);
        }

        TestBed.WaitUntil(() => queue.Describe().Depth == 60, "all messages");
        Assert.That(bed.Drain("q"), Is.EqualTo(expected));
    }

    private static async Task<(CommitOutcome Outcome, string? Reason)> CommitAsync(UnitOfWork unit)
    {
        var observer = new CommitRecorder();
        unit.Commit(observer);
        return await observer.Task.WaitAsync(TimeSpan.FromSeconds(60));
    }
}
