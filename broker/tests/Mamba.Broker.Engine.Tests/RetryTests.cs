using System.Text;

namespace Mamba.Broker.Engine.Tests;

/// <summary>Failed deliveries wait for their next try, and nothing else does; by the queue's policy, the message's own, or the consumer's.</summary>
[TestFixture]
internal sealed class RetryTests
{
    /// <summary>1 s, 2 s, 4 s ... up to 10 s.</summary>
    private static readonly NodeOptions Backoff = new()
    {
        MaxDeliveries = 5,
        Retry = new RetryPolicy { InitialDelay = TimeSpan.FromSeconds(1), Jitter = 0, MaxDelay = TimeSpan.FromSeconds(10) },
    };

    [Test]
    public async Task Only_the_failed_delivery_waits_and_the_rest_flows_on([Values] bool durable)
    {
        await using var bed = new TestBed();
        var queue = await bed.QueueAsync("q", Backoff);
        bed.PublishAll(queue, ["a", "b", "c"], durable);
        var consumer = TestBed.Consume(queue);
        Assert.That(consumer.SettleAndWait(Failed(consumer.Take())), Is.EqualTo(SettleStatus.Settled));
        Accept(consumer, "b");
        Accept(consumer, "c");
        Assert.That(consumer.TryTake(), Is.Null);
        Assert.That(queue.Describe(), Has.Property("Depth").EqualTo(1).And.Property("Parked").EqualTo(1).And.Property("Acquired").Zero);
        bed.Clock.Advance(TimeSpan.FromMilliseconds(999));
        Assert.That(consumer.TryTake(), Is.Null);
        bed.Clock.Advance(TimeSpan.FromMilliseconds(1));
        var again = consumer.Take();
        Assert.That((again.Text, again.DeliveryCount, again.FirstAcquirer), Is.EqualTo(("a", 1u, false)));
        Assert.That(queue.Describe().Parked, Is.Zero);
    }

    [Test]
    public async Task The_wait_doubles_up_to_the_cap_and_then_the_message_is_dead_lettered()
    {
        await using var bed = new TestBed();
        var queue = await bed.QueueAsync("q", Backoff with { MaxDeliveries = 6 });
        bed.Publish(queue, "a");
        var consumer = TestBed.Consume(queue);
        foreach (var wait in new[] { 1_000, 2_000, 4_000, 8_000, 10_000 })
        {
            consumer.SettleAndWait(Failed(consumer.Take()));
            bed.Clock.Advance(TimeSpan.FromMilliseconds(wait - 1));
            Assert.That(consumer.TryTake(), Is.Null, $"before {wait} ms");
            bed.Clock.Advance(TimeSpan.FromMilliseconds(1));
        }

        consumer.SettleAndWait(Failed(consumer.Take()));
        Assert.That(bed.Drain("DLQ.q"), Is.EqualTo(new[] { "a|MaxDeliveries,q,,6," }));
        Assert.That(bed.DepthOf("q"), Is.Zero);
    }

    [Test]
    public async Task Without_a_policy_a_failed_delivery_is_back_in_its_place_at_once()
    {
        await using var bed = new TestBed();
        var queue = await bed.QueueAsync();
        bed.PublishAll(queue, ["a", "b"]);
        var consumer = TestBed.Consume(queue);
        consumer.SettleAndWait(Failed(consumer.Take()));
        Assert.That(consumer.TakeExactly(2).Select(static taken => (taken.Text, taken.DeliveryCount)), Is.EqualTo(new[] { ("a", 1u), ("b", 0u) }));
    }

    [Test]
    public async Task What_is_released_did_not_fail_and_does_not_wait()
    {
        await using var bed = new TestBed();
        var queue = await bed.QueueAsync("q", Backoff);
        bed.Publish(queue, "a");
        var consumer = TestBed.Consume(queue);
        consumer.Settle(new Settlement(consumer.Take().Token, OutcomeKind.Released));
        consumer.Settle(new Settlement(consumer.Take().Token, OutcomeKind.Modified));
        Assert.That(consumer.Take(), Has.Property("Text").EqualTo("a").And.Property("DeliveryCount").Zero);
    }

