using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using Mamba.Amqp.Codec;
using Mamba.Amqp.Types;

namespace Mamba.Broker.Selectors.Evaluation;

/// <summary>
/// Reads single AMQP values out of a checked message, without a reader's bookkeeping: all that a look-up costs is here. What does
/// not fit the bytes that are there is refused by a position of -1.
/// </summary>
internal static class EncodedValues
{
    /// <summary>The position behind the value at <paramref name="position"/>; -1 when there is none.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int Skip(ReadOnlySpan<byte> data, int position)
    {
        if ((uint)position >= (uint)data.Length)
        {
            return -1;
        }

        var group = data[position] >> 4;
        var body = position + 1;
        if (group is >= 0x4 and <= 0x9)
        {
            // Widths 0, 1, 2, 4, 8, 16: the group's number says which.
            return Within(data, body, group == 4 ? 0 : 1L << (group - 5));
        }

        if (group is 0xa or 0xc or 0xe)
        {
            return body < data.Length ? Within(data, body + 1, data[body]) : -1;
        }

        return SkipWide(data, position, group);
    }

    /// <summary>Finds the items of the list or map at a position: where they begin, how many there are; false when there is none.</summary>
    public static bool TryBegin(ReadOnlySpan<byte> data, int position, out int first, out int count)
    {
        first = 0;
        count = 0;
        if ((uint)position >= (uint)data.Length)
        {
            return false;
        }

        switch (data[position])
        {
            case FormatCode.List0:
                return true;
            case FormatCode.List8 or FormatCode.Map8 when position + 2 < data.Length:
                first = position + 3;
                count = data[position + 2];
                return true;
            case FormatCode.List32 or FormatCode.Map32 when position + 8 < data.Length:
                first = position + 9;
                count = BinaryPrimitives.ReadInt32BigEndian(data[(position + 5)..]);
                return count >= 0;
            default:
                return false;
        }
    }

    /// <summary>The bytes of the string or symbol at a position, as a range; false for values of other types.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool TryText(ReadOnlySpan<byte> data, int position, out int offset, out int length)
    {
        offset = position + 2;
        length = 0;
        if (offset > data.Length)
        {
            return false;
        }

        switch (data[position])
        {
            case FormatCode.String8 or FormatCode.Symbol8:
                length = data[position + 1];
                break;
            case FormatCode.String32 or FormatCode.Symbol32:
                return TryWide(data, position, out offset, out length);
            default:
                return false;
        }

        return length <= data.Length - offset;
    }

    /// <summary>Reads the value at a position.</summary>
    public static void Read(ref Evaluation evaluation, int position, out Value value)
    {
        var data = evaluation.Message;
        value = Value.Null;
        if (position < 0 || Skip(data, position) is var end && end < 0)
        {
            return;
        }

        var code = data[position];
        var body = data[(position + 1)..end];
        switch (code >> 4)
        {
            case 0xa:
                value = BytesOf(code, position + 2, body.Length - 1);
                break;
            case 0xb:
                value = BytesOf(code, position + 5, body.Length - 4);
                break;
            case 0x4 or 0x5 or 0x6:
                value = ReadSmall(code, body);
                break;
            case 0x7 or 0x8 or 0x9 when code == FormatCode.Char:
                value = evaluation.TextOfChar(BinaryPrimitives.ReadUInt32BigEndian(body));
                break;
            case 0x7 or 0x8 or 0x9:
                value = ReadWide(code, body, position + 1);
                break;
            default:
                value = Value.Other;
                break;
        }
    }

    private static Value BytesOf(byte code, int offset, int length) => code switch
    {
        FormatCode.Binary8 or FormatCode.Binary32 => Value.Bytes(ValueKind.Binary, BytesOrigin.Message, offset, length),
        _ => Value.Bytes(ValueKind.Text, BytesOrigin.Message, offset, length),
    };

