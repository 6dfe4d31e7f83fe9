using System.Diagnostics;
using System.Runtime.CompilerServices;

namespace Mamba.Broker.Engine;

/// <summary>
/// The entries of one priority level in the order they arrived. Sequences count from 0 and are never reused, so a sequence
/// finds its entry in constant time and a stale one finds nothing. Chunks with nothing live are freed, also in the middle.
/// Not thread-safe: guarded by the queue's lock.
/// </summary>
internal sealed class EntryLog
{
    private EntryChunk?[] _ring = new EntryChunk?[2];
    private long _firstChunk;
    private long _tail;

    /// <summary>Entries available on this level.</summary>
    public long Available { get; private set; }

    /// <summary>Entries acquired on this level.</summary>
    public long Acquired { get; private set; }

    /// <summary>No entry before this sequence is available.</summary>
    public long Cursor { get; private set; }

    /// <summary>First sequence that may still be live.</summary>
    public long Head => _firstChunk << EntryChunk.SizeLog2;

    /// <summary>Sequence the next entry gets.</summary>
    public long Tail => _tail;

    /// <summary>Adds an entry in the state it carries; returns its sequence.</summary>
    public long Append(in QueueEntry entry)
    {
        var sequence = _tail++;
        var chunk = TailChunk(sequence);
        chunk.Entries[sequence & EntryChunk.Mask] = entry;
        chunk.Live++;
        Count(chunk, entry.State, 1);
        if (entry.ExpiresAt != 0)
        {
            chunk.EarliestExpiry = Math.Min(chunk.EarliestExpiry, entry.ExpiresAt);
        }

        NoteSegment(chunk, entry.Address.Segment);
        return sequence;
    }

    /// <summary>The live entry at a sequence, or a null reference.</summary>
    public ref QueueEntry Find(long sequence)
    {
        var chunk = ChunkOf(sequence);
        if (chunk is null || sequence >= _tail)
        {
            return ref Unsafe.NullRef<QueueEntry>();
        }

        ref var entry = ref chunk.Entries[sequence & EntryChunk.Mask];
        if (!entry.IsLive)
        {
            return ref Unsafe.NullRef<QueueEntry>();
        }

        return ref entry;
    }

    /// <summary>Moves a live entry to another state; Removed frees its slot.</summary>
    public void SetState(long sequence, ref QueueEntry entry, EntryState state)
    {
        var chunk = ChunkOf(sequence);
        Debug.Assert(chunk is not null && entry.IsLive, "The entry is not live.");
        Count(chunk, entry.State, -1);
        Count(chunk, state, 1);
        entry.State = state;
        if (state == EntryState.Available && sequence < Cursor)
        {
            Cursor = sequence;
        }
        else if (state == EntryState.Removed)
        {
            entry.Message = null;
            chunk.Live--;
            FreeIfDead(sequence >> EntryChunk.SizeLog2, chunk);
        }
    }

    /// <summary>Says that nothing before <paramref name="sequence"/> is available.</summary>
    public void AdvanceCursor(long sequence) => Cursor = Math.Max(Cursor, sequence);

    /// <summary>Moves <paramref name="sequence"/> on to the next available entry; false when there is none.</summary>
    public bool TryFindAvailable(ref long sequence)
    {
        while (sequence < _tail)
        {
            var chunk = ChunkOf(sequence);
            if (chunk is null || chunk.Available == 0)
            {
                sequence = NextChunk(sequence);
                continue;
            }

            if (chunk.Entries[sequence & EntryChunk.Mask].State == EntryState.Available)
            {
                return true;
            }

            sequence++;
        }

        sequence = Math.Min(sequence, _tail);
        return false;
    }

    /// <summary>Moves <paramref name="sequence"/> on to the next entry that waits for any consumer, or for one; false when there is none.</summary>
    public bool TryFindWaiting(ref long sequence)
    {
        while (NextLiveChunk(ref sequence) is { } chunk)
        {
            for (var end = Math.Min(NextChunk(sequence), _tail); sequence < end; sequence++)
            {
                if (chunk.Entries[sequence & EntryChunk.Mask].State is EntryState.Available or EntryState.Reserved)
                {
                    return true;
                }
            }
        }

        sequence = Math.Min(sequence, _tail);
        return false;
    }

    /// <summary>Moves <paramref name="sequence"/> on to the next live entry; false when there is none.</summary>
    public bool TryFindLive(ref long sequence)
    {
        while (NextLiveChunk(ref sequence) is { } chunk)
        {
            for (var end = Math.Min(NextChunk(sequence), _tail); sequence < end; sequence++)
            {
                if (chunk.Entries[sequence & EntryChunk.Mask].IsLive)
                {
                    return true;
                }
            }
        }

        sequence = Math.Min(sequence, _tail);
        return false;
    }

