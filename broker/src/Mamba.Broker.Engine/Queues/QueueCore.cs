using System.Diagnostics;
using System.Runtime.CompilerServices;

namespace Mamba.Broker.Engine;

/// <summary>
/// One queue as a pure state machine: commands change it and fill <see cref="QueueEffects"/>, which the caller carries out once
/// the queue's lock is released. No clock, no I/O, no lock, no callback, so the same commands always give the same result.
/// </summary>
internal sealed partial class QueueCore
{
    private readonly Func<double> _jitter;
    private NodeOptions _options;
    private readonly QueueIndex _index = new();
    private readonly ConsumerSet _consumers = new();
    private DeliveryPolicy _policy;
    private ConsumerGate? _gate;
    private ScheduleHeap? _schedule;
    private ExclusionTable? _exclusions;
    private long _version;
    private long _earliestExpiry = long.MaxValue;

    /// <param name="options">The queue's settings.</param>
    /// <param name="jitter">Gives numbers from 0 up to 1, which spread retries; null = the middle of the spread.</param>
    public QueueCore(NodeOptions options, Func<double>? jitter = null)
    {
        _options = options;
        _jitter = jitter ?? (static () => 0.5);
        _policy = new DeliveryPolicy(options, _jitter);
        _gate = options.SingleActiveConsumer ? new ConsumerGate(this, single: true) : null;
        _index.Ring = RingLimit.For(this, options);
        _index.LastValues = LastValueTable.For(options);
    }

    public QueueIndex Index => _index;

    public ConsumerSet Consumers => _consumers;

    public DeliveryPolicy Policy => _policy;

    public GroupTable? Groups => _index.Groups;

    public QueueCounters Counters { get; } = new();

    public bool IsDeleted { get; private set; }

    /// <summary>True while consumers get nothing.</summary>
    public bool IsPaused => _gate is { IsPaused: true };

    /// <summary>Unix milliseconds at which something is to be done: a message falls due or expires.</summary>
    public long NextDeadline => Math.Min(_earliestExpiry, _schedule?.NextDue ?? long.MaxValue);

    /// <summary>Adds a message. Call <see cref="Wake"/> after the last of a batch.</summary>
    public void Enqueue(in NewEntry item, bool keepBody, string? key, long now, QueueEffects effects)
    {
        var message = item.Message;
        var due = message.DeliverAt <= now;
        var entry = new QueueEntry
        {
            MessageId = item.MessageId,
            Address = item.Location.Address,
            OperationOffset = item.Location.Offset,
            BodyLength = message.Length,
            ExpiresAt = message.ExpiresAt,
            Message = keepBody ? message : null,
            DeliveryCount = item.DeliveryCount,
            State = due ? EntryState.Available : EntryState.Scheduled,
            Flags = FlagsOf(message, item.Persistent),
        };
        Counters.Enqueued++;
        if (!keepBody)
        {
            effects.Releases.Add(message);
        }

        if (key is not null && !ReplaceOlder(message, entry, key, effects))
        {
            return;
        }

        var token = _index.Append(message.Priority, entry);
        if (key is not null)
        {
            _index.LastValues!.Place(entry.MessageId, token);
        }

        if (message.GroupKey != 0)
        {
            AddToGroup(token, message.GroupKey);
        }

        Track(token, entry, due ? 0 : message.DeliverAt);
    }

    /// <summary>Puts back a message recovery found; its body is on disk.</summary>
    /// <param name="priority">Its priority.</param>
    /// <param name="entry">The message.</param>
    /// <param name="deliverAt">When it falls due, unix milliseconds, 0 = at once.</param>
    /// <param name="parked">Whether it waits because a delivery failed.</param>
    /// <param name="now">Unix milliseconds.</param>
    /// <param name="group">Its group, 0 = none.</param>
    public long Restore(byte priority, in QueueEntry entry, long deliverAt, bool parked, long now, uint group)
    {
        var due = deliverAt <= now;
        var restored = entry;
        restored.State = due ? EntryState.Available : EntryState.Scheduled;
        restored.Flags |= group == 0 ? EntryFlags.None : EntryFlags.Grouped;
        var token = _index.Append(priority, restored);
        if (group != 0)
        {
            AddToGroup(token, group);
        }

        Track(token, restored, due ? 0 : deliverAt);
        if (parked && !due)
        {
            NoteParked(token, restored, deliverAt);
        }

        return token;
    }

