namespace Mamba.Broker.Engine;

/// <summary>How much a topic's queue of kept messages holds: the newest messages, at most so many and so many bytes.</summary>
internal sealed record KeepLimit(int Messages, long Bytes);

/// <summary>A kept message as it was found. A reference on <see cref="Message"/> is the finder's.</summary>
internal readonly record struct KeptMessage(QueueHost Host, long Token, ulong MessageId, MessageLocation Location, StoredMessage? Message);

// The queue of a topic's last messages: nobody consumes it, the oldest go when there are too many.
internal sealed partial class QueueHost
{
    /// <summary>What it keeps; null for every other queue.</summary>
    public KeepLimit? Keep { get; init; }

    /// <summary>Drops what is too much, after recovery.</summary>
    public void DropOldest() => Run(this, static (core, host, effects) =>
    {
        DropOldest(core, host.Keep!, effects);
        return 0;
    });

    /// <summary>
    /// What it holds and is not expired, by priority level. With <paramref name="hold"/> each stored place counts as live once more,
    /// at the same moment, so that its segment cannot go before another queue refers to it.
    /// </summary>
    public void ListKept(bool hold, List<KeptMessage> into) => Run((this, into, hold, context.Now), static (core, state, _) =>
    {
        var (host, list, hold, now) = state;
        for (var token = 0L; core.Index.TryFindLive(ref token); token++)
        {
            host.Note(ref core.Index.Find(token), token, hold, now, list);
        }

        return 0;
    });

    /// <summary>Entries with these ids are in the journal from now on, at these places; those that are found are taken out of the table.</summary>
    public void MarkStored(Dictionary<ulong, MessageLocation> places, List<MessageLocation> outdated) => Run((places, outdated), static (core, state, _) =>
    {
        for (var token = 0L; core.Index.TryFindLive(ref token); token++)
        {
            ref var entry = ref core.Index.Find(token);
            if (!entry.IsPersistent && state.places.Remove(entry.MessageId, out var place))
            {
                state.outdated.Add(entry.Location);
                entry.Address = place.Address;
                entry.OperationOffset = place.Offset;
                entry.Flags |= EntryFlags.Persistent;
                core.Index.NoteMoved(token, place.Address.Segment);
            }
        }

        return 0;
    });

    /// <summary>These are in the journal and left the queue before they were: the journal is told.</summary>
    public void RemoveStored(Dictionary<ulong, MessageLocation> places)
    {
        var effects = QueueEffects.Rent();
        foreach (var (messageId, place) in places)
        {
            effects.Removed.Add(new RemovedMessage(messageId, place, Persistent: true, Token: -1));
        }

        Apply(effects, ticket: null);
    }

    private static void DropOldest(QueueCore core, KeepLimit keep, QueueEffects effects)
    {
        while ((core.Index.Count > keep.Messages || core.Index.Bytes > keep.Bytes) && core.Index.TryFindOldest(TryFindFirst, out var oldest))
        {
            core.Remove(oldest, ref core.Index.Find(oldest), effects);
        }
    }

    /// <summary>The first entry of a level that is not on the move.</summary>
    private static bool TryFindFirst(EntryLog log, out long sequence)
    {
        for (sequence = log.Head; log.TryFindLive(ref sequence); sequence++)
        {
            if (log.Find(sequence).State != EntryState.Moving)
            {
                return true;
            }
        }

        return false;
    }

    private void Note(ref QueueEntry entry, long token, bool hold, long now, List<KeptMessage> into)
    {
        if (entry.State is not (EntryState.Available or EntryState.Reserved) || entry.IsExpiredAt(now))
        {
            return;
        }

        entry.Message?.AddReference();
        if (hold && entry.Location.IsStored)
        {
            context.Ledger.AddLive(entry.Location);
        }

        into.Add(new KeptMessage(this, token, entry.MessageId, entry.Location, entry.Message));
    }
}
