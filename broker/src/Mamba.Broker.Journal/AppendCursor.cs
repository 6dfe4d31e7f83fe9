namespace Mamba.Broker.Journal;

/// <summary>A batch with this begins a new segment: what the writer must do first.</summary>
internal sealed record SegmentRoll(int Segment, int FileLength, int PreviousSegment, int PreviousEnd, int PreviousFileLength);

/// <summary>
/// Gives each batch its place. Guarded by the journal's append lock, and runs ahead of the file: a segment that is begun here
/// exists only when the writer gets to it.
/// </summary>
internal sealed class AppendCursor(JournalBatchPool pool, int segmentSize, SortedSet<int> live)
{
    private readonly int _reserve = Math.Min(16 * 1024, segmentSize / 16);

    public int Segment { get; private set; }

    public int Position { get; private set; }

    public int FileLength { get; private set; }

    /// <summary>All segments that exist, the active one included.</summary>
    public SortedSet<int> Live => live;

    public void MoveTo(int segment, int position, int fileLength)
    {
        Segment = segment;
        Position = position;
        FileLength = fileLength;
    }

    /// <summary>Bytes left for data. The reserve is for the records without which no segment could be deleted on a full disk.</summary>
    public bool Fits(JournalBatch batch) =>
        (long)Position + batch.Size + ControlRecord.EndFrameSize + (batch.Kind == RecordKind.Data ? _reserve : 0) <= FileLength;

    public void Place(JournalBatch batch)
    {
        batch.PlaceAt(Segment, Position);
        Position += batch.Size;
    }

    /// <summary>Begins the next segment, large enough for <paramref name="next"/>; returns the batch that opens it, already placed.</summary>
    public JournalBatch Roll(JournalBatch? next)
    {
        var segment = Segment + 1;
        live.Add(segment);
        var opening = pool.Rent();
        opening.Kind = RecordKind.Control;
        ControlRecord.WriteSegments(opening, live);
        var needed = SegmentHeader.Size + opening.Size + (next?.Size ?? 0) + ControlRecord.EndFrameSize + _reserve;
        var length = Math.Max(segmentSize, needed);
        opening.Roll = new SegmentRoll(segment, length, Segment, Position, FileLength);
        MoveTo(segment, SegmentHeader.Size, length);
        Place(opening);
        opening.Dispose();
        return opening;
    }

    /// <summary>Takes back a roll that found no room on the disk, and everything placed after it.</summary>
    public void Unroll(SegmentRoll roll)
    {
        live.RemoveWhere(segment => segment > roll.PreviousSegment);
        MoveTo(roll.PreviousSegment, roll.PreviousEnd, roll.PreviousFileLength);
    }
}