    /// <summary>Wakes consumers for what is available.</summary>
    public void Wake(QueueEffects effects)
    {
        _index.LastValues?.DropReturned(this, effects);
        _index.Ring?.Trim(effects);
        Groups?.Conclude(effects.Signals);
        _gate?.Conclude();
        _consumers.Wake(_index.Available, _version, effects.Signals);
    }

    /// <summary>Adds a consumer; it counts as waiting.</summary>
    public void AddConsumer(QueueConsumer consumer, QueueEffects effects)
    {
        if (!consumer.IsBrowser && (_consumers.HasExclusive || (consumer.IsExclusive && _consumers.TakingCount > 0)))
        {
            throw new EngineException(EngineError.ResourceLocked, "The queue has an exclusive consumer, or consumers in the way of one.");
        }

        _consumers.Add(consumer);
        if (!_options.SingleActiveConsumer)
        {
            Groups?.Rebalance(consumer);
        }

        if (_gate is { } gate)
        {
            gate.OnConsumersChanged();
            _consumers.SetWait(consumer, gate.Admits(consumer) ? ConsumerWait.Armed : ConsumerWait.Idle, seenVersion: -1);
        }

        Wake(effects);
    }

    /// <summary>Whether a consumer may take messages now: not on a paused queue, nor while another is the active one.</summary>
    public bool Admits(QueueConsumer consumer) => _gate is null || _gate.Admits(consumer);

    /// <summary>Stops deliveries, or lets them go on.</summary>
    public void Pause(bool paused, QueueEffects effects)
    {
        _gate ??= new ConsumerGate(this, single: false);
        _gate.Pause(paused);
        _gate = _gate.IsNeeded ? _gate : null;
        Wake(effects);
    }

    /// <summary>Applies an outcome to a message the consumer holds.</summary>
    public SettleStep Settle(QueueConsumer consumer, in Settlement settlement, long now, QueueEffects effects)
    {
        ref var entry = ref _index.Find(settlement.Token);
        if (Unsafe.IsNullRef(ref entry) || entry.State != EntryState.Acquired || entry.Owner != consumer.Slot || !consumer.IsAttached)
        {
            return SettleStep.Unknown;
        }

        consumer.Held--;
        return Decide(settlement, ref entry, consumer, now, effects);
    }

    /// <summary>Detaches a consumer; what it holds returns to its place.</summary>
    public void CloseConsumer(QueueConsumer consumer, bool failed, long now, QueueEffects effects)
    {
        for (var level = QueueIndex.Levels - 1; level >= 0 && consumer.Held > 0; level--)
        {
            GiveBack(level, consumer, failed, now, effects);
        }

        Debug.Assert(consumer.Held == 0, "A consumer held messages that are not on the queue.");
        _consumers.Remove(consumer);
        consumer.IsAttached = false;
        _exclusions?.Forget(consumer);
        Groups?.OnClosed(consumer);
        _gate?.OnConsumersChanged();
        Wake(effects);
    }

    /// <summary>Makes due messages available and hands expired ones over to be moved, at most <paramref name="max"/>.</summary>
    /// <returns>True when there is more to do now.</returns>
    public bool Tick(long now, int max, QueueEffects effects)
    {
        var left = max;
        while (left > 0 && _schedule is not null && _schedule.TryTakeDue(now, out var token))
        {
            ref var entry = ref _index.Find(token);
            if (!Unsafe.IsNullRef(ref entry) && entry.State == EntryState.Scheduled && ParkedUntil(token) <= now)
            {
                MakeAvailable(token, ref entry);
                left--;
            }
        }

        if (_earliestExpiry <= now)
        {
            _earliestExpiry = QueueScan.Expire(this, now, ref left, effects);
        }

        Wake(effects);
        return left <= 0;
    }

    /// <summary>Hands an available or scheduled entry over to be moved because it expired.</summary>
    internal void Expire(long token, ref QueueEntry entry, QueueEffects effects) =>
        StartMove(token, ref entry, DeadLetterReason.Expired, effects);

    /// <summary>Removes up to <paramref name="max"/> messages nobody holds; returns how many.</summary>
    public int Purge(int max, QueueEffects effects)
    {
        var purged = QueueScan.Purge(this, max, effects);
        Counters.Purged += purged;
        return purged;
    }

    /// <summary>Takes a live entry off the queue and lists it in the effects.</summary>
    internal void Remove(long token, ref QueueEntry entry, QueueEffects effects)
    {
        effects.Removed.Add(new RemovedMessage(entry.MessageId, entry.Location, entry.IsPersistent, token));
        effects.FreedMessages++;
        effects.FreedBytes += entry.BodyLength;
        if ((entry.Flags & EntryFlags.Excluded) != EntryFlags.None)
        {
            _exclusions!.Forget(token);
        }

        if (entry.State == EntryState.Scheduled)
        {
            ForgetScheduled(token);
        }

        if (_index.Remove(token, ref entry) is { } message)
        {
            effects.Releases.Add(message);
        }

        effects.BecameEmpty |= _index.Count == 0;
    }

