using System.Runtime.CompilerServices;

namespace Mamba.Broker.Engine;

/// <summary>The walks over a queue's entries that are not on the way of a message. Called with the queue's lock held.</summary>
internal static class QueueScan
{
    public static void Describe(long token, in QueueEntry entry, out AcquiredMessage acquired)
    {
        entry.Message?.AddReference();
        acquired = new AcquiredMessage
        {
            Token = token,
            Message = entry.Message,
            DeliveryCount = entry.DeliveryCount,
            FirstAcquirer = (entry.Flags & EntryFlags.Delivered) == EntryFlags.None,
            ExpiresAt = entry.ExpiresAt,
            Priority = (byte)QueueIndex.LevelOf(token),
            Durable = (entry.Flags & EntryFlags.Durable) != EntryFlags.None,
            Length = entry.BodyLength,
            MessageId = entry.MessageId,
            Location = entry.Location,
        };
    }

    /// <summary>
    /// Collects available messages that the consumer has not looked at, highest level first: those that came back behind its position,
    /// then from there on, moving the position behind them.
    /// </summary>
    /// <returns>True when everything was looked at.</returns>
    public static bool CollectCandidates(QueueCore core, QueueConsumer consumer, Span<AcquiredMessage> into, long now, QueueEffects effects, out int count)
    {
        count = 0;
        var cursor = consumer.Cursor;
        for (var level = QueueIndex.Levels - 1; level >= 0; level--)
        {
            while (count < into.Length && cursor.TryTakeReturned(level, out var returned))
            {
                ref var entry = ref core.Index.Find(returned);
                if (!Unsafe.IsNullRef(ref entry) && entry.State == EntryState.Available)
                {
                    Consider(core, consumer, returned, ref entry, into, ref count, now, effects);
                }
            }

            if (core.Index.Level(level) is not { } log)
            {
                continue;
            }

            // A browser also sees what waits for one consumer only.
            var all = consumer.IsBrowser && core.Groups is not null;
            var sequence = Math.Max(cursor.PositionOf(level), all ? log.Head : log.Cursor);
            while (all ? log.TryFindWaiting(ref sequence) : log.TryFindAvailable(ref sequence))
            {
                if (count == into.Length)
                {
                    cursor.MoveTo(level, sequence);
                    return false;
                }

                Consider(core, consumer, QueueIndex.TokenOf(level, sequence), ref log.Find(sequence), into, ref count, now, effects);
                sequence++;
            }

            cursor.MoveTo(level, sequence);
        }

        return !cursor.HasReturned;
    }

    private static void Consider(
        QueueCore core, QueueConsumer consumer, long token, ref QueueEntry entry, Span<AcquiredMessage> into, ref int count, long now, QueueEffects effects)
    {
        if (core.Policy.IsExpired(entry, now))
        {
            core.Expire(token, ref entry, effects);
        }
        else if (!core.IsExcluded(token, entry, consumer))
        {
            Describe(token, entry, out into[count++]);
        }
    }

    /// <summary>Hands expired messages over to be moved until <paramref name="left"/> runs out; returns the earliest expiry that remains.</summary>
    public static long Expire(QueueCore core, long now, ref int left, QueueEffects effects)
    {
        var earliest = long.MaxValue;
        for (var level = 0; level < QueueIndex.Levels; level++)
        {
            var log = core.Index.Level(level);
            var sequence = log?.Head ?? 0;
            while (log?.NextLiveChunk(ref sequence) is { } chunk)
            {
                if (chunk.EarliestExpiry <= now && left > 0)
                {
                    ExpireChunk(core, level, log, sequence, chunk, now, ref left, effects);
                }

                earliest = Math.Min(earliest, chunk.EarliestExpiry);
                sequence = EntryLog.NextChunk(sequence);
            }
        }

        return earliest;
    }

