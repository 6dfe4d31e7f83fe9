using System.Text;
using Mamba.Broker.Engine.Tests.Duplicates;

namespace Mamba.Broker.Engine.Tests;

internal sealed class DeadLetterTests
{
    [Test]
    public async Task Rejected_goes_to_the_dead_letter_queue_with_its_error([Values] bool durable, [Values] bool confirmed)
    {
        await using var bed = new TestBed();
        var queue = await bed.QueueAsync();
        bed.Publish(queue, "a", durable);
        var consumer = TestBed.Consume(queue);
        var settlement = new Settlement(consumer.Take().Token, OutcomeKind.Rejected, ErrorCondition: "amqp:decode-error");
        if (confirmed)
        {
            Assert.That(consumer.SettleAndWait(settlement), Is.EqualTo(SettleStatus.Settled));
            Assert.That(bed.DepthOf("DLQ.q"), Is.EqualTo(1));
        }
        else
        {
            consumer.Settle(settlement);
        }

        TestBed.WaitUntil(() => bed.DepthOf("DLQ.q") == 1 && bed.DepthOf("q") == 0, "the move");
        Assert.That(queue.Describe().DeadLettered, Is.EqualTo(1));
        if (durable)
        {
            await bed.CrashAsync();
        }

        Assert.That(bed.DepthOf("q"), Is.Zero);
        Assert.That(bed.Drain("DLQ.q"), Is.EqualTo(new[] { "a|Rejected,q,,0,amqp:decode-error" }));
    }

    [Test]
    public async Task Poison_is_dead_lettered_after_exactly_the_limit([Values] bool durable)
    {
        await using var bed = new TestBed();
        var queue = await bed.QueueAsync("q", new NodeOptions { MaxDeliveries = 3 });
        bed.PublishAll(queue, ["poison", "good"], durable);
        var consumer = TestBed.Consume(queue);
        for (uint tries = 0; tries < 3; tries++)
        {
            var taken = consumer.Take();
            Assert.That((taken.Text, taken.DeliveryCount), Is.EqualTo(("poison", tries)));
            consumer.Settle(new Settlement(taken.Token, OutcomeKind.Modified, DeliveryFailed: true));
        }

        Assert.That(consumer.Take().Text, Is.EqualTo("good"));
        TestBed.WaitUntil(() => bed.DepthOf("DLQ.q") == 1, "the move");
        Assert.That(bed.Drain("DLQ.q"), Is.EqualTo(new[] { "poison|MaxDeliveries,q,,3," }));
    }

    [Test]
    public async Task Released_only_loops_end_at_the_acquire_limit()
    {
        await using var bed = new TestBed();
        var queue = await bed.QueueAsync("q", new NodeOptions { MaxAcquires = 4 });
        bed.Publish(queue, "a");
        var consumer = TestBed.Consume(queue);
        for (var i = 0; i < 4; i++)
        {
            consumer.Settle(new Settlement(consumer.Take().Token, OutcomeKind.Released));
        }

        TestBed.WaitUntil(() => bed.DepthOf("DLQ.q") == 1, "the move");
        Assert.That(queue.Describe().Depth, Is.Zero);
    }

    [Test]
    public async Task Undeliverable_here_goes_to_others_and_with_failed_to_the_dead_letter_queue()
    {
        await using var bed = new TestBed();
        var queue = await bed.QueueAsync();
        bed.PublishAll(queue, ["a", "b"]);
        var first = TestBed.Consume(queue);
        var taken = first.Take();
        first.Settle(new Settlement(taken.Token, OutcomeKind.Modified, UndeliverableHere: true));
        Assert.That(first.Take().Text, Is.EqualTo("b"));
        Assert.That(first.TryTake(), Is.Null);
        var second = TestBed.Consume(queue);
        taken = second.Take();
        Assert.That((taken.Text, taken.DeliveryCount), Is.EqualTo(("a", 0u)));
        second.Settle(new Settlement(taken.Token, OutcomeKind.Modified, DeliveryFailed: true, UndeliverableHere: true));
        TestBed.WaitUntil(() => bed.DepthOf("DLQ.q") == 1, "the move");
        Assert.That(bed.Drain("DLQ.q"), Is.EqualTo(new[] { "a|Undeliverable,q,,1," }));
    }

    [Test]
    public async Task Two_consumers_that_both_excluded_a_message_do_not_wake_each_other_for_ever()
    {
        await using var bed = new TestBed();
        var queue = await bed.QueueAsync();
        bed.Publish(queue, "a");
        var consumers = new[] { TestBed.Consume(queue), TestBed.Consume(queue) };
        foreach (var consumer in consumers)
        {
            consumer.Settle(new Settlement(consumer.Take().Token, OutcomeKind.Modified, UndeliverableHere: true));
        }

        for (var round = 0; round < 5; round++)
        {
            Assert.That(consumers[0].TryTake(), Is.Null);
            Assert.That(consumers[1].TryTake(), Is.Null);
        }

        var before = consumers[0].ReadyCount + consumers[1].ReadyCount;
        Assert.That(consumers[0].TryTake(), Is.Null);
        Assert.That(consumers[0].ReadyCount + consumers[1].ReadyCount, Is.EqualTo(before));
        consumers[0].Close();
        Assert.That(TestBed.Consume(queue).Take().Text, Is.EqualTo("a"));
    }

