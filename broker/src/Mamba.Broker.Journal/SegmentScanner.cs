namespace Mamba.Broker.Journal;

internal enum ScanStep
{
    /// <summary>A valid record; header and payload are there to be read.</summary>
    Record,

    /// <summary>The mark that closes a segment.</summary>
    Sealed,

    /// <summary>Space that was never written, or the file's end.</summary>
    Unwritten,

    /// <summary>Something that is not a record of this place.</summary>
    Invalid,
}

/// <summary>Walks over the records of one segment after another. Changes nothing and decides nothing.</summary>
internal sealed class SegmentScanner(ulong journalId) : IDisposable
{
    private readonly SegmentWindow _window = new();
    private int _segment;
    private long _next;

    /// <summary>Where the last step looked: the record's header, or the first byte that is none.</summary>
    public long Position { get; private set; }

    public RecordHeader Header { get; private set; }

    public long FileLength => _window.FileLength;

    public long PayloadOffset => Position + RecordHeader.Size;

    /// <summary>The payload of the record that the last step found. Valid until the next call.</summary>
    public ReadOnlySpan<byte> Payload => _window.Get(PayloadOffset, Header.Length);

    public void Open(IJournalFile file, int segment)
    {
        _window.Open(file);
        _segment = segment;
        ContinueAt(SegmentHeader.Size);
    }

    public void Dispose() => _window.Dispose();

    public void ContinueAt(long offset) => _next = offset;

    public ScanStep Step()
    {
        Position = _next;
        var bytes = _window.Get(Position, RecordHeader.Size);
        if (bytes.Length < RecordHeader.Size)
        {
            return bytes.ContainsAnyExcept((byte)0) ? ScanStep.Invalid : ScanStep.Unwritten;
        }

        Header = RecordHeader.Read(bytes);
        if (Header.IsZero)
        {
            return ScanStep.Unwritten;
        }

        if (!Header.IsBoundTo(journalId, _segment, Position) || PayloadOffset + Header.Length > FileLength)
        {
            return ScanStep.Invalid;
        }

        // What lies under an accepted gap is by definition not what its checksum says.
        if (Header.Kind != RecordKind.Gap && Crc32C.Compute(Payload) != Header.PayloadCrc)
        {
            return ScanStep.Invalid;
        }

        _next = Position + Header.FrameSize;
        return Header.Kind == RecordKind.End ? ScanStep.Sealed : ScanStep.Record;
    }

    /// <summary>
    /// The next offset from which a whole record can be read, or -1. Looks at every eighth byte, because after damage the length
    /// of what is damaged is not known.
    /// </summary>
    public long FindRecord(long from)
    {
        for (var offset = FindHeader(from, out _); offset >= 0; offset = FindHeader(offset + RecordHeader.Alignment, out _))
        {
            ContinueAt(offset);
            if (Step() is ScanStep.Record or ScanStep.Sealed)
            {
                ContinueAt(offset);
                return offset;
            }
        }

        return -1;
    }

    /// <summary>
    /// True if a header further on says that <paramref name="offset"/> was once on the disk. Then what is there now is damage; if
    /// not, it belongs to a group whose sync never returned, of which any part may be there and any part missing.
    /// </summary>
    public bool WasDurable(long offset)
    {
        for (var at = FindHeader(offset + RecordHeader.Alignment, out var header); at >= 0;
             at = FindHeader(at + RecordHeader.Alignment, out header))
        {
            if (header.Durable > offset)
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>Offset behind the last byte that is not zero, not before <paramref name="from"/>.</summary>
    public long FindLastWritten(long from)
    {
        var last = from;
        for (var offset = from; offset < FileLength;)
        {
            var bytes = _window.GetSome(offset);
            if (bytes.IsEmpty)
            {
                break;
            }

            var index = bytes.LastIndexOfAnyExcept((byte)0);
            last = index < 0 ? last : offset + index + 1;
            offset += bytes.Length;
        }

        return last;
    }

    /// <summary>Counts the records that can be read from an offset on, over any further damage.</summary>
    public long CountRecords(long from)
    {
        var count = 0L;
        for (var offset = FindRecord(from); offset >= 0; offset = FindRecord(_next))
        {
            ContinueAt(offset);
            count += Step() == ScanStep.Record && Header.Kind == RecordKind.Data ? 1 : 0;
        }

        return count;
    }

    private long FindHeader(long from, out RecordHeader header)
    {
        var offset = (from + RecordHeader.Alignment - 1) & ~(long)(RecordHeader.Alignment - 1);
        while (offset + RecordHeader.Size <= FileLength)
        {
            var bytes = _window.GetSome(offset);
            if (bytes.Length < RecordHeader.Size)
            {
                bytes = _window.Get(offset, RecordHeader.Size);
            }

            if (bytes.Length < RecordHeader.Size)
            {
                break;
            }

            var at = 0;
            while (at + RecordHeader.Size <= bytes.Length)
            {
                var written = bytes[at..].IndexOfAnyExcept((byte)0);
                if (written < 0)
                {
                    // The last, incomplete step is looked at again with the next read.
                    at = Math.Max(at, (bytes.Length - RecordHeader.Size + RecordHeader.Alignment) & -RecordHeader.Alignment);
                    break;
                }

                // A header can begin with zeros: at most its length, so it begins at the eight bytes of the first byte set.
                at += written & -RecordHeader.Alignment;
                if (at + RecordHeader.Size > bytes.Length)
                {
                    break;
                }

                header = RecordHeader.Read(bytes[at..]);
                if (header.IsBoundTo(journalId, _segment, offset + at))
                {
                    return offset + at;
                }

                at += RecordHeader.Alignment;
            }

            offset += Math.Max(at, RecordHeader.Alignment);
        }

        header = default;
        return -1;
    }
}
