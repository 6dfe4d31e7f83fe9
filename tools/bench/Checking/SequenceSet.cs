namespace Mamba.Tools.Bench.Checking;

/// <summary>Which sequence numbers of one producer have arrived, one bit each. Thread-safe; grows as needed.</summary>
internal sealed class SequenceSet
{
    private const int WordsPerChunk = 1 << 14; // 128 KiB, a million messages

    private readonly Lock _gate = new();
    private long[]?[] _chunks = new long[]?[16];

    /// <summary>False when the number was there already.</summary>
    public bool Add(long sequence)
    {
        var word = sequence >> 6;
        var chunk = ChunkAt((int)(word / WordsPerChunk));
        var bit = 1L << (int)(sequence & 63);
        return (Interlocked.Or(ref chunk[word % WordsPerChunk], bit) & bit) == 0;
    }

    private long[] ChunkAt(int index)
    {
        var chunks = Volatile.Read(ref _chunks);
        return index < chunks.Length && Volatile.Read(ref chunks[index]) is { } chunk ? chunk : MakeChunk(index);
    }

    private long[] MakeChunk(int index)
    {
        lock (_gate)
        {
            if (index >= _chunks.Length)
            {
                var larger = new long[]?[Math.Max(index + 1, _chunks.Length * 2)];
                _chunks.CopyTo(larger, 0);
                Volatile.Write(ref _chunks, larger);
            }

            return _chunks[index] ??= new long[WordsPerChunk];
        }
    }
}
