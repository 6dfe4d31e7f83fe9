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
        for (var token = 0L; core.Index.TryFindLive(ref token); token++)
        {
            ref var entry = ref core.Index.Find(token);
            QueueScan.Describe(token, entry, out var message);
            list.Add(new EnvelopeEntry(message, entry.State is EntryState.Scheduled or EntryState.Available));
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
