using System.Runtime.CompilerServices;

namespace Mamba.Broker.Engine;

/// <content>How messages are handed out.</content>
internal sealed partial class QueueCore
{
    /// <summary>Hands available messages to a consumer that neither filters nor browses.</summary>
    public int Acquire(QueueConsumer consumer, Span<AcquiredMessage> into, long now, QueueEffects effects)
    {
        if (!consumer.IsAttached)
        {
            return 0;
        }

        if (into.IsEmpty || !Admits(consumer))
        {
            _consumers.SetWait(consumer, ConsumerWait.Idle, consumer.SeenVersion);
            Wake(effects);
            return 0;
        }

        var share = _consumers.ShareOf(consumer, _index.Available, _version);
        var limit = (int)Math.Min(into.Length, share);
        if (Groups is not null)
        {
            return this.AcquireGrouped(consumer, into, limit, now, effects);
        }

        var taken = 0;
        for (var level = QueueIndex.Levels - 1; level >= 0 && taken < limit; level--)
        {
            taken += AcquireFromLevel(level, consumer, into[taken..limit], now, effects);
        }

        // Short of its share: nothing is left that it may have, so only something new is worth waking it for.
        var exhausted = taken < limit || (share >= _index.Available + taken && _index.Available == 0);
        _consumers.SetWait(consumer, taken == into.Length ? ConsumerWait.Idle : ConsumerWait.Armed, exhausted ? _version : -1);
        Wake(effects);
        return taken;
    }

    /// <summary>
    /// Takes given messages for a filtering consumer; those no longer available are passed over, and those that changed since they were
    /// looked at are to be looked at again.
    /// </summary>
    public int AcquireThese(QueueConsumer consumer, ReadOnlySpan<AcquiredMessage> candidates, Span<AcquiredMessage> into, QueueEffects effects)
    {
        var taken = 0;
        foreach (ref readonly var candidate in candidates)
        {
            ref var entry = ref _index.Find(candidate.Token);
            if (!consumer.IsAttached || !Admits(consumer) || Unsafe.IsNullRef(ref entry) || entry.State != EntryState.Available || entry.MessageId != candidate.MessageId)
            {
                continue;
            }

            if (entry.DeliveryCount != candidate.DeliveryCount || entry.Location != candidate.Location)
            {
                consumer.Cursor.Return(candidate.Token);
                continue;
            }

            if (entry.IsGrouped && !Groups!.MayTake(consumer, candidate.Token, ref entry))
            {
                continue;
            }

            Take(candidate.Token, ref entry, consumer, out into[taken]);
            if (into[taken].Message is null && candidate.Message is { } loaded)
            {
                // It was read from disk to be looked at: once is enough.
                loaded.AddReference();
                into[taken].Message = loaded;
            }

            taken++;
        }

        Wake(effects);
        return taken;
    }

    private int AcquireFromLevel(int level, QueueConsumer consumer, Span<AcquiredMessage> into, long now, QueueEffects effects)
    {
        if (_index.Level(level) is not { Available: > 0 } log)
        {
            return 0;
        }

        var taken = 0;
        var skipped = false;
        var sequence = log.Cursor;
        while (taken < into.Length && log.TryFindAvailable(ref sequence))
        {
            var token = QueueIndex.TokenOf(level, sequence);
            ref var entry = ref log.Find(sequence);
            if (_policy.IsExpired(entry, now))
            {
                Expire(token, ref entry, effects);
            }
            else if (IsExcluded(token, entry, consumer))
            {
                if (!skipped)
                {
                    log.AdvanceCursor(sequence);
                    skipped = true;
                }
            }
            else
            {
                Take(token, ref entry, consumer, out into[taken++]);
            }

            sequence++;
        }

        if (!skipped)
        {
            log.AdvanceCursor(sequence);
        }

        return taken;
    }

    internal void Take(long token, ref QueueEntry entry, QueueConsumer consumer, out AcquiredMessage acquired)
    {
        QueueScan.Describe(token, entry, out acquired);
        entry.Flags |= EntryFlags.Delivered;
        entry.Owner = consumer.Slot;
        entry.AcquireCount += (ushort)(entry.AcquireCount == ushort.MaxValue ? 0 : 1);
        consumer.Held++;
        _index.SetState(token, ref entry, EntryState.Acquired);
        if ((entry.Flags & EntryFlags.ClosesGroup) != EntryFlags.None)
        {
            Groups?.OnClosingTaken(token);
        }
    }
}
