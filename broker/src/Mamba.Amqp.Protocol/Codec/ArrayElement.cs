using System.Buffers.Binary;
using System.Text;
using Mamba.Amqp.Types;

namespace Mamba.Amqp.Codec;

/// <summary>What the elements of an AMQP array are made of: the CLR type, the widths, and how they are written.</summary>
internal static class ArrayElement
{
    /// <summary>The bytes that follow a fixed-width format code; 0 for the rest, see <see cref="MinWidth"/>.</summary>
    public static int FixedWidth(byte code) => (code >> 4) switch
    {
        0x5 => 1,
        0x6 => 2,
        0x7 => 4,
        0x8 => 8,
        0x9 => 16,
        _ => 0,
    };

    /// <summary>The fewest bytes an element takes, without its constructor; -1 for codes that are no AMQP type.</summary>
    public static int MinWidth(byte code) => code switch
    {
        >= FormatCode.Null and <= FormatCode.List0 => 0,
        >= FormatCode.UByte and <= FormatCode.Boolean => 1,
        FormatCode.UShort or FormatCode.Short => 2,
        >= FormatCode.UInt and <= FormatCode.Decimal32 => 4,
        >= FormatCode.ULong and <= FormatCode.Decimal64 => 8,
        FormatCode.Decimal128 or FormatCode.Uuid => 16,
        FormatCode.Binary8 or FormatCode.String8 or FormatCode.Symbol8 => 1,
        FormatCode.Binary32 or FormatCode.String32 or FormatCode.Symbol32 => 4,
        FormatCode.List8 or FormatCode.Map8 => 2,
        FormatCode.List32 or FormatCode.Map32 => 8,
        FormatCode.Array8 => 3,
        FormatCode.Array32 => 9,
        _ => -1,
    };

    /// <summary>The widest format code of the same type.</summary>
    public static byte WidestCode(byte code) => code switch
    {
        FormatCode.True or FormatCode.False => FormatCode.Boolean,
        FormatCode.UInt0 or FormatCode.SmallUInt => FormatCode.UInt,
        FormatCode.ULong0 or FormatCode.SmallULong => FormatCode.ULong,
        FormatCode.SmallInt => FormatCode.Int,
        FormatCode.SmallLong => FormatCode.Long,
        FormatCode.Binary8 => FormatCode.Binary32,
        FormatCode.String8 => FormatCode.String32,
        FormatCode.Symbol8 => FormatCode.Symbol32,
        FormatCode.List0 or FormatCode.List8 => FormatCode.List32,
        FormatCode.Map8 => FormatCode.Map32,
        FormatCode.Array8 => FormatCode.Array32,
        _ => code,
    };

    /// <summary>The empty CLR array of an element type without bytes.</summary>
    public static Array EmptyOf(byte code) => code switch
    {
        FormatCode.True or FormatCode.False => Array.Empty<bool>(),
        FormatCode.UInt0 => Array.Empty<uint>(),
        FormatCode.ULong0 => Array.Empty<ulong>(),
        FormatCode.List0 => Array.Empty<List<object?>>(),
        _ => Array.Empty<object?>(),
    };

    /// <summary>The widest format code for the elements of a CLR array.</summary>
    public static byte CodeFor(Array values) => values switch
    {
        // The CLR lets sbyte[] pass for byte[] and so on: compare the types themselves.
        _ when values.GetType() == typeof(bool[]) => FormatCode.Boolean,
        _ when values.GetType() == typeof(byte[]) => FormatCode.UByte,
        _ when values.GetType() == typeof(sbyte[]) => FormatCode.Byte,
        _ when values.GetType() == typeof(ushort[]) => FormatCode.UShort,
        _ when values.GetType() == typeof(short[]) => FormatCode.Short,
        _ when values.GetType() == typeof(uint[]) => FormatCode.UInt,
        _ when values.GetType() == typeof(int[]) => FormatCode.Int,
        _ when values.GetType() == typeof(ulong[]) => FormatCode.ULong,
        _ when values.GetType() == typeof(long[]) => FormatCode.Long,
        float[] => FormatCode.Float,
        double[] => FormatCode.Double,
        Decimal32[] => FormatCode.Decimal32,
        Decimal64[] => FormatCode.Decimal64,
        Decimal128[] => FormatCode.Decimal128,
        Rune[] => FormatCode.Char,
        Timestamp[] => FormatCode.Timestamp,
        Guid[] => FormatCode.Uuid,
        byte[][] => FormatCode.Binary32,
        string[] => FormatCode.String32,
        Symbol[] => FormatCode.Symbol32,
        List<object?>[] => FormatCode.List32,
        AmqpMap[] => FormatCode.Map32,
        AmqpArray[] => FormatCode.Array32,
        object?[] { Length: 0 } => FormatCode.Null,
        _ => throw new ArgumentException($"an array of {values.GetType().GetElementType()} has no AMQP type", nameof(values)),
    };

