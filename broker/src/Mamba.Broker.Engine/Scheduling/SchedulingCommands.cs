using System.Runtime.CompilerServices;

namespace Mamba.Broker.Engine;

/// <summary>An envelope on a queue of schedules. The message in it carries a reference.</summary>
/// <param name="Message">The envelope.</param>
/// <param name="Waits">False while it is being fired.</param>
internal readonly record struct EnvelopeEntry(AcquiredMessage Message, bool Waits);

/// <summary>The commands of schedules on a queue's state machine. Called with the queue's lock held.</summary>
internal static class SchedulingCommands
{
    /// <summary>All messages of a queue, due or not, held or not.</summary>
    public static List<EnvelopeEntry> Envelopes(QueueCore core)
    {
        var list = new List<EnvelopeEntry>();
        for (var level = 0; level < QueueIndex.Levels; level++)
        {
            var log = core.Index.Level(level);
            var sequence = log?.Head ?? 0;
            while (log?.NextLiveChunk(ref sequence) is { } chunk)
            {
                for (var end = Math.Min(EntryLog.NextChunk(sequence), log.Tail); sequence < end; sequence++)
                {
                    ref var entry = ref chunk.Entries[sequence & EntryChunk.Mask];
                    if (entry.State is not (EntryState.None or EntryState.Removed))
                    {
                        QueueScan.Describe(QueueIndex.TokenOf(level, sequence), entry, out var message);
                        list.Add(new EnvelopeEntry(message, entry.State is EntryState.Scheduled or EntryState.Available));
                    }
                }
            }
        }

        return list;
    }

    /// <summary>A consumer gives back what it holds, and it falls due again at <paramref name="at"/>.</summary>
    public static bool ParkAcquired(this QueueCore core, QueueConsumer consumer, long token, long at)
    {
        ref var entry = ref core.Index.Find(token);
        if (Unsafe.IsNullRef(ref entry) || entry.State != EntryState.Acquired || entry.Owner != consumer.Slot || !consumer.IsAttached)
        {
            return false;
        }

        consumer.Held--;
        core.Park(token, ref entry, at);
        return true;
    }
}
