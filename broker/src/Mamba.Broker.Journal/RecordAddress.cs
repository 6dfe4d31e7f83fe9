namespace Mamba.Broker.Journal;

/// <summary>
/// Where a record's payload lies: the segment's number and the byte offset of the payload in the segment's file.
/// Eight bytes, because the engine keeps millions of them. Segment numbers begin at 1, so <c>default</c> is "nowhere".
/// </summary>
public readonly record struct RecordAddress(int Segment, int Offset) : IComparable<RecordAddress>
{
    /// <summary>True for <c>default</c>: no record has this address.</summary>
    public bool IsNowhere => Segment == 0;

    /// <summary>Append order: a record appended later compares greater.</summary>
    public int CompareTo(RecordAddress other) =>
        Segment != other.Segment ? Segment.CompareTo(other.Segment) : Offset.CompareTo(other.Offset);

    public static bool operator <(RecordAddress left, RecordAddress right) => left.CompareTo(right) < 0;

    public static bool operator >(RecordAddress left, RecordAddress right) => left.CompareTo(right) > 0;

    public static bool operator <=(RecordAddress left, RecordAddress right) => left.CompareTo(right) <= 0;

    public static bool operator >=(RecordAddress left, RecordAddress right) => left.CompareTo(right) >= 0;
}