    private static Value ReadSmall(byte code, ReadOnlySpan<byte> body) => code switch
    {
        FormatCode.True => Value.Of(true),
        FormatCode.False => Value.Of(false),
        FormatCode.Boolean => Value.Of(body[0] != 0),
        FormatCode.UInt0 or FormatCode.ULong0 => Value.Of(0L),
        FormatCode.UByte or FormatCode.SmallUInt or FormatCode.SmallULong => Value.Of((long)body[0]),
        FormatCode.Byte or FormatCode.SmallInt or FormatCode.SmallLong => Value.Of((long)(sbyte)body[0]),
        FormatCode.UShort => Value.Of((long)BinaryPrimitives.ReadUInt16BigEndian(body)),
        FormatCode.Short => Value.Of((long)BinaryPrimitives.ReadInt16BigEndian(body)),
        FormatCode.List0 => Value.Other,
        _ => Value.Null,
    };

    private static Value ReadWide(byte code, ReadOnlySpan<byte> body, int offset) => code switch
    {
        FormatCode.UInt => Value.Of((long)BinaryPrimitives.ReadUInt32BigEndian(body)),
        FormatCode.Int => Value.Of((long)BinaryPrimitives.ReadInt32BigEndian(body)),
        FormatCode.Long or FormatCode.Timestamp => Value.Of(BinaryPrimitives.ReadInt64BigEndian(body)),
        FormatCode.ULong => OfULong(BinaryPrimitives.ReadUInt64BigEndian(body)),
        FormatCode.Float => Value.Of((double)BinaryPrimitives.ReadSingleBigEndian(body)),
        FormatCode.Double => Value.Of(BinaryPrimitives.ReadDoubleBigEndian(body)),
        FormatCode.Uuid => Value.Bytes(ValueKind.Binary, BytesOrigin.Message, offset, 16),
        FormatCode.Decimal32 => OfDecimal(new Decimal32(BinaryPrimitives.ReadUInt32BigEndian(body)).TryToDecimal(out var d), d),
        FormatCode.Decimal64 => OfDecimal(new Decimal64(BinaryPrimitives.ReadUInt64BigEndian(body)).TryToDecimal(out var d), d),
        FormatCode.Decimal128 => OfDecimal(
            new Decimal128(BinaryPrimitives.ReadUInt64BigEndian(body), BinaryPrimitives.ReadUInt64BigEndian(body[8..])).TryToDecimal(out var d), d),
        _ => Value.Other,
    };

    /// <summary>An expression knows no number above a long's: such a ulong is approximate.</summary>
    private static Value OfULong(ulong value) => value <= long.MaxValue ? Value.Of((long)value) : Value.Of((double)value);

    private static Value OfDecimal(bool isNumber, decimal value) => isNumber ? Value.Of((double)value) : Value.Null;

    private static int SkipWide(ReadOnlySpan<byte> data, int position, int group)
    {
        if (group is 0xb or 0xd or 0xf)
        {
            return TryWide(data, position, out var offset, out var length) ? offset + length : -1;
        }

        if (data[position] != FormatCode.Described)
        {
            return -1;
        }

        // A descriptor is a simple value: a described one would be a way to deep recursion.
        var at = position + 1;
        if (at >= data.Length || data[at] == FormatCode.Described || Skip(data, at) is var value && value < 0)
        {
            return -1;
        }

        return value < data.Length && data[value] != FormatCode.Described ? Skip(data, value) : -1;
    }

    private static bool TryWide(ReadOnlySpan<byte> data, int position, out int offset, out int length)
    {
        offset = position + 5;
        length = 0;
        if (offset > data.Length)
        {
            return false;
        }

        length = BinaryPrimitives.ReadInt32BigEndian(data[(position + 1)..]);
        return (uint)length <= (uint)(data.Length - offset);
    }

    private static int Within(ReadOnlySpan<byte> data, int start, long width) =>
        width <= data.Length - start ? start + (int)width : -1;
}
