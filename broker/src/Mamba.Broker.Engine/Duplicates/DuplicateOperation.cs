using System.Buffers.Binary;
using Mamba.Broker.Journal;

namespace Mamba.Broker.Engine;

/// <summary>
/// The operation that says which ids an address knows. It stands in the record of the message, or in one of its own when the
/// compactor copies ids of a segment that is to go. Little-endian.
/// <code>
///   0    1     4       8      12
///   +----+-----+-------+------+----------------------------------------------------------+
///   | 10 |  0  | count | node | count x { hash 16 bytes, sequence u64, unix seconds u32 } |
///   +----+-----+-------+------+----------------------------------------------------------+
/// </code>
/// Of several with one sequence, which are copies, the later counts for the place, and nothing else differs.
/// </summary>
internal static class DuplicateOperation
{
    public const int HeaderSize = 12;
    public const int ItemSize = 28;

    public static void Write(JournalBatch batch, DuplicateWindow window, DuplicateId id, in IdClaim claim)
    {
        var span = Begin(batch, window.Node, 1);
        WriteItem(span[HeaderSize..], id.Value, claim.Sequence, claim.Seconds);
        batch.Advance(HeaderSize + ItemSize);
    }

    public static void Write(JournalBatch batch, DuplicateWindow window, List<(long Position, KnownId Id)> ids)
    {
        var span = Begin(batch, window.Node, ids.Count);
        for (var i = 0; i < ids.Count; i++)
        {
            WriteItem(span[(HeaderSize + (i * ItemSize))..], ids[i].Id.Hash, ids[i].Id.Sequence, ids[i].Id.Seconds);
        }

        batch.Advance(HeaderSize + (ids.Count * ItemSize));
    }

    /// <summary>Reads the operation and moves the span on.</summary>
    public static void Read(ref ReadOnlySpan<byte> rest, int segment, RecoveredIds into)
    {
        var count = BinaryPrimitives.ReadInt32LittleEndian(rest[4..]);
        var node = BinaryPrimitives.ReadUInt32LittleEndian(rest[8..]);
        rest = rest[HeaderSize..];
        for (; count > 0; count--)
        {
            into.Add(node, new KnownId
            {
                Hash = BinaryPrimitives.ReadUInt128LittleEndian(rest),
                Sequence = BinaryPrimitives.ReadUInt64LittleEndian(rest[16..]),
                Seconds = BinaryPrimitives.ReadUInt32LittleEndian(rest[24..]),
                Segment = segment,
            });
            rest = rest[ItemSize..];
        }
    }

    private static Span<byte> Begin(JournalBatch batch, uint node, int count)
    {
        var length = HeaderSize + (count * ItemSize);
        var span = batch.GetSpan(length)[..length];
        span[..HeaderSize].Clear();
        span[0] = (byte)OperationKind.DuplicateIds;
        BinaryPrimitives.WriteInt32LittleEndian(span[4..], count);
        BinaryPrimitives.WriteUInt32LittleEndian(span[8..], node);
        return span;
    }

    private static void WriteItem(Span<byte> item, UInt128 hash, ulong sequence, uint seconds)
    {
        BinaryPrimitives.WriteUInt128LittleEndian(item, hash);
        BinaryPrimitives.WriteUInt64LittleEndian(item[16..], sequence);
        BinaryPrimitives.WriteUInt32LittleEndian(item[24..], seconds);
    }
}
