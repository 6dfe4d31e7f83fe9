namespace Mamba.Broker.Engine;

/// <summary>What the journal says about messages held by durable termini. Single-threaded; for the time of recovery.</summary>
internal sealed class RecoveredHolds(Dictionary<uint, TerminusDefinition> termini)
{
    private readonly Dictionary<(uint Queue, ulong MessageId), Hold> _holds = [];
    private readonly Dictionary<uint, HeldMessages> _keepers = [];

    /// <summary>Notes one mark: the highest acquire count holds, among equals the one that ends it.</summary>
    public void Note(uint queue, ulong messageId, uint terminus, ushort acquireCount, int segment)
    {
        if (!_holds.TryGetValue((queue, messageId), out var hold))
        {
            _holds[(queue, messageId)] = hold = new Hold();
        }

        hold.Segments.Add(segment);
        if (acquireCount > hold.AcquireCount || (acquireCount == hold.AcquireCount && (terminus == 0 || !hold.IsSet)))
        {
            hold.IsSet = true;
            hold.AcquireCount = acquireCount;
            hold.Terminus = terminus;
        }
    }

    /// <summary>A message was restored: puts it aside if a terminus holds it, and keeps the segments that say something about it.</summary>
    public void Restored(QueueHost host, long token, ulong messageId, MessageLocation location, SegmentLedger ledger)
    {
        if (_holds.Count == 0 || !_holds.Remove((host.Id, messageId), out var hold))
        {
            return;
        }

        foreach (var segment in hold.Segments)
        {
            ledger.DependOn(segment, location.Address.Segment);
        }

        if (hold.Terminus == 0 || !termini.TryGetValue(hold.Terminus, out var terminus) || terminus.QueueId != host.Id)
        {
            return;
        }

        if (!_keepers.TryGetValue(terminus.Id, out var keeper))
        {
            _keepers[terminus.Id] = keeper = host.RestoreKeeper(terminus.Id);
        }

        host.RestoreHeld(token, keeper, hold.AcquireCount);
    }

    /// <summary>What was put aside for a terminus, or null.</summary>
    public HeldMessages? KeeperOf(uint terminus) => _keepers.GetValueOrDefault(terminus);

    private sealed class Hold
    {
        public HashSet<int> Segments { get; } = [];

        public bool IsSet { get; set; }

        public ushort AcquireCount { get; set; }

        public uint Terminus { get; set; }
    }
}
