using System.Runtime.CompilerServices;

namespace Mamba.Broker.Engine;

/// <summary>One remembered id; 32 bytes.</summary>
internal struct KnownId
{
    /// <summary>The record is on its way to the disk.</summary>
    public const int Pending = -1;

    /// <summary>Taken out of the middle; the place is given up when it is the oldest.</summary>
    public const int Gone = -2;

    /// <summary>Of a message that is not stored; forgotten with the process.</summary>
    public const int InMemory = 0;

    public UInt128 Hash;

    /// <summary>Rises with every id of the window, and stays with it on disk: the order after a restart.</summary>
    public ulong Sequence;

    /// <summary>Unix seconds of arrival.</summary>
    public uint Seconds;

    /// <summary>The journal segment that holds it, or one of the constants.</summary>
    public int Segment;
}

/// <summary>
/// Ids in the order they came, and a way from an id to its place:
/// <code>
///   ring     chunks of 512 entries of 32 bytes; positions rise and are never used twice
///   tables   256, chosen by the hash's top byte: open addressing, 4 bytes a slot, low half of a position, 0 = empty
/// </code>
/// So a million ids take 32 MB and 4 to 8 MB beside; both grow with what is there. A table that grows moves only its own, a 256th of
/// all. Not thread-safe.
/// </summary>
internal sealed class DuplicateIndex
{
    private const int ChunkLog2 = 9;
    private const int ChunkSize = 1 << ChunkLog2;
    private const int SmallestTable = 8;

    private readonly Table[] _tables = new Table[256];
    private KnownId[]?[] _chunks = new KnownId[4][];
    private KnownId[]? _spare;

    /// <summary>Position of the oldest; from 1 on, as 0 marks an empty slot.</summary>
    public long Head { get; private set; } = 1;

    /// <summary>Position behind the newest.</summary>
    public long Tail { get; private set; } = 1;

    /// <summary>Ids remembered, without places given up.</summary>
    public int Count { get; private set; }

    /// <summary>Bytes of arrays.</summary>
    public long Footprint { get; private set; }

    public ref KnownId At(long position) => ref _chunks[(position >> ChunkLog2) & (_chunks.Length - 1)]![position & (ChunkSize - 1)];

    /// <summary>The position of an id; 0 when it is not there.</summary>
    public long Find(UInt128 hash)
    {
        ref var table = ref TableOf(hash);
        if (table.Slots is not { } slots)
        {
            return 0;
        }

        for (var slot = SlotOf(hash, slots); slots[slot] != 0; slot = (slot + 1) & (slots.Length - 1))
        {
            var position = PositionOf(slots[slot]);
            if (At(position).Hash == hash)
            {
                return position;
            }
        }

        return 0;
    }

    /// <summary>Adds an id that is not there; its position.</summary>
    public long Add(in KnownId id)
    {
        if ((uint)Tail == 0)
        {
            // The slot of such a position would look empty.
            Push(new KnownId { Segment = KnownId.Gone });
        }

        var position = Push(id);
        ref var table = ref TableOf(id.Hash);
        if (table.Slots is null || table.Count * 4 >= table.Slots.Length * 3)
        {
            Resize(ref table, Math.Max(SmallestTable, (table.Slots?.Length ?? 0) * 2));
        }

        Insert(table.Slots!, id.Hash, position);
        table.Count++;
        Count++;
        return position;
    }

    /// <summary>Forgets an id.</summary>
    public void Remove(long position)
    {
        ref var entry = ref At(position);
        Unlink(entry.Hash, position);
        entry.Segment = KnownId.Gone;
        Count--;
        if (position == Tail - 1)
        {
            Tail--;
        }

        SkipGone();
    }

    private long Push(in KnownId id)
    {
        if ((Tail & (ChunkSize - 1)) == 0 || Head == Tail)
        {
            MakeRoom();
        }

        At(Tail) = id;
        return Tail++;
    }

