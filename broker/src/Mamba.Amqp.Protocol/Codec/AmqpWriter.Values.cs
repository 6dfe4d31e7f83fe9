using System.Collections;
using System.Text;
using Mamba.Amqp.Types;

namespace Mamba.Amqp.Codec;

public readonly partial struct AmqpWriter
{
    /// <summary>
    /// Writes a value of any AMQP type, chosen by its CLR type (see <see cref="AmqpReader.ReadValue"/>). CLR arrays other than
    /// <c>byte[]</c> (which is binary) are written as AMQP arrays; <see cref="DateTimeOffset"/> as timestamp, <see cref="char"/> as char.
    /// </summary>
    /// <exception cref="ArgumentException">The CLR type has no AMQP type.</exception>
    public void WriteValue(object? value)
    {
        switch (value)
        {
            case null: WriteNull(); break;
            case string v: WriteString(v); break;
            case Symbol v: WriteSymbol(v); break;
            case bool v: WriteBoolean(v); break;
            case int v: WriteInt(v); break;
            case long v: WriteLong(v); break;
            case uint v: WriteUInt(v); break;
            case ulong v: WriteULong(v); break;
            case byte v: WriteUByte(v); break;
            case sbyte v: WriteByte(v); break;
            case ushort v: WriteUShort(v); break;
            case short v: WriteShort(v); break;
            case float v: WriteFloat(v); break;
            case double v: WriteDouble(v); break;
            case Timestamp v: WriteTimestamp(v); break;
            case DateTimeOffset v: WriteTimestamp(v); break;
            case Guid v: WriteUuid(v); break;
            case byte[] v: WriteBinary(v); break;
            case Rune v: WriteChar(v); break;
            case char v: WriteChar(new Rune(v)); break;
            case Decimal32 v: WriteDecimal32(v); break;
            case Decimal64 v: WriteDecimal64(v); break;
            case Decimal128 v: WriteDecimal128(v); break;
            default: WriteCompound(value); break;
        }
    }

    /// <summary>Writes a map.</summary>
    public void WriteMap(AmqpMap map)
    {
        ArgumentNullException.ThrowIfNull(map);
        var start = BeginMap();
        foreach (var (key, value) in map)
        {
            WriteValue(key);
            WriteValue(value);
        }

        EndMap(start, map.Count);
    }

    /// <summary>Writes a list.</summary>
    public void WriteList(IList items)
    {
        ArgumentNullException.ThrowIfNull(items);
        var start = BeginList();
        for (var i = 0; i < items.Count; i++)
        {
            WriteValue(items[i]);
        }

        EndList(start, items.Count);
    }

    /// <summary>Writes an array of symbols, as the fields with <c>multiple="true"</c> are sent.</summary>
    public void WriteSymbolArray(ReadOnlySpan<Symbol> symbols)
    {
        var start = BeginCompound();
        var element = FormatCode.Symbol8;
        foreach (var symbol in symbols)
        {
            element = symbol.Value.Length > byte.MaxValue ? FormatCode.Symbol32 : element;
        }

        _buffer.WriteByte(element);
        foreach (var symbol in symbols)
        {
            ArrayElement.WriteLength(_buffer, element, symbol.Value.Length);
            WriteAscii(symbol.Value);
        }

        EndCompound(start, symbols.Length, FormatCode.Array8, FormatCode.Array32);
    }

    /// <summary>Writes an array, with the elements' constructor also when it is empty.</summary>
    public void WriteArray(AmqpArray array)
    {
        ArgumentNullException.ThrowIfNull(array);
        var start = BeginCompound();
        WriteArrayConstructor(array);
        EndCompound(start, array.Count, FormatCode.Array8, FormatCode.Array32);
    }

    /// <summary>Writes what follows the size and count of an array: the constructor and the elements.</summary>
    internal void WriteArrayConstructor(AmqpArray array)
    {
        if (array.Descriptor is { } descriptor)
        {
            _buffer.WriteByte(FormatCode.Described);
            WriteValue(descriptor);
        }

        ArrayElement.Write(this, array.ElementCode, array.Values);
    }

    private void WriteCompound(object value)
    {
        switch (value)
        {
            case IAmqpEncodable v: v.Write(this); break;
            case AmqpMap v: WriteMap(v); break;
            case AmqpArray v: WriteArray(v); break;
            case DescribedValue v:
                _buffer.WriteByte(FormatCode.Described);
                WriteValue(v.Descriptor);
                WriteValue(v.Value);
                break;
            case Symbol[] v: WriteSymbolArray(v); break;
            case object[] v when v.GetType() == typeof(object[]): WriteList(v); break;
            case Array v: WriteArray(new AmqpArray(v)); break;
            case IList v: WriteList(v); break;
            case ReadOnlyMemory<byte> v: WriteBinary(v.Span); break;
            case Memory<byte> v: WriteBinary(v.Span); break;
            case Enum v: WriteValue(Convert.ChangeType(v, v.GetTypeCode(), provider: null)); break;
            default:
                throw new ArgumentException($"a value of the CLR type {value.GetType()} has no AMQP type; see AmqpWriter.WriteValue for those which have", nameof(value));
        }
    }
}
