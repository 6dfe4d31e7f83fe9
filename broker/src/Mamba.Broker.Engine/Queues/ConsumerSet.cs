namespace Mamba.Broker.Engine;

/// <summary>Whether a consumer waits for messages.</summary>
internal enum ConsumerWait : byte
{
    /// <summary>It took all it had credit for, and will come by itself.</summary>
    Idle,

    /// <summary>It got fewer than it asked for and is to be woken.</summary>
    Armed,

    /// <summary>It was woken and has not come yet.</summary>
    Signalled,
}

/// <summary>
/// The consumers of one queue, by priority, and whom to wake next. A consumer that looked at everything and took nothing is
/// not woken again before something new is available (<see cref="QueueConsumer.SeenVersion"/>), so consumers that may not have
/// the remaining messages cannot wake each other for ever. Guarded by the queue's lock.
/// </summary>
internal sealed class ConsumerSet
{
    private readonly List<QueueConsumer> _consumers = [];
    private QueueConsumer?[] _slots = [];
    private int _next;
    private int _scanners;

    public int Count => _consumers.Count;

    /// <summary>Attached consumers that take messages.</summary>
    public int TakingCount { get; private set; }

    public bool HasExclusive { get; private set; }

    /// <summary>True when a consumer filters or browses.</summary>
    public bool HasScanners => _scanners > 0;

    public QueueConsumer this[int index] => _consumers[index];

    /// <summary>Adds a consumer behind those of its priority, and gives it a slot (1 to 65,535).</summary>
    public void Add(QueueConsumer consumer)
    {
        var at = _consumers.Count;
        while (at > 0 && _consumers[at - 1].Priority < consumer.Priority)
        {
            at--;
        }

        _consumers.Insert(at, consumer);
        consumer.Slot = TakeSlot(consumer);
        _scanners += consumer.Scans ? 1 : 0;
        if (!consumer.IsBrowser)
        {
            TakingCount++;
            HasExclusive |= consumer.IsExclusive;
        }
    }

    public bool Remove(QueueConsumer consumer)
    {
        if (!_consumers.Remove(consumer))
        {
            return false;
        }

        _slots[consumer.Slot - 1] = null;
        _scanners -= consumer.Scans ? 1 : 0;
        if (!consumer.IsBrowser)
        {
            TakingCount--;
            HasExclusive &= !consumer.IsExclusive;
        }

        return true;
    }

    /// <summary>
    /// How many of <paramref name="available"/> messages <paramref name="consumer"/> may take now: its share among those of its
    /// priority that wait, nothing while one of higher priority waits.
    /// </summary>
    public long ShareOf(QueueConsumer consumer, long available, long version)
    {
        if (_consumers.Count <= 1)
        {
            return available;
        }

        var waiting = 1;
        foreach (var other in _consumers)
        {
            if (ReferenceEquals(other, consumer) || other.IsBrowser || other.Wait == ConsumerWait.Idle || other.SeenVersion == version)
            {
                continue;
            }

            if (other.Priority > consumer.Priority)
            {
                return 0;
            }

            waiting += other.Priority == consumer.Priority ? 1 : 0;
        }

        return (available + waiting - 1) / waiting;
    }

    /// <summary>True while one of higher priority waits that has not seen all of this version.</summary>
    public bool MustYield(QueueConsumer consumer, long version)
    {
        // By priority, so those behind it are of no interest.
        foreach (var other in _consumers)
        {
            if (other.Priority <= consumer.Priority)
            {
                return false;
            }

            if (!other.IsBrowser && other.Wait != ConsumerWait.Idle && other.SeenVersion != version)
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>Wakes as many waiting consumers as there are messages, in turn, of the highest priority that waits; and all that select.</summary>
    public void Wake(long available, long version, List<QueueConsumer> signals)
    {
        var count = _consumers.Count;
        if (count == 0 || available <= 0)
        {
            return;
        }

        var needed = available;
        var top = int.MinValue;
        for (var i = 0; i < count; i++)
        {
            var consumer = _consumers[i];
            if (consumer.Wait == ConsumerWait.Idle || consumer.SeenVersion == version)
            {
                continue;
            }

            if (consumer.IsBrowser)
            {
                Signal(consumer, signals);
                continue;
            }

            top = Math.Max(top, consumer.Priority);
            if (consumer.Priority == top && consumer.Wait == ConsumerWait.Signalled && !consumer.Scans)
            {
                needed--;
            }
        }

        if (top != int.MinValue)
        {
            WakeInTurn(needed, top, version, signals);
        }
    }

    private void WakeInTurn(long needed, int priority, long version, List<QueueConsumer> signals)
    {
        var count = _consumers.Count;
        var start = _next;
        for (var i = 0; i < count; i++)
        {
            var index = (start + i) % count;
            var consumer = _consumers[index];
            if (consumer.Wait != ConsumerWait.Armed || consumer.SeenVersion == version || consumer.Priority != priority)
            {
                continue;
            }

            if (consumer.Scans)
            {
                Signal(consumer, signals);
            }
            else if (needed > 0)
            {
                needed--;
                _next = index + 1;
                Signal(consumer, signals);
            }
        }
    }

    private static void Signal(QueueConsumer consumer, List<QueueConsumer> signals)
    {
        if (consumer.Wait == ConsumerWait.Armed)
        {
            consumer.Wait = ConsumerWait.Signalled;
            signals.Add(consumer);
        }
    }

    private ushort TakeSlot(QueueConsumer consumer)
    {
        var free = Array.IndexOf(_slots, null);
        if (free < 0)
        {
            free = _slots.Length;
            if (free >= ushort.MaxValue)
            {
                throw new EngineException(EngineError.LimitExceeded, "The queue has 65,535 consumers, the most it can have.");
            }

            Array.Resize(ref _slots, Math.Min(Math.Max(2, free * 2), ushort.MaxValue));
        }

        _slots[free] = consumer;
        return (ushort)(free + 1);
    }
}
