using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using System.Text;
using System.Text.Unicode;
using Mamba.Amqp.Transport;
using Mamba.Amqp.Types;

namespace Mamba.Amqp.Codec;

/// <summary>
/// Reads AMQP values from a span, in every encoding the wire allows (AMQP 1.0 §1.6). Nothing is allocated before its size
/// has been checked against the bytes that are there and against <see cref="DecodeLimits"/>. A reader is made for one frame
/// or message and is not reused: its budget of values spans all that it reads.
/// </summary>
/// <remarks>
/// All methods throw <see cref="AmqpException"/> of scope connection: amqp:decode-error for bytes that are not AMQP or not of
/// the wanted type, amqp:invalid-field for missing mandatory fields and values outside a field's range, and
/// amqp:resource-limit-exceeded for well-formed values beyond a limit.
/// </remarks>
public ref partial struct AmqpReader
{
    private readonly ReadOnlySpan<byte> _data;
    private readonly DecodeLimits _limits;
    private int _position;
    private int _valuesLeft;
    private int _depth;

    /// <summary>Creates a reader at the start of a span.</summary>
    public AmqpReader(ReadOnlySpan<byte> data, DecodeLimits? limits = null)
    {
        _data = data;
        _limits = limits ?? DecodeLimits.Default;
        _valuesLeft = _limits.MaxValues;
    }

    /// <summary>The number of bytes read.</summary>
    public readonly int Position => _position;

    /// <summary>Whether all bytes are read.</summary>
    public readonly bool AtEnd => _position >= _data.Length;

    /// <summary>The bytes not read yet.</summary>
    public readonly ReadOnlySpan<byte> Rest => _data[_position..];

    /// <summary>How many more values this reader may hand out or walk over.</summary>
    public readonly int ValuesLeft => _valuesLeft;

    /// <summary>The format code of the next value, without reading it.</summary>
    public readonly byte PeekCode() => _position < _data.Length ? _data[_position] : throw Truncated("a value");

    /// <summary>Reads a null if that is what comes next.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool TryReadNull()
    {
        if ((uint)_position < (uint)_data.Length && _data[_position] == FormatCode.Null)
        {
            _position++;
            return true;
        }

        return false;
    }

    public bool ReadBoolean()
    {
        var code = ReadCode();
        return code switch
        {
            FormatCode.True => true,
            FormatCode.False => false,
            FormatCode.Boolean => RawBoolean(),
            _ => throw Unexpected(code, "boolean"),
        };
    }

    public byte ReadUByte() => Expect(FormatCode.UByte, "ubyte")[0];

    public sbyte ReadByte() => (sbyte)Expect(FormatCode.Byte, "byte")[0];

    public ushort ReadUShort() => BinaryPrimitives.ReadUInt16BigEndian(Expect(FormatCode.UShort, "ushort"));

    public short ReadShort() => BinaryPrimitives.ReadInt16BigEndian(Expect(FormatCode.Short, "short"));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public uint ReadUInt()
    {
        var data = _data;
        var at = _position;
        if ((uint)at + 1 < (uint)data.Length && data[at] == FormatCode.SmallUInt)
        {
            _position = at + 2;
            return data[at + 1];
        }

        return ReadUIntSlow();
    }

    public ulong ReadULong()
    {
        var code = ReadCode();
        return code switch
        {
            FormatCode.SmallULong => Take(1)[0],
            FormatCode.ULong0 => 0,
            FormatCode.ULong => BinaryPrimitives.ReadUInt64BigEndian(Take(8)),
            _ => throw Unexpected(code, "ulong"),
        };
    }

    public int ReadInt()
    {
        var code = ReadCode();
        return code switch
        {
            FormatCode.SmallInt => (sbyte)Take(1)[0],
            FormatCode.Int => BinaryPrimitives.ReadInt32BigEndian(Take(4)),
            _ => throw Unexpected(code, "int"),
        };
    }

    public long ReadLong()
    {
        var code = ReadCode();
        return code switch
        {
            FormatCode.SmallLong => (sbyte)Take(1)[0],
            FormatCode.Long => BinaryPrimitives.ReadInt64BigEndian(Take(8)),
            _ => throw Unexpected(code, "long"),
        };
    }

    public float ReadFloat() => BinaryPrimitives.ReadSingleBigEndian(Expect(FormatCode.Float, "float"));

    public double ReadDouble() => BinaryPrimitives.ReadDoubleBigEndian(Expect(FormatCode.Double, "double"));

    public Decimal32 ReadDecimal32() => new(BinaryPrimitives.ReadUInt32BigEndian(Expect(FormatCode.Decimal32, "decimal32")));

    public Decimal64 ReadDecimal64() => new(BinaryPrimitives.ReadUInt64BigEndian(Expect(FormatCode.Decimal64, "decimal64")));

    public Decimal128 ReadDecimal128() => RawDecimal128(Expect(FormatCode.Decimal128, "decimal128"));

    public Rune ReadChar() => RawChar(Expect(FormatCode.Char, "char"));

    public Timestamp ReadTimestamp() => new(BinaryPrimitives.ReadInt64BigEndian(Expect(FormatCode.Timestamp, "timestamp")));

    public Guid ReadUuid() => new(Expect(FormatCode.Uuid, "uuid"), bigEndian: true);

    /// <summary>Reads a binary value without copying it.</summary>
    public ReadOnlySpan<byte> ReadBinarySpan()
    {
        var code = ReadCode();
        return code switch
        {
            FormatCode.Binary8 => Take(RawLength8()),
            FormatCode.Binary32 => Take(RawLength32()),
            _ => throw Unexpected(code, "binary"),
        };
    }

    /// <summary>Reads a binary value into an array of its own.</summary>
    public byte[] ReadBinary() => ReadBinarySpan().ToArray();

    /// <summary>Reads a string as UTF-8, checked, without copying it.</summary>
    public ReadOnlySpan<byte> ReadStringUtf8()
    {
        var code = ReadCode();
        return code switch
        {
            FormatCode.String8 => CheckUtf8(Take(RawLength8())),
            FormatCode.String32 => CheckUtf8(Take(RawLength32())),
            _ => throw Unexpected(code, "string"),
        };
    }

    public string ReadString() => Encoding.UTF8.GetString(ReadStringUtf8());

    /// <summary>Reads a symbol as ASCII, checked, without copying it.</summary>
    public ReadOnlySpan<byte> ReadSymbolAscii()
    {
        var code = ReadCode();
        return code switch
        {
            FormatCode.Symbol8 => CheckAscii(Take(RawLength8())),
            FormatCode.Symbol32 => CheckAscii(Take(RawLength32())),
            _ => throw Unexpected(code, "symbol"),
        };
    }

    public Symbol ReadSymbol() => new(Encoding.ASCII.GetString(ReadSymbolAscii()));

    /// <summary>
    /// Reads the descriptor of a composite as its code, which arrives as a ulong of any width, or as a symbol. A symbol that
    /// belongs to no type of the specification gives <see cref="DescriptorCode.Unknown"/>.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public ulong ReadDescriptor()
    {
        var data = _data;
        var at = _position;
        if ((uint)at + 2 < (uint)data.Length && data[at] == FormatCode.Described && data[at + 1] == FormatCode.SmallULong)
        {
            _position = at + 3;
            return data[at + 2];
        }

        return ReadDescriptorSlow();
    }

    /// <summary>Reads the descriptor of a composite that must be of one type.</summary>
    /// <param name="code">The descriptor code of that type.</param>
    /// <param name="type">The name of that type in the specification, for the error.</param>
    public void ReadDescriptor(ulong code, string type)
    {
        var at = _position;
        var found = ReadDescriptor();
        if (found != code)
        {
            _position = at;
            throw Malformed($"expected {type} (descriptor 0x{code:x2}) and found {DescriptorCode.NameOf(found)}");
        }
    }

    internal readonly AmqpException Malformed(string what) =>
        new(ErrorCondition.DecodeError, $"{what}, at byte {_position} of {_data.Length}");

    internal readonly AmqpException Limit(string what) =>
        new(ErrorCondition.ResourceLimitExceeded, $"{what}, at byte {_position} of {_data.Length}");

    internal readonly AmqpException Invalid(string what) =>
        new(ErrorCondition.InvalidField, $"{what}, at byte {_position} of {_data.Length}");

    private readonly AmqpException Truncated(string what) => Malformed($"the bytes end inside {what}");

    private readonly AmqpException Unexpected(byte code, string wanted) =>
        Malformed($"expected {wanted} and found format code 0x{code:x2}");

    private uint ReadUIntSlow()
    {
        var code = ReadCode();
        return code switch
        {
            FormatCode.UInt => BinaryPrimitives.ReadUInt32BigEndian(Take(4)),
            FormatCode.UInt0 => 0,
            FormatCode.SmallUInt => Take(1)[0],
            _ => throw Unexpected(code, "uint"),
        };
    }

    private ulong ReadDescriptorSlow()
    {
        var code = ReadCode();
        if (code != FormatCode.Described)
        {
            throw Unexpected(code, "a described type");
        }

        return PeekCode() switch
        {
            FormatCode.SmallULong or FormatCode.ULong0 or FormatCode.ULong => ReadULong(),
            FormatCode.Symbol8 or FormatCode.Symbol32 => DescriptorCode.FromSymbol(ReadSymbolAscii()),
            var other => throw Unexpected(other, "a descriptor (ulong or symbol)"),
        };
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private byte ReadCode()
    {
        var at = _position;
        if ((uint)at >= (uint)_data.Length)
        {
            throw Truncated("a value");
        }

        _position = at + 1;
        return _data[at];
    }

    /// <summary>The bytes of a type with one fixed encoding.</summary>
    private ReadOnlySpan<byte> Expect(byte wanted, string type)
    {
        var code = ReadCode();
        return code == wanted ? Take(ArrayElement.FixedWidth(code)) : throw Unexpected(code, type);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private ReadOnlySpan<byte> Take(int count)
    {
        var at = _position;
        if ((uint)count > (uint)(_data.Length - at))
        {
            throw Truncated("a value");
        }

        _position = at + count;
        return _data.Slice(at, count);
    }

    private int RawLength8() => CheckLength(Take(1)[0]);

    private int RawLength32() => CheckLength(BinaryPrimitives.ReadUInt32BigEndian(Take(4)));

    /// <summary>A length as sent, which may be anything up to 2^32-1, against the bytes that are there.</summary>
    private readonly int CheckLength(uint length) =>
        length <= (uint)(_data.Length - _position)
            ? (int)length
            : throw Malformed($"a length of {length} bytes where {_data.Length - _position} are left");

    private bool RawBoolean() => Take(1)[0] switch
    {
        0 => false,
        1 => true,
        var other => throw Malformed($"a boolean of value 0x{other:x2}; 0x00 and 0x01 are legal"),
    };

    private readonly Rune RawChar(ReadOnlySpan<byte> four)
    {
        var scalar = BinaryPrimitives.ReadUInt32BigEndian(four);
        return Rune.IsValid(scalar) ? new Rune(scalar) : throw Malformed($"a char of value 0x{scalar:x8}, which is no Unicode scalar");
    }

    private static Decimal128 RawDecimal128(ReadOnlySpan<byte> sixteen) =>
        new(BinaryPrimitives.ReadUInt64BigEndian(sixteen), BinaryPrimitives.ReadUInt64BigEndian(sixteen[8..]));

    private readonly ReadOnlySpan<byte> CheckUtf8(ReadOnlySpan<byte> bytes) =>
        Utf8.IsValid(bytes) ? bytes : throw Malformed("a string that is not UTF-8");

    private readonly ReadOnlySpan<byte> CheckAscii(ReadOnlySpan<byte> bytes)
    {
        if (bytes.Length > _limits.MaxSymbolLength)
        {
            throw Limit($"a symbol of {bytes.Length} bytes; the limit is {_limits.MaxSymbolLength}");
        }

        return Ascii.IsValid(bytes) ? bytes : throw Malformed("a symbol that is not ASCII");
    }
}