    /// <summary>Sees to it that the chunk of the tail is there.</summary>
    private void MakeRoom()
    {
        var needed = (Tail >> ChunkLog2) - (Head >> ChunkLog2) + 1;
        if (needed > _chunks.Length)
        {
            var larger = new KnownId[_chunks.Length * 2][];
            for (var chunk = Head >> ChunkLog2; chunk <= (Tail - 1) >> ChunkLog2; chunk++)
            {
                larger[chunk & (larger.Length - 1)] = _chunks[chunk & (_chunks.Length - 1)]!;
            }

            Footprint += (larger.Length - _chunks.Length) * Unsafe.SizeOf<nint>();
            _chunks = larger;
        }

        ref var place = ref _chunks[(Tail >> ChunkLog2) & (_chunks.Length - 1)];
        if (place is null)
        {
            place = _spare ?? new KnownId[ChunkSize];
            Footprint += _spare is null ? ChunkSize * Unsafe.SizeOf<KnownId>() : 0;
            _spare = null;
        }
    }

    /// <summary>Moves the head over places given up, and lets go of chunks behind it; one is kept for the tail.</summary>
    private void SkipGone()
    {
        while (Head < Tail && At(Head).Segment == KnownId.Gone)
        {
            Head++;
            if ((Head & (ChunkSize - 1)) == 0)
            {
                Drop((Head - 1) >> ChunkLog2);
            }
        }

        if (Head == Tail)
        {
            DropAll();
        }
    }

    private void Drop(long chunk)
    {
        ref var place = ref _chunks[chunk & (_chunks.Length - 1)];
        if (_spare is null)
        {
            _spare = place;
        }
        else
        {
            Footprint -= ChunkSize * Unsafe.SizeOf<KnownId>();
        }

        place = null;
    }

    private void DropAll()
    {
        _chunks = new KnownId[4][];
        Array.Clear(_tables);
        _spare = null;
        Footprint = 0;
    }

    private ref Table TableOf(UInt128 hash) => ref _tables[(int)(hash >> 120)];

    private static int SlotOf(UInt128 hash, uint[] slots) => (int)(uint)hash & (slots.Length - 1);

    /// <summary>Positions in the ring span less than 2^32, so the low half tells which is meant.</summary>
    private long PositionOf(uint low) => Head + (uint)(low - (uint)Head);

    private static void Insert(uint[] slots, UInt128 hash, long position)
    {
        var slot = SlotOf(hash, slots);
        while (slots[slot] != 0)
        {
            slot = (slot + 1) & (slots.Length - 1);
        }

        slots[slot] = (uint)position;
    }

    /// <summary>Empties a slot and moves what lies behind it up, so that every walk still ends at what it looks for.</summary>
    private void Unlink(UInt128 hash, long position)
    {
        ref var table = ref TableOf(hash);
        var slots = table.Slots!;
        var mask = slots.Length - 1;
        var hole = SlotOf(hash, slots);
        while (slots[hole] != (uint)position)
        {
            hole = (hole + 1) & mask;
        }

        for (var next = (hole + 1) & mask; slots[next] != 0; next = (next + 1) & mask)
        {
            var home = SlotOf(At(PositionOf(slots[next])).Hash, slots);
            if (((next - home) & mask) >= ((next - hole) & mask))
            {
                slots[hole] = slots[next];
                hole = next;
            }
        }

        slots[hole] = 0;
        if (--table.Count * 8 < slots.Length && slots.Length > SmallestTable)
        {
            Resize(ref table, slots.Length / 2);
        }
    }

    private void Resize(ref Table table, int size)
    {
        var slots = new uint[size];
        foreach (var low in table.Slots ?? [])
        {
            if (low != 0)
            {
                Insert(slots, At(PositionOf(low)).Hash, low);
            }
        }

        Footprint += (size - (table.Slots?.Length ?? 0)) * sizeof(uint);
        table.Slots = slots;
    }

    private struct Table
    {
        public uint[]? Slots;
        public int Count;
    }
}
