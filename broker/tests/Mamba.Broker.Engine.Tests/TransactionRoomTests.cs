using Mamba.Broker.Engine.Tests.Duplicates;

namespace Mamba.Broker.Engine.Tests;

/// <summary>Room that transactions take on queues with limits is neither lost nor given back twice, whatever becomes of their messages.</summary>
internal sealed class TransactionRoomTests
{
    private const int Limit = 8;

    private static readonly NodeOptions Tight = new() { MaxMessages = Limit, Overflow = OverflowPolicy.Block };

    [Test]
    public async Task A_duplicate_left_out_at_commit_gives_back_what_it_took([Values(OverflowPolicy.Block, OverflowPolicy.Reject)] OverflowPolicy overflow)
    {
        await using var bed = DuplicateBed.Open();
        var queue = await bed.QueueAsync("once.q");
        await bed.Engine.UpdateAsync("once.q", options => options with { MaxMessages = Limit, Overflow = overflow });
        var unit = bed.Engine.BeginTransaction();
        foreach (var id in new[] { "a", "b", "c" })
        {
            unit.AddPublish(queue, bed.Message(id), queue.IdOf(id));
        }

        Assert.That(bed.OnceEach(queue, ["a", "b"]), Is.All.EqualTo(PublishOutcome.Accepted));
        Assert.That(await unit.CommitAsync(), Is.EqualTo(CommitOutcome.Committed));
        Assert.That(bed.Drain("once.q"), Is.EqualTo(new[] { "a", "b", "c" }));
        await AssertRoomAsync(bed, queue);
    }

    [Test]
    public async Task What_an_open_transaction_sends_is_counted_once_whatever_the_limits_become(
        [Values(OverflowPolicy.Reject, OverflowPolicy.Block, OverflowPolicy.Page)] OverflowPolicy before,
        [Values(OverflowPolicy.Reject, OverflowPolicy.Block, OverflowPolicy.Page)] OverflowPolicy meanwhile,
        [Values(OverflowPolicy.Reject, OverflowPolicy.Block)] OverflowPolicy after,
        [Values] bool commits)
    {
        await using var bed = new TestBed();
        var queue = await bed.QueueAsync("q", Tight with { Overflow = before });
        var unit = bed.Engine.BeginTransaction();
        Assert.That(unit.AddPublish(queue, bed.Message("a")), Is.EqualTo(PublishOutcome.Accepted));
        Assert.That(unit.AddPublish(queue, bed.Message("b")), Is.EqualTo(PublishOutcome.Accepted));
        await bed.Engine.UpdateAsync("q", options => options with { Overflow = meanwhile });
        await bed.Engine.UpdateAsync("q", options => options with { Overflow = after });
        if (commits)
        {
            Assert.That(await unit.CommitAsync(), Is.EqualTo(CommitOutcome.Committed));
        }
        else
        {
            unit.Rollback();
        }

        Assert.That(bed.Drain("q"), Has.Count.EqualTo(commits ? 2 : 0));
        await AssertRoomAsync(bed, queue);
    }

    [Test]
    public async Task A_divert_that_is_refused_takes_nothing_off_a_queue_whose_senders_wait()
    {
        await using var bed = new TestBed();
        var queue = await bed.QueueAsync("q", Tight);
        var full = await bed.QueueAsync("full", new NodeOptions { MaxMessages = 1 });
        bed.Publish(full, "x");
        await bed.Engine.CreateDivertAsync(new DivertOptions { Name = "copy", Pattern = "q", Target = "full" });
        Assert.That(bed.PublishAll(queue, ["a", "b"]), Is.All.EqualTo(PublishOutcome.DivertRefused));
        await bed.Engine.DeleteDivertAsync("copy");
        await AssertRoomAsync(bed, queue);
    }

    [Test]
    public async Task A_subscription_that_comes_late_to_a_transaction_counts_what_it_gets_once([Values(OverflowPolicy.Reject, OverflowPolicy.Block)] OverflowPolicy overflow)
    {
        await using var bed = new TestBed(options => options with { Patterns = [new NodePattern("t", new NodeOptions { Retain = 5 })] });
        var topic = await bed.TopicAsync();
        var unit = bed.Engine.BeginTransaction();
        unit.AddPublish(topic, bed.Message("a"));
        var key = new SubscriptionKey("c", "late", Durable: true);
        var subscription = await bed.Engine.CreateOrFindSubscriptionAsync(key, "t", new SubscriptionOptions());
        await bed.Engine.UpdateSubscriptionAsync(key, options => options with { MaxMessages = 1, Overflow = overflow });
        Assert.That(await unit.CommitAsync(), Is.EqualTo(CommitOutcome.Committed));
        var consumer = TestBed.Consume(subscription);
        for (var round = 0; round < 3; round++)
        {
            var taken = consumer.Take();
            Assert.That(bed.Publish(topic, "b"), Is.EqualTo(overflow == OverflowPolicy.Block ? PublishOutcome.Accepted : PublishOutcome.RejectedFull), "one is held, and there is room for one");
            Assert.That(consumer.SettleAndWait(Settlement.Accept(taken.Token)), Is.EqualTo(SettleStatus.Settled));
            Assert.That(overflow == OverflowPolicy.Block || bed.Publish(topic, "c") == PublishOutcome.Accepted);
        }
    }

    /// <summary>All of the queue's room is there, and no more.</summary>
    private static async Task AssertRoomAsync(TestBed bed, IMessageNode queue)
    {
        await bed.Engine.UpdateAsync(queue.Address, static options => options with { Overflow = OverflowPolicy.Reject });
        var outcomes = bed.PublishAll(queue, [.. Enumerable.Repeat("y", Limit + 1)]);
        Assert.That(outcomes.Count(static outcome => outcome == PublishOutcome.Accepted), Is.EqualTo(Limit));
    }
}
