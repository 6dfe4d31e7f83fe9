namespace Mamba.Broker.Journal;

/// <summary>A segment file found in the folder.</summary>
internal sealed record FoundSegment(int Number, string Path, IJournalFile File)
{
    public bool HeaderDamaged { get; set; }

    /// <summary>End of its last record, once it was read.</summary>
    public long End { get; set; }
}

/// <summary>
/// Which segments there are, and which there should be. The last segment says which others existed when it was begun and which
/// were deleted since, so one that is missing is told from one that was given up.
/// </summary>
internal sealed class SegmentListing(IJournalFiles files, string directory)
{
    public List<FoundSegment> Found { get; } = [];

    /// <summary>Numbers that must be there.</summary>
    public SortedSet<int> Expected { get; } = [];

    public ulong JournalId { get; private set; }

    /// <summary>A last segment whose creation a crash cut off: it never held a record.</summary>
    public FoundSegment? CutShort { get; private set; }

    public void Read()
    {
        OpenAll();
        var known = false;
        foreach (var segment in Found)
        {
            ReadHeader(segment, ref known);
        }

        DropUnfinished();
        if (Found.Count > 0 && !known)
        {
            throw new JournalException(
                $"None of the {Found.Count} files that are named like segments in {directory} has a header of a Mamba journal. Point the broker at the right folder, or restore the files.");
        }

        if (Found.Count > 0)
        {
            using var scanner = new SegmentScanner(JournalId);
            ComputeExpected(scanner);
        }
    }

    private void OpenAll()
    {
        var names = files.List(directory);
        Array.Sort(names, StringComparer.Ordinal);
        foreach (var name in names)
        {
            var path = Path.Combine(directory, name);
            if (name.EndsWith(SegmentFactory.TemporaryExtension, StringComparison.Ordinal))
            {
                // Work that a crash cut off: such a file has never been part of the journal.
                files.Delete(path);
            }
            else if (SegmentHeader.IsSegmentName(name, out var number))
            {
                if (number == 0)
                {
                    throw new JournalException(
                        $"{path} is not named like a segment of the journal (ten digits and .journal). Move it out of the folder.");
                }

                Found.Add(new FoundSegment(number, path, files.Open(path, create: false)));
            }
        }
    }

    private void ReadHeader(FoundSegment segment, ref bool known)
    {
        var block = new byte[SegmentHeader.Size];
        var count = segment.File.Read(block, 0);
        switch (SegmentHeader.Read(block.AsSpan(0, count), out var header, out var version))
        {
            case SegmentHeader.Reading.OtherVersion:
                throw new JournalException(
                    $"{segment.Path} was written in format version {version}; this version of Mamba reads {SegmentHeader.FormatVersion}. Start the version that wrote it; going back to an older one is not possible without a copy made before.");
            case SegmentHeader.Reading.Valid when known && header.JournalId != JournalId:
                throw new JournalException(
                    $"{segment.Path} belongs to another journal than the segments before it. Restore the folder from one copy; do not mix files of two.");
            case SegmentHeader.Reading.Valid when header.Segment != segment.Number:
                throw new JournalException(
                    $"{segment.Path} is segment {header.Segment} by its header: it was renamed or copied. Give it back its name, {SegmentHeader.FileName(header.Segment)}.");
            case SegmentHeader.Reading.Valid:
                JournalId = header.JournalId;
                known = true;
                break;
            default:
                segment.HeaderDamaged = true;
                break;
        }
    }

    /// <summary>
    /// A segment gets its name only after its header is on the disk, but a file system may still lose the bytes of a file whose
    /// name it kept. If it is the last and holds nothing behind the header, nothing was lost with it.
    /// </summary>
    private void DropUnfinished()
    {
        if (Found.Count == 0 || !Found[^1].HeaderDamaged)
        {
            return;
        }

        using var scanner = new SegmentScanner(journalId: 0);
        scanner.Open(Found[^1].File, Found[^1].Number);
        if (scanner.FindLastWritten(SegmentHeader.Size) == SegmentHeader.Size)
        {
            CutShort = Found[^1];
            Found.RemoveAt(Found.Count - 1);
        }
    }

    private void ComputeExpected(SegmentScanner scanner)
    {
        var first = Found.Count - 1;
        while (first >= 0 && !BeginsWithList(scanner, Found[first]))
        {
            first--;
        }

        // Segments after the one with the list were begun later, one by one: none of them can have been deleted, because the
        // record of that would lie behind a list of their own. Without any list, the first file that is there is the first.
        for (var i = Math.Max(first, 0); i < Found.Count; i++)
        {
            ApplyControl(scanner, Found[i]);
        }

        var from = first < 0 ? Found[0].Number : Found[first].Number;
        for (var number = from; number <= Found[^1].Number; number++)
        {
            Expected.Add(number);
        }
    }

    private static bool BeginsWithList(SegmentScanner scanner, FoundSegment segment)
    {
        scanner.Open(segment.File, segment.Number);
        return scanner.Step() == ScanStep.Record
            && scanner.Header.Kind == RecordKind.Control
            && ControlRecord.Apply(scanner.Payload, []);
    }

    private void ApplyControl(SegmentScanner scanner, FoundSegment segment)
    {
        scanner.Open(segment.File, segment.Number);
        while (true)
        {
            var step = scanner.Step();
            if (step == ScanStep.Record)
            {
                if (scanner.Header.Kind == RecordKind.Control)
                {
                    ControlRecord.Apply(scanner.Payload, Expected);
                }
            }
            else if (step == ScanStep.Sealed || (!scanner.WasDurable(scanner.Position) && segment == Found[^1])
                || scanner.FindRecord(scanner.Position + RecordHeader.Alignment) < 0)
            {
                return;
            }
        }
    }
}