    /// <summary>The queue is no more: consumers are detached and listed, messages released.</summary>
    public long Delete(List<QueueConsumer> detached, QueueEffects effects)
    {
        IsDeleted = true;
        var discarded = _index.Count;
        while (_consumers.Count > 0)
        {
            var consumer = _consumers[0];
            consumer.IsAttached = false;
            _consumers.Remove(consumer);
            detached.Add(consumer);
        }

        _consumers.RemoveKeepers(detached);

        QueueScan.RemoveAll(this, effects);
        _index.Clear();
        _index.Groups = null;
        _index.LastValues = null;
        _schedule = null;
        _parked = null;
        _earliestExpiry = long.MaxValue;
        return discarded;
    }

    internal bool IsExcluded(long token, in QueueEntry entry, QueueConsumer consumer) =>
        (entry.Flags & EntryFlags.Excluded) != EntryFlags.None && _exclusions!.Contains(token, consumer);

    internal long Version => _version;

    /// <summary>What consumers may have changed, so that those that found nothing look again.</summary>
    internal void NoteChange()
    {
        _version++;
        foreach (var scanner in _consumers.Scanners)
        {
            scanner.LookAgain();
        }
    }

    private static EntryFlags FlagsOf(StoredMessage message, bool persistent) =>
        (persistent ? EntryFlags.Persistent : EntryFlags.None)
        | (message.Durable ? EntryFlags.Durable : EntryFlags.None)
        | (message.DeadLettered ? EntryFlags.DeadLettered : EntryFlags.None)
        | (message.GroupKey == 0 ? EntryFlags.None : EntryFlags.Grouped)
        | (message.ClosesGroup ? EntryFlags.ClosesGroup : EntryFlags.None)
        | (message.HasOwnRetry ? EntryFlags.OwnRetry : EntryFlags.None);

    internal static MessageMove MoveOf(long token, in QueueEntry entry, DeadLetterReason reason)
    {
        entry.Message?.AddReference();
        return new MessageMove(token, entry.MessageId, entry.Location, entry.Message, entry.IsPersistent, entry.DeliveryCount, reason);
    }

    private void AddToGroup(long token, uint key) => (_index.Groups ??= new GroupTable(this)).Add(token, key);

    private void Track(long token, in QueueEntry entry, long deliverAt)
    {
        if (_policy.Expires(entry))
        {
            _earliestExpiry = Math.Min(_earliestExpiry, entry.ExpiresAt);
        }

        if (entry.State == EntryState.Scheduled)
        {
            (_schedule ??= new ScheduleHeap()).Add(token, deliverAt);
        }
        else
        {
            _version++;
        }
    }

    /// <summary>The outcome table; AMQP 1.0 §3.4.</summary>
    internal SettleStep Decide(in Settlement outcome, ref QueueEntry entry, QueueConsumer consumer, long now, QueueEffects effects)
    {
        if (consumer.Terminus != 0 && outcome.Outcome != OutcomeKind.Accepted)
        {
            QueueHolds.NoteUnheld(entry, effects);
        }

        switch (outcome.Outcome)
        {
            case OutcomeKind.Accepted:
                Counters.Dequeued++;
                var persistent = entry.IsPersistent;
                Remove(outcome.Token, ref entry, effects);
                return persistent ? SettleStep.Removing : SettleStep.Done;
            case OutcomeKind.Rejected when _policy.CanDeadLetter(entry):
                StartMove(outcome.Token, ref entry, DeadLetterReason.Rejected, effects, outcome);
                return SettleStep.Moving;
            case OutcomeKind.Rejected:
                return Modify(outcome with { DeliveryFailed = true }, ref entry, consumer, now, effects);
            case OutcomeKind.Modified:
                return Modify(outcome, ref entry, consumer, now, effects);
            default:
                return GiveBack(outcome, ref entry, now, effects);
        }
    }

