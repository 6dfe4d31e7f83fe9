using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using Mamba.Amqp.Types;

namespace Mamba.Amqp.Codec;

public ref partial struct AmqpReader
{
    /// <summary>Reads the header of a list; the items are to be read next, then <see cref="EndCompound"/>.</summary>
    /// <param name="end">The position behind the list.</param>
    /// <returns>The number of items, which is bounded by the bytes that are there.</returns>
    public int BeginList(out int end)
    {
        var code = ReadCode();
        return code is FormatCode.List0 or FormatCode.List8 or FormatCode.List32
            ? RawBegin(code, out end)
            : throw Unexpected(code, "list");
    }

    /// <summary>Reads the header of a map; keys and values are to be read next in turn, then <see cref="EndCompound"/>.</summary>
    /// <param name="end">The position behind the map.</param>
    /// <returns>The number of entries (pairs).</returns>
    public int BeginMap(out int end)
    {
        var code = ReadCode();
        if (code is not (FormatCode.Map8 or FormatCode.Map32))
        {
            throw Unexpected(code, "map");
        }

        return CheckPairs(RawBegin(code, out end));
    }

    /// <summary>Checks that all of a list, map or array was read, and no more.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly void EndCompound(int end)
    {
        if (_position != end)
        {
            throw Malformed($"the items of a list, map or array end at byte {_position}, and its size says {end}");
        }
    }

    /// <summary>Begins the fields of a composite, after its descriptor.</summary>
    /// <param name="type">The name of the type in the specification.</param>
    /// <param name="known">The number of fields the type has; more are refused.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public CompositeReader BeginFields(string type, int known)
    {
        var data = _data;
        var at = _position;
        if ((uint)at + 2 < (uint)data.Length && data[at] == FormatCode.List8)
        {
            int size = data[at + 1], count = data[at + 2];
            if (size >= 1 && size <= data.Length - at - 2 && count <= known && count < size)
            {
                _position = at + 3;
                return new CompositeReader(type, count, at + 2 + size);
            }
        }

        return BeginFieldsSlow(type, known);
    }

    /// <summary>
    /// Reads a field with <c>multiple="true"</c>, which arrives as one symbol, as an array of symbols, or from old peers as a list.
    /// </summary>
    public Symbol[] ReadSymbols()
    {
        switch (PeekCode())
        {
            case FormatCode.Symbol8 or FormatCode.Symbol32:
                return [ReadSymbol()];
            case FormatCode.List0 or FormatCode.List8 or FormatCode.List32:
                var symbols = new List<Symbol>();
                var count = BeginList(out var end);
                Spend(count);
                for (var i = 0; i < count; i++)
                {
                    symbols.Add(ReadSymbol());
                }

                EndCompound(end);
                return [.. symbols];
            default:
                var array = ReadArray();
                return array.As<Symbol>()
                    ?? (array.Count == 0 ? [] : throw Malformed($"expected an array of symbols and found one of format code 0x{array.ElementCode:x2}"));
        }
    }

    /// <summary>Reads a ubyte that stands for a choice.</summary>
    public byte ReadUByteChoice(byte max, string field)
    {
        var value = ReadUByte();
        return value <= max ? value : throw Invalid($"{field} has the value {value}; 0 to {max} are legal");
    }

    /// <summary>Reads a uint that stands for a choice.</summary>
    public uint ReadUIntChoice(uint max, string field)
    {
        var value = ReadUInt();
        return value <= max ? value : throw Invalid($"{field} has the value {value}; 0 to {max} are legal");
    }

    /// <summary>Reads a delivery-tag in place.</summary>
    public Transport.DeliveryTag ReadDeliveryTag()
    {
        var bytes = ReadBinarySpan();
        return bytes.Length <= Transport.DeliveryTag.MaxLength
            ? new Transport.DeliveryTag(bytes)
            : throw Invalid($"a delivery-tag of {bytes.Length} bytes; the specification allows {Transport.DeliveryTag.MaxLength}");
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private CompositeReader BeginFieldsSlow(string type, int known)
    {
        var count = BeginList(out var end);
        return count <= known
            ? new CompositeReader(type, count, end)
            : throw Malformed($"{type} has {known} fields, and {count} were sent");
    }

    /// <summary>Reads size and count of a compound whose format code has been read, and checks both.</summary>
    private int RawBegin(byte code, out int end)
    {
        uint count;
        if (code == FormatCode.List0)
        {
            end = _position;
            return 0;
        }

        if (code is FormatCode.List8 or FormatCode.Map8 or FormatCode.Array8)
        {
            var size = RawLength8();
            end = _position + size;
            count = size >= 1 ? Take(1)[0] : throw Malformed("a size of 0, which leaves no room for the count");
        }
        else
        {
            var size = RawLength32();
            end = _position + size;
            count = size >= 4 ? BinaryPrimitives.ReadUInt32BigEndian(Take(4)) : throw Malformed($"a size of {size}, which leaves no room for the count");
        }

        return CheckCount(count, end);
    }

    private readonly int CheckCount(uint count, int end)
    {
        if (count > (uint)(end - _position))
        {
            throw Malformed($"a count of {count} where {end - _position} bytes are left");
        }

        return count <= (uint)_limits.MaxCount
            ? (int)count
            : throw Limit($"a count of {count}; the limit is {_limits.MaxCount}");
    }

    private readonly int CheckPairs(int count) =>
        (count & 1) == 0 ? count / 2 : throw Malformed($"a map with {count} items; keys and values come in pairs");

    /// <summary>Takes values from the budget, before they are read.</summary>
    private void Spend(int values)
    {
        if (values > _valuesLeft)
        {
            throw Limit($"more than {_limits.MaxValues} values in one frame or message");
        }

        _valuesLeft -= values;
    }

    private void Descend()
    {
        if (++_depth > _limits.MaxDepth)
        {
            throw Limit($"values nested more than {_limits.MaxDepth} deep");
        }
    }
}