    /// <summary>Writes the constructor and the elements.</summary>
    public static void Write(AmqpWriter writer, byte widest, Array values)
    {
        if (values is object?[] references && Array.IndexOf(references, null) is var missing and >= 0)
        {
            throw new ArgumentException($"element {missing} of an array is null; AMQP arrays hold no nulls, lists do", nameof(values));
        }

        var code = SmallestCode(widest, values);
        var buffer = writer.Buffer;
        buffer.WriteByte(code);
        switch (values)
        {
            case byte[] v when widest == FormatCode.UByte: buffer.Write(v); break;
            case sbyte[] v when widest == FormatCode.Byte: Each(v, 1, buffer, static (s, x) => s[0] = (byte)x); break;
            case bool[] v: Each(v, 1, buffer, static (s, x) => s[0] = x ? (byte)1 : (byte)0); break;
            case ushort[] v when widest == FormatCode.UShort: Each(v, 2, buffer, BinaryPrimitives.WriteUInt16BigEndian); break;
            case short[] v when widest == FormatCode.Short: Each(v, 2, buffer, BinaryPrimitives.WriteInt16BigEndian); break;
            case uint[] v when code == FormatCode.SmallUInt: Each(v, 1, buffer, static (s, x) => s[0] = (byte)x); break;
            case uint[] v when widest == FormatCode.UInt: Each(v, 4, buffer, BinaryPrimitives.WriteUInt32BigEndian); break;
            case int[] v when code == FormatCode.SmallInt: Each(v, 1, buffer, static (s, x) => s[0] = (byte)x); break;
            case int[] v when widest == FormatCode.Int: Each(v, 4, buffer, BinaryPrimitives.WriteInt32BigEndian); break;
            case ulong[] v when code == FormatCode.SmallULong: Each(v, 1, buffer, static (s, x) => s[0] = (byte)x); break;
            case ulong[] v when widest == FormatCode.ULong: Each(v, 8, buffer, BinaryPrimitives.WriteUInt64BigEndian); break;
            case long[] v when code == FormatCode.SmallLong: Each(v, 1, buffer, static (s, x) => s[0] = (byte)x); break;
            case long[] v when widest == FormatCode.Long: Each(v, 8, buffer, BinaryPrimitives.WriteInt64BigEndian); break;
            case float[] v: Each(v, 4, buffer, BinaryPrimitives.WriteSingleBigEndian); break;
            case double[] v: Each(v, 8, buffer, BinaryPrimitives.WriteDoubleBigEndian); break;
            case Decimal32[] v: Each(v, 4, buffer, static (s, x) => BinaryPrimitives.WriteUInt32BigEndian(s, x.Bits)); break;
            case Decimal64[] v: Each(v, 8, buffer, static (s, x) => BinaryPrimitives.WriteUInt64BigEndian(s, x.Bits)); break;
            case Decimal128[] v: Each(v, 16, buffer, WriteDecimal128); break;
            case Rune[] v: Each(v, 4, buffer, static (s, x) => BinaryPrimitives.WriteInt32BigEndian(s, x.Value)); break;
            case Timestamp[] v: Each(v, 8, buffer, static (s, x) => BinaryPrimitives.WriteInt64BigEndian(s, x.Milliseconds)); break;
            case Guid[] v: Each(v, 16, buffer, static (s, x) => x.TryWriteBytes(s, bigEndian: true, out _)); break;
            default: WriteVariable(writer, code, values); break;
        }
    }

    /// <summary>Writes the size of a variable-width element: one byte or four, as its format code says.</summary>
    public static void WriteLength(ByteBuffer buffer, byte code, int length)
    {
        if (code >> 4 == 0xa)
        {
            buffer.WriteByte((byte)length);
        }
        else
        {
            BinaryPrimitives.WriteUInt32BigEndian(buffer.Take(4), (uint)length);
        }
    }

