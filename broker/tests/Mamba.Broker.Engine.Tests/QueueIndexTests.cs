namespace Mamba.Broker.Engine.Tests;

internal sealed class QueueIndexTests
{
    [Test]
    public void A_walk_meets_every_live_entry_once_level_by_level([Range(1, 10)] int seed)
    {
        var random = new Random(seed);
        var index = new QueueIndex();
        var live = new SortedSet<long>();
        for (var i = 0; i < 2_000; i++)
        {
            live.Add(index.Append((byte)random.Next(QueueIndex.Levels), new QueueEntry { MessageId = (ulong)i, State = EntryState.Available }));
        }

        foreach (var token in live.Where(_ => random.Next(4) > 0).ToList())
        {
            index.SetState(token, ref index.Find(token), EntryState.Removed);
            live.Remove(token);
        }

        var found = new List<long>();
        for (var token = 0L; index.TryFindLive(ref token); token++)
        {
            found.Add(token);
        }

        Assert.That(found, Is.EqualTo(live));
    }

    [Test]
    public void The_oldest_is_that_of_the_lowest_id_on_any_level()
    {
        var index = new QueueIndex();
        Assert.That(index.TryFindOldest(FirstLive, out _), Is.False);
        index.Append(4, new QueueEntry { MessageId = 7, State = EntryState.Available });
        var oldest = index.Append(9, new QueueEntry { MessageId = 3, State = EntryState.Available });
        index.Append(0, new QueueEntry { MessageId = 5, State = EntryState.Available });
        index.Append(9, new QueueEntry { MessageId = 8, State = EntryState.Available });
        Assert.That(index.TryFindOldest(FirstLive, out var token), Is.True);
        Assert.That(token, Is.EqualTo(oldest));
    }

    private static bool FirstLive(EntryLog log, out long sequence)
    {
        sequence = log.Head;
        return log.TryFindLive(ref sequence);
    }
}
