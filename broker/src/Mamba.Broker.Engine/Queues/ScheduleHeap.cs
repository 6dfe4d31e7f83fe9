namespace Mamba.Broker.Engine;

/// <summary>Tokens of messages that are not due yet, by due time. Guarded by the queue's lock.</summary>
internal sealed class ScheduleHeap
{
    private readonly PriorityQueue<long, long> _heap = new();

    /// <summary>Unix milliseconds of the next due message, <see cref="long.MaxValue"/> when there is none.</summary>
    public long NextDue => _heap.TryPeek(out _, out var due) ? due : long.MaxValue;

    /// <summary>Everything in it, in no order.</summary>
    public IEnumerable<(long Token, long DueAt)> Items => _heap.UnorderedItems;

    public void Add(long token, long dueAt) => _heap.Enqueue(token, dueAt);

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
