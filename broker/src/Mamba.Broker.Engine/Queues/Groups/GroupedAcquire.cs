namespace Mamba.Broker.Engine;

/// <summary>
/// How messages are handed out on a queue that has groups: in order, what is set aside for the consumer together with what is
/// available to all.
/// </summary>
internal static class GroupedAcquire
{
    /// <param name="core">The queue.</param>
    /// <param name="consumer">Neither filters nor browses.</param>
    /// <param name="into">Room for what it can take.</param>
    /// <param name="limit">Its share of what is available to all; what is its own does not count.</param>
    /// <param name="now">Unix milliseconds.</param>
    /// <param name="effects">What follows.</param>
    public static int AcquireGrouped(this QueueCore core, QueueConsumer consumer, Span<AcquiredMessage> into, int limit, long now, QueueEffects effects)
    {
        var groups = core.Groups!;
        var changes = groups.Changes;
        var taken = 0;
        var left = limit;
        for (var level = QueueIndex.Levels - 1; level >= 0 && taken < into.Length; level--)
        {
            taken += AcquireFromLevel(core, groups, level, consumer, into[taken..], ref left, now, effects);
        }

        var exhausted = left > 0 || core.Index.Available == 0;
        var seen = exhausted && changes == groups.Changes ? core.Version : -1;
        core.Consumers.SetWait(consumer, taken == into.Length ? ConsumerWait.Idle : ConsumerWait.Armed, seen);
        core.Wake(effects);
        return taken;
    }

    private static int AcquireFromLevel(
        QueueCore core, GroupTable groups, int level, QueueConsumer consumer, Span<AcquiredMessage> into, ref int left, long now, QueueEffects effects)
    {
        if (core.Index.Level(level) is not { } log)
        {
            return 0;
        }

        var taken = 0;
        var passed = false;
        var changes = groups.Changes;
        var sequence = log.Cursor;
        while (taken < into.Length)
        {
            var hasOwn = TryFindOwn(groups, consumer, level, out var own);
            if (left > 0 && log.TryFindAvailable(ref sequence) && (!hasOwn || sequence < QueueIndex.SequenceOf(own)))
            {
                ref var entry = ref log.Find(sequence);
                if (TryTake(core, groups, QueueIndex.TokenOf(level, sequence), ref entry, consumer, out into[taken], now, effects))
                {
                    taken++;
                    left--;
                }
                else if (entry.State == EntryState.Available && !passed)
                {
                    passed = true;
                    Advance(log, sequence, changes == groups.Changes);
                }

                sequence++;
            }
            else if (hasOwn)
            {
                consumer.Lane!.RemoveFirst();
                taken += TryTake(core, groups, own, ref log.Find(QueueIndex.SequenceOf(own)), consumer, out into[taken], now, effects) ? 1 : 0;
            }
            else
            {
                break;
            }

            if (changes != groups.Changes)
            {
                // Something before this place may have become available, and comes first.
                changes = groups.Changes;
                sequence = log.Cursor;
                passed = true;
            }
        }

        Advance(log, sequence, !passed);
        return taken;
    }

    private static void Advance(EntryLog log, long sequence, bool allowed)
    {
        if (allowed)
        {
            log.AdvanceCursor(sequence);
        }
    }

    /// <summary>The first message set aside for the consumer, when it is of this level.</summary>
    private static bool TryFindOwn(GroupTable groups, QueueConsumer consumer, int level, out long token)
    {
        token = 0;
        while (consumer.Lane is { } lane && lane.TryPeek(out token))
        {
            if (groups.IsReservedFor(consumer, token))
            {
                return QueueIndex.LevelOf(token) == level;
            }

            lane.RemoveFirst();
        }

        return false;
    }

    private static bool TryTake(
        QueueCore core, GroupTable groups, long token, ref QueueEntry entry, QueueConsumer consumer, out AcquiredMessage acquired, long now, QueueEffects effects)
    {
        acquired = default;
        if (core.Policy.IsExpired(entry, now))
        {
            core.Expire(token, ref entry, effects);
            return false;
        }

        if (core.IsExcluded(token, entry, consumer))
        {
            Exclude(core, groups, token, ref entry, consumer);
            return false;
        }

        if (entry.IsGrouped && entry.State == EntryState.Available && !groups.MayTake(consumer, token, ref entry))
        {
            return false;
        }

        core.Take(token, ref entry, consumer, out acquired);
        return true;
    }

    private static void Exclude(QueueCore core, GroupTable groups, long token, ref QueueEntry entry, QueueConsumer consumer)
    {
        if (entry.State == EntryState.Reserved)
        {
            core.MakeAvailable(token, ref entry);
        }

        if (entry.IsGrouped)
        {
            groups.OnExcluded(consumer, token);
        }
    }
}