    private SettleStep Modify(in Settlement outcome, ref QueueEntry entry, QueueConsumer consumer, long now, QueueEffects effects)
    {
        if (outcome.DeliveryFailed)
        {
            CountFailure(ref entry);
            if (outcome.UndeliverableHere && (_policy.IsExpired(entry, now) || _policy.CanDeadLetter(entry)))
            {
                NoteCount(outcome, entry, dueAt: 0, effects);
                var reason = _policy.IsExpired(entry, now) ? DeadLetterReason.Expired : DeadLetterReason.Undeliverable;
                StartMove(outcome.Token, ref entry, reason, effects, outcome);
                return SettleStep.Moving;
            }
        }

        if (outcome.UndeliverableHere)
        {
            entry.Flags |= EntryFlags.Excluded;
            (_exclusions ??= new ExclusionTable()).Add(outcome.Token, consumer);
        }

        return NeedsReview(outcome, entry) ? Review(outcome, ref entry, effects) : GiveBack(outcome, ref entry, now, effects);
    }

    /// <summary>Gives back what a consumer holds on one level.</summary>
    internal void GiveBack(int level, QueueConsumer consumer, bool failed, long now, QueueEffects effects)
    {
        var log = _index.Level(level);
        var sequence = log?.Head ?? 0;
        while (consumer.Held > 0 && log?.NextLiveChunk(ref sequence) is { } chunk)
        {
            var end = Math.Min(EntryLog.NextChunk(sequence), log.Tail);
            for (; chunk.Acquired > 0 && sequence < end; sequence++)
            {
                ref var entry = ref chunk.Entries[sequence & EntryChunk.Mask];
                if (entry.State == EntryState.Acquired && entry.Owner == consumer.Slot)
                {
                    consumer.Held--;
                    var outcome = new Settlement(QueueIndex.TokenOf(level, sequence), failed ? OutcomeKind.Modified : OutcomeKind.Released, failed);
                    Decide(outcome, ref entry, consumer, now, effects);
                }
            }

            sequence = end;
        }
    }

    /// <summary>Puts a held message away until <paramref name="at"/>, unix milliseconds.</summary>
    internal void Park(long token, ref QueueEntry entry, long at)
    {
        _index.SetState(token, ref entry, EntryState.Scheduled);
        (_schedule ??= new ScheduleHeap()).Add(token, at);
        if (_policy.Expires(entry))
        {
            NoteExpiry(token, entry.ExpiresAt);
        }
    }

    /// <summary>A message goes before it is due.</summary>
    private void ForgetScheduled(long token)
    {
        _parked?.Remove(token);
        if (_schedule!.NoteGone())
        {
            _schedule.Prune((other, dueAt) => other != token && Waits(other, dueAt));
        }
    }

    /// <summary>Whether a message is still away until the time with which it stands among <see cref="Scheduled"/>.</summary>
    internal bool Waits(long token, long dueAt)
    {
        ref var entry = ref _index.Find(token);
        var parkedUntil = ParkedUntil(token);
        return !Unsafe.IsNullRef(ref entry) && entry.State == EntryState.Scheduled && (parkedUntil == 0 || parkedUntil == dueAt);
    }

    /// <summary>Messages that are not due yet, and when they are; some may have gone meanwhile.</summary>
    internal IEnumerable<(long Token, long DueAt)> Scheduled => _schedule?.Items ?? [];

    /// <summary>Puts a held message back in line; if it expired, it is moved at <paramref name="notBefore"/> at the earliest.</summary>
    internal void MakeAvailable(long token, ref QueueEntry entry, long notBefore = 0)
    {
        _version++;
        if (entry.State == EntryState.Scheduled)
        {
            _parked?.Remove(token);
        }

        _index.SetState(token, ref entry, EntryState.Available);
        if (_policy.Expires(entry))
        {
            NoteExpiry(token, Math.Max(entry.ExpiresAt, notBefore));
        }

        foreach (var scanner in _consumers.Scanners)
        {
            scanner.OnReturned(token);
        }
    }

    private void NoteExpiry(long token, long expiresAt)
    {
        _earliestExpiry = Math.Min(_earliestExpiry, expiresAt);
        _index.Level(QueueIndex.LevelOf(token))!.NoteExpiry(QueueIndex.SequenceOf(token), expiresAt);
    }

    /// <summary>Hands a message over to be moved; <paramref name="outcome"/> is what its consumer said, if it was one.</summary>
    internal void StartMove(long token, ref QueueEntry entry, DeadLetterReason reason, QueueEffects effects, in Settlement outcome = default)
    {
        effects.Moves.Add(MoveOf(token, entry, reason) with
        {
            ErrorCondition = outcome.ErrorCondition, ErrorDescription = outcome.ErrorDescription, Annotations = outcome.MessageAnnotations,
        });
        if (entry.State == EntryState.Scheduled)
        {
            ForgetScheduled(token);
        }

        _index.SetState(token, ref entry, EntryState.Moving);
    }
}
