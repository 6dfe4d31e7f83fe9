using System.Buffers.Binary;
using System.Text;
using Mamba.Amqp.Types;

namespace Mamba.Amqp.Codec;

public ref partial struct AmqpReader
{
    private const int InitialListCapacity = 32;

    /// <summary>
    /// Reads a value of any type. null = null, boolean = bool, ubyte = byte, byte = sbyte, ushort, short, uint, int, ulong, long,
    /// float, double, decimals = <see cref="Decimal32"/> and the like, char = <see cref="Rune"/>, <see cref="Timestamp"/>,
    /// uuid = <see cref="Guid"/>, binary = byte[], string, <see cref="Symbol"/>, list = <c>List&lt;object?&gt;</c>,
    /// <see cref="AmqpMap"/>, <see cref="AmqpArray"/>, <see cref="DescribedValue"/>.
    /// </summary>
    public object? ReadValue()
    {
        Spend(1);
        return RawValue();
    }

    /// <summary>Reads a map. Duplicate and null keys are refused (AMQP 1.0 §1.6.23).</summary>
    public AmqpMap ReadMap()
    {
        var code = ReadCode();
        return code is FormatCode.Map8 or FormatCode.Map32 ? RawMap(code) : throw Unexpected(code, "map");
    }

    /// <summary>Reads a list.</summary>
    public List<object?> ReadList()
    {
        var code = ReadCode();
        return code is FormatCode.List0 or FormatCode.List8 or FormatCode.List32 ? RawList(code) : throw Unexpected(code, "list");
    }

    /// <summary>Reads an array.</summary>
    public AmqpArray ReadArray()
    {
        var code = ReadCode();
        return code is FormatCode.Array8 or FormatCode.Array32 ? RawArray(code) : throw Unexpected(code, "array");
    }

    private AmqpMap RawMap(byte code)
    {
        Descend();
        var pairs = CheckPairs(RawBegin(code, out var end));
        Spend(pairs * 2);
        var map = new AmqpMap(Math.Min(pairs, InitialListCapacity));
        for (var i = 0; i < pairs; i++)
        {
            var key = RawValue() ?? throw Malformed("a map with the key null");
            if (map.ContainsKey(key))
            {
                throw Malformed($"a map with the key {AmqpValue.ToString(key)} twice");
            }

            map.AppendUnchecked(key, RawValue());
        }

        EndCompound(end);
        _depth--;
        return map;
    }

    private List<object?> RawList(byte code)
    {
        Descend();
        var count = RawBegin(code, out var end);
        Spend(count);
        var list = new List<object?>(Math.Min(count, InitialListCapacity));
        for (var i = 0; i < count; i++)
        {
            list.Add(RawValue());
        }

        EndCompound(end);
        _depth--;
        return list;
    }

    /// <summary>A value whose place in the budget is taken already.</summary>
    private object? RawValue()
    {
        var code = PeekCode();
        switch (code)
        {
            case FormatCode.Null: _position++; return null;
            case FormatCode.True or FormatCode.False or FormatCode.Boolean: return Boxes.Of(ReadBoolean());
            case FormatCode.String8 or FormatCode.String32: return ReadString();
            case FormatCode.Symbol8 or FormatCode.Symbol32: return ReadSymbol();
            case FormatCode.UByte: return Boxes.Of(ReadUByte());
            case FormatCode.Byte: return Boxes.Of(ReadByte());
            case FormatCode.UInt0 or FormatCode.SmallUInt or FormatCode.UInt: return Boxes.Of(ReadUInt());
            case FormatCode.ULong0 or FormatCode.SmallULong or FormatCode.ULong: return Boxes.Of(ReadULong());
            case FormatCode.SmallInt or FormatCode.Int: return Boxes.Of(ReadInt());
            case FormatCode.SmallLong or FormatCode.Long: return Boxes.Of(ReadLong());
            case FormatCode.UShort: return ReadUShort();
            case FormatCode.Short: return ReadShort();
            case FormatCode.Float: return ReadFloat();
            case FormatCode.Double: return ReadDouble();
            case FormatCode.Decimal32: return ReadDecimal32();
            case FormatCode.Decimal64: return ReadDecimal64();
            case FormatCode.Decimal128: return ReadDecimal128();
            case FormatCode.Char: return ReadChar();
            case FormatCode.Timestamp: return ReadTimestamp();
            case FormatCode.Uuid: return ReadUuid();
            case FormatCode.Binary8 or FormatCode.Binary32: return ReadBinary();
            case FormatCode.List0 or FormatCode.List8 or FormatCode.List32: return ReadList();
            case FormatCode.Map8 or FormatCode.Map32: return ReadMap();
            case FormatCode.Array8 or FormatCode.Array32: return ReadArray();
            case FormatCode.Described: return RawDescribed();
            default: throw Unexpected(code, "a value");
        }
    }

    private DescribedValue RawDescribed()
    {
        Descend();
        _position++;
        var descriptor = RawDescriptor();
        Spend(1);
        var value = RawValue();
        _depth--;
        return new DescribedValue(descriptor, value);
    }

    /// <summary>A descriptor of any primitive type. Described and compound descriptors have no use and are refused.</summary>
    private object RawDescriptor()
    {
        var code = PeekCode();
        if (code is FormatCode.Described or FormatCode.List0 or FormatCode.Null or >= FormatCode.List8)
        {
            throw Malformed($"a descriptor of format code 0x{code:x2}; a descriptor is a ulong or a symbol");
        }

        return RawValue()!;
    }

    //  array8:  0xe0 size:1 count:1 constructor element*     array32: 0xf0 size:4 count:4 constructor element*
    //  constructor: code | 0x00 descriptor code. The elements follow without codes of their own.
    private AmqpArray RawArray(byte code)
    {
        Descend();
        var count = RawBegin(code, out var end);
        Spend(count);
        object? descriptor = null;
        var element = ReadCode();
        if (element == FormatCode.Described)
        {
            descriptor = RawDescriptor();
            element = ReadCode();
        }

        var values = RawElements(element, CheckElements(element, count, end));
        EndCompound(end);
        _depth--;
        return new AmqpArray(ArrayElement.WidestCode(element), values, descriptor);
    }

    /// <summary>Refuses arrays whose elements cannot fit, and elements without bytes, of which four billion cost nothing to send.</summary>
    private readonly int CheckElements(byte element, int count, int end)
    {
        var width = ArrayElement.MinWidth(element);
        if (width < 0)
        {
            throw Malformed($"an array of elements of format code 0x{element:x2}");
        }

        if (width == 0 && count > 0)
        {
            throw Malformed($"an array of {count} elements without bytes (format code 0x{element:x2})");
        }

        return (long)count * width <= end - _position
            ? count
            : throw Malformed($"an array of {count} elements of at least {width} bytes where {end - _position} are left");
    }

    private Array RawElements(byte element, int count)
    {
        switch (element)
        {
            case FormatCode.Boolean: return Fill(new bool[count], static (ref r) => r.RawBoolean());
            case FormatCode.UByte: return Take(count).ToArray();
            case FormatCode.Byte: return Fill(new sbyte[count], static (ref r) => (sbyte)r.Take(1)[0]);
            case FormatCode.SmallUInt: return Fill(new uint[count], static (ref r) => r.Take(1)[0]);
            case FormatCode.SmallULong: return Fill(new ulong[count], static (ref r) => r.Take(1)[0]);
            case FormatCode.SmallInt: return Fill(new int[count], static (ref r) => (sbyte)r.Take(1)[0]);
            case FormatCode.SmallLong: return Fill(new long[count], static (ref r) => (sbyte)r.Take(1)[0]);
            case FormatCode.UShort: return Fill(new ushort[count], static (ref r) => BinaryPrimitives.ReadUInt16BigEndian(r.Take(2)));
            case FormatCode.Short: return Fill(new short[count], static (ref r) => BinaryPrimitives.ReadInt16BigEndian(r.Take(2)));
            case FormatCode.UInt: return Fill(new uint[count], static (ref r) => BinaryPrimitives.ReadUInt32BigEndian(r.Take(4)));
            case FormatCode.Int: return Fill(new int[count], static (ref r) => BinaryPrimitives.ReadInt32BigEndian(r.Take(4)));
            case FormatCode.Float: return Fill(new float[count], static (ref r) => BinaryPrimitives.ReadSingleBigEndian(r.Take(4)));
            case FormatCode.Char: return Fill(new Rune[count], static (ref r) => r.RawChar(r.Take(4)));
            case FormatCode.Decimal32: return Fill(new Decimal32[count], static (ref r) => new Decimal32(BinaryPrimitives.ReadUInt32BigEndian(r.Take(4))));
            case FormatCode.ULong: return Fill(new ulong[count], static (ref r) => BinaryPrimitives.ReadUInt64BigEndian(r.Take(8)));
            case FormatCode.Long: return Fill(new long[count], static (ref r) => BinaryPrimitives.ReadInt64BigEndian(r.Take(8)));
            case FormatCode.Double: return Fill(new double[count], static (ref r) => BinaryPrimitives.ReadDoubleBigEndian(r.Take(8)));
            case FormatCode.Timestamp: return Fill(new Timestamp[count], static (ref r) => new Timestamp(BinaryPrimitives.ReadInt64BigEndian(r.Take(8))));
            case FormatCode.Decimal64: return Fill(new Decimal64[count], static (ref r) => new Decimal64(BinaryPrimitives.ReadUInt64BigEndian(r.Take(8))));
            case FormatCode.Decimal128: return Fill(new Decimal128[count], static (ref r) => RawDecimal128(r.Take(16)));
            case FormatCode.Uuid: return Fill(new Guid[count], static (ref r) => new Guid(r.Take(16), bigEndian: true));
            case FormatCode.Binary8: return Fill(new byte[count][], static (ref r) => r.Take(r.RawLength8()).ToArray());
            case FormatCode.Binary32: return Fill(new byte[count][], static (ref r) => r.Take(r.RawLength32()).ToArray());
            case FormatCode.String8: return Fill(new string[count], static (ref r) => Encoding.UTF8.GetString(r.CheckUtf8(r.Take(r.RawLength8()))));
            case FormatCode.String32: return Fill(new string[count], static (ref r) => Encoding.UTF8.GetString(r.CheckUtf8(r.Take(r.RawLength32()))));
            case FormatCode.Symbol8: return Fill(new Symbol[count], static (ref r) => new Symbol(Encoding.ASCII.GetString(r.CheckAscii(r.Take(r.RawLength8())))));
            case FormatCode.Symbol32: return Fill(new Symbol[count], static (ref r) => new Symbol(Encoding.ASCII.GetString(r.CheckAscii(r.Take(r.RawLength32())))));
            case FormatCode.List8: return Fill(new List<object?>[count], static (ref r) => r.RawList(FormatCode.List8));
            case FormatCode.List32: return Fill(new List<object?>[count], static (ref r) => r.RawList(FormatCode.List32));
            case FormatCode.Map8: return Fill(new AmqpMap[count], static (ref r) => r.RawMap(FormatCode.Map8));
            case FormatCode.Map32: return Fill(new AmqpMap[count], static (ref r) => r.RawMap(FormatCode.Map32));
            case FormatCode.Array8: return Fill(new AmqpArray[count], static (ref r) => r.RawArray(FormatCode.Array8));
            case FormatCode.Array32: return Fill(new AmqpArray[count], static (ref r) => r.RawArray(FormatCode.Array32));
            default: return ArrayElement.EmptyOf(element);
        }
    }

    private delegate T ElementReader<T>(ref AmqpReader reader);

    private T[] Fill<T>(T[] values, ElementReader<T> read)
    {
        for (var i = 0; i < values.Length; i++)
        {
            values[i] = read(ref this);
        }

        return values;
    }
}
