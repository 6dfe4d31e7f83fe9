using System.Buffers.Binary;
using Mamba.Broker.Journal;

namespace Mamba.Broker.Engine;

/// <summary>
/// Takes in the journal's records at start: definitions, and per queue the messages, removals and counts, to be matched by
/// message id afterwards. Single-threaded.
/// </summary>
internal sealed class Recovery(EngineOptions options) : IJournalReplay
{
    private readonly Dictionary<uint, RecoveredQueue> _queues = [];
    private RecoveredQueue? _last;

    public Dictionary<uint, NodeDefinition> Nodes { get; } = [];

    public Dictionary<uint, SubscriptionDefinition> Subscriptions { get; } = [];

    public Dictionary<string, DivertOptions> Diverts { get; } = new(StringComparer.Ordinal);

    public RecoveredExchanges Exchanges { get; } = new();

    public RecoveredIds Ids { get; } = new(options.LargestDuplicateWindow);

    public Dictionary<uint, TerminusDefinition> Termini { get; } = [];

    /// <summary>Messages that durable termini hold.</summary>
    public RecoveredHolds Holds => field ??= new RecoveredHolds(Termini);

    public ulong LastMessageId { get; private set; }

    public uint LastQueueId { get; private set; }

    public void OnRecord(RecordAddress address, ReadOnlySpan<byte> payload)
    {
        var rest = payload;
        while (!rest.IsEmpty)
        {
            var offset = payload.Length - rest.Length;
            switch ((OperationKind)rest[0])
            {
                case OperationKind.Enqueue:
                    OnEnqueue(address, offset, ref rest);
                    break;
                case OperationKind.Remove:
                    OnList(OperationKind.Remove, ListOperation.RemoveItemSize, address, ref rest);
                    break;
                case OperationKind.Count:
                    OnList(OperationKind.Count, ListOperation.CountItemSize, address, ref rest);
                    break;
                case OperationKind.Park:
                    OnList(OperationKind.Park, ParkOperation.ItemSize, address, ref rest);
                    break;
                case OperationKind.Divert:
                    DivertOperation.Read(ref rest, Diverts);
                    break;
                case OperationKind.Exchange:
                    ExchangeOperation.ReadExchange(ref rest, Exchanges);
                    break;
                case OperationKind.Binding:
                    ExchangeOperation.ReadBinding(ref rest, Exchanges);
                    break;
                case OperationKind.DuplicateIds:
                    DuplicateOperation.Read(ref rest, address.Segment, Ids);
                    break;
                case OperationKind.Hold:
                    OnList(OperationKind.Hold, HoldOperation.ItemSize, address, ref rest);
                    break;
                case OperationKind.Turn:
                    rest = rest[ListOperation.TurnSize..];
                    break;
                default:
                    OnDefinition(address, ref rest);
                    break;
            }
        }
    }

    /// <summary>Puts the messages on a queue; the number of them.</summary>
    public long Restore(QueueHost host, SegmentLedger ledger, long now)
    {
        if (!_queues.Remove(host.Id, out var queue))
        {
            return 0;
        }

        _last = null;
        return queue.Restore(host, ledger, Holds, now);
    }

    /// <summary>Whether the journal holds anything of a queue.</summary>
    public bool Mentions(uint id) => _queues.ContainsKey(id);

    /// <summary>Lets go of the messages of queues that were deleted.</summary>
    public void Discard()
    {
        foreach (var queue in _queues.Values)
        {
            queue.Discard();
        }

        _queues.Clear();
        _last = null;
    }

    private void OnEnqueue(RecordAddress address, int offset, ref ReadOnlySpan<byte> rest)
    {
        var operation = EnqueueOperation.ReadHeader(rest);
        var ids = rest.Slice(EnqueueOperation.HeaderSize + operation.BodyLength, operation.QueueCount * EnqueueOperation.QueueIdSize);
        LastMessageId = Math.Max(LastMessageId, operation.MessageId);
        rest = rest[operation.Length..];
        for (; !ids.IsEmpty; ids = ids[EnqueueOperation.QueueIdSize..])
        {
            QueueOf(BinaryPrimitives.ReadUInt32LittleEndian(ids)).Add(operation, address, offset);
        }
    }

