namespace Mamba.Broker.Engine;

/// <summary>
/// Tokens of messages that are not due yet, by due time. Those that go before they are due (cancelled, purged, expired) stay in it until they
/// are the greater part. Guarded by the queue's lock.
/// </summary>
internal sealed class ScheduleHeap
{
    private const int FewGone = 1024;

    private readonly PriorityQueue<long, long> _heap = new();
    private int _gone;

    /// <summary>Unix milliseconds of the next due message, <see cref="long.MaxValue"/> when there is none.</summary>
    public long NextDue => _heap.TryPeek(out _, out var due) ? due : long.MaxValue;

    /// <summary>Everything in it, in no order.</summary>
    public IEnumerable<(long Token, long DueAt)> Items => _heap.UnorderedItems;

    public void Add(long token, long dueAt) => _heap.Enqueue(token, dueAt);

    /// <summary>A message goes that is not due yet; whether it is time to <see cref="Prune"/>.</summary>
    public bool NoteGone() => ++_gone > FewGone && _gone > _heap.Count / 2;

    /// <summary>Forgets all but what still waits until the time that is given with it.</summary>
    public void Prune(Func<long, long, bool> waits)
    {
        (long, long)[] left = [.. _heap.UnorderedItems.Where(item => waits(item.Element, item.Priority))];
        _heap.Clear();
        _heap.EnqueueRange(left);
        _heap.TrimExcess();
        _gone = 0;
    }

    public bool TryTakeDue(long now, out long token)
    {
        if (_heap.TryPeek(out token, out var due) && due <= now)
        {
            _heap.Dequeue();
            return true;
        }

        return false;
    }
}
