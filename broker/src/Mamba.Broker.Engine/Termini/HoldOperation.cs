using System.Buffers.Binary;
using Mamba.Broker.Journal;

namespace Mamba.Broker.Engine;

/// <summary>
/// The hold operation: which messages a durable terminus holds unsettled, or holds no longer. Little-endian.
/// <code>
///   hold   | 12 | 0 0 0 | count u32 | count x { message id u64, queue id u32, terminus id u32, acquire count u16 } |
///     terminus id    | 0: no terminus holds it any more
/// </code>
/// Of several for one message on one queue the highest acquire count holds, among equals the one without a terminus.
/// </summary>
internal static class HoldOperation
{
    public const int ItemSize = 18;

    public static void Write(JournalBatch batch, uint queue, uint terminus, List<HoldMark> marks)
    {
        var items = ListOperation.Begin(batch, OperationKind.Hold, marks.Count, ItemSize);
        foreach (var mark in marks)
        {
            ListOperation.WriteRemove(items, mark.MessageId, queue);
            BinaryPrimitives.WriteUInt32LittleEndian(items[12..], terminus);
            BinaryPrimitives.WriteUInt16LittleEndian(items[16..], mark.AcquireCount);
            items = items[ItemSize..];
        }

        batch.Advance(ListOperation.HeaderSize + (marks.Count * ItemSize));
    }
}

/// <summary>Writes a record of holds, or of their ends, and keeps its segment for as long as the messages'.</summary>
internal sealed class HoldCompletion : EngineCompletion
{
    private readonly QueueHost _host;
    private readonly JournalBatch _batch;
    private readonly List<HoldMark> _marks;
    private readonly Action<bool>? _done;

    private HoldCompletion(QueueHost host, JournalBatch batch, List<HoldMark> marks, Action<bool>? done)
    {
        _host = host;
        _batch = batch;
        _marks = marks;
        _done = done;
    }

    /// <summary>Appends the marks, which belong to this from here on; with a terminus of 0 they end what was said before.</summary>
    public static void Append(QueueHost host, uint terminus, List<HoldMark> marks, bool sync, Action<bool>? done)
    {
        var batch = host.Context.Journal.RentBatch();
        batch.BeginRecord();
        HoldOperation.Write(batch, host.Id, terminus, marks);
        batch.EndRecord();
        host.Context.Journal.Append(batch, sync, new HoldCompletion(host, batch, marks, done));
    }

    protected override void Written()
    {
        var segment = _batch.AddressOf(0).Segment;
        foreach (var mark in _marks)
        {
            _host.Context.Ledger.DependOn(segment, mark.Location.Address.Segment);
        }

        _batch.Dispose();
        _done?.Invoke(true);
    }

    protected override void Failed(JournalException cause)
    {
        _host.Context.Journal.Report(cause);
        _batch.Dispose();
        _done?.Invoke(false);
    }
}
