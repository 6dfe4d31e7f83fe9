using System.Collections.Concurrent;

namespace Mamba.Broker.Engine;

/// <summary>
/// A run of 256 entries of one priority level (12 KiB, below the large-object threshold) with counters that let a scan skip it.
/// </summary>
internal sealed class EntryChunk
{
    public const int SizeLog2 = 8;
    public const int Size = 1 << SizeLog2;
    public const int Mask = Size - 1;

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

/// <summary>Keeps up to 256 chunks (3 MiB) for reuse. Thread-safe, lock-free.</summary>
internal static class EntryChunkPool
{
    private const int Capacity = 256;

    private static readonly ConcurrentQueue<EntryChunk> Idle = new();
    private static int _count;

    public static EntryChunk Take()
    {
        if (Idle.TryDequeue(out var chunk))
        {
            Interlocked.Decrement(ref _count);
            return chunk;
        }

        return new EntryChunk();
    }

    public static void Give(EntryChunk chunk)
    {
        if (Interlocked.Increment(ref _count) > Capacity)
        {
            Interlocked.Decrement(ref _count);
            return;
        }

        chunk.Reset();
        Idle.Enqueue(chunk);
    }
}
