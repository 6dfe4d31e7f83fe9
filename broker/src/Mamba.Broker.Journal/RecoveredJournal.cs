namespace Mamba.Broker.Journal;

/// <summary>What recovery hands to the running journal.</summary>
internal sealed record RecoveredJournal(
    ulong JournalId,
    JournalBatchPool Pool,
    AppendCursor Cursor,
    SegmentTable Segments,
    JournalSegment Active,
    long ActiveRecords,
    bool EndsWithCheckpoint,
    Housekeeper Housekeeper,
    SegmentFactory Factory,
    JournalRecoveryReport Report);
