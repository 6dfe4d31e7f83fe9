using System.Buffers;
using Mamba.Broker.Journal;

namespace Mamba.Broker.Engine;

/// <summary>
/// Runs one <see cref="QueueCore"/>: takes its lock for a batch of commands, releases it, then carries out the effects. The
/// lock is a leaf: nothing else is locked, called back or awaited while it is held. Thread-safe.
/// </summary>
internal sealed partial class QueueHost(EngineContext context, uint id, QueueNaming naming, NodeOptions options)
{
    private const int TickBatch = 1024;
    private const int PurgeBatch = 4096;

    private readonly Lock _gate = new();
    private readonly QueueCore _core = new(options, context.Options.Jitter);
    private readonly QueueAdmission _admission = new(options);
    private PagingLimit? _paging = PagingLimit.For(options);
    private long _nextDeadline = long.MaxValue;
    private int _inFlight;
    private MoveWorkList? _moveWork;

    public EngineContext Context => context;

    public uint Id => id;

    /// <summary>The settings in force.</summary>
    public NodeOptions Options { get; private set; } = options;

    public QueueNaming Naming => naming;

    /// <summary>The queue's name for reports: address, or topic and subscription.</summary>
    public string Name => naming.Queue;

    /// <summary>Its limits on what is published.</summary>
    public QueueAdmission Admission => _admission;

    /// <summary>True when durable messages on it go to the journal.</summary>
    public bool Durable => Options.Durable;

    public IQueueOwner? Owner { get; set; }

    /// <summary>Dead-letter moves that wait for their turn; made when first needed.</summary>
    public MoveWorkList MoveWork => LazyInitializer.EnsureInitialized(ref _moveWork);

    public long NextDeadline => Interlocked.Read(ref _nextDeadline);

    public long AvailableCount
    {
        get
        {
            lock (_gate)
            {
                return _core.Index.Available + (_core.Groups?.Reserved ?? 0);
            }
        }
    }

    /// <summary>Messages on their way through the journal. While there are any, later ones queue up behind them.</summary>
    public bool HasInFlight => Volatile.Read(ref _inFlight) > 0;

    public void BeginFlight() => Interlocked.Increment(ref _inFlight);

    public void EndFlight() => Interlocked.Decrement(ref _inFlight);

    /// <summary>True when a message that is only in memory has to be paged out.</summary>
    public bool MustPage => !MayKeepBody();

    /// <summary>Reserves room for a message; false when the queue is full.</summary>
    public bool TryReserve(long bytes) => _admission.TryReserve(bytes);

    /// <summary>Takes room without asking: recovered and dead-lettered messages.</summary>
    public void Reserve(long messages, long bytes) => _admission.Reserve(messages, bytes);

    public void Unreserve(long messages, long bytes) => _admission.Reserve(-messages, -bytes);

    /// <summary>Puts messages on the queue; takes over one reference on each. False when the queue was deleted: they are released.</summary>
    public bool Enqueue(ReadOnlySpan<NewEntry> entries)
    {
        var now = context.Now;
        var values = _core.Index.LastValues;
        var keys = KeysOf(values, entries);
        var effects = QueueEffects.Rent();
        bool deleted;
        lock (_gate)
        {
            deleted = _core.IsDeleted;
            if (!ReferenceEquals(values, _core.Index.LastValues))
            {
                // Other settings came in between: rare enough to read the keys again, here.
                keys = KeysOf(_core.Index.LastValues, entries);
            }

            for (var i = 0; i < entries.Length && !deleted; i++)
            {
                ref readonly var entry = ref entries[i];
                var keep = !entry.Location.IsStored || MayKeepBody();
                _core.Enqueue(entry, keep, keys?[i], now, effects);
            }

            if (Keep is not null)
            {
                DropOldest(_core, Keep, effects);
            }

            _core.Wake(effects);
            UpdateDeadline();
        }

        if (deleted)
        {
            Discard(entries, effects);
        }

        Apply(effects, ticket: null);
        return !deleted;
    }

    /// <summary>Puts back what recovery found; before anything else runs.</summary>
    public long Restore(byte priority, in QueueEntry entry, long deliverAt, bool parked, long now, uint group)
    {
        var token = _core.Restore(priority, entry, deliverAt, parked, now, group);
        Reserve(1, entry.BodyLength);
        Interlocked.Exchange(ref _nextDeadline, _core.NextDeadline);
        return token;
    }

