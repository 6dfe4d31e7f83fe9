using System.Runtime.InteropServices;
using Mamba.Broker.Journal;

namespace Mamba.Broker.Engine;

/// <summary>
/// What the journal says about one queue: messages, removals and counts, each in journal order, which is nearly the order of
/// message ids. Matching sorts what is not in order and then walks the three lists side by side; no hash table.
/// </summary>
internal sealed class RecoveredQueue(uint id)
{
    private const int BlockSize = 1024;

    private readonly List<RecoveredEntry[]> _blocks = [];
    private readonly List<RecoveredMark> _removed = [];
    private readonly List<RecoveredMark> _counted = [];
    private int _used = BlockSize;
    private ulong _lastEntry;
    private bool _entriesSorted = true;

    public uint Id => id;

    public void Add(in EnqueueOperation operation, RecordAddress address, int offset)
    {
        if (_used == BlockSize)
        {
            _blocks.Add(new RecoveredEntry[BlockSize]);
            _used = 0;
        }

        _entriesSorted &= operation.MessageId > _lastEntry;
        _lastEntry = operation.MessageId;
        ref var slot = ref _blocks[^1][_used++];
        slot.DeliverAt = operation.DeliverAt;
        slot.Priority = operation.Priority;
        slot.Version = operation.Version;
        slot.Entry = new QueueEntry
        {
            MessageId = operation.MessageId,
            Address = address,
            OperationOffset = offset,
            BodyLength = operation.BodyLength,
            ExpiresAt = operation.ExpiresAt,
            DeliveryCount = operation.DeliveryCount,
            Flags = EntryFlags.Persistent | EntryFlags.Delivered
                | ((operation.Flags & EnqueueFlags.Durable) != EnqueueFlags.None ? EntryFlags.Durable : EntryFlags.None)
                | ((operation.Flags & EnqueueFlags.DeadLettered) != EnqueueFlags.None ? EntryFlags.DeadLettered : EntryFlags.None),
        };
    }

    public void Remove(ulong messageId, int segment) => _removed.Add(new RecoveredMark(messageId, segment, 0));

    public void Count(ulong messageId, int segment, ushort deliveryCount) => _counted.Add(new RecoveredMark(messageId, segment, deliveryCount));

    /// <summary>Matches the lists and puts what is left on the queue, in the order of message ids.</summary>
    public long Restore(QueueHost host, SegmentLedger ledger, long now)
    {
        if (!_entriesSorted)
        {
            SortEntries();
        }

        Sort(_removed);
        Sort(_counted);
        var restored = 0L;
        var removed = CollectionsMarshal.AsSpan(_removed);
        var counted = CollectionsMarshal.AsSpan(_counted);
        var total = _blocks.Count == 0 ? 0 : ((_blocks.Count - 1) * BlockSize) + _used;
        for (var i = 0; i < total;)
        {
            var end = i + 1;
            while (end < total && At(end).Entry.MessageId == At(i).Entry.MessageId)
            {
                end++;
            }

            restored += RestoreOne(host, ledger, now, i, end, ref removed, ref counted);
            i = end;
            if (i % BlockSize == 0)
            {
                // Not needed any more: the index grows as this shrinks.
                _blocks[(i / BlockSize) - 1] = [];
            }
        }

        return restored;
    }

    /// <summary>One message, of which the journal may hold several copies: the highest version counts, then the latest.</summary>
    private int RestoreOne(
        QueueHost host, SegmentLedger ledger, long now, int first, int end, ref Span<RecoveredMark> removed, ref Span<RecoveredMark> counted)
    {
        var winner = first;
        for (var i = first + 1; i < end; i++)
        {
            winner = At(i).Version >= At(winner).Version ? i : winner;
        }

        ref var chosen = ref At(winner);
        var messageId = chosen.Entry.MessageId;
        Skip(ref removed, messageId);
        Skip(ref counted, messageId);
        if (!removed.IsEmpty && removed[0].MessageId == messageId)
        {
            for (; !removed.IsEmpty && removed[0].MessageId == messageId; removed = removed[1..])
            {
                for (var i = first; i < end; i++)
                {
                    ledger.DependOn(removed[0].Segment, At(i).Entry.Address.Segment);
                }
            }

            return 0;
        }

        for (; !counted.IsEmpty && counted[0].MessageId == messageId; counted = counted[1..])
        {
            chosen.Entry.DeliveryCount = Math.Max(chosen.Entry.DeliveryCount, counted[0].DeliveryCount);
            ledger.DependOn(counted[0].Segment, chosen.Entry.Address.Segment);
        }

        for (var i = first; i < end; i++)
        {
            ledger.DependOn(chosen.Entry.Address.Segment, At(i).Entry.Address.Segment);
        }

        ledger.AddLive(chosen.Entry.Location);
        host.Restore(chosen.Priority, chosen.Entry, chosen.DeliverAt, now);
        return 1;
    }

    private static void Skip(ref Span<RecoveredMark> marks, ulong before)
    {
        while (!marks.IsEmpty && marks[0].MessageId < before)
        {
            marks = marks[1..];
        }
    }

    private static void Sort(List<RecoveredMark> marks)
    {
        for (var i = 1; i < marks.Count; i++)
        {
            if (marks[i].MessageId < marks[i - 1].MessageId)
            {
                marks.Sort(static (left, right) => left.MessageId.CompareTo(right.MessageId));
                return;
            }
        }
    }

    private ref RecoveredEntry At(int index) => ref _blocks[index / BlockSize][index % BlockSize];

    private void SortEntries()
    {
        var total = ((_blocks.Count - 1) * BlockSize) + _used;
        var all = new RecoveredEntry[total];
        for (var i = 0; i < total; i++)
        {
            all[i] = At(i);
        }

        Array.Sort(all, static (left, right) => left.Entry.MessageId != right.Entry.MessageId
            ? left.Entry.MessageId.CompareTo(right.Entry.MessageId)
            : left.Entry.Address.CompareTo(right.Entry.Address));
        for (var i = 0; i < total; i++)
        {
            At(i) = all[i];
        }
    }

    private struct RecoveredEntry
    {
        public QueueEntry Entry;
        public long DeliverAt;
        public byte Priority;
        public byte Version;
    }

    private readonly record struct RecoveredMark(ulong MessageId, int Segment, ushort DeliveryCount);
}