    /// <summary>A list of what became of messages on their queues; all begin their items with message id and queue id.</summary>
    private void OnList(OperationKind kind, int itemSize, RecordAddress address, ref ReadOnlySpan<byte> rest)
    {
        var count = BinaryPrimitives.ReadInt32LittleEndian(rest[4..]);
        rest = rest[ListOperation.HeaderSize..];
        for (; count > 0; count--)
        {
            OnItem(kind, rest[..itemSize], address.Segment);
            rest = rest[itemSize..];
        }
    }

    private void OnItem(OperationKind kind, ReadOnlySpan<byte> item, int segment)
    {
        var messageId = BinaryPrimitives.ReadUInt64LittleEndian(item);
        var queue = BinaryPrimitives.ReadUInt32LittleEndian(item[8..]);
        switch (kind)
        {
            case OperationKind.Hold:
                Holds.Note(queue, messageId, BinaryPrimitives.ReadUInt32LittleEndian(item[12..]), BinaryPrimitives.ReadUInt16LittleEndian(item[16..]), segment);
                return;
            case OperationKind.Remove:
                QueueOf(queue).Remove(messageId, segment);
                break;
            case OperationKind.Count:
                QueueOf(queue).Count(messageId, segment, BinaryPrimitives.ReadUInt16LittleEndian(item[12..]));
                break;
            default:
                QueueOf(queue).Park(messageId, segment, ParkOperation.Read(item));
                break;
        }

        LastMessageId = Math.Max(LastMessageId, messageId);
    }

    private void OnDefinition(RecordAddress address, ref ReadOnlySpan<byte> rest)
    {
        var kind = (OperationKind)rest[0];
        rest = rest[1..];
        switch (kind)
        {
            case OperationKind.DefineNode:
                var node = DefinitionOperation.ReadNode(ref rest);
                Nodes[node.Id] = node;
                LastQueueId = Math.Max(LastQueueId, node.Id);
                break;
            case OperationKind.DefineSubscription:
                var subscription = DefinitionOperation.ReadSubscription(ref rest);
                Subscriptions[subscription.Id] = subscription;
                LastQueueId = Math.Max(LastQueueId, subscription.Id);
                break;
            case OperationKind.DefineTerminus:
                var terminus = TerminusDefinition.Read(ref rest);
                Termini[terminus.Id] = terminus;
                LastQueueId = Math.Max(LastQueueId, terminus.Id);
                break;
            case OperationKind.Delete:
                var id = DefinitionOperation.ReadUInt32(ref rest);
                Nodes.Remove(id);
                Subscriptions.Remove(id);
                Termini.Remove(id);
                LastQueueId = Math.Max(LastQueueId, id);
                break;
            case OperationKind.Snapshot:
                Nodes.Clear();
                Diverts.Clear();
                Exchanges.Clear();
                Subscriptions.Clear();
                Termini.Clear();
                LastMessageId = Math.Max(LastMessageId, (ulong)DefinitionOperation.ReadInt64(ref rest));
                LastQueueId = Math.Max(LastQueueId, DefinitionOperation.ReadUInt32(ref rest));
                break;
            default:
                throw new EngineException(
                    EngineError.Damaged,
                    $"The record at segment {address.Segment}, offset {address.Offset} holds operation {(byte)kind}, which this version does not know. "
                    + "It was written by a newer version: start that one.");
        }
    }

    private RecoveredQueue QueueOf(uint id)
    {
        if (_last?.Id == id)
        {
            return _last;
        }

        if (!_queues.TryGetValue(id, out var queue))
        {
            _queues[id] = queue = new RecoveredQueue(id);
        }

        return _last = queue;
    }
}
