namespace Mamba.Broker.Journal;

/// <summary>What kind of damage was found.</summary>
public enum JournalDamageKind
{
    /// <summary>Bytes inside a segment are not the records that were written there.</summary>
    Records,

    /// <summary>A segment's header does not check.</summary>
    SegmentHeader,

    /// <summary>A segment ends before the mark that closes it.</summary>
    SegmentCutShort,

    /// <summary>A segment that belongs to the journal is not there.</summary>
    SegmentMissing,
}

/// <summary>A range of the journal that held stored records and cannot be read.</summary>
/// <param name="Kind">What kind of damage it is.</param>
/// <param name="File">Full path of the segment's file.</param>
/// <param name="Segment">The segment's number.</param>
/// <param name="Offset">First damaged byte in the file.</param>
/// <param name="Length">Number of bytes that cannot be trusted; 0 when the whole file is missing.</param>
/// <param name="RecordsAfter">Valid records that follow in the same file.</param>
/// <param name="SegmentsAfter">Later segments of the journal.</param>
public sealed record JournalDamage(
    JournalDamageKind Kind, string File, int Segment, long Offset, long Length, long RecordsAfter, int SegmentsAfter);

/// <summary>Bytes after the last whole record, left by a write that a crash cut off. They were never acknowledged.</summary>
/// <param name="File">Full path of the segment's file.</param>
/// <param name="Segment">The segment's number.</param>
/// <param name="Offset">End of the last whole record.</param>
/// <param name="Length">Bytes from there to the last byte that was not zero; all were cleared.</param>
public sealed record JournalTornTail(string File, int Segment, long Offset, long Length);

/// <summary>What recovery found.</summary>
/// <param name="Segments">Segments that were read.</param>
/// <param name="Records">Records handed to the replay.</param>
/// <param name="PayloadBytes">Sum of their payloads.</param>
/// <param name="TornTail">The cut-off write at the end, if there was one.</param>
/// <param name="Damages">Damage that was accepted because the options said so; otherwise empty.</param>
/// <param name="Duration">How long recovery took.</param>
public sealed record JournalRecoveryReport(
    int Segments, long Records, long PayloadBytes, JournalTornTail? TornTail, IReadOnlyList<JournalDamage> Damages, TimeSpan Duration);
