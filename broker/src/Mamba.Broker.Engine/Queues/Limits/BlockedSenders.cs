namespace Mamba.Broker.Engine;

/// <summary>Whether the senders of a queue wait for room, and who is to be told when there is some. Thread-safe.</summary>
internal sealed class BlockedSenders
{
    private readonly Lock _gate = new();
    private HashSet<IProducer>? _waiting;
    private int _blocked;

    public bool IsBlocked => Volatile.Read(ref _blocked) == 1;

    /// <summary>From now on senders wait; whether they did not before.</summary>
    public bool Block() => Interlocked.Exchange(ref _blocked, 1) == 0;

    /// <summary>Whether a producer has to wait; if so it is told once there is room.</summary>
    public bool IsWaiting(IProducer producer)
    {
        if (!IsBlocked)
        {
            return false;
        }

        lock (_gate)
        {
            // Under the lock, so that it is either listed before the others are told, or sees that there is room.
            if (!IsBlocked)
            {
                return false;
            }

            (_waiting ??= []).Add(producer);
            return true;
        }
    }

    public void Forget(IProducer producer)
    {
        lock (_gate)
        {
            _waiting?.Remove(producer);
        }
    }

    /// <summary>There is room: tells everybody who waits, with no lock held.</summary>
    public void LetGo()
    {
        HashSet<IProducer>? waiting;
        lock (_gate)
        {
            Interlocked.Exchange(ref _blocked, 0);
            (waiting, _waiting) = (_waiting, null);
        }

        foreach (var producer in waiting ?? [])
        {
            producer.OnRoom();
        }
    }
}
