using System.Runtime.CompilerServices;

namespace Mamba.Broker.Engine;

/// <summary>What the journal has to say about a message that a transaction removes.</summary>
internal readonly record struct EnlistedRemoval(ulong MessageId, MessageLocation Location, bool Persistent);

/// <summary>The commands of transactions on a queue: a message is enlisted, and later removed, settled or returned.</summary>
internal static class QueueEnlisting
{
    /// <summary>Hands a message the consumer holds to a transaction.</summary>
    public static bool Enlist(this QueueCore core, QueueConsumer consumer, long token)
    {
        ref var entry = ref core.Index.Find(token);
        if (Unsafe.IsNullRef(ref entry) || entry.State != EntryState.Acquired || entry.Owner != consumer.Slot || !consumer.IsAttached)
        {
            return false;
        }

        consumer.Held--;
        core.Index.SetState(token, ref entry, EntryState.Enlisted);
        return true;
    }

    /// <summary>What a transaction needs to know of a message it is about to remove; false when it does not hold it.</summary>
    public static bool TryDescribeRemoval(this QueueCore core, long token, out EnlistedRemoval removal)
    {
        ref var entry = ref core.Index.Find(token);
        if (Unsafe.IsNullRef(ref entry) || entry.State != EntryState.Enlisted)
        {
            removal = default;
            return false;
        }

        removal = new EnlistedRemoval(entry.MessageId, entry.Location, entry.IsPersistent);
        return true;
    }

    /// <summary>What a transaction needs to know of a message it holds and may move, with a reference on the body.</summary>
    public static bool TryDescribeEnlisted(this QueueCore core, long token, out MessageMove enlisted, out bool canMove)
    {
        ref var entry = ref core.Index.Find(token);
        canMove = false;
        enlisted = default;
        if (Unsafe.IsNullRef(ref entry) || entry.State != EntryState.Enlisted)
        {
            return false;
        }

        canMove = core.Policy.CanDeadLetter(entry);
        enlisted = QueueCore.MoveOf(token, entry, DeadLetterReason.Rejected);
        return true;
    }

    /// <summary>A transaction was committed: the message is gone, and the journal knows.</summary>
    public static void RemoveEnlisted(this QueueCore core, long token, bool deadLettered, QueueEffects effects)
    {
        ref var entry = ref core.Index.Find(token);
        if (Unsafe.IsNullRef(ref entry) || entry.State != EntryState.Enlisted)
        {
            return;
        }

        core.Counters.DeadLettered += deadLettered ? 1 : 0;
        core.Counters.Dequeued += deadLettered ? 0 : 1;
        core.Remove(token, ref entry, effects);
    }

    /// <summary>A transaction applies an outcome that keeps the message.</summary>
    public static SettleStep SettleEnlisted(this QueueCore core, in Settlement settlement, QueueConsumer consumer, long now, QueueEffects effects)
    {
        ref var entry = ref core.Index.Find(settlement.Token);
        return Unsafe.IsNullRef(ref entry) || entry.State != EntryState.Enlisted
            ? SettleStep.Unknown
            : core.Decide(settlement, ref entry, consumer, now, effects);
    }

    /// <summary>A transaction was rolled back and the consumer may settle again.</summary>
    public static bool ReturnEnlisted(this QueueCore core, long token, QueueConsumer consumer)
    {
        ref var entry = ref core.Index.Find(token);
        if (!consumer.IsAttached || Unsafe.IsNullRef(ref entry) || entry.State != EntryState.Enlisted)
        {
            return false;
        }

        entry.Owner = consumer.Slot;
        consumer.Held++;
        core.Index.SetState(token, ref entry, EntryState.Acquired);
        return true;
    }
}