    /// <summary>The chunk at or after <paramref name="sequence"/> that has live entries, moving the sequence to it; null at the end.</summary>
    public EntryChunk? NextLiveChunk(ref long sequence)
    {
        sequence = Math.Max(sequence, Head);
        while (sequence < _tail)
        {
            var chunk = ChunkOf(sequence);
            if (chunk is not null && chunk.Live > 0)
            {
                return chunk;
            }

            sequence = NextChunk(sequence);
        }

        return null;
    }

    /// <summary>Records that an entry moved to another place in the journal.</summary>
    public void NoteMoved(long sequence, int segment) => NoteSegment(ChunkOf(sequence)!, segment);

    /// <summary>Records that an entry may expire at a time.</summary>
    public void NoteExpiry(long sequence, long expiresAt)
    {
        var chunk = ChunkOf(sequence)!;
        chunk.EarliestExpiry = Math.Min(chunk.EarliestExpiry, expiresAt);
    }

    /// <summary>Gives all chunks back.</summary>
    public void Clear()
    {
        for (var i = 0; i < _ring.Length; i++)
        {
            if (_ring[i] is { } chunk)
            {
                EntryChunkPool.Give(chunk);
                _ring[i] = null;
            }
        }

        _firstChunk = (_tail + EntryChunk.Mask) >> EntryChunk.SizeLog2;
        _tail = _firstChunk << EntryChunk.SizeLog2;
        Cursor = _tail;
        Available = 0;
        Acquired = 0;
    }

    public static long NextChunk(long sequence) => (sequence | EntryChunk.Mask) + 1;

    private static void NoteSegment(EntryChunk chunk, int segment)
    {
        if (segment != 0)
        {
            chunk.MinSegment = Math.Min(chunk.MinSegment, segment);
            chunk.MaxSegment = Math.Max(chunk.MaxSegment, segment);
        }
    }

    private void Count(EntryChunk chunk, EntryState state, int by)
    {
        if (state == EntryState.Available)
        {
            chunk.Available += by;
            Available += by;
        }
        else if (state == EntryState.Acquired)
        {
            chunk.Acquired += by;
            Acquired += by;
        }
    }

    private EntryChunk? ChunkOf(long sequence)
    {
        var index = (sequence >> EntryChunk.SizeLog2) - _firstChunk;
        return (ulong)index < (ulong)_ring.Length ? _ring[(int)((_firstChunk + index) & (_ring.Length - 1))] : null;
    }

    private EntryChunk TailChunk(long sequence)
    {
        var number = sequence >> EntryChunk.SizeLog2;
        while (number - _firstChunk >= _ring.Length)
        {
            GrowRing();
        }

        return _ring[(int)(number & (_ring.Length - 1))] ??= EntryChunkPool.Take();
    }

    private void GrowRing()
    {
        var larger = new EntryChunk?[_ring.Length * 2];
        for (var i = 0; i < _ring.Length; i++)
        {
            var number = _firstChunk + i;
            larger[(int)(number & (larger.Length - 1))] = _ring[(int)(number & (_ring.Length - 1))];
        }

        _ring = larger;
    }

    /// <summary>
    /// Frees the chunk at the tail when nothing in it is live, skipping its unused slots, so that an idle queue holds no chunk.
    /// Called now and then, not at every message that empties the queue.
    /// </summary>
    public void Trim()
    {
        var number = _tail >> EntryChunk.SizeLog2;
        if ((_tail & EntryChunk.Mask) != 0 && ChunkOf(_tail) is { Live: 0 } chunk)
        {
            _tail = (number + 1) << EntryChunk.SizeLog2;
            FreeIfDead(number, chunk);
        }
    }

    /// <summary>Frees a chunk with nothing live whose slots are all used up, and moves the head over freed ones.</summary>
    private void FreeIfDead(long number, EntryChunk chunk)
    {
        if (chunk.Live > 0 || _tail < (number + 1) << EntryChunk.SizeLog2)
        {
            return;
        }

        _ring[(int)(number & (_ring.Length - 1))] = null;
        EntryChunkPool.Give(chunk);
        while (_firstChunk << EntryChunk.SizeLog2 < _tail && _ring[(int)(_firstChunk & (_ring.Length - 1))] is null)
        {
            _firstChunk++;
        }

        Cursor = Math.Max(Cursor, Head);
    }
}
