namespace Mamba.Broker.Engine;

/// <summary>
/// The ids of an address: the last ones, for a time. An id is claimed before its message is stored, confirmed when the record that
/// holds both is on disk, and given up when it is not. Thread-safe; the lock is a leaf.
/// </summary>
public sealed class DuplicateWindow
{
    /// <summary>Old ids that one claim removes at most: keeps up with any number of claims, and none takes long.</summary>
    private const int EvictAtOnce = 64;

    private const int TrimAtOnce = 4_096;

    /// <summary>Ids that one look for those of a segment passes.</summary>
    private const int LookAtOnce = 16_384;

    private readonly EngineContext _context;
    private readonly DuplicateOptions _options;
    private readonly SipHash128 _hash;
    private readonly Lock _gate = new();
    private readonly Dictionary<long, List<ClaimWaiter>> _waiters = [];
    private DuplicateIndex? _index;
    private ulong _lastSequence;
    private long _found;
    private bool _isClosed;

    internal DuplicateWindow(EngineContext context, uint node, bool durable, DuplicateOptions options)
    {
        _context = context;
        _options = options;
        _hash = context.Duplicates.HashFor(options.By);
        Node = node;
        IsDurable = durable;
    }

    /// <summary>Where the id stands; see <see cref="DuplicateOptions.By"/>.</summary>
    public string By => _options.By;

    /// <summary>Duplicates found since the process started.</summary>
    public long Found => Interlocked.Read(ref _found);

    internal uint Node { get; }

    /// <summary>Whether ids of durable messages go to the journal.</summary>
    internal bool IsDurable { get; }

    /// <summary>Ids remembered, those on their way included.</summary>
    internal int Count
    {
        get
        {
            lock (_gate)
            {
                return _index?.Count ?? 0;
            }
        }
    }

    /// <summary>Bytes of memory it takes.</summary>
    internal long Footprint
    {
        get
        {
            lock (_gate)
            {
                return _index?.Footprint ?? 0;
            }
        }
    }

    /// <summary>The id of a message.</summary>
    /// <param name="kind">Tells types apart: the same bytes of another kind are another id.</param>
    /// <param name="value">The value's bytes.</param>
    public DuplicateId IdOf(byte kind, ReadOnlySpan<byte> value) => new(_hash.Of(kind, value));

    /// <summary>Whether a message with this id is stored. Counts it as found then.</summary>
    internal bool IsKnown(DuplicateId id)
    {
        var now = _context.NowSeconds;
        Evicted evicted;
        bool known;
        lock (_gate)
        {
            evicted = Evict(now, EvictAtOnce);
            known = _index is not null && _index.Find(id.Value) is > 0 and var position
                && _index.At(position).Segment != KnownId.Pending && !IsOver(_index.At(position), now);
        }

        _context.Ledger.DropIds(evicted.Segment, evicted.Stored);
        if (known)
        {
            CountFound();
        }

        return known;
    }

    /// <summary>Counts a duplicate that was found without a claim.</summary>
    internal void CountFound() => Interlocked.Increment(ref _found);

    /// <summary>Claims an id; when a message with it is on its way, <paramref name="waiter"/> hears what becomes of that.</summary>
    internal ClaimOutcome Claim(DuplicateId id, in ClaimWaiter waiter, out IdClaim claim)
    {
        var now = _context.NowSeconds;
        var outcome = ClaimOutcome.Claimed;
        var evicted = default(Evicted);
        var expired = 0;
        claim = default;
        lock (_gate)
        {
            if (!_isClosed)
            {
                _index ??= new DuplicateIndex();
                evicted = Evict(now, EvictAtOnce);
                outcome = Check(id, now, waiter, out expired);
                if (outcome == ClaimOutcome.Claimed)
                {
                    var entry = new KnownId { Hash = id.Value, Sequence = ++_lastSequence, Seconds = now, Segment = KnownId.Pending };
                    claim = new IdClaim(_index.Add(entry), entry.Sequence, now);
                }
            }
        }

        _context.Ledger.DropIds(evicted.Segment, evicted.Stored);
        _context.Ledger.DropIds(expired, 1);
        if (outcome == ClaimOutcome.Known)
        {
            Interlocked.Increment(ref _found);
        }

        return outcome;
    }

    /// <summary>The message is stored: its id holds from now on, and whoever waits hears that his is a duplicate.</summary>
    /// <param name="position">See <see cref="IdClaim.Position"/>.</param>
    /// <param name="segment">The journal segment that holds the id, or <see cref="KnownId.InMemory"/>.</param>
    internal void Confirm(long position, int segment)
    {
        _context.Ledger.AddIds(segment, 1);
        List<ClaimWaiter>? waiters;
        bool closed;
        lock (_gate)
        {
            closed = _isClosed;
            if (!closed)
            {
                _index!.At(position).Segment = segment;
            }

            _waiters.Remove(position, out waiters);
        }

        _context.Ledger.DropIds(segment, closed ? 1 : 0);
        foreach (var waiter in waiters ?? [])
        {
            Interlocked.Add(ref _found, waiter.Commit is null ? 1 : 0);
            waiter.Tell(PublishOutcome.Duplicate);
        }
    }

