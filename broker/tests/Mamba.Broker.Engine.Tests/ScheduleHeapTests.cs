namespace Mamba.Broker.Engine.Tests;

/// <summary>What waits for its time takes memory only as long as it waits.</summary>
internal sealed class ScheduleHeapTests
{
    [Test]
    public void Messages_that_go_before_they_are_due_are_forgotten()
    {
        var core = new QueueCore(new NodeOptions());
        var effects = QueueEffects.Rent();
        for (var i = 0uL; i < 100_000; i++)
        {
            var token = Add(core, i + 1, dueAt: 1_000_000);
            if (i % 1_000 != 0)
            {
                core.Remove(token, ref core.Index.Find(token), effects);
            }
        }

        Assert.That(core.Index.Count, Is.EqualTo(100));
        Assert.That(core.Scheduled.Count(), Is.LessThan(5_000));
        core.Tick(1_000_000, 1_000, effects);
        Assert.That((core.Index.Available, core.Scheduled.Count()), Is.EqualTo((100L, 0)));
    }

    private static long Add(QueueCore core, ulong id, long dueAt) =>
        core.Restore(4, new QueueEntry { MessageId = id, BodyLength = 1 }, dueAt, parked: false, now: 0, group: 0);
}
