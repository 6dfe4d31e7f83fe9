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

    /// <summary>What a transaction has reserved, or has not, is not decided by the settings at its end.</summary>
    [Test]
    public async Task Settings_that_change_under_an_open_transaction_lose_no_room(
        [Values(OverflowPolicy.Block, OverflowPolicy.Reject)] OverflowPolicy first, [Values] bool commits)
    {
        await using var bed = new TestBed();
        var queue = await bed.QueueAsync("q", Tight with { Overflow = first });
        var unit = bed.Engine.BeginTransaction();
        for (var i = 0; i < Limit; i++)
        {
            Assert.That(unit.AddPublish(queue, bed.Message("x")), Is.EqualTo(PublishOutcome.Accepted));
        }

        var next = first == OverflowPolicy.Block ? OverflowPolicy.Reject : OverflowPolicy.Block;
        await bed.Engine.UpdateAsync("q", options => options with { Overflow = next });
        if (commits)
        {
            Assert.That(await unit.CommitAsync(), Is.EqualTo(CommitOutcome.Committed));
            Assert.That(bed.Drain("q"), Has.Count.EqualTo(Limit));
        }
        else
        {
            unit.Rollback();
        }

        await AssertRoomAsync(bed, queue);
    }

    /// <summary>All of the queue's room is there, and no more.</summary>
    private static async Task AssertRoomAsync(TestBed bed, IMessageNode queue)
    {
        await bed.Engine.UpdateAsync(queue.Address, static options => options with { Overflow = OverflowPolicy.Reject });
        var outcomes = bed.PublishAll(queue, [.. Enumerable.Repeat("y", Limit + 1)]);
        Assert.That(outcomes.Count(static outcome => outcome == PublishOutcome.Accepted), Is.EqualTo(Limit));
    }
}
