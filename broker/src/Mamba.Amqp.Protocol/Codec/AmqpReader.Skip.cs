using System.Runtime.CompilerServices;

namespace Mamba.Amqp.Codec;

public ref partial struct AmqpReader
{
    /// <summary>Per format code: one more than the bytes that follow it, where nothing in them needs a check; 0 for all others.</summary>
    private static readonly byte[] UncheckedWidths = MakeUncheckedWidths();

    /// <summary>
    /// Walks over the next value, nested ones included, without allocating: everything is checked as if it were read.
    /// </summary>
    public void Skip()
    {
        Spend(1);
        SkipValue(ReadCode());
    }

    /// <summary>Walks over the next value like <see cref="Skip"/>, and returns its bytes, format code included.</summary>
    public ReadOnlySpan<byte> ReadEncoded()
    {
        var start = _position;
        Skip();
        return _data[start.._position];
    }

    /// <summary>Steps over the next value by its size, without looking inside. For bytes that were checked before.</summary>
    public void SkipShallow()
    {
        var code = ReadCode();
        while (code == FormatCode.Described)
        {
            // The descriptor's own size bounds it; descriptors of descriptors do not get here.
            var descriptor = ReadCode();
            if (descriptor == FormatCode.Described)
            {
                throw Malformed("a descriptor that is itself described");
            }

            StepOver(descriptor);
            code = ReadCode();
        }

        StepOver(code);
    }

    /// <summary>Whether the last item of the list that comes next is a null. For bytes that were checked before.</summary>
    public bool ListEndsInNull()
    {
        for (var left = BeginList(out _); left > 1; left--)
        {
            SkipShallow();
        }

        return _position < _data.Length && TryReadNull();
    }

    private void StepOver(byte code)
    {
        var width = ArrayElement.MinWidth(code);
        if (width < 0)
        {
            throw Unexpected(code, "a value");
        }

        switch (code >> 4)
        {
            case 0xa or 0xc or 0xe: Take(RawLength8()); break;
            case 0xb or 0xd or 0xf: Take(RawLength32()); break;
            default: Take(width); break;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void SkipValue(byte code)
    {
        int width = UncheckedWidths[code];
        if (width != 0 && width - 1 <= _data.Length - _position)
        {
            _position += width - 1;
            return;
        }

        SkipCheckedValue(code);
    }

    private void SkipCheckedValue(byte code)
    {
        switch (code)
        {
            case FormatCode.Boolean: RawBoolean(); break;
            case FormatCode.Char: RawChar(Take(4)); break;
            case FormatCode.String8: CheckUtf8(Take(RawLength8())); break;
            case FormatCode.String32: CheckUtf8(Take(RawLength32())); break;
            case FormatCode.Symbol8: CheckAscii(Take(RawLength8())); break;
            case FormatCode.Symbol32: CheckAscii(Take(RawLength32())); break;
            case FormatCode.List8 or FormatCode.List32: SkipItems(code); break;
            case FormatCode.Map8 or FormatCode.Map32: SkipItems(code); break;
            case FormatCode.Array8 or FormatCode.Array32: SkipArray(code); break;
            case FormatCode.Described: SkipDescribed(); break;
            default: StepOver(code); break;
        }
    }

    private void SkipDescribed()
    {
        Descend();
        SkipDescriptor();
        Spend(1);
        SkipValue(ReadCode());
        _depth--;
    }

    private void SkipDescriptor()
    {
        var code = ReadCode();
        if (code is FormatCode.Described or FormatCode.List0 or FormatCode.Null or >= FormatCode.List8)
        {
            throw Malformed($"a descriptor of format code 0x{code:x2}; a descriptor is a ulong or a symbol");
        }

        SkipValue(code);
    }

    private void SkipItems(byte code)
    {
        Descend();
        var count = RawBegin(code, out var end);
        var isMap = code is FormatCode.Map8 or FormatCode.Map32;
        if (isMap)
        {
            CheckPairs(count);
        }

        Spend(count);
        var items = _position;
        for (var i = 0; i < count; i++)
        {
            var item = ReadCode();
            if (isMap && (i & 1) == 0 && item == FormatCode.Null)
            {
                throw Malformed("a map with the key null");
            }

            SkipValue(item);
        }

        EndCompound(end);
        if (isMap && MapKeys.FindDuplicate(_data, items, count / 2) is var duplicate and >= 0)
        {
            _position = duplicate;
            throw Malformed("a map with the same key twice");
        }

        _depth--;
    }

    private void SkipArray(byte code)
    {
        Descend();
        var count = RawBegin(code, out var end);
        Spend(count);
        var element = ReadCode();
        if (element == FormatCode.Described)
        {
            SkipDescriptor();
            element = ReadCode();
        }

        CheckElements(element, count, end);
        if (ArrayElement.FixedWidth(element) is var width and > 0 && element is not (FormatCode.Boolean or FormatCode.Char))
        {
            Take(width * count);
        }
        else
        {
            for (var i = 0; i < count; i++)
            {
                SkipValue(element);
            }
        }

        EndCompound(end);
        _depth--;
    }

    private static byte[] MakeUncheckedWidths()
    {
        var widths = new byte[256];
        for (var code = (int)FormatCode.Null; code < FormatCode.Binary8; code++)
        {
            var width = ArrayElement.MinWidth((byte)code);
            widths[code] = width < 0 || code is FormatCode.Boolean or FormatCode.Char ? (byte)0 : (byte)(width + 1);
        }

        return widths;
    }
}
