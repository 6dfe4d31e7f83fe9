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
/// the remaining messages cannot wake each other for ever. Those that take from the head stand in a <see cref="ConsumerBand"/>; those that
/// filter or browse look for themselves, and are gone through one by one. Guarded by the queue's lock.
/// </summary>
internal sealed class ConsumerSet
{
    private readonly List<QueueConsumer> _consumers = [];
    private readonly List<QueueConsumer> _scanners = [];
    private readonly List<ConsumerBand> _bands = [];
    private QueueConsumer?[] _slots = [];

    public int Count => _consumers.Count;

    /// <summary>Attached consumers that take messages.</summary>
    public int TakingCount { get; private set; }

    public bool HasExclusive { get; private set; }

    /// <summary>The consumers that filter or browse.</summary>
    public List<QueueConsumer> Scanners => _scanners;

    /// <summary>Who has a slot, a keeper perhaps; null for none.</summary>
    public QueueConsumer? AtSlot(ushort slot) => slot == 0 || slot > _slots.Length ? null : _slots[slot - 1];

    /// <summary>Gives a slot to a holder that is no consumer.</summary>
    public void AddKeeper(QueueConsumer keeper) => keeper.Slot = TakeSlot(keeper);

    public void RemoveKeeper(QueueConsumer keeper) => _slots[keeper.Slot - 1] = null;

    /// <summary>Removes and lists all keepers; consumers are gone already.</summary>
    public void RemoveKeepers(List<QueueConsumer> removed)
    {
        foreach (ref var slot in _slots.AsSpan())
        {
            if (slot is { } keeper)
            {
                keeper.IsAttached = false;
                removed.Add(keeper);
                slot = null;
            }
        }
    }

    public QueueConsumer this[int index] => _consumers[index];

    /// <summary>Adds a consumer behind those of its priority, and gives it a slot (1 to 65,535). It counts as waiting.</summary>
    public void Add(QueueConsumer consumer)
    {
        consumer.Slot = TakeSlot(consumer);
        _consumers.Add(consumer);
        if (consumer.Scans)
        {
            _scanners.Add(consumer);
        }
        else
        {
            consumer.Band = BandOf(consumer.Priority);
            consumer.Band.Members++;
        }

        if (!consumer.IsBrowser)
        {
            TakingCount++;
            HasExclusive |= consumer.IsExclusive;
        }

        SetWait(consumer, ConsumerWait.Armed, seenVersion: -1);
    }

    public bool Remove(QueueConsumer consumer)
    {
        if (!_consumers.Remove(consumer))
        {
            return false;
        }

        _slots[consumer.Slot - 1] = null;
        _scanners.Remove(consumer);
        if (consumer.Band is { } band)
        {
            band.Leave(consumer);
            consumer.Band = null;
            if (--band.Members == 0)
            {
                _bands.Remove(band);
            }
        }

        if (!consumer.IsBrowser)
        {
            TakingCount--;
            HasExclusive &= !consumer.IsExclusive;
        }

        return true;
    }

    /// <summary>Says whether a consumer waits from now on, and what it has seen all of: the current version, or -1 for nothing.</summary>
    public void SetWait(QueueConsumer consumer, ConsumerWait wait, long seenVersion)
    {
        if (consumer.Band is not { } band)
        {
            consumer.Wait = wait;
            consumer.SeenVersion = seenVersion;
            return;
        }

        band.Leave(consumer);
        consumer.SeenVersion = seenVersion;
        if (wait == ConsumerWait.Armed)
        {
            band.Arm(consumer, seenVersion);
        }
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

        if (MustYield(consumer, version))
        {
            return 0;
        }

        var waiting = consumer.Band is { } band ? band.Waiting(version) : 0;
        waiting += consumer.Band is null || !Waits(consumer, version) ? 1 : 0;
        foreach (var other in _scanners)
        {
            waiting += !ReferenceEquals(other, consumer) && !other.IsBrowser && other.Priority == consumer.Priority && Waits(other, version) ? 1 : 0;
        }

        return (available + waiting - 1) / waiting;
    }

    /// <summary>True while one of higher priority waits that has not seen all of this version.</summary>
    public bool MustYield(QueueConsumer consumer, long version)
    {
        foreach (var band in _bands)
        {
            if (band.Priority <= consumer.Priority)
            {
                break;
            }

            if (band.Waiting(version) > 0)
            {
                return true;
            }
        }

        foreach (var other in _scanners)
        {
            if (!other.IsBrowser && other.Priority > consumer.Priority && Waits(other, version))
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>Wakes as many waiting consumers as there are messages, in turn, of the highest priority that waits; and all that select.</summary>
    public void Wake(long available, long version, List<QueueConsumer> signals)
    {
        if (_consumers.Count == 0 || available <= 0)
        {
            return;
        }

        var first = FirstWaiting(version);
        var top = first?.Priority ?? int.MinValue;
        foreach (var scanner in _scanners)
        {
            if (Waits(scanner, version))
            {
                top = scanner.IsBrowser ? top : Math.Max(top, scanner.Priority);
            }
        }

        foreach (var scanner in _scanners)
        {
            if ((scanner.IsBrowser || scanner.Priority == top) && Waits(scanner, version))
            {
                Signal(scanner, signals);
            }
        }

        if (first is not null && first.Priority == top)
        {
            first.Wake(available - first.Signalled, version, signals);
        }
    }

    /// <summary>Wakes one consumer, if it is to be woken.</summary>
    public static void Signal(QueueConsumer consumer, List<QueueConsumer> signals)
    {
        if (consumer.Wait == ConsumerWait.Armed)
        {
            if (consumer.Band is { } band)
            {
                band.Signal(consumer, signals);
                return;
            }

            consumer.Wait = ConsumerWait.Signalled;
            signals.Add(consumer);
        }
    }

    private static bool Waits(QueueConsumer consumer, long version) => consumer.Wait != ConsumerWait.Idle && consumer.SeenVersion != version;

    /// <summary>The band of the highest priority in which one waits.</summary>
    private ConsumerBand? FirstWaiting(long version)
    {
        foreach (var band in _bands)
        {
            if (band.Waiting(version) > 0)
            {
                return band;
            }
        }

        return null;
    }

    private ConsumerBand BandOf(int priority)
    {
        var at = 0;
        while (at < _bands.Count && _bands[at].Priority > priority)
        {
            at++;
        }

        if (at == _bands.Count || _bands[at].Priority != priority)
        {
            _bands.Insert(at, new ConsumerBand(priority));
        }

        return _bands[at];
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