    public QueueConsumer Subscribe(SubscribeOptions subscribe, ISubscriber subscriber)
    {
        var copies = Options.NonDestructive && !subscribe.Browse;
        var consumer = new QueueConsumer(this, copies ? subscribe with { Browse = true } : subscribe, subscriber) { IsCopying = copies };
        var effects = QueueEffects.Rent();
        lock (_gate)
        {
            if (_core.IsDeleted)
            {
                throw new EngineException(EngineError.NotFound, $"'{naming.Queue}' was deleted.");
            }

            _core.AddConsumer(consumer, effects);
        }

        Apply(effects, ticket: null);
        return consumer;
    }

    public int Acquire(QueueConsumer consumer, Span<AcquiredMessage> into)
    {
        var now = context.Now;
        var effects = QueueEffects.Rent();
        int taken;
        lock (_gate)
        {
            taken = _core.Acquire(consumer, into, now, effects);
        }

        Apply(effects, ticket: null);
        return taken;
    }

    public void Settle(QueueConsumer consumer, ReadOnlySpan<Settlement> settlements, ISettleObserver? observer)
    {
        var now = context.Now;
        var effects = QueueEffects.Rent();
        var results = observer is null ? null : ArrayPool<SettleResult>.Shared.Rent(settlements.Length);
        var parts = 0;
        lock (_gate)
        {
            for (var i = 0; i < settlements.Length; i++)
            {
                var step = consumer.IsBrowser ? SettleStep.Done : _core.Settle(consumer, settlements[i], now, effects);
                parts += step is SettleStep.Moving or SettleStep.Merging ? 1 : 0;
                if (results is not null)
                {
                    results[i] = new SettleResult(settlements[i].Token, step == SettleStep.Unknown ? SettleStatus.Unknown : SettleStatus.Settled);
                }
            }

            _core.Wake(effects);
            UpdateDeadline();
        }

        Conclude(effects, observer, results, settlements.Length, parts);
    }

    public void CloseConsumer(QueueConsumer consumer, bool failed)
    {
        var now = context.Now;
        var effects = QueueEffects.Rent();
        int left;
        lock (_gate)
        {
            if (!consumer.IsAttached)
            {
                left = -1;
            }
            else
            {
                _core.CloseConsumer(consumer, failed, now, effects);
                left = _core.Consumers.Count;
                UpdateDeadline();
            }
        }

        Apply(effects, ticket: null);
        if (left >= 0)
        {
            Owner?.OnConsumerDetached(left);
        }
    }

    /// <summary>Runs a command on the core under the lock and carries out its effects.</summary>
    public TResult Run<TState, TResult>(TState state, Func<QueueCore, TState, QueueEffects, TResult> command, bool journaled = false)
    {
        var effects = QueueEffects.Rent();
        TResult result;
        lock (_gate)
        {
            result = command(_core, state, effects);
            UpdateDeadline();
        }

        Apply(effects, ticket: null, journaled);
        return result;
    }

    /// <summary>A filtering or browsing consumer has not looked at these after all.</summary>
    public void Return(QueueConsumer consumer, ReadOnlySpan<AcquiredMessage> candidates)
    {
        lock (_gate)
        {
            foreach (ref readonly var candidate in candidates)
            {
                consumer.Cursor.Return(candidate.Token);
            }
        }
    }

    /// <summary>Makes due messages available and starts to move expired ones.</summary>
    public void Tick()
    {
        bool more;
        do
        {
            more = Run(context.Now, static (core, now, effects) => core.Tick(now, TickBatch, effects));
        }
        while (more);
    }

    public long Purge()
    {
        long total = 0;
        int purged;
        do
        {
            purged = Run(PurgeBatch, static (core, max, effects) => core.Purge(max, effects));
            total += purged;
        }
        while (purged == PurgeBatch);
        return total;
    }

    /// <summary>Ends the queue. Its messages leave the ledger; that nothing comes back is up to the journaled deletion of its definition.</summary>
    public long Delete()
    {
        var detached = new List<QueueConsumer>();
        var discarded = Run(detached, static (core, list, effects) => core.IsDeleted ? 0 : core.Delete(list, effects), journaled: true);
        context.Hosts.TryRemove(id, out _);
        _admission.LetGo();
        foreach (var consumer in detached)
        {
            consumer.Subscriber.OnNodeDeleted();
        }

        return discarded;
    }

