namespace Mamba.Broker.Engine;

// Compaction's view of a queue: what it has in a segment, and where that lies from now on.
internal sealed partial class QueueHost
{
    /// <summary>Collects messages that lie in a segment and are not on the move, going on from a position; false at the end.</summary>
    public bool CollectInSegment(int segment, ref long position, int max, List<SegmentEntry> into)
    {
        lock (_gate)
        {
            return QueueScan.CollectInSegment(_core, segment, ref position, max, into);
        }
    }

    /// <summary>Points a message to its copy in the journal.</summary>
    public RelocateResult Relocate(in SegmentEntry entry, MessageLocation to, out Waiting waiting)
    {
        lock (_gate)
        {
            return _core.Relocate(entry.Token, entry.MessageId, entry.Location, to, out waiting);
        }
    }

    /// <summary>A message that was rewritten while it was copied, as it is now; false when it is gone.</summary>
    public bool TryDescribe(in SegmentEntry entry, MessageLocation outdated, out SegmentEntry current)
    {
        current = entry;
        if (!Locate(entry.Token, entry.MessageId, out var now, out var message))
        {
            return false;
        }

        message?.Release();
        current = entry with { Location = now, Covers = outdated.Address.Segment };
        return true;
    }
}
