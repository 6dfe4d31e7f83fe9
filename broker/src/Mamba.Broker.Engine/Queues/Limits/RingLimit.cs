namespace Mamba.Broker.Engine;

/// <summary>
/// Keeps the newest messages of a queue and drops the oldest beyond its limits (<see cref="OverflowPolicy.DropHead"/>), whatever
/// their priority. What consumers hold, and what is not due yet, does not count, and is dropped only once it is in line again.
/// Guarded by the queue's lock.
/// </summary>
internal sealed class RingLimit(QueueCore core, NodeOptions options)
{
    private FirstOfLevel? _first;
    private long _messages;
    private long _bytes;

    /// <summary>Messages dropped since the process started.</summary>
    public long Dropped { get; private set; }

    private bool IsExceeded =>
        (options.MaxMessages > 0 && _messages > options.MaxMessages) || (options.MaxBytes > 0 && _bytes > options.MaxBytes);

    /// <summary>The limit of a queue, or null when it has none of this kind.</summary>
    public static RingLimit? For(QueueCore core, NodeOptions options) =>
        options is { Overflow: OverflowPolicy.DropHead } && (options.MaxMessages > 0 || options.MaxBytes > 0) ? new RingLimit(core, options) : null;

    /// <summary>An entry is about to change its state, or came in one.</summary>
    public void OnChange(in QueueEntry entry, EntryState from, EntryState to)
    {
        var by = (Counts(to) ? 1 : 0) - (Counts(from) ? 1 : 0);
        _messages += by;
        _bytes += by * (long)entry.BodyLength;
    }

    /// <summary>The queue was there before its limit.</summary>
    public void CountAll(QueueIndex index)
    {
        for (var token = 0L; index.TryFindLive(ref token); token++)
        {
            ref var entry = ref index.Find(token);
            OnChange(entry, EntryState.None, entry.State);
        }
    }

    /// <summary>Drops what is too much.</summary>
    public void Trim(QueueEffects effects)
    {
        while (IsExceeded && core.Index.TryFindOldest(_first ??= TryFindFirst, out var token))
        {
            ref var entry = ref core.Index.Find(token);
            Dropped++;
            if (options.DeadLetterDropped && core.Policy.CanDeadLetter(entry))
            {
                core.StartMove(token, ref entry, DeadLetterReason.MaxLength, effects);
            }
            else
            {
                core.Remove(token, ref entry, effects);
            }
        }
    }

    private static bool Counts(EntryState state) => state is EntryState.Available or EntryState.Reserved;

    private bool TryFindFirst(EntryLog log, out long sequence)
    {
        if (core.Groups is not null)
        {
            sequence = log.Head;
            return log.TryFindWaiting(ref sequence);
        }

        sequence = log.Cursor;
        var found = log.TryFindAvailable(ref sequence);
        log.AdvanceCursor(sequence);
        return found;
    }
}
