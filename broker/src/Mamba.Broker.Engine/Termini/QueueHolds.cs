using System.Runtime.CompilerServices;

namespace Mamba.Broker.Engine;

/// <summary>A message that a durable terminus holds, or no longer does, for the journal.</summary>
/// <param name="MessageId">The message.</param>
/// <param name="Location">Where it is stored.</param>
/// <param name="AcquireCount">Which time of being acquired this is about.</param>
internal readonly record struct HoldMark(ulong MessageId, MessageLocation Location, ushort AcquireCount);

/// <summary>
/// The commands of suspended links on a queue. What a consumer holds when its link is suspended goes to a keeper: a holder that is no
/// consumer, is never woken and counts for nothing. When the link is resumed, its new consumer takes that over. Called with the
/// queue's lock held.
/// </summary>
internal static class QueueHolds
{
    /// <summary>Detaches a consumer; what it holds stays held, by the keeper.</summary>
    public static void Suspend(this QueueCore core, QueueConsumer consumer, QueueConsumer keeper, long now, QueueEffects effects)
    {
        core.Consumers.AddKeeper(keeper);
        for (var level = 0; level < QueueIndex.Levels; level++)
        {
            for (long sequence = 0; TryFindHeld(core, level, consumer.Slot, ref sequence); sequence++)
            {
                Move(ref core.Index.Level(level)!.Find(sequence), consumer, keeper);
            }
        }

        core.CloseConsumer(consumer, failed: false, now, effects);
    }

    /// <summary>Hands what a keeper holds to a consumer, and lists it in the order of the queue, with a reference on each body in memory.</summary>
    public static bool Adopt(this QueueCore core, QueueConsumer keeper, QueueConsumer consumer, List<AcquiredMessage> into)
    {
        if (!keeper.IsAttached || !consumer.IsAttached)
        {
            return false;
        }

        for (var level = QueueIndex.Levels - 1; level >= 0; level--)
        {
            for (long sequence = 0; TryFindHeld(core, level, keeper.Slot, ref sequence); sequence++)
            {
                ref var entry = ref core.Index.Level(level)!.Find(sequence);
                Move(ref entry, keeper, consumer);
                QueueScan.Describe(QueueIndex.TokenOf(level, sequence), entry, out var held);
                into.Add(held);
            }
        }

        End(core, keeper);
        return true;
    }

    /// <summary>Gives back what a keeper holds, each message in its place; the keeper is no more.</summary>
    public static void ReleaseKept(this QueueCore core, QueueConsumer keeper, bool failed, long now, QueueEffects effects)
    {
        if (!keeper.IsAttached)
        {
            return;
        }

        for (var level = QueueIndex.Levels - 1; level >= 0; level--)
        {
            core.GiveBack(level, keeper, failed, now, effects);
        }

        End(core, keeper);
        core.Wake(effects);
    }

    /// <summary>The journal says that a restored message is held.</summary>
    public static void RestoreHeld(this QueueCore core, long token, QueueConsumer keeper, ushort acquireCount)
    {
        ref var entry = ref core.Index.Find(token);
        if (Unsafe.IsNullRef(ref entry) || entry.State is not (EntryState.Available or EntryState.Scheduled))
        {
            return;
        }

        entry.Owner = keeper.Slot;
        entry.AcquireCount = acquireCount;
        keeper.Held++;
        core.Index.SetState(token, ref entry, EntryState.Acquired);
        if (entry.IsGrouped)
        {
            core.Groups!.OnKept(token);
        }
    }

    /// <summary>What the journal has to be told of messages that a consumer took, before they go out; those it does not know are left out.</summary>
    public static void Describe(this QueueCore core, QueueConsumer consumer, ReadOnlySpan<long> tokens, List<HoldMark> into)
    {
        foreach (var token in tokens)
        {
            ref var entry = ref core.Index.Find(token);
            if (!Unsafe.IsNullRef(ref entry) && entry.State == EntryState.Acquired && entry.Owner == consumer.Slot && entry.IsPersistent)
            {
                into.Add(new HoldMark(entry.MessageId, entry.Location, entry.AcquireCount));
            }
        }
    }

    /// <summary>The terminus that holds a message, 0 for none, and which time of being acquired that is.</summary>
    public static (uint Terminus, ushort AcquireCount) HolderOf(this QueueCore core, long token, ulong messageId)
    {
        ref var entry = ref core.Index.Find(token);
        return Unsafe.IsNullRef(ref entry) || entry.MessageId != messageId || entry.State != EntryState.Acquired
            ? default
            : (core.Consumers.AtSlot(entry.Owner)?.Terminus ?? 0, entry.AcquireCount);
    }

    /// <summary>A message goes back in line, or elsewhere: the journal is to know that the terminus does not hold it any more.</summary>
    public static void NoteUnheld(in QueueEntry entry, QueueEffects effects)
    {
        if (entry.IsPersistent)
        {
            effects.Unheld.Add(new HoldMark(entry.MessageId, entry.Location, entry.AcquireCount));
        }
    }

    private static void End(QueueCore core, QueueConsumer keeper)
    {
        keeper.IsAttached = false;
        core.Consumers.RemoveKeeper(keeper);
    }

    private static void Move(ref QueueEntry entry, QueueConsumer from, QueueConsumer to)
    {
        entry.Owner = to.Slot;
        from.Held--;
        to.Held++;
    }

    private static bool TryFindHeld(QueueCore core, int level, ushort slot, ref long sequence)
    {
        if (core.Index.Level(level) is not { Acquired: > 0 } log)
        {
            return false;
        }

        while (log.NextLiveChunk(ref sequence) is { } chunk)
        {
            var end = Math.Min(EntryLog.NextChunk(sequence), log.Tail);
            for (; chunk.Acquired > 0 && sequence < end; sequence++)
            {
                ref var entry = ref chunk.Entries[sequence & EntryChunk.Mask];
                if (entry.State == EntryState.Acquired && entry.Owner == slot)
                {
                    return true;
                }
            }

            sequence = end;
        }

        return false;
    }
}