    [Test]
    public async Task A_rejected_message_waits_where_there_is_no_dead_letter_address()
    {
        await using var bed = new TestBed();
        var queue = await bed.QueueAsync("q", Backoff with { DeadLetterAddress = string.Empty });
        bed.Publish(queue, "a");
        var consumer = TestBed.Consume(queue);
        for (var round = 1u; round < 12; round++)
        {
            consumer.SettleAndWait(new Settlement(consumer.Take().Token, OutcomeKind.Rejected));
            Assert.That(consumer.TryTake(), Is.Null);
            bed.Clock.Advance(TimeSpan.FromSeconds(10));
            var taken = consumer.Take();
            Assert.That(taken.DeliveryCount, Is.EqualTo(round));
            consumer.Settle(new Settlement(taken.Token, OutcomeKind.Released));
        }
    }

    [Test]
    public async Task A_lost_consumer_counts_and_one_that_leaves_does_not()
    {
        await using var bed = new TestBed();
        var queue = await bed.QueueAsync("q", Backoff);
        bed.PublishAll(queue, ["a", "b"]);
        var leaves = TestBed.Consume(queue);
        leaves.TakeExactly(2);
        leaves.Close();
        var lost = TestBed.Consume(queue);
        lost.TakeExactly(2);
        lost.Close(SettleOnClose.Failed);
        var next = TestBed.Consume(queue);
        Assert.That(next.TryTake(), Is.Null);
        bed.Clock.Advance(TimeSpan.FromSeconds(1));
        Assert.That(next.TakeExactly(2).Select(static taken => (taken.Text, taken.DeliveryCount)), Is.EqualTo(new[] { ("a", 1u), ("b", 1u) }));
    }

    [Test]
    public async Task A_rolled_back_transaction_counts_where_the_consumer_settled()
    {
        await using var bed = new TestBed();
        var queue = await bed.QueueAsync("q", Backoff);
        bed.Publish(queue, "a");
        var consumer = TestBed.Consume(queue);
        var unit = bed.Engine.BeginTransaction();
        unit.AddSettle(consumer.Subscription, Settlement.Accept(consumer.Take().Token));
        unit.Rollback();
        Assert.That(consumer.TryTake(), Is.Null);
        bed.Clock.Advance(TimeSpan.FromSeconds(1));
        Assert.That(consumer.Take().DeliveryCount, Is.EqualTo(1));
    }

    [Test]
    public async Task A_failure_in_a_transaction_waits_from_its_commit_on()
    {
        await using var bed = new TestBed();
        var queue = await bed.QueueAsync("q", Backoff);
        bed.Publish(queue, "a");
        var consumer = TestBed.Consume(queue);
        var unit = bed.Engine.BeginTransaction();
        unit.AddSettle(consumer.Subscription, Failed(consumer.Take()));
        bed.Clock.Advance(TimeSpan.FromSeconds(5));
        var recorder = new CommitRecorder();
        unit.Commit(recorder);
        await recorder.Task;
        Assert.That((await bed.Engine.ListScheduledAsync(new ScheduledQuery()))[0].DueAt, Is.EqualTo(bed.Now + 1_000));
    }

    [Test]
    public async Task Jitter_spreads_what_failed_together()
    {
        var random = new Random(7);
        await using var bed = new TestBed(options => options with { Jitter = random.NextDouble });
        var expected = new Random(7);
        var policy = new RetryPolicy { Jitter = 0.5 };
        var queue = await bed.QueueAsync("q", new NodeOptions { Retry = policy });
        bed.PublishAll(queue, ["a", "b", "c", "d"]);
        var consumer = TestBed.Consume(queue);
        foreach (var taken in consumer.TakeExactly(4))
        {
            consumer.SettleAndWait(Failed(taken));
        }

        var waits = Enumerable.Range(0, 4).Select(_ => policy.DelayOf(1, expected.NextDouble())).Order().ToArray();
        var list = await bed.Engine.ListScheduledAsync(new ScheduledQuery { Kind = ScheduledKind.Parked });
        Assert.That(list.Select(item => item.DueAt - bed.Now), Is.EqualTo(waits));
        Assert.That(waits.Distinct().Count(), Is.EqualTo(4));
    }

