using System.Runtime.InteropServices;
using Mamba.Broker.Journal;

namespace Mamba.Broker.Engine;

/// <summary>
/// What the journal says about one queue: messages, removals and counts, each in journal order, which is nearly the order of
/// message ids. Matching sorts what is not in order and then walks the three lists side by side; no hash table. Messages lie in
/// chunks as they will on the queue: while the walk fills the queue's chunks it frees its own, so both together take no more.
/// </summary>
internal sealed class RecoveredQueue(uint id)
{
    private readonly List<EntryChunk?> _chunks = [];
    private readonly List<RecoveredMark> _removed = [];
    private readonly List<RecoveredMark> _counted = [];

    /// <summary>Delivery times of the few messages that have one, by message id and version.</summary>
    private readonly Dictionary<(ulong MessageId, byte Version), long> _deliverAt = [];

    /// <summary>Groups of the messages that have one, by message id.</summary>
    private readonly Dictionary<ulong, uint> _groups = [];

    /// <summary>The last word about each message that was parked, by message id.</summary>
    private readonly Dictionary<ulong, Waiting> _parked = [];

    private int _count;
    private int _freed;
    private ulong _lastEntry;
    private bool _entriesSorted = true;

    public uint Id => id;

    public void Add(in EnqueueOperation operation, RecordAddress address, int offset)
    {
        if ((_count & EntryChunk.Mask) == 0)
        {
            _chunks.Add(EntryChunkPool.Take());
        }

        _entriesSorted &= operation.MessageId > _lastEntry;
        _lastEntry = operation.MessageId;
        At(_count++) = new QueueEntry
        {
            MessageId = operation.MessageId,
            Address = address,
            OperationOffset = offset,
            BodyLength = operation.BodyLength,
            ExpiresAt = operation.ExpiresAt,
            DeliveryCount = operation.DeliveryCount,
            AcquireCount = Pack(operation.Version, operation.Priority),
            Flags = EntryFlags.Persistent | EntryFlags.Delivered
                | ((operation.Flags & EnqueueFlags.Durable) != EnqueueFlags.None ? EntryFlags.Durable : EntryFlags.None)
                | ((operation.Flags & EnqueueFlags.DeadLettered) != EnqueueFlags.None ? EntryFlags.DeadLettered : EntryFlags.None)
                | ((operation.Flags & EnqueueFlags.ClosesGroup) != EnqueueFlags.None ? EntryFlags.ClosesGroup : EntryFlags.None)
                | ((operation.Flags & EnqueueFlags.OwnRetry) != EnqueueFlags.None ? EntryFlags.OwnRetry : EntryFlags.None),
        };
        if (operation.GroupKey != 0)
        {
            _groups[operation.MessageId] = operation.GroupKey;
        }

        if (operation.DeliverAt != 0)
        {
            _deliverAt[(operation.MessageId, operation.Version)] = operation.DeliverAt;
        }
    }

    public void Remove(ulong messageId, int segment) => _removed.Add(new RecoveredMark(messageId, segment, 0));

    public void Count(ulong messageId, int segment, ushort deliveryCount) => _counted.Add(new RecoveredMark(messageId, segment, deliveryCount));

    /// <summary>A count with a due time; called in journal order.</summary>
    public void Park(ulong messageId, int segment, Waiting waiting)
    {
        Count(messageId, segment, waiting.DeliveryCount);
        if (!_parked.TryGetValue(messageId, out var known) || known.DeliveryCount <= waiting.DeliveryCount)
        {
            _parked[messageId] = waiting;
        }
    }

    /// <summary>Matches the lists and puts what is left on the queue, in the order of message ids.</summary>
    public long Restore(QueueHost host, SegmentLedger ledger, RecoveredHolds holds, long now)
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
        for (var i = 0; i < _count;)
        {
            var end = i + 1;
            while (end < _count && At(end).MessageId == At(i).MessageId)
            {
                end++;
            }

            restored += RestoreOne(host, ledger, holds, now, i, end, ref removed, ref counted);
            i = end;
            Free(i >> EntryChunk.SizeLog2);
        }