    [Test]
    public async Task What_the_last_consumer_adds_goes_with_a_dead_letter([Values] bool durable, [Values] bool ownRetry, [Values] bool inTransaction)
    {
        await using var bed = new TestBed();
        var queue = await bed.QueueAsync("q", new NodeOptions { MaxDeliveries = 1 });
        var message = bed.Message(ownRetry ? "a~,1" : "a", durable);
        message.HasOwnRetry = ownRetry;
        bed.PublishMessage(queue, message);
        bed.Publish(queue, "b", durable);
        var consumer = TestBed.Consume(queue);
        var taken = consumer.TakeExactly(2);
        var why = ownRetry ? "why~,1" : "why";
        var failed = new Settlement(taken[0].Token, OutcomeKind.Modified, DeliveryFailed: true, MessageAnnotations: Encoding.UTF8.GetBytes(why));
        var useless = new Settlement(taken[1].Token, OutcomeKind.Modified, DeliveryFailed: true, UndeliverableHere: true, MessageAnnotations: "how"u8.ToArray());
        if (inTransaction)
        {
            var unit = bed.Engine.BeginTransaction();
            unit.AddSettle(consumer.Subscription, failed);
            unit.AddSettle(consumer.Subscription, useless);
            Assert.That(await unit.CommitAsync(), Is.EqualTo(CommitOutcome.Committed));
        }
        else
        {
            consumer.SettleAndWait(failed);
            consumer.SettleAndWait(useless);
        }

        TestBed.WaitUntil(() => bed.DepthOf("DLQ.q") == 2, "two dead letters");
        var dead = new[] { $"a{(ownRetry ? "~,1" : "")}+{why}|MaxDeliveries,q,,1,", "b+how|Undeliverable,q,,1," };
        Assert.That(bed.Drain("DLQ.q"), Is.EquivalentTo(dead));
    }

    [Test]
    public async Task A_message_that_was_acquired_too_often_is_dead_lettered_whatever_is_added_to_it([Values] bool annotated, [Values] bool ownRetry)
    {
        await using var bed = new TestBed();
        var queue = await bed.QueueAsync("q", new NodeOptions { MaxAcquires = 2, MaxDeliveries = 9 });
        var message = bed.Message("a~,9");
        message.HasOwnRetry = ownRetry;
        bed.PublishMessage(queue, message);
        var consumer = TestBed.Consume(queue);
        for (var i = 0; i < 2; i++)
        {
            consumer.SettleAndWait(new Settlement(
                consumer.Take().Token, OutcomeKind.Modified, DeliveryFailed: ownRetry, MessageAnnotations: annotated ? "x"u8.ToArray() : default));
        }

        Assert.That((bed.DepthOf("q"), bed.DepthOf("DLQ.q")), Is.EqualTo((0L, 1L)));
    }

    [Test]
    public async Task A_message_that_cannot_be_moved_is_offered_again_also_when_it_may_expire_later()
    {
        await using var bed = new TestBed();
        await bed.TopicAsync("nowhere");
        await bed.TopicAsync("DLQ.q");
        var queue = await bed.QueueAsync("q", new NodeOptions { DeadLetterAddress = "nowhere" });
        bed.Publish(queue, "a", ttl: 60_000);
        var consumer = TestBed.Consume(queue);
        var taken = consumer.Take();
        Assert.That(consumer.TryTake(), Is.Null, "it waits");
        var ready = consumer.ReadyCount;
        consumer.SettleAndWait(new Settlement(taken.Token, OutcomeKind.Rejected));
        Assert.That((consumer.ReadyCount, consumer.Take().Text), Is.EqualTo((ready + 1, "a")));
    }

    [Test]
    public async Task Annotations_are_merged_and_survive([Values] bool durable)
    {
        await using var bed = new TestBed();
        var queue = await bed.QueueAsync();
        bed.PublishAll(queue, ["a", "b"], durable);
        var consumer = TestBed.Consume(queue);
        var taken = consumer.Take();
        var merge = new Settlement(taken.Token, OutcomeKind.Modified, DeliveryFailed: true, MessageAnnotations: Encoding.UTF8.GetBytes("x"));
        Assert.That(consumer.SettleAndWait(merge), Is.EqualTo(SettleStatus.Settled));
        var again = consumer.Take();
        Assert.That((again.Text, again.DeliveryCount), Is.EqualTo(("a+x", 1u)));
        if (durable)
        {
            await bed.CrashAsync();
            Assert.That(bed.Drain("q"), Is.EqualTo(new[] { "a+x", "b" }));
        }
    }