    [Test]
    public async Task A_parked_message_is_listed_as_such_and_is_not_cancelled()
    {
        await using var bed = new TestBed();
        var queue = await bed.QueueAsync("q", Backoff);
        bed.Publish(queue, "a");
        var consumer = TestBed.Consume(queue);
        consumer.SettleAndWait(Failed(consumer.Take()));
        var list = await bed.Engine.ListScheduledAsync(new ScheduledQuery { Address = "q" });
        Assert.That(list, Has.Count.EqualTo(1));
        Assert.That(list[0], Has.Property("Kind").EqualTo(ScheduledKind.Parked).And.Property("DueAt").EqualTo(bed.Now + 1_000).And.Property("DeliveryCount").EqualTo(1));
        Assert.That(await bed.Engine.CancelScheduledAsync(list[0].Id), Is.False);
        Assert.That(bed.DepthOf("q"), Is.EqualTo(1));
    }

    [Test]
    public async Task A_delayed_message_is_delayed_once_and_then_parked()
    {
        await using var bed = new TestBed();
        var queue = await bed.QueueAsync("q", Backoff);
        bed.Publish(queue, "a", delay: 5_000);
        var consumer = TestBed.Consume(queue);
        bed.Clock.Advance(TimeSpan.FromSeconds(5));
        consumer.SettleAndWait(Failed(consumer.Take()));
        Assert.That(consumer.TryTake(), Is.Null);
        bed.Clock.Advance(TimeSpan.FromSeconds(1));
        Assert.That(consumer.Take().DeliveryCount, Is.EqualTo(1));
    }

    [Test]
    public async Task A_parked_message_is_not_browsed_and_is_purged()
    {
        await using var bed = new TestBed();
        var queue = await bed.QueueAsync("q", Backoff);
        bed.PublishAll(queue, ["a", "b"]);
        var consumer = TestBed.Consume(queue);
        consumer.SettleAndWait(Failed(consumer.Take()));
        var browser = TestBed.Consume(queue, new SubscribeOptions { Browse = true });
        Assert.That(browser.TakeExactly(1)[0].Text, Is.EqualTo("b"));
        Assert.That(browser.TryTake(), Is.Null);
        Assert.That(await bed.Engine.PurgeAsync("q"), Is.EqualTo(2));
        Assert.That(queue.Describe(), Has.Property("Depth").Zero.And.Property("Parked").Zero);
    }

    [Test]
    public async Task A_parked_message_expires_in_its_time()
    {
        await using var bed = new TestBed();
        var queue = await bed.QueueAsync("q", Backoff with { ExpiryAddress = "expired" });
        bed.Publish(queue, "a", ttl: 500);
        var consumer = TestBed.Consume(queue);
        consumer.SettleAndWait(Failed(consumer.Take()));
        bed.Clock.Advance(TimeSpan.FromMilliseconds(500));
        TestBed.WaitUntil(() => bed.DepthOf("expired") == 1, "the message at the expiry address");
        TestBed.WaitUntil(() => bed.DepthOf("q") == 0, "the queue to be empty");
        Assert.That(queue.Describe().Parked, Is.Zero);
        Assert.That(bed.Drain("expired"), Is.EqualTo(new[] { "a|Expired,q,,1," }));
    }