    /// <summary>Reads a body; null when the message is no longer here.</summary>
    public StoredMessage? LoadBody(long token, ulong messageId, MessageLocation location)
    {
        while (true)
        {
            try
            {
                return context.Bodies.Load(location, messageId);
            }
            catch (JournalException cause)
            {
                // The segment may have been rewritten since the location was read: look where the message is now.
                var found = Locate(token, messageId, out var now, out var message);
                if (message is not null || !found)
                {
                    return message;
                }

                if (now == location)
                {
                    throw new EngineException(EngineError.Damaged, $"Message {messageId} on '{naming.Queue}' cannot be read back: {cause.Message}", cause);
                }

                location = now;
            }
        }
    }

    /// <summary>Gives memory back that the queue does not need now.</summary>
    public void Trim()
    {
        lock (_gate)
        {
            _core.Index.Trim();
        }
    }

    public int ConsumerCount
    {
        get
        {
            lock (_gate)
            {
                return _core.Consumers.Count;
            }
        }
    }

    public NodeStatus Describe(string address, NodeKind kind, bool temporary, int producers)
    {
        lock (_gate)
        {
            var index = _core.Index;
            var counters = _core.Counters;
            return new NodeStatus(
                address, kind, naming.Subscription, temporary, Options.Durable, index.Count, index.Bytes, index.Acquired + index.Enlisted,
                _core.Consumers.Count, producers, counters.Enqueued, counters.Dequeued, counters.DeadLettered, counters.Expired,
                counters.Redelivered, _admission.Refused, index.MemoryBytes) { Paused = _core.IsPaused, Parked = _core.Parked, Dropped = index.Dropped, Blocked = _admission.IsBlocked };
        }
    }

    private bool MayKeepBody() =>
        context.Budget.MayKeep(_core.Index.MemoryBytes) && (_paging is null || !_paging.IsFull(_core.Index));

    private bool Locate(long token, ulong messageId, out MessageLocation location, out StoredMessage? message)
    {
        lock (_gate)
        {
            return _core.TryLocate(token, messageId, out location, out message);
        }
    }

    private void UpdateDeadline() => Interlocked.Exchange(ref _nextDeadline, _core.NextDeadline);

    private void Discard(ReadOnlySpan<NewEntry> entries, QueueEffects effects)
    {
        foreach (ref readonly var entry in entries)
        {
            Unreserve(1, entry.Message.Length);
            context.Ledger.Drop(entry.Location);
            effects.Releases.Add(entry.Message);
        }
    }

    private void Conclude(QueueEffects effects, ISettleObserver? observer, SettleResult[]? results, int count, int parts)
    {
        if (observer is null)
        {
            Apply(effects, ticket: null);
            return;
        }

        var writes = NeedsRecord(effects, journaled: false);
        if (parts == 0 && !writes)
        {
            Apply(effects, ticket: null);
            observer.OnSettled(results.AsSpan(0, count));
            ArrayPool<SettleResult>.Shared.Return(results!);
            return;
        }

        Apply(effects, SettleTicket.Rent(observer, results!, count, parts, writes));
    }

    private static bool NeedsRecord(QueueEffects effects, bool journaled)
    {
        if (journaled)
        {
            return false;
        }

        foreach (var removed in effects.Removed)
        {
            if (removed.Persistent)
            {
                return true;
            }
        }

        return effects.Counted.Count > 0;
    }

    /// <summary>Carries out effects, with no lock held. With <paramref name="journaled"/> the removals are in the journal already.</summary>
    private void Apply(QueueEffects effects, SettleTicket? ticket, bool journaled = false)
    {
        foreach (var message in effects.Releases)
        {
            message.Release();
        }

        if (effects.FreedMessages > 0 || effects.FreedBytes != 0)
        {
            Unreserve(effects.FreedMessages, effects.FreedBytes);
        }

        if (NeedsRecord(effects, journaled))
        {
            RemovalCompletion.Append(this, effects, ticket);
        }
        else
        {
            foreach (var removed in effects.Removed)
            {
                context.Ledger.Drop(removed.Location);
            }
        }

        foreach (var (segment, on) in effects.Mentions)
        {
            context.Ledger.DependOn(segment, on);
        }

        if (effects.Unheld.Count > 0)
        {
            HoldCompletion.Append(this, terminus: 0, [.. effects.Unheld], sync: false, done: null);
        }

        foreach (var consumer in effects.Signals)
        {
            consumer.Subscriber.OnReady();
        }

        if (effects.Moves.Count > 0)
        {
            context.Router.Move(this, effects.Moves, ticket);
        }

        foreach (var merge in effects.Merges)
        {
            context.Merger.Merge(this, merge, ticket);
        }

        var empty = effects.BecameEmpty;
        effects.Return();
        context.Deadlines.Note(NextDeadline);
        if (empty)
        {
            Owner?.OnQueueEmpty();
        }
    }
}
