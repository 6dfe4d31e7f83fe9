namespace Mamba.Broker.Journal;

/// <summary>How a journal is opened.</summary>
public sealed record JournalOptions
{
    public const int MinSegmentSize = 16 * 1024;
    public const int MaxSegmentSize = 1024 * 1024 * 1024;

    /// <summary>The folder that holds the segments; created if it is not there. One journal per folder.</summary>
    public required string Directory { get; init; }

    /// <summary>
    /// Size of a segment's file in bytes, 16 KiB to 1 GiB. A batch that is larger than a segment gets a segment of its own size.
    /// </summary>
    public int SegmentSize { get; init; } = 64 * 1024 * 1024;

    /// <summary>
    /// Bytes that may be appended and not yet written. Above it <see cref="Journal.Append"/> waits and
    /// <see cref="Journal.TryAppend"/> refuses. One larger batch is taken when nothing else is pending.
    /// </summary>
    public long MaxPendingBytes { get; init; } = 64L * 1024 * 1024;

    /// <summary>False skips every fdatasync: for tests and throw-away data, a power cut then loses what was acknowledged.</summary>
    public bool Sync { get; init; } = true;

    /// <summary>
    /// Go on without records that are damaged. Each damaged file is first copied to the folder <c>quarantine</c>, each damaged
    /// range is reported through <see cref="OnDamage"/> and then marked in the file, so that it is reported once.
    /// </summary>
    public bool AcceptDamage { get; init; }

    /// <summary>Told of each range that was skipped under <see cref="AcceptDamage"/>, before the records behind it are replayed.</summary>
    public Action<JournalDamage>? OnDamage { get; init; }

    /// <summary>Told of a write that a crash cut off at the end of the journal: information, not an error.</summary>
    public Action<JournalTornTail>? OnTornTail { get; init; }

    /// <summary>
    /// Told of trouble that stops nothing, on a thread of the journal: a segment that could not be prepared ahead or deleted.
    /// Must be quick and must not throw.
    /// </summary>
    public Action<JournalException>? OnTrouble { get; init; }

    /// <summary>
    /// After this time without an append the journal notes that all before is on the disk, so that later damage to the last
    /// records cannot be mistaken for a write that a crash cut off. <see cref="Timeout.InfiniteTimeSpan"/> leaves it to the
    /// clean end.
    /// </summary>
    public TimeSpan CheckpointAfterIdle { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>The clock for time stamps and durations.</summary>
    public TimeProvider Time { get; init; } = TimeProvider.System;

    /// <summary>The file system; a seam for tests. Null is the machine's.</summary>
    public IJournalFiles? Files { get; init; }

    internal void Validate()
    {
        if (string.IsNullOrWhiteSpace(Directory))
        {
            throw new InvalidOperationException("The journal needs a folder: set Directory.");
        }

        if (SegmentSize is < MinSegmentSize or > MaxSegmentSize || SegmentSize % 4096 != 0)
        {
            throw new InvalidOperationException(
                $"SegmentSize is {SegmentSize}; it must be a multiple of 4096 between {MinSegmentSize} and {MaxSegmentSize} bytes.");
        }

        if (MaxPendingBytes <= 0)
        {
            throw new InvalidOperationException($"MaxPendingBytes is {MaxPendingBytes}; it must be above 0.");
        }
    }
}