    [Test]
    public async Task A_message_may_have_its_own_delay_and_maximum_with_or_without_a_policy([Values] bool policy, [Values] bool durable)
    {
        await using var bed = new TestBed();
        var queue = await bed.QueueAsync("q", policy ? Backoff : new NodeOptions());
        Own(bed, queue, "a~100,3", durable);
        bed.Publish(queue, "b", durable);
        var consumer = TestBed.Consume(queue);
        foreach (var wait in policy ? new[] { 100, 200 } : [100, 100])
        {
            consumer.SettleAndWait(Failed(consumer.Take()));
            var other = consumer.Take();
            Assert.That(other.Text, Is.EqualTo("b"));
            consumer.Settle(new Settlement(other.Token, OutcomeKind.Released));
            bed.Clock.Advance(TimeSpan.FromMilliseconds(wait));
        }

        var last = consumer.Take();
        Assert.That((last.Text, last.DeliveryCount), Is.EqualTo(("a~100,3", 2u)));
        consumer.SettleAndWait(Failed(last));
        Assert.That(bed.Drain("DLQ.q"), Is.EqualTo(new[] { "a~100,3|MaxDeliveries,q,,3," }));
    }

    [Test]
    public async Task A_messages_own_maximum_may_be_more_than_the_queues()
    {
        await using var bed = new TestBed();
        var queue = await bed.QueueAsync("q", new NodeOptions { MaxDeliveries = 1 });
        Own(bed, queue, "a~,3");
        var consumer = TestBed.Consume(queue);
        consumer.SettleAndWait(Failed(consumer.Take()));
        consumer.SettleAndWait(Failed(consumer.Take()));
        consumer.SettleAndWait(new Settlement(consumer.Take().Token, OutcomeKind.Released));
        Assert.That(bed.DepthOf("q"), Is.EqualTo(1), "released is not failed, whatever the queue's maximum");
        consumer.SettleAndWait(Failed(consumer.Take()));
        Assert.That(bed.Drain("DLQ.q"), Is.EqualTo(new[] { "a~,3|MaxDeliveries,q,,3," }));
    }

    [Test]
    public async Task A_message_may_ask_not_to_wait_at_all()
    {
        await using var bed = new TestBed();
        var queue = await bed.QueueAsync("q", Backoff);
        Own(bed, queue, "a~0,");
        var consumer = TestBed.Consume(queue);
        consumer.SettleAndWait(Failed(consumer.Take()));
        Assert.That(consumer.Take().DeliveryCount, Is.EqualTo(1));
    }

    [Test]
    public async Task A_messages_own_word_is_read_from_the_disk_when_its_body_is_there()
    {
        await using var bed = new TestBed(static options => options with { BodyMemoryBytes = 0 });
        var queue = await bed.QueueAsync("q", Backoff);
        Own(bed, queue, "a~100,2");
        await bed.CrashAsync();
        queue = bed.Engine.Find("q")!;
        var consumer = TestBed.Consume(queue);
        consumer.SettleAndWait(Failed(consumer.Take()));
        Assert.That((await bed.Engine.ListScheduledAsync(new ScheduledQuery()))[0].DueAt, Is.EqualTo(bed.Now + 100));
        bed.Clock.Advance(TimeSpan.FromMilliseconds(100));
        consumer.SettleAndWait(Failed(consumer.Take()));
        Assert.That(bed.Drain("DLQ.q"), Has.Count.EqualTo(1));
    }

    [Test]
    public async Task A_lost_consumer_parks_by_the_messages_own_word()
    {
        await using var bed = new TestBed();
        var queue = await bed.QueueAsync();
        Own(bed, queue, "a~100,");
        var lost = TestBed.Consume(queue);
        lost.Take();
        lost.Close(SettleOnClose.Failed);
        TestBed.WaitUntil(() => queue.Describe().Parked == 1, "the message to be parked");
        bed.Clock.Advance(TimeSpan.FromMilliseconds(100));
        Assert.That(TestBed.Consume(queue).Take().DeliveryCount, Is.EqualTo(1));
    }

