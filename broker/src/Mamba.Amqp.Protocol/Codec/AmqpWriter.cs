using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using System.Text;
using Mamba.Amqp.Types;

namespace Mamba.Amqp.Codec;

/// <summary>
/// Writes AMQP values into a <see cref="ByteBuffer"/>, each in its smallest encoding (AMQP 1.0 §1.6). The writer holds
/// nothing but the buffer: copying it is free, and copies write to the same place.
/// </summary>
public readonly partial struct AmqpWriter
{
    private readonly ByteBuffer _buffer;

    /// <summary>Creates a writer that appends to a buffer.</summary>
    public AmqpWriter(ByteBuffer buffer) => _buffer = buffer;

    /// <summary>The buffer that is written to.</summary>
    public ByteBuffer Buffer => _buffer;

    public void WriteNull() => _buffer.WriteByte(FormatCode.Null);

    public void WriteBoolean(bool value) => _buffer.WriteByte(value ? FormatCode.True : FormatCode.False);

    public void WriteUByte(byte value) => WriteOne(FormatCode.UByte, value);

    public void WriteByte(sbyte value) => WriteOne(FormatCode.Byte, (byte)value);

    public void WriteUShort(ushort value)
    {
        var span = _buffer.Take(3);
        span[0] = FormatCode.UShort;
        BinaryPrimitives.WriteUInt16BigEndian(span[1..], value);
    }

    public void WriteShort(short value)
    {
        var span = _buffer.Take(3);
        span[0] = FormatCode.Short;
        BinaryPrimitives.WriteInt16BigEndian(span[1..], value);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void WriteUInt(uint value)
    {
        if (value == 0)
        {
            _buffer.WriteByte(FormatCode.UInt0);
        }
        else if (value <= byte.MaxValue)
        {
            WriteOne(FormatCode.SmallUInt, (byte)value);
        }
        else
        {
            WriteFour(FormatCode.UInt, value);
        }
    }

    public void WriteULong(ulong value)
    {
        if (value == 0)
        {
            _buffer.WriteByte(FormatCode.ULong0);
        }
        else if (value <= byte.MaxValue)
        {
            WriteOne(FormatCode.SmallULong, (byte)value);
        }
        else
        {
            WriteEight(FormatCode.ULong, value);
        }
    }

    public void WriteInt(int value)
    {
        if (value is >= sbyte.MinValue and <= sbyte.MaxValue)
        {
            WriteOne(FormatCode.SmallInt, (byte)value);
        }
        else
        {
            WriteFour(FormatCode.Int, (uint)value);
        }
    }

    public void WriteLong(long value)
    {
        if (value is >= sbyte.MinValue and <= sbyte.MaxValue)
        {
            WriteOne(FormatCode.SmallLong, (byte)value);
        }
        else
        {
            WriteEight(FormatCode.Long, (ulong)value);
        }
    }

    public void WriteFloat(float value) => WriteFour(FormatCode.Float, BitConverter.SingleToUInt32Bits(value));

    public void WriteDouble(double value) => WriteEight(FormatCode.Double, BitConverter.DoubleToUInt64Bits(value));

    public void WriteDecimal32(Decimal32 value) => WriteFour(FormatCode.Decimal32, value.Bits);

    public void WriteDecimal64(Decimal64 value) => WriteEight(FormatCode.Decimal64, value.Bits);

    public void WriteDecimal128(Decimal128 value)
    {
        var span = _buffer.Take(17);
        span[0] = FormatCode.Decimal128;
        BinaryPrimitives.WriteUInt64BigEndian(span[1..], value.High);
        BinaryPrimitives.WriteUInt64BigEndian(span[9..], value.Low);
    }

    public void WriteChar(Rune value) => WriteFour(FormatCode.Char, (uint)value.Value);

    public void WriteTimestamp(Timestamp value) => WriteEight(FormatCode.Timestamp, (ulong)value.Milliseconds);

    public void WriteUuid(Guid value)
    {
        var span = _buffer.Take(17);
        span[0] = FormatCode.Uuid;
        value.TryWriteBytes(span[1..], bigEndian: true, out _);
    }

    public void WriteBinary(ReadOnlySpan<byte> value)
    {
        WriteVariableHeader(FormatCode.Binary8, FormatCode.Binary32, value.Length);
        _buffer.Write(value);
    }

    public void WriteString(string value)
    {
        ArgumentNullException.ThrowIfNull(value);
        // One UTF-16 unit is 1 to 3 bytes of UTF-8: where even the longest fits one size byte, there is no need to count first.
        if (value.Length <= 85)
        {
            var span = _buffer.Take(2 + value.Length * 3);
            var written = Encoding.UTF8.GetBytes(value, span[2..]);
            span[0] = FormatCode.String8;
            span[1] = (byte)written;
            _buffer.Truncate(_buffer.Length - (value.Length * 3 - written));
            return;
        }

        var length = Encoding.UTF8.GetByteCount(value);
        WriteVariableHeader(FormatCode.String8, FormatCode.String32, length);
        Encoding.UTF8.GetBytes(value, _buffer.Take(length));
    }

    /// <summary>Writes a string that is UTF-8 already. The caller vouches for the bytes.</summary>
    public void WriteStringUtf8(ReadOnlySpan<byte> utf8)
    {
        WriteVariableHeader(FormatCode.String8, FormatCode.String32, utf8.Length);
        _buffer.Write(utf8);
    }

    /// <summary>Writes a symbol.</summary>
    /// <exception cref="ArgumentException">The symbol has characters outside ASCII.</exception>
    public void WriteSymbol(Symbol value)
    {
        var text = value.Value;
        WriteVariableHeader(FormatCode.Symbol8, FormatCode.Symbol32, text.Length);
        WriteAscii(text);
    }

    /// <summary>Writes a descriptor with a code; the described value is to follow.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void WriteDescriptor(ulong code)
    {
        if (code - 1 < byte.MaxValue)
        {
            var span = _buffer.Take(3);
            span[2] = (byte)code;
            span[1] = FormatCode.SmallULong;
            span[0] = FormatCode.Described;
            return;
        }

        _buffer.WriteByte(FormatCode.Described);
        WriteULong(code);
    }

    /// <summary>Appends bytes that are encoded values already.</summary>
    public void WriteEncoded(ReadOnlySpan<byte> encoded) => _buffer.Write(encoded);

    /// <summary>
    /// Begins a list. Write the items next, then call <see cref="EndList"/> with what this call returned.
    /// </summary>
    public int BeginList() => BeginCompound();

    /// <summary>Ends a list and patches its header to the smallest that fits: list0, list8 or list32.</summary>
    /// <param name="start">What <see cref="BeginList"/> returned.</param>
    /// <param name="count">The number of items written since.</param>
    public void EndList(int start, int count)
    {
        if (count == 0)
        {
            _buffer.Truncate(start);
            _buffer.WriteByte(FormatCode.List0);
            return;
        }

        EndCompound(start, count, FormatCode.List8, FormatCode.List32);
    }

    /// <summary>Begins a map. Write keys and values in turn, then call <see cref="EndMap"/> with what this call returned.</summary>
    public int BeginMap() => BeginCompound();

    /// <summary>Ends a map and patches its header.</summary>
    /// <param name="start">What <see cref="BeginMap"/> returned.</param>
    /// <param name="entries">The number of entries (not of keys and values) written since.</param>
    public void EndMap(int start, int entries) => EndCompound(start, entries * 2, FormatCode.Map8, FormatCode.Map32);

    internal int BeginCompound()
    {
        var start = _buffer.Length;
        _buffer.Take(3);
        return start;
    }

    internal void EndCompound(int start, int count, byte code8, byte code32)
    {
        const int SmallHeader = 3, LargeHeader = 9;
        var content = _buffer.Length - start - SmallHeader;
        if (content + 1 <= byte.MaxValue && count <= byte.MaxValue)
        {
            var small = _buffer.WrittenForPatching.Slice(start, SmallHeader);
            small[2] = (byte)count;
            small[1] = (byte)(content + 1);
            small[0] = code8;
            return;
        }

        _buffer.OpenGap(start + SmallHeader, LargeHeader - SmallHeader);
        var large = _buffer.WrittenForPatching.Slice(start, LargeHeader);
        large[0] = code32;
        BinaryPrimitives.WriteUInt32BigEndian(large[1..], (uint)content + 4);
        BinaryPrimitives.WriteUInt32BigEndian(large[5..], (uint)count);
    }

    internal void WriteAscii(string text)
    {
        if (Encoding.ASCII.GetBytes(text, _buffer.Take(text.Length)) != text.Length || !System.Text.Ascii.IsValid(text))
        {
            throw new ArgumentException($"a symbol has ASCII characters only, which \"{text}\" has not; send it as a string", nameof(text));
        }
    }

    private void WriteVariableHeader(byte code8, byte code32, int length)
    {
        if (length <= byte.MaxValue)
        {
            WriteOne(code8, (byte)length);
        }
        else
        {
            WriteFour(code32, (uint)length);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void WriteOne(byte code, byte value)
    {
        var span = _buffer.Take(2);
        span[1] = value;
        span[0] = code;
    }

    private void WriteFour(byte code, uint value)
    {
        var span = _buffer.Take(5);
        span[0] = code;
        BinaryPrimitives.WriteUInt32BigEndian(span[1..], value);
    }

    private void WriteEight(byte code, ulong value)
    {
        var span = _buffer.Take(9);
        span[0] = code;
        BinaryPrimitives.WriteUInt64BigEndian(span[1..], value);
    }
}
