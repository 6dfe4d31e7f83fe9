using Mamba.Amqp.Transport;
using Mamba.Amqp.Types;

namespace Mamba.Amqp.Codec;

/// <summary>
/// Writes the fields of a composite in order, one call per field. Absent fields in the middle become nulls, those at the end
/// are left out (AMQP 1.0 §1.4), unless the buffer <see cref="ByteBuffer.WritesAbsentFields"/>.
/// </summary>
public struct CompositeWriter
{
    private readonly AmqpWriter _writer;
    private readonly int _start;
    private int _count;
    private int _pendingNulls;

    /// <summary>Writes the descriptor and begins the list of fields.</summary>
    public CompositeWriter(AmqpWriter writer, ulong descriptor)
    {
        _writer = writer;
        writer.WriteDescriptor(descriptor);
        _start = writer.BeginList();
    }

    /// <summary>A field without a value.</summary>
    public void Absent() => _pendingNulls++;

    public void Boolean(bool? value)
    {
        if (Has(value is not null))
        {
            _writer.WriteBoolean(value.GetValueOrDefault());
        }
    }

    public void UByte(byte? value)
    {
        if (Has(value is not null))
        {
            _writer.WriteUByte(value.GetValueOrDefault());
        }
    }

    public void UShort(ushort? value)
    {
        if (Has(value is not null))
        {
            _writer.WriteUShort(value.GetValueOrDefault());
        }
    }

    public void UInt(uint? value)
    {
        if (Has(value is not null))
        {
            _writer.WriteUInt(value.GetValueOrDefault());
        }
    }

    public void ULong(ulong? value)
    {
        if (Has(value is not null))
        {
            _writer.WriteULong(value.GetValueOrDefault());
        }
    }

    public void Timestamp(Timestamp? value)
    {
        if (Has(value is not null))
        {
            _writer.WriteTimestamp(value.GetValueOrDefault());
        }
    }

    public void String(string? value)
    {
        if (Has(value is not null))
        {
            _writer.WriteString(value!);
        }
    }

    public void Symbol(Symbol? value)
    {
        if (Has(value is not null))
        {
            _writer.WriteSymbol(value.GetValueOrDefault());
        }
    }

    public void Symbols(Symbol[]? value)
    {
        if (Has(value is not null))
        {
            _writer.WriteSymbolArray(value);
        }
    }

    public void Binary(byte[]? value)
    {
        if (Has(value is not null))
        {
            _writer.WriteBinary(value);
        }
    }

    public void DeliveryTag(in DeliveryTag? value)
    {
        if (Has(value is not null))
        {
            _writer.WriteBinary(value.GetValueOrDefault().Span);
        }
    }

    public void Map(AmqpMap? value)
    {
        if (Has(value is not null))
        {
            _writer.WriteMap(value!);
        }
    }

    /// <summary>A field of any type.</summary>
    public void Value(object? value)
    {
        if (Has(value is not null))
        {
            _writer.WriteValue(value);
        }
    }

    /// <summary>A field that is a composite itself.</summary>
    public void Composite(IAmqpEncodable? value)
    {
        if (Has(value is not null))
        {
            value!.Write(_writer);
        }
    }

    /// <summary>Ends the list of fields.</summary>
    public void End()
    {
        if (_writer.Buffer.WritesAbsentFields)
        {
            WritePendingNulls();
        }

        _writer.EndList(_start, _count);
    }

    private bool Has(bool present)
    {
        if (!present)
        {
            _pendingNulls++;
            return false;
        }

        WritePendingNulls();
        _count++;
        return true;
    }

    private void WritePendingNulls()
    {
        for (; _pendingNulls > 0; _pendingNulls--, _count++)
        {
            _writer.WriteNull();
        }
    }
}
