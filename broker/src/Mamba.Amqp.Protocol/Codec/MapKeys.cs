using System.Buffers;

namespace Mamba.Amqp.Codec;

/// <summary>
/// Finds duplicate keys in an encoded map without decoding it. Two keys are the same when they have the same AMQP type and
/// contents, whatever the width of their encoding: <c>0x43</c> and <c>0x52 0x00</c> are one uint key.
/// </summary>
internal static class MapKeys
{
    /// <summary>Up to here comparing all pairs is cheaper than sorting.</summary>
    private const int ComparePairsUpTo = 16;

    /// <summary>The position of a key that is there twice; -1 when there is none.</summary>
    /// <param name="data">The bytes of the frame or message.</param>
    /// <param name="items">Where the first key begins; the items have been walked over once, and are well-formed.</param>
    /// <param name="pairs">The number of entries.</param>
    public static int FindDuplicate(ReadOnlySpan<byte> data, int items, int pairs) => pairs switch
    {
        < 2 => -1,
        <= ComparePairsUpTo => ComparePairs(data, items, pairs),
        _ => SortAndCompare(data, items, pairs),
    };

    private static int ComparePairs(ReadOnlySpan<byte> data, int items, int pairs)
    {
        Span<int> starts = stackalloc int[ComparePairsUpTo];
        Span<int> ends = stackalloc int[ComparePairsUpTo];
        var reader = new AmqpReader(data[items..]);
        var seen = 0UL;
        for (var i = 0; i < pairs; i++)
        {
            starts[i] = items + reader.Position;
            reader.SkipShallow();
            ends[i] = items + reader.Position;
            reader.SkipShallow();
            var key = data[starts[i]..ends[i]];
            // A bit per length and last byte: two keys that differ in either are not the same.
            var contents = Contents(key);
            var bit = 1UL << (contents.Length * 7 + (contents.IsEmpty ? 0 : contents[^1]) & 63);
            if ((seen & bit) != 0)
            {
                for (var j = 0; j < i; j++)
                {
                    if (AreSame(data[starts[j]..ends[j]], key))
                    {
                        return starts[i];
                    }
                }
            }

            seen |= bit;
        }

        return -1;
    }

    private static int SortAndCompare(ReadOnlySpan<byte> data, int items, int pairs)
    {
        // Each entry: a seeded hash in the upper half, the key's position in the lower. Equal hashes end up side by side.
        var entries = ArrayPool<ulong>.Shared.Rent(pairs);
        try
        {
            var reader = new AmqpReader(data[items..]);
            for (var i = 0; i < pairs; i++)
            {
                var start = reader.Position;
                reader.SkipShallow();
                entries[i] = (ulong)Hash(data.Slice(items + start, reader.Position - start)) << 32 | (uint)start;
                reader.SkipShallow();
            }

            var sorted = entries.AsSpan(0, pairs);
            sorted.Sort();
            for (var i = 1; i < pairs; i++)
            {
                for (var j = i - 1; j >= 0 && sorted[j] >> 32 == sorted[i] >> 32; j--)
                {
                    if (AreSame(KeyAt(data, items + (int)(uint)sorted[j]), KeyAt(data, items + (int)(uint)sorted[i])))
                    {
                        return items + (int)(uint)sorted[i];
                    }
                }
            }

            return -1;
        }
        finally
        {
            ArrayPool<ulong>.Shared.Return(entries);
        }
    }

    private static ReadOnlySpan<byte> KeyAt(ReadOnlySpan<byte> data, int start)
    {
        var reader = new AmqpReader(data[start..]);
        reader.SkipShallow();
        return data.Slice(start, reader.Position);
    }

    private static bool AreSame(ReadOnlySpan<byte> left, ReadOnlySpan<byte> right) =>
        ArrayElement.WidestCode(left[0]) == ArrayElement.WidestCode(right[0]) && Contents(left).SequenceEqual(Contents(right));

    private static uint Hash(ReadOnlySpan<byte> key)
    {
        var hash = default(HashCode);
        hash.Add(ArrayElement.WidestCode(key[0]));
        hash.AddBytes(Contents(key));
        return (uint)hash.ToHashCode();
    }

    /// <summary>The contents of a key without what depends on the width of its encoding.</summary>
    private static ReadOnlySpan<byte> Contents(ReadOnlySpan<byte> key)
    {
        switch (key[0])
        {
            case FormatCode.True:
                return [1];
            case FormatCode.False:
                return [0];
            case FormatCode.Binary8 or FormatCode.String8 or FormatCode.Symbol8:
                return key[2..];
            case FormatCode.Binary32 or FormatCode.String32 or FormatCode.Symbol32:
                return key[5..];
            case FormatCode.UInt0 or FormatCode.SmallUInt or FormatCode.UInt or FormatCode.ULong0 or FormatCode.SmallULong or FormatCode.ULong:
                return key[1..].TrimStart((byte)0);
            case FormatCode.SmallInt or FormatCode.Int or FormatCode.SmallLong or FormatCode.Long:
                return TrimSign(key[1..]);
            default:
                return key[1..];
        }
    }

    // Leading bytes which only repeat the sign of the byte behind them carry nothing.
    private static ReadOnlySpan<byte> TrimSign(ReadOnlySpan<byte> number)
    {
        while (number.Length > 1 && (number[0] == 0 && number[1] < 0x80 || number[0] == 0xff && number[1] >= 0x80))
        {
            number = number[1..];
        }

        return number;
    }
}