        Discard();
        return restored;
    }

    /// <summary>Gives back what it holds.</summary>
    public void Discard() => Free(_chunks.Count);

    /// <summary>One message, of which the journal may hold several copies: the highest version counts, then the latest.</summary>
    private int RestoreOne(
        QueueHost host, SegmentLedger ledger, RecoveredHolds holds, long now, int first, int end, ref Span<RecoveredMark> removed, ref Span<RecoveredMark> counted)
    {
        var winner = first;
        for (var i = first + 1; i < end; i++)
        {
            winner = VersionOf(At(i)) >= VersionOf(At(winner)) ? i : winner;
        }

        ref var chosen = ref At(winner);
        var messageId = chosen.MessageId;
        Skip(ref removed, messageId);
        Skip(ref counted, messageId);
        if (!removed.IsEmpty && removed[0].MessageId == messageId)
        {
            for (; !removed.IsEmpty && removed[0].MessageId == messageId; removed = removed[1..])
            {
                for (var i = first; i < end; i++)
                {
                    ledger.DependOn(removed[0].Segment, At(i).Address.Segment);
                }
            }

            return 0;
        }

        for (; !counted.IsEmpty && counted[0].MessageId == messageId; counted = counted[1..])
        {
            chosen.DeliveryCount = Math.Max(chosen.DeliveryCount, counted[0].DeliveryCount);
            ledger.DependOn(counted[0].Segment, chosen.Address.Segment);
        }

        for (var i = first; i < end; i++)
        {
            ledger.DependOn(chosen.Address.Segment, At(i).Address.Segment);
        }

        ledger.AddLive(chosen.Location);
        var deliverAt = _deliverAt.Count == 0 ? 0 : _deliverAt.GetValueOrDefault((messageId, VersionOf(chosen)));
        var parked = _parked.Count > 0 && _parked.TryGetValue(messageId, out var waiting) && waiting.DeliveryCount >= chosen.DeliveryCount ? waiting.DueAt : 0;
        var priority = PriorityOf(chosen);
        chosen.AcquireCount = 0;
        var token = host.Restore(priority, chosen, Math.Max(deliverAt, parked), parked > deliverAt, now, _groups.Count == 0 ? 0 : _groups.GetValueOrDefault(messageId));
        holds.Restored(host, token, messageId, chosen.Location, ledger);
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

    private ref QueueEntry At(int index) => ref _chunks[index >> EntryChunk.SizeLog2]!.Entries[index & EntryChunk.Mask];

    /// <summary>Nothing was acquired yet: the field holds what is needed until the message is on its queue.</summary>
    private static ushort Pack(byte version, byte priority) => (ushort)((version << 8) | priority);

    private static byte VersionOf(in QueueEntry entry) => (byte)(entry.AcquireCount >> 8);

    private static byte PriorityOf(in QueueEntry entry) => (byte)entry.AcquireCount;

    /// <summary>Gives the chunks up to <paramref name="to"/> back: the queue takes them for what comes next.</summary>
    private void Free(int to)
    {
        for (; _freed < to; _freed++)
        {
            EntryChunkPool.Give(_chunks[_freed]!);
            _chunks[_freed] = null;
        }
    }

    /// <summary>Sorts by message id; copies of one message stay in journal order.</summary>
    private void SortEntries()
    {
        var ids = new ulong[_count];
        var order = new int[_count];
        for (var i = 0; i < _count; i++)
        {
            ids[i] = At(i).MessageId;
            order[i] = i;
        }

        Array.Sort(ids, order);
        for (var i = 0; i < _count;)
        {
            var end = i + 1;
            while (end < _count && ids[end] == ids[i])
            {
                end++;
            }

            Array.Sort(order, i, end - i);
            i = end;
        }

        Rearrange(order);
    }

    /// <summary>Puts the entry at <c>order[i]</c> to i, for all i, along the cycles of the permutation; uses the order up.</summary>
    private void Rearrange(int[] order)
    {
        for (var start = 0; start < order.Length; start++)
        {
            if (order[start] == start)
            {
                continue;
            }

            var first = At(start);
            var to = start;
            while (order[to] != start)
            {
                var from = order[to];
                At(to) = At(from);
                order[to] = to;
                to = from;
            }

            At(to) = first;
            order[to] = to;
        }
    }

    private readonly record struct RecoveredMark(ulong MessageId, int Segment, ushort DeliveryCount);
}
