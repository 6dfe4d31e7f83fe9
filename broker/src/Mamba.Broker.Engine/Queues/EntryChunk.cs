namespace Mamba.Broker.Engine;

/// <summary>
/// A run of 256 entries of one priority level (12 KiB, below the large-object threshold) with counters that let a scan skip it.
/// </summary>
internal sealed class EntryChunk
{
    public const int SizeLog2 = 8;
    public const int Size = 1 << SizeLog2;
    public const int Mask = Size - 1;

    /// <summary>Bytes of memory a chunk takes.</summary>
    public const int Footprint = (Size * QueueEntry.Size) + 96;

    public readonly QueueEntry[] Entries = new QueueEntry[Size];

    /// <summary>Entries in state Available.</summary>
    public int Available;

    /// <summary>Entries in state Acquired.</summary>
    public int Acquired;

    /// <summary>Entries neither unused nor Removed.</summary>
    public int Live;

    /// <summary>A lower bound of the expiry of its entries; <see cref="long.MaxValue"/> when none expires.</summary>
    public long EarliestExpiry = long.MaxValue;

    /// <summary>Bounds of the segments its entries lie in.</summary>
    public int MinSegment = int.MaxValue;

    public int MaxSegment;

    public void Reset()
    {
        Array.Clear(Entries);
        Available = 0;
        Acquired = 0;
        Live = 0;
        EarliestExpiry = long.MaxValue;
        MinSegment = int.MaxValue;
        MaxSegment = 0;
    }
}

/// <summary>
/// Freed chunks, kept for as long as the demand of the last ten seconds says: a backlog that was drained and grows again takes the
/// same memory, and one that does not gives it back. Thread-safe, lock-free.
/// </summary>
internal static class EntryChunkPool
{
    private static readonly IdlePool<EntryChunk> Idle = new(int.MaxValue);
    private static int _inUse;

    /// <summary>Chunks that are on queues.</summary>
    public static int InUse => Volatile.Read(ref _inUse);

    public static EntryChunk Take()
    {
        Interlocked.Increment(ref _inUse);
        return Idle.TryTake(out var chunk) ? chunk : new EntryChunk();
    }

    public static void Give(EntryChunk chunk)
    {
        Interlocked.Decrement(ref _inUse);
        chunk.Reset();
        Idle.TryGive(chunk);
    }

    /// <summary>See <see cref="IdlePool{T}.Trim"/>.</summary>
    public static void Trim() => Idle.Trim();

    /// <summary>See <see cref="IdlePool{T}.Clear"/>.</summary>
    public static void Clear() => Idle.Clear();
}
