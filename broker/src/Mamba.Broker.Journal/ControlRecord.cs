using System.Buffers.Binary;

namespace Mamba.Broker.Journal;

/// <summary>
/// The journal's own records. They make the set of segments checkable: the last segment alone says which others must exist.
/// <code>
///   Segments    | 1 (u32) | count (u32) | first, last (i32, i32) x count |   first record of every segment: all that exist then
///   Deleted     | 2 (u32) | segment (i32) |                                  durable before the file goes away
///   Checkpoint  | 3 (u32) |                                                  carries nothing but its header's durable offset
/// </code>
/// </summary>
internal static class ControlRecord
{
    private const uint SegmentsType = 1;
    private const uint DeletedType = 2;
    private const uint CheckpointType = 3;

    /// <summary>Largest frame of a <c>Deleted</c> record, what a segment keeps in reserve for when the disk is full.</summary>
    public const int DeletedFrameSize = RecordHeader.Size + 8;

    /// <summary>Frame of an End record.</summary>
    public const int EndFrameSize = RecordHeader.Size + 8;

    public static void WriteSegments(JournalBatch batch, SortedSet<int> segments)
    {
        batch.BeginRecord();
        var span = batch.GetSpan(8 + (8 * segments.Count));
        BinaryPrimitives.WriteUInt32LittleEndian(span, SegmentsType);
        var count = 0;
        var last = int.MinValue;
        foreach (var segment in segments)
        {
            if (segment != last + 1)
            {
                BinaryPrimitives.WriteInt32LittleEndian(span[(8 + (8 * count))..], segment);
                count++;
            }

            last = segment;
            BinaryPrimitives.WriteInt32LittleEndian(span[(8 * count + 4)..], last);
        }

        BinaryPrimitives.WriteInt32LittleEndian(span[4..], count);
        batch.Advance(8 + (8 * count));
        batch.EndRecord();
    }

    public static void WriteDeleted(JournalBatch batch, int segment)
    {
        batch.BeginRecord();
        var span = batch.GetSpan(8);
        BinaryPrimitives.WriteUInt32LittleEndian(span, DeletedType);
        BinaryPrimitives.WriteInt32LittleEndian(span[4..], segment);
        batch.Advance(8);
        batch.EndRecord();
    }

    public static void WriteCheckpoint(JournalBatch batch)
    {
        batch.BeginRecord();
        BinaryPrimitives.WriteUInt32LittleEndian(batch.GetSpan(4), CheckpointType);
        batch.Advance(4);
        batch.EndRecord();
    }

    /// <summary>Applies a control record to the set of segments. Returns true if it was a full list.</summary>
    public static bool Apply(ReadOnlySpan<byte> payload, SortedSet<int> segments)
    {
        var type = payload.Length >= 4 ? BinaryPrimitives.ReadUInt32LittleEndian(payload) : 0;
        if (type == DeletedType && payload.Length == 8)
        {
            segments.Remove(BinaryPrimitives.ReadInt32LittleEndian(payload[4..]));
        }

        if (type != SegmentsType || payload.Length < 8)
        {
            return false;
        }

        segments.Clear();
        for (var rest = payload[8..]; rest.Length >= 8; rest = rest[8..])
        {
            var last = BinaryPrimitives.ReadInt32LittleEndian(rest[4..]);
            for (var segment = BinaryPrimitives.ReadInt32LittleEndian(rest); segment <= last; segment++)
            {
                segments.Add(segment);
            }
        }

        return true;
    }
}