    /// <summary>Removes available and scheduled messages.</summary>
    public static int Purge(QueueCore core, int max, QueueEffects effects)
    {
        var purged = 0;
        for (var level = 0; level < QueueIndex.Levels; level++)
        {
            var log = core.Index.Level(level);
            var sequence = log?.Head ?? 0;
            while (purged < max && log?.NextLiveChunk(ref sequence) is { } chunk)
            {
                var end = Math.Min(EntryLog.NextChunk(sequence), log.Tail);
                var live = chunk.Live;
                for (; live > 0 && sequence < end && purged < max; sequence++)
                {
                    ref var entry = ref chunk.Entries[sequence & EntryChunk.Mask];
                    if (entry.State is EntryState.Available or EntryState.Scheduled or EntryState.Reserved)
                    {
                        // The last removal may free the chunk: it must not be looked at after that.
                        live--;
                        core.Remove(QueueIndex.TokenOf(level, sequence), ref entry, effects);
                        purged++;
                    }
                }

                sequence = live == 0 ? end : sequence;
            }
        }

        return purged;
    }

    /// <summary>Lists every message as removed and releases its body, before the index is cleared as a whole.</summary>
    public static void RemoveAll(QueueCore core, QueueEffects effects)
    {
        for (var token = 0L; core.Index.TryFindLive(ref token); token++)
        {
            ref var entry = ref core.Index.Find(token);
            effects.Removed.Add(new RemovedMessage(entry.MessageId, entry.Location, entry.IsPersistent, 0));
            effects.FreedMessages++;
            effects.FreedBytes += entry.BodyLength;
            if (entry.Message is { } message)
            {
                effects.Releases.Add(message);
                entry.Message = null;
            }
        }
    }

    /// <summary>Collects entries that lie in a segment, going on from a position; false at the end of the queue.</summary>
    public static bool CollectInSegment(QueueCore core, int segment, ref long position, int max, List<SegmentEntry> into)
    {
        for (var level = QueueIndex.LevelOf(position); level < QueueIndex.Levels; level++)
        {
            var log = core.Index.Level(level);
            var sequence = QueueIndex.SequenceOf(position);
            while (log?.NextLiveChunk(ref sequence) is { } chunk)
            {
                var end = Math.Min(EntryLog.NextChunk(sequence), log.Tail);
                for (; chunk.MinSegment <= segment && segment <= chunk.MaxSegment && sequence < end; sequence++)
                {
                    ref var entry = ref chunk.Entries[sequence & EntryChunk.Mask];
                    if (entry.Address.Segment == segment && entry.IsLive && entry.State != EntryState.Moving)
                    {
                        var token = QueueIndex.TokenOf(level, sequence);
                        var waiting = new Waiting(entry.DeliveryCount, core.ParkedUntil(token));
                        into.Add(new SegmentEntry(token, entry.MessageId, entry.Location, waiting, entry.IsPersistent));
                    }
                }

                sequence = end;
                if (into.Count >= max)
                {
                    position = QueueIndex.TokenOf(level, sequence);
                    return true;
                }
            }

            position = QueueIndex.TokenOf(Math.Min(level + 1, QueueIndex.Levels - 1), 0);
        }

        return false;
    }

    private static void ExpireChunk(
        QueueCore core, int level, EntryLog log, long sequence, EntryChunk chunk, long now, ref int left, QueueEffects effects)
    {
        var earliest = long.MaxValue;
        var end = Math.Min(EntryLog.NextChunk(sequence), log.Tail);
        for (; sequence < end; sequence++)
        {
            ref var entry = ref chunk.Entries[sequence & EntryChunk.Mask];
            if (!entry.IsLive || !core.Policy.Expires(entry))
            {
                continue;
            }

            if (entry.ExpiresAt > now)
            {
                earliest = Math.Min(earliest, entry.ExpiresAt);
            }
            else if (entry.State is EntryState.Available or EntryState.Scheduled or EntryState.Reserved)
            {
                if (left > 0)
                {
                    core.Expire(QueueIndex.TokenOf(level, sequence), ref entry, effects);
                    left--;
                }
                else
                {
                    earliest = Math.Min(earliest, entry.ExpiresAt);
                }
            }
        }

        chunk.EarliestExpiry = earliest;
    }
}

/// <summary>What failed deliveries left behind: how many there were, and until when the message is away (unix milliseconds, 0 = it is not).</summary>
internal readonly record struct Waiting(ushort DeliveryCount, long DueAt);

/// <summary>An entry that lies in a segment about to be rewritten.</summary>
/// <param name="Covers">Segment of an outdated copy that the next copy has to outlive too, or 0.</param>
internal readonly record struct SegmentEntry(
    long Token, ulong MessageId, MessageLocation Location, Waiting Waiting, bool Persistent, int Covers = 0);
