namespace Mamba.Broker.Journal;

/// <summary>What lies in one place of a segment file.</summary>
/// <param name="Offset">First byte in the file.</param>
/// <param name="Length">Bytes up to the next entry.</param>
/// <param name="Kind">"data", "control", "end", "gap", "damaged" or "unwritten".</param>
/// <param name="Address">The address of a data record's payload, otherwise nowhere.</param>
/// <param name="PayloadLength">Bytes of payload; 0 for what is not a record.</param>
/// <param name="Durable">Offset up to which the segment was known to be on the disk when the record was written.</param>
/// <param name="Checked">True if the record's checksums hold.</param>
public readonly record struct JournalEntry(
    long Offset, long Length, string Kind, RecordAddress Address, long PayloadLength, long Durable, bool Checked);

/// <summary>Lists a segment file for a person to look at. Reads only, takes no lock, and may look at a running journal.</summary>
public static class JournalInspector
{
    /// <exception cref="JournalException">The file's header is not that of a segment.</exception>
    public static IEnumerable<JournalEntry> Read(string path, IJournalFiles? files = null)
    {
        using var file = (files ?? new LinuxJournalFiles()).Open(path, create: false);
        var block = new byte[SegmentHeader.Size];
        if (SegmentHeader.Read(block.AsSpan(0, file.Read(block, 0)), out var header, out _) != SegmentHeader.Reading.Valid)
        {
            throw new JournalException($"{path} has no valid header of a journal segment; its records cannot be told from other bytes.");
        }

        using var scanner = new SegmentScanner(header.JournalId);
        scanner.Open(file, header.Segment);
        while (true)
        {
            var step = scanner.Step();
            if (step is ScanStep.Record or ScanStep.Sealed)
            {
                yield return Describe(scanner, header.Segment);
                if (step == ScanStep.Sealed)
                {
                    yield break;
                }

                continue;
            }

            var from = scanner.Position;
            var next = scanner.FindRecord(from + RecordHeader.Alignment);
            var last = next >= 0 ? next : scanner.FindLastWritten(from);
            if (last > from)
            {
                yield return new JournalEntry(from, last - from, "damaged", default, 0, 0, Checked: false);
            }

            if (next < 0)
            {
                yield return new JournalEntry(last, scanner.FileLength - last, "unwritten", default, 0, 0, Checked: false);
                yield break;
            }

            scanner.ContinueAt(next);
        }
    }

    private static JournalEntry Describe(SegmentScanner scanner, int segment)
    {
        var header = scanner.Header;
        var (kind, address) = header.Kind switch
        {
            RecordKind.Data => ("data", new RecordAddress(segment, (int)scanner.PayloadOffset)),
            RecordKind.Control => ("control", default),
            RecordKind.End => ("end", default),
            _ => ("gap", default(RecordAddress)),
        };
        return new JournalEntry(scanner.Position, header.FrameSize, kind, address, header.Length, header.Durable, header.Kind != RecordKind.Gap);
    }
}
