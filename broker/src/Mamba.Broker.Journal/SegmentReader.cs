namespace Mamba.Broker.Journal;

/// <summary>Reads single records out of the files. Thread-safe.</summary>
internal sealed class SegmentReader(SegmentTable segments, ulong journalId)
{
    /// <summary>Up to here a read fetches header, skipped bytes and what was asked for with one call.</summary>
    private const int MaxSkipped = 256;

    public static JournalException NoRecord(RecordAddress address) =>
        new($"No record of the journal begins at segment {address.Segment}, offset {address.Offset}: its segment was deleted, or the address never came from this journal.");

    public int LengthOf(RecordAddress address)
    {
        var segment = Find(address);
        return (int)ReadHeader(segment, address).Length;
    }

    public int Read(RecordAddress address, int offsetInPayload, Span<byte> destination)
    {
        var segment = Find(address);
        var header = ReadHeader(segment, address);
        var length = (int)Math.Max(0, Math.Min(header.Length - (long)offsetInPayload, destination.Length));
        if (length == 0)
        {
            return 0;
        }

        var wanted = destination[..length];
        if (offsetInPayload > MaxSkipped || offsetInPayload + length < header.Length)
        {
            Fill(segment, wanted, (long)address.Offset + offsetInPayload);
            return length;
        }

        Span<byte> skipped = stackalloc byte[MaxSkipped];
        skipped = skipped[..offsetInPayload];
        Fill(segment, skipped, address.Offset);
        Fill(segment, wanted, (long)address.Offset + offsetInPayload);
        if (Crc32C.Continue(Crc32C.Compute(skipped), wanted) != header.PayloadCrc)
        {
            throw Damaged(segment, address, header, "its payload does not match its checksum");
        }

        return length;
    }

    private JournalSegment Find(RecordAddress address) =>
        address.Offset >= SegmentHeader.Size + RecordHeader.Size && segments.Find(address.Segment) is { } segment
            ? segment
            : throw NoRecord(address);

    private RecordHeader ReadHeader(JournalSegment segment, RecordAddress address)
    {
        Span<byte> bytes = stackalloc byte[RecordHeader.Size];
        var offset = address.Offset - RecordHeader.Size;
        if (offset + RecordHeader.Size > segment.Used)
        {
            throw NoRecord(address);
        }

        Fill(segment, bytes, offset);
        var header = RecordHeader.Read(bytes);
        if (header.IsBoundTo(journalId, segment.Number, offset) && header.Kind == RecordKind.Data)
        {
            return header;
        }

        throw Damaged(segment, address, header, "there is no valid header of a record (or the address is not one the journal gave)");
    }

    private static void Fill(JournalSegment segment, Span<byte> destination, long offset)
    {
        try
        {
            if (segment.File.Read(destination, offset) == destination.Length)
            {
                return;
            }
        }
        catch (ObjectDisposedException exception)
        {
            throw new JournalException($"Segment {segment.Number} was deleted, or the journal closed, during a read.", exception);
        }

        throw new JournalException($"{segment.Path} is shorter than the {offset + destination.Length} bytes that were written to it: something else has cut it. Stop the broker and restore the file.");
    }

    private static JournalDamagedException Damaged(JournalSegment segment, RecordAddress address, RecordHeader header, string why)
    {
        var offset = address.Offset - RecordHeader.Size;
        var length = Math.Min(header.FrameSize, Math.Max(RecordHeader.Size, segment.Used - offset));
        return new JournalDamagedException(
            $"The record in {segment.Path} at byte {offset} cannot be read: {why}. Restore the file from a copy, or restart with damage accepted to go on without the record.",
            new JournalDamage(JournalDamageKind.Records, segment.Path, segment.Number, offset, length, RecordsAfter: 0, SegmentsAfter: 0));
    }
}
