using System.Buffers.Binary;
using System.Text;
using Mamba.Amqp.Codec;
using Mamba.Amqp.Types;

namespace Mamba.Tools.SelectorFuzz;

/// <summary>Writes values in one of the encodings that AMQP allows for them (AMQP 1.0 §1.6), chosen at random.</summary>
public sealed class VariedWriter(ByteBuffer buffer, Random random)
{
    public void Descriptor(byte code, string symbol)
    {
        buffer.WriteByte(FormatCode.Described);
        switch (random.Next(6))
        {
            case 0:
                Fixed(FormatCode.ULong, 8, code);
                break;
            case 1:
                Variable(FormatCode.Symbol8, FormatCode.Symbol32, Encoding.ASCII.GetBytes(symbol));
                break;
            default:
                Fixed(FormatCode.SmallULong, 1, code);
                break;
        }
    }

    public void List(IReadOnlyList<object?> items)
    {
        if (items.Count == 0 && random.Next(2) == 0)
        {
            buffer.WriteByte(FormatCode.List0);
            return;
        }

        Compound(FormatCode.List8, FormatCode.List32, items);
    }

    public void Map(IReadOnlyList<KeyValuePair<object, object?>> entries) =>
        Compound(FormatCode.Map8, FormatCode.Map32, [.. entries.SelectMany(e => new[] { e.Key, e.Value })]);

    public void Value(object? value)
    {
        switch (value)
        {
            case bool flag when random.Next(2) == 0: Fixed(FormatCode.Boolean, 1, flag ? 1UL : 0); break;
            case uint number: Integer(number, FormatCode.UInt0, FormatCode.SmallUInt, FormatCode.UInt, 4, number <= 255); break;
            case ulong number: Integer(number, FormatCode.ULong0, FormatCode.SmallULong, FormatCode.ULong, 8, number <= 255); break;
            case int number: Integer((ulong)number, 0, FormatCode.SmallInt, FormatCode.Int, 4, number is >= -128 and <= 127); break;
            case long number: Integer((ulong)number, 0, FormatCode.SmallLong, FormatCode.Long, 8, number is >= -128 and <= 127); break;
            case string text: Variable(FormatCode.String8, FormatCode.String32, Encoding.UTF8.GetBytes(text)); break;
            case Symbol symbol: Variable(FormatCode.Symbol8, FormatCode.Symbol32, Encoding.ASCII.GetBytes(symbol.Value)); break;
            case byte[] bytes: Variable(FormatCode.Binary8, FormatCode.Binary32, bytes); break;
            case List<object?> items: List(items); break;
            default: new AmqpWriter(buffer).WriteValue(value); break;
        }
    }

    private void Integer(ulong bits, byte zero, byte small, byte full, int width, bool fitsSmall)
    {
        if (bits == 0 && zero != 0 && random.Next(2) == 0)
        {
            buffer.WriteByte(zero);
        }
        else if (fitsSmall && random.Next(2) == 0)
        {
            Fixed(small, 1, bits);
        }
        else
        {
            Fixed(full, width, bits);
        }
    }

    private void Fixed(byte code, int width, ulong bits)
    {
        buffer.WriteByte(code);
        Span<byte> eight = stackalloc byte[8];
        BinaryPrimitives.WriteUInt64BigEndian(eight, bits);
        buffer.Write(eight[(8 - width)..]);
    }

    private void Variable(byte small, byte large, ReadOnlySpan<byte> bytes)
    {
        var isSmall = bytes.Length <= 255 && random.Next(4) != 0;
        Fixed(isSmall ? small : large, isSmall ? 1 : 4, (ulong)bytes.Length);
        buffer.Write(bytes);
    }

    private void Compound(byte small, byte large, IReadOnlyList<object?> items)
    {
        using var inner = new ByteBuffer();
        var writer = new VariedWriter(inner, random);
        foreach (var item in items)
        {
            writer.Value(item);
        }

        var isSmall = inner.Length < 255 && items.Count <= 255 && random.Next(4) != 0;
        var width = isSmall ? 1 : 4;
        Fixed(isSmall ? small : large, width, (ulong)(inner.Length + width));
        Span<byte> count = stackalloc byte[4];
        BinaryPrimitives.WriteInt32BigEndian(count, items.Count);
        buffer.Write(count[(4 - width)..]);
        buffer.Write(inner.WrittenSpan);
    }
}