    [Test]
    public async Task A_dead_letter_stays_where_it_is_when_rejected_again()
    {
        await using var bed = new TestBed();
        var queue = await bed.QueueAsync("q", new NodeOptions { DeadLetterAddress = "q2" });
        await bed.QueueAsync("q2", new NodeOptions { DeadLetterAddress = "q" });
        bed.Publish(queue, "a", ttl: 1000);
        var consumer = TestBed.Consume(queue);
        consumer.SettleAndWait(new Settlement(consumer.Take().Token, OutcomeKind.Rejected));
        for (var restarts = 0; restarts < 2; restarts++)
        {
            var dead = TestBed.Consume(bed.Engine.Find("q2")!);
            dead.SettleAndWait(new Settlement(dead.Take().Token, OutcomeKind.Rejected));
            bed.Clock.Advance(TimeSpan.FromHours(1));
            Assert.That(dead.Take().DeliveryCount, Is.EqualTo(1 + restarts));
            dead.Close();
            await bed.RestartAsync();
        }

        Assert.That((bed.DepthOf("q"), bed.DepthOf("q2")), Is.EqualTo((0L, 1L)));
    }

    [Test]
    public async Task Without_a_dead_letter_address_rejected_messages_stay()
    {
        await using var bed = new TestBed();
        var queue = await bed.QueueAsync("q", new NodeOptions { DeadLetterAddress = string.Empty });
        bed.Publish(queue, "a");
        var consumer = TestBed.Consume(queue);
        consumer.Settle(new Settlement(consumer.Take().Token, OutcomeKind.Rejected));
        Assert.That(consumer.Take().DeliveryCount, Is.EqualTo(1));
    }

    [Test]
    public async Task Expired_messages_are_moved_by_the_timer_and_at_acquire([Values] bool durable, [Values] bool byTimer)
    {
        await using var bed = new TestBed();
        var queue = await bed.QueueAsync();
        bed.PublishAll(queue, ["short1", "short2"], durable, ttl: 1000);
        bed.Publish(queue, "long", durable, ttl: 100_000);
        bed.Publish(queue, "forever", durable);
        var consumer = TestBed.Consume(queue);
        if (byTimer)
        {
            bed.Clock.Advance(TimeSpan.FromSeconds(2));
        }
        else
        {
            bed.Clock.Advance(TimeSpan.FromMilliseconds(1000));
        }

        var texts = consumer.TakeExactly(2).ConvertAll(static one => one.Text);
        Assert.That(texts, Is.EqualTo(new[] { "long", "forever" }));
        TestBed.WaitUntil(() => bed.DepthOf("DLQ.q") == 2 && queue.Describe().Depth == 2, "the moves");
        Assert.That(queue.Describe().Expired, Is.EqualTo(2));
        Assert.That(bed.Drain("DLQ.q"), Is.EqualTo(new[] { "short1|Expired,q,,0,", "short2|Expired,q,,0," }));
    }

    [Test]
    public async Task An_acquired_message_expires_only_when_it_comes_back()
    {
        await using var bed = new TestBed();
        var queue = await bed.QueueAsync("q", new NodeOptions { ExpiryAddress = "EXPIRED" });
        bed.Publish(queue, "a", ttl: 1000);
        var consumer = TestBed.Consume(queue);
        var taken = consumer.Take();
        bed.Clock.Advance(TimeSpan.FromSeconds(5));
        Assert.That(queue.Describe().Acquired, Is.EqualTo(1));
        consumer.Settle(new Settlement(taken.Token, OutcomeKind.Released));
        bed.Clock.Advance(TimeSpan.FromSeconds(1));
        TestBed.WaitUntil(() => bed.DepthOf("EXPIRED") == 1, "the move");
    }

    [Test]
    public async Task Expired_without_an_address_is_dropped_and_counted()
    {
        await using var bed = new TestBed();
        var queue = await bed.QueueAsync("q", new NodeOptions { ExpiryAddress = string.Empty });
        bed.Publish(queue, "a", ttl: 1000);
        bed.Clock.Advance(TimeSpan.FromSeconds(5));
        TestBed.WaitUntil(() => queue.Describe().Depth == 0, "the drop");
        Assert.That(queue.Describe().Expired, Is.EqualTo(1));
        await bed.RestartAsync();
        Assert.That(bed.DepthOf("q"), Is.Zero);
    }

    [Test]
    public async Task Many_expire_at_once_and_none_is_lost_or_doubled()
    {
        await using var bed = new TestBed();
        var queue = await bed.QueueAsync();
        bed.PublishAll(queue, [.. Enumerable.Range(0, 5000).Select(static i => $"{i}")], ttl: 1000);
        bed.Clock.Advance(TimeSpan.FromSeconds(5));
        TestBed.WaitUntil(() => bed.DepthOf("DLQ.q") == 5000 && bed.DepthOf("q") == 0, "the moves");
        await bed.RestartAsync();
        var texts = bed.Drain("DLQ.q").ConvertAll(static text => text[..text.IndexOf('|')]);
        Assert.That(texts, Is.EqualTo(Enumerable.Range(0, 5000).Select(static i => $"{i}")));
    }
}