    [Test]
    public async Task A_consumer_may_say_when_it_wants_a_message_again([Values] bool failed, [Values] bool annotated, [Values] bool policy)
    {
        await using var bed = new TestBed();
        var queue = await bed.QueueAsync("q", policy ? Backoff : new NodeOptions());
        bed.Publish(queue, "a");
        var consumer = TestBed.Consume(queue);
        var asks = new Settlement(
            consumer.Take().Token, OutcomeKind.Modified, failed, MessageAnnotations: annotated ? "x"u8.ToArray() : default, RetryAt: bed.Now + 7_000);
        Assert.That(consumer.SettleAndWait(asks), Is.EqualTo(SettleStatus.Settled));
        await bed.CrashAsync();
        consumer = TestBed.Consume(bed.Engine.Find("q")!);
        bed.Clock.Advance(TimeSpan.FromMilliseconds(6_999));
        Assert.That(consumer.TryTake(), Is.Null);
        bed.Clock.Advance(TimeSpan.FromMilliseconds(1));
        var taken = consumer.Take();
        Assert.That((taken.Text, taken.DeliveryCount), Is.EqualTo((annotated ? "a+x" : "a", failed ? 1u : 0u)));
    }

    [Test]
    public async Task A_consumer_may_want_a_failed_message_again_at_once()
    {
        await using var bed = new TestBed();
        var queue = await bed.QueueAsync("q", Backoff);
        bed.Publish(queue, "a");
        var consumer = TestBed.Consume(queue);
        consumer.SettleAndWait(Failed(consumer.Take()) with { RetryAt = bed.Now });
        Assert.That(consumer.Take().DeliveryCount, Is.EqualTo(1));
    }

    [Test]
    public async Task A_consumers_annotations_may_carry_a_word_about_retries_from_then_on()
    {
        await using var bed = new TestBed();
        var queue = await bed.QueueAsync();
        bed.Publish(queue, "a");
        var consumer = TestBed.Consume(queue);
        consumer.SettleAndWait(Failed(consumer.Take()) with { MessageAnnotations = Encoding.UTF8.GetBytes("~100,2") });
        bed.Clock.Advance(TimeSpan.FromMilliseconds(100));
        consumer.SettleAndWait(Failed(consumer.Take()));
        Assert.That(bed.Drain("DLQ.q"), Is.EqualTo(new[] { "a+~100,2|MaxDeliveries,q,,2," }));
    }

    [Test]
    public async Task Annotations_and_the_wait_of_a_failed_delivery_go_together()
    {
        await using var bed = new TestBed();
        var queue = await bed.QueueAsync("q", Backoff);
        bed.Publish(queue, "a");
        var consumer = TestBed.Consume(queue);
        consumer.SettleAndWait(Failed(consumer.Take()) with { MessageAnnotations = "x"u8.ToArray() });
        Assert.That(consumer.TryTake(), Is.Null);
        bed.Clock.Advance(TimeSpan.FromSeconds(1));
        Assert.That(consumer.Take(), Has.Property("Text").EqualTo("a+x").And.Property("DeliveryCount").EqualTo(1));
    }

    [Test]
    public async Task A_subscription_parks_for_itself()
    {
        await using var bed = new TestBed();
        var topic = await bed.TopicAsync("t", Backoff);
        var one = TestBed.Consume(topic);
        var two = TestBed.Consume(topic);
        bed.Publish(topic, "a");
        one.SettleAndWait(Failed(one.Take()));
        Accept(two, "a");
        Assert.That(one.TryTake(), Is.Null);
        bed.Clock.Advance(TimeSpan.FromSeconds(1));
        Accept(one, "a");
    }

    private static Settlement Failed(Taken taken) => new(taken.Token, OutcomeKind.Modified, DeliveryFailed: true);

    private static void Accept(TestConsumer consumer, string text)
    {
        var taken = consumer.Take();
        Assert.That(taken.Text, Is.EqualTo(text));
        consumer.Accept(taken);
    }

    private static void Own(TestBed bed, IMessageNode queue, string text, bool durable = true)
    {
        var message = bed.Message(text, durable);
        message.HasOwnRetry = true;
        Assert.That(bed.PublishMessage(queue, message), Is.EqualTo(PublishOutcome.Accepted));
    }
}