    /// <summary>The message is not stored: its id is free again, and whoever waits hears the same.</summary>
    internal void GiveUp(long position, PublishOutcome outcome)
    {
        List<ClaimWaiter>? waiters;
        lock (_gate)
        {
            if (!_isClosed)
            {
                _index!.Remove(position);
            }

            _waiters.Remove(position, out waiters);
        }

        foreach (var waiter in waiters ?? [])
        {
            waiter.Tell(outcome);
        }
    }

    /// <summary>Forgets what is too old, some thousands at a time; call it now and then.</summary>
    internal void Trim()
    {
        Evicted evicted;
        do
        {
            lock (_gate)
            {
                evicted = Evict(_context.NowSeconds, TrimAtOnce);
            }

            _context.Ledger.DropIds(evicted.Segment, evicted.Stored);
        }
        while (evicted.Count > 0);
    }

    /// <summary>The node is gone, and with it what it knew.</summary>
    internal void Close()
    {
        DuplicateIndex? known;
        lock (_gate)
        {
            _isClosed = true;
            known = _index;
            _index = null;
        }

        for (var position = known?.Head ?? 0; position < known?.Tail; position++)
        {
            _context.Ledger.DropIds(known.At(position).Segment, 1);
        }
    }

    /// <summary>Puts back what recovery found, in order; before anything else runs.</summary>
    internal void Restore(ReadOnlySpan<KnownId> ids)
    {
        _index ??= new DuplicateIndex();
        foreach (ref readonly var id in ids[Math.Max(0, ids.Length - _options.Window)..])
        {
            if (_index.Find(id.Hash) is > 0 and var older)
            {
                // Expired, and sent again; both records are still there.
                _context.Ledger.DropIds(_index.At(older).Segment, 1);
                _index.Remove(older);
            }

            _index.Add(id);
            _context.Ledger.AddIds(id.Segment, 1);
            _lastSequence = Math.Max(_lastSequence, id.Sequence);
        }

        Trim();
    }

    /// <summary>Collects ids that one segment holds, from a position on; the next position, or 0 at the end.</summary>
    internal long Collect(int segment, long from, int max, List<(long Position, KnownId Id)> into)
    {
        lock (_gate)
        {
            if (_index is null)
            {
                return 0;
            }

            var position = Math.Max(from, _index.Head);
            var end = Math.Min(_index.Tail, position + LookAtOnce);
            for (; position < end && into.Count < max; position++)
            {
                if (_index.At(position).Segment == segment)
                {
                    into.Add((position, _index.At(position)));
                }
            }

            return position < _index.Tail ? position : 0;
        }
    }

    /// <summary>The journal holds copies in another segment; those of them that are still remembered count there from now on.</summary>
    internal void Relocate(List<(long Position, KnownId Id)> copies, int from, int to)
    {
        _context.Ledger.AddIds(to, copies.Count);
        var moved = 0;
        lock (_gate)
        {
            foreach (var (position, id) in copies)
            {
                if (_index is not null && position >= _index.Head && position < _index.Tail && _index.At(position).Sequence == id.Sequence && _index.At(position).Segment == from)
                {
                    _index.At(position).Segment = to;
                    moved++;
                }
            }
        }

        _context.Ledger.DropIds(from, moved);
        _context.Ledger.DropIds(to, copies.Count - moved);
    }

    /// <summary>Takes an id that is too old out; <paramref name="expired"/> is the segment it was in.</summary>
    private ClaimOutcome Check(DuplicateId id, uint now, in ClaimWaiter waiter, out int expired)
    {
        expired = 0;
        if (_index!.Find(id.Value) is not (> 0 and var position))
        {
            return ClaimOutcome.Claimed;
        }

        ref var entry = ref _index.At(position);
        if (entry.Segment == KnownId.Pending)
        {
            if (!_waiters.TryGetValue(position, out var waiters))
            {
                _waiters[position] = waiters = [];
            }

            waiters.Add(waiter);
            return ClaimOutcome.Pending;
        }

        if (!IsOver(entry, now))
        {
            return ClaimOutcome.Known;
        }

        expired = entry.Segment;
        _index.Remove(position);
        return ClaimOutcome.Claimed;
    }

    /// <summary>Removes the oldest while there are too many or they are too old; at most one segment's in a turn, so that one number tells it.</summary>
    private Evicted Evict(uint now, int max)
    {
        var segment = KnownId.InMemory;
        var count = 0;
        var stored = 0;
        while (_index is { Count: > 0 } index && count < max)
        {
            ref var oldest = ref index.At(index.Head);
            var isStored = oldest.Segment > KnownId.InMemory;
            if (oldest.Segment == KnownId.Pending || (index.Count <= _options.Window && !IsOver(oldest, now)) || (isStored && stored > 0 && oldest.Segment != segment))
            {
                break;
            }

            if (isStored)
            {
                segment = oldest.Segment;
                stored++;
            }

            index.Remove(index.Head);
            count++;
        }

        return new Evicted(count, segment, stored);
    }

    private bool IsOver(in KnownId id, uint now) => _options.Seconds > 0 && now > id.Seconds && now - id.Seconds > _options.Seconds;

    /// <param name="Count">Ids forgotten.</param>
    /// <param name="Segment">The segment that held the stored ones of them.</param>
    /// <param name="Stored">How many those are.</param>
    private readonly record struct Evicted(int Count, int Segment, int Stored);
}
