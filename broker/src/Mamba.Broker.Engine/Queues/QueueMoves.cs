using System.Runtime.CompilerServices;

namespace Mamba.Broker.Engine;

/// <summary>
/// The ends of what a queue's effects began: moves to a dead-letter queue, rewrites of annotations, and copies within the journal.
/// </summary>
internal static class QueueMoves
{
    /// <summary>A move is done: the message left this queue.</summary>
    public static void CompleteMove(this QueueCore core, long token, ulong messageId, DeadLetterReason reason, QueueEffects effects)
    {
        ref var entry = ref FindMoving(core, token, messageId);
        if (Unsafe.IsNullRef(ref entry))
        {
            return;
        }

        core.Counters.Expired += reason == DeadLetterReason.Expired ? 1 : 0;
        core.Counters.DeadLettered += reason == DeadLetterReason.Expired ? 0 : 1;
        core.Remove(token, ref entry, effects);
        if (core.Groups is not null)
        {
            // The message may have been the last that kept its group with a consumer.
            core.Wake(effects);
        }
    }

    /// <summary>A move failed: the message is available again, and if it expired it is moved at <paramref name="retryAt"/> at the earliest.</summary>
    public static void AbortMove(this QueueCore core, long token, ulong messageId, long retryAt, QueueEffects effects)
    {
        ref var entry = ref FindMoving(core, token, messageId);
        if (Unsafe.IsNullRef(ref entry))
        {
            return;
        }

        core.MakeAvailable(token, ref entry, retryAt);
        if (!core.Policy.IsExpired(entry, retryAt))
        {
            core.Wake(effects);
        }
    }

    /// <summary>A merge is done or was given up: the message has its new body when there is one, and what the verdict says happens to it.</summary>
    /// <returns>False when the message is no longer here.</returns>
    public static bool CompleteMerge(
        this QueueCore core, in MessageMerge merge, StoredMessage? message, MessageLocation location, bool keepBody, in RetryVerdict verdict, QueueEffects effects)
    {
        var token = merge.Token;
        ref var entry = ref FindMoving(core, token, merge.MessageId);
        if (Unsafe.IsNullRef(ref entry))
        {
            if (message is not null)
            {
                effects.Releases.Add(message);
            }

            return false;
        }

        if (message is not null)
        {
            Rewrite(core, token, ref entry, message, location, keepBody, effects);
        }

        core.Conclude(merge, ref entry, verdict, effects);
        return true;
    }

    /// <summary>Where the message is now, if it is still here: after its segment was rewritten.</summary>
    public static bool TryLocate(this QueueCore core, long token, ulong messageId, out MessageLocation location, out StoredMessage? message)
    {
        ref var entry = ref core.Index.Find(token);
        if (Unsafe.IsNullRef(ref entry) || entry.MessageId != messageId)
        {
            location = default;
            message = null;
            return false;
        }

        location = entry.Location;
        message = entry.Message;
        message?.AddReference();
        return true;
    }

    /// <summary>The journal copied the message elsewhere: the entry points there from now on, unless something happened to it.</summary>
    public static RelocateResult Relocate(this QueueCore core, long token, ulong messageId, MessageLocation from, MessageLocation to, out Waiting waiting)
    {
        ref var entry = ref core.Index.Find(token);
        waiting = default;
        if (Unsafe.IsNullRef(ref entry) || entry.MessageId != messageId)
        {
            return RelocateResult.Gone;
        }

        if (entry.State == EntryState.Moving || entry.Location != from)
        {
            return entry.State == EntryState.Moving ? RelocateResult.Busy : RelocateResult.Rewritten;
        }

        entry.Address = to.Address;
        entry.OperationOffset = to.Offset;
        waiting = new Waiting(entry.DeliveryCount, core.ParkedUntil(token));
        core.Index.NoteMoved(token, to.Address.Segment);
        return RelocateResult.Moved;
    }

    private static ref QueueEntry FindMoving(QueueCore core, long token, ulong messageId)
    {
        ref var entry = ref core.Index.Find(token);
        if (!Unsafe.IsNullRef(ref entry) && (entry.State != EntryState.Moving || entry.MessageId != messageId))
        {
            return ref Unsafe.NullRef<QueueEntry>();
        }

        return ref entry;
    }

    private static void Rewrite(QueueCore core, long token, ref QueueEntry entry, StoredMessage message, MessageLocation location, bool keepBody, QueueEffects effects)
    {
        effects.FreedBytes += entry.BodyLength - message.Length;
        if (core.Index.ReplaceMessage(ref entry, keepBody ? message : null, message.Length) is { } old)
        {
            effects.Releases.Add(old);
        }

        if (!keepBody)
        {
            effects.Releases.Add(message);
        }

        entry.Flags = (entry.Flags & ~EntryFlags.OwnRetry) | (message.HasOwnRetry ? EntryFlags.OwnRetry : EntryFlags.None);
        entry.Address = location.Address;
        entry.OperationOffset = location.Offset;
        if (location.IsStored)
        {
            core.Index.NoteMoved(token, location.Address.Segment);
        }
    }
}
