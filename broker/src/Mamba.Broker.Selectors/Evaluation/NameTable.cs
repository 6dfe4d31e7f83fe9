using System.Buffers.Binary;
using System.Numerics;
using System.Runtime.CompilerServices;

namespace Mamba.Broker.Selectors.Evaluation;

/// <summary>Finds the slot of a key, comparing bytes. Most keys of a message are not wanted: their length says so at once.</summary>
internal sealed class NameTable
{
    private readonly (byte[] Name, int Slot, int Next)[] _entries;
    private readonly int[] _heads;
    private readonly ulong _lengths;

    /// <summary>Makes the table of the fields of one kind.</summary>
    public NameTable(IReadOnlyList<Field> fields, FieldKind kind)
    {
        var wanted = new List<(byte[] Name, int Slot, int Next)>();
        for (var slot = 0; slot < fields.Count; slot++)
        {
            if (fields[slot].Kind == kind)
            {
                wanted.Add((fields[slot].NameUtf8(), slot, -1));
            }
        }

        _entries = [.. wanted];
        _heads = new int[(int)BitOperations.RoundUpToPowerOf2((uint)Math.Max(1, 2 * _entries.Length))];
        Array.Fill(_heads, -1);
        for (var i = 0; i < _entries.Length; i++)
        {
            ref var head = ref _heads[Bucket(_entries[i].Name)];
            _entries[i].Next = head;
            head = i;
            _lengths |= 1UL << (_entries[i].Name.Length & 63);
        }
    }

    public int Count => _entries.Length;

    /// <summary>The slot of a key, or -1.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public int Find(ReadOnlySpan<byte> key) => (_lengths >> (key.Length & 63) & 1) == 0 ? -1 : FindByName(key);

    private int FindByName(ReadOnlySpan<byte> key)
    {
        for (var i = _heads[Bucket(key)]; i >= 0; i = _entries[i].Next)
        {
            if (key.SequenceEqual(_entries[i].Name))
            {
                return _entries[i].Slot;
            }
        }

        return -1;
    }

    private int Bucket(ReadOnlySpan<byte> key) => (int)(ByteHash.Of(key) & (uint)(_heads.Length - 1));
}

/// <summary>A quick hash of the ends of a byte string; not meant against adversaries, who are bounded by the tables' sizes.</summary>
internal static class ByteHash
{
    private const ulong Factor = 0x9E3779B97F4A7C15;

    public static uint Of(ReadOnlySpan<byte> bytes)
    {
        ulong first = 0, last = 0;
        if (bytes.Length >= 8)
        {
            first = BinaryPrimitives.ReadUInt64LittleEndian(bytes);
            last = BinaryPrimitives.ReadUInt64LittleEndian(bytes[^8..]);
        }
        else if (bytes.Length >= 4)
        {
            first = BinaryPrimitives.ReadUInt32LittleEndian(bytes);
            last = BinaryPrimitives.ReadUInt32LittleEndian(bytes[^4..]);
        }
        else if (bytes.Length > 0)
        {
            first = bytes[0];
            last = ((ulong)bytes[bytes.Length / 2] << 8) | bytes[^1];
        }

        var mixed = ((first ^ (ulong)bytes.Length) * Factor) ^ (BitOperations.RotateLeft(last, 29) * Factor);
        return (uint)((mixed * Factor) >> 32);
    }
}