    private static void WriteVariable(AmqpWriter writer, byte code, Array values)
    {
        var buffer = writer.Buffer;
        var elements = buffer.Length;
        foreach (var value in values)
        {
            switch (value)
            {
                case byte[] v:
                    WriteLength(buffer, code, v.Length);
                    buffer.Write(v);
                    break;
                case string v:
                    var length = Encoding.UTF8.GetByteCount(v);
                    WriteLength(buffer, code, length);
                    Encoding.UTF8.GetBytes(v, buffer.Take(length));
                    break;
                case Symbol v:
                    WriteLength(buffer, code, v.Value.Length);
                    writer.WriteAscii(v.Value);
                    break;
                case List<object?> or AmqpMap or AmqpArray:
                    WriteCompound(writer, value);
                    break;
                default:
                    throw new ArgumentException($"an element {AmqpValue.ToString(value)} inside an array of format code 0x{code:x2}", nameof(values));
            }
        }

        if (code >= FormatCode.List32 && values.Length > 0)
        {
            Narrow(buffer, elements);
        }
    }

    /// <summary>Where sizes and counts of all elements fit one byte each, rewrites them so, the constructor in front included.</summary>
    private static void Narrow(ByteBuffer buffer, int elements)
    {
        var bytes = buffer.WrittenForPatching;
        for (var at = elements; at < bytes.Length; at += 4 + Size(bytes, at))
        {
            if (Size(bytes, at) - 3 > byte.MaxValue || Size(bytes, at + 4) > byte.MaxValue)
            {
                return;
            }
        }

        var to = elements;
        for (var at = elements; at < bytes.Length;)
        {
            var (size, count) = (Size(bytes, at), Size(bytes, at + 4));
            bytes.Slice(at + 8, size - 4).CopyTo(bytes[(to + 2)..]);
            bytes[to] = (byte)(size - 3);
            bytes[to + 1] = (byte)count;
            at += 4 + size;
            to += size - 2;
        }

        // The codes of the narrow forms lie 0x10 below those of the wide ones.
        bytes[elements - 1] -= 0x10;
        buffer.Truncate(to);

        static int Size(ReadOnlySpan<byte> bytes, int at) => BinaryPrimitives.ReadInt32BigEndian(bytes[at..]);
    }

    //  size:4 count:4 content — an element carries no format code
    private static void WriteCompound(AmqpWriter writer, object value)
    {
        var buffer = writer.Buffer;
        var start = buffer.Length;
        buffer.Take(8);
        var count = 0;
        switch (value)
        {
            case AmqpMap map:
                count = map.Count * 2;
                foreach (var (key, item) in map)
                {
                    writer.WriteValue(key);
                    writer.WriteValue(item);
                }

                break;
            case List<object?> list:
                count = list.Count;
                foreach (var item in list)
                {
                    writer.WriteValue(item);
                }

                break;
            case AmqpArray array:
                count = array.Count;
                writer.WriteArrayConstructor(array);
                break;
        }

        buffer.PatchUInt32(start, (uint)(buffer.Length - start - 4));
        buffer.PatchUInt32(start + 4, (uint)count);
    }

    private static byte SmallestCode(byte widest, Array values) => values switch
    {
        uint[] v when widest == FormatCode.UInt && v.Length > 0 && Array.TrueForAll(v, static x => x <= 255) => FormatCode.SmallUInt,
        ulong[] v when widest == FormatCode.ULong && v.Length > 0 && Array.TrueForAll(v, static x => x <= 255) => FormatCode.SmallULong,
        int[] v when widest == FormatCode.Int && v.Length > 0 && Array.TrueForAll(v, static x => x is >= -128 and < 128) => FormatCode.SmallInt,
        long[] v when widest == FormatCode.Long && v.Length > 0 && Array.TrueForAll(v, static x => x is >= -128 and < 128) => FormatCode.SmallLong,
        byte[][] v when Array.TrueForAll(v, static x => x.Length <= 255) => FormatCode.Binary8,
        string[] v when Array.TrueForAll(v, static x => Encoding.UTF8.GetByteCount(x) <= 255) => FormatCode.String8,
        Symbol[] v when Array.TrueForAll(v, static x => x.Value.Length <= 255) => FormatCode.Symbol8,
        _ => widest,
    };

    private static void WriteDecimal128(Span<byte> span, Decimal128 value)
    {
        BinaryPrimitives.WriteUInt64BigEndian(span, value.High);
        BinaryPrimitives.WriteUInt64BigEndian(span[8..], value.Low);
    }

    private delegate void ElementWriter<T>(Span<byte> span, T value);

    private static void Each<T>(T[] values, int width, ByteBuffer buffer, ElementWriter<T> write)
    {
        foreach (var value in values)
        {
            write(buffer.Take(width), value);
        }
    }
}
