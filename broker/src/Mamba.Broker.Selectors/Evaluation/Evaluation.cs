using System.Buffers;
using System.Text;
using Mamba.Amqp.Codec;
using Mamba.Amqp.Messaging;

namespace Mamba.Broker.Selectors.Evaluation;

/// <summary>
/// The state of one evaluation, on the stack: finds the sections when the first field of one is asked for, keeps what was found in
/// slots, and reads nothing that no one asks for.
/// </summary>
internal ref struct Evaluation
{
    /// <summary>Bytes of text made during an evaluation that need no allocation: enough for an id.</summary>
    public const int ScratchSize = 64;

    private readonly SelectorInput _input;
    private readonly ExpressionProgram _program;
    private readonly Span<Value> _slots;
    private Span<byte> _scratch;
    private byte[]? _rented;
    private int _scratchUsed;
    private int _properties;
    private int _applicationProperties;
    private bool _located;
    private bool _walked;
    private bool _annotationsWalked;

    public Evaluation(in SelectorInput input, ExpressionProgram program, Span<Value> slots, Span<byte> scratch)
    {
        _input = input;
        _program = program;
        _slots = slots;
        _scratch = scratch;
    }

    public readonly ReadOnlySpan<byte> Message => _input.Message;

    public readonly long Now => _input.Now;

    /// <summary>The value of a field.</summary>
    public void Load(int slot, out Value value)
    {
        if (_slots[slot].Kind == ValueKind.Unresolved)
        {
            Resolve(slot);
        }

        value = _slots[slot];
    }

    /// <summary>The bytes of a text or binary value.</summary>
    public readonly ReadOnlySpan<byte> BytesOf(in Value value) => value.Origin switch
    {
        BytesOrigin.Message => _input.Message.Slice(value.Offset, value.Length),
        BytesOrigin.Literals => _program.Literals.AsSpan(value.Offset, value.Length),
        _ => _scratch.Slice(value.Offset, value.Length),
    };

    /// <summary>A text made now, of ASCII and bytes.</summary>
    public Value MakeText(scoped ReadOnlySpan<byte> prefix, scoped ReadOnlySpan<byte> rest)
    {
        var offset = _scratchUsed;
        Reserve(prefix.Length + rest.Length);
        prefix.CopyTo(_scratch[offset..]);
        rest.CopyTo(_scratch[(offset + prefix.Length)..]);
        _scratchUsed += prefix.Length + rest.Length;
        return Value.Bytes(ValueKind.Text, BytesOrigin.Scratch, offset, prefix.Length + rest.Length);
    }

    /// <summary>A text made now: upper-case hexadecimal digits behind a prefix.</summary>
    public Value MakeHexadecimal(scoped ReadOnlySpan<byte> prefix, scoped ReadOnlySpan<byte> bytes)
    {
        var offset = _scratchUsed;
        var length = prefix.Length + (2 * bytes.Length);
        Reserve(length);
        prefix.CopyTo(_scratch[offset..]);
        var at = offset + prefix.Length;
        foreach (var b in bytes)
        {
            _scratch[at++] = "0123456789ABCDEF"u8[b >> 4];
            _scratch[at++] = "0123456789ABCDEF"u8[b & 0xf];
        }

        _scratchUsed += length;
        return Value.Bytes(ValueKind.Text, BytesOrigin.Scratch, offset, length);
    }

    /// <summary>A text made now: another one in capitals, or in small letters.</summary>
    public Value MakeCased(in Value text, bool upper)
    {
        var offset = _scratchUsed;

        // No letter has one of more than twice its bytes. The room first: it may move what is there.
        Reserve(2 * text.Length);
        var written = TextFunction.Map(BytesOf(text), _scratch[offset..], upper);
        _scratchUsed += written;
        return Value.Bytes(ValueKind.Text, BytesOrigin.Scratch, offset, written);
    }

    /// <summary>The text of an AMQP char; what is no Unicode scalar is null.</summary>
    public Value TextOfChar(uint scalar)
    {
        if (!Rune.IsValid(scalar))
        {
            return Value.Null;
        }

        Span<byte> utf8 = stackalloc byte[4];
        return MakeText(default, utf8[..new Rune(scalar).EncodeToUtf8(utf8)]);
    }

    /// <summary>Gives what was borrowed back. The evaluation is over.</summary>
    public readonly void End()
    {
        if (_rented is not null)
        {
            ArrayPool<byte>.Shared.Return(_rented);
        }
    }

    /// <summary>Where the value of a field of the properties list is; -1 when it is not there.</summary>
    public int FindProperty(int index)
    {
        Locate();
        if (_properties < 0 || !EncodedValues.TryBegin(Message, _properties, out var position, out var count) || index >= count)
        {
            return -1;
        }

        for (; index > 0 && position >= 0; index--)
        {
            position = EncodedValues.Skip(Message, position);
        }

        return position;
    }

    private void Resolve(int slot)
    {
        var field = _program.Fields[slot];
        switch (field.Kind)
        {
            case FieldKind.ApplicationProperty:
                WalkApplicationProperties();
                break;
            case FieldKind.Annotation:
                WalkAnnotations();
                break;
            default:
                FieldReader.Read(ref this, field, _input, out _slots[slot]);
                return;
        }

        // The walk filled the slots of what is there.
        if (_slots[slot].Kind == ValueKind.Unresolved)
        {
            _slots[slot] = Value.Null;
        }
    }

    private void WalkApplicationProperties()
    {
        Locate();
        if (!_walked && _applicationProperties >= 0)
        {
            Walk(_applicationProperties, _program.Properties);
        }

        _walked = true;
    }

    private void WalkAnnotations()
    {
        if (!_annotationsWalked && _input.AnnotationsLength > 0)
        {
            var reader = new AmqpReader(Message[.._input.AnnotationsLength]);
            reader.ReadDescriptor();
            Walk(reader.Position, _program.Annotations);
        }

        _annotationsWalked = true;
    }

    /// <summary>Fills the slots of the wanted keys from a map; ends when all are found.</summary>
    private void Walk(int map, NameTable wanted)
    {
        var data = Message;
        if (!EncodedValues.TryBegin(data, map, out var position, out var count))
        {
            return;
        }

        var left = wanted.Count;
        for (var i = 0; i + 1 < count && left > 0; i += 2)
        {
            var value = EncodedValues.Skip(data, position);
            if (value < 0)
            {
                return;
            }

            if (EncodedValues.TryText(data, position, out var offset, out var length)
                && wanted.Find(data.Slice(offset, length)) is var slot && slot >= 0 && _slots[slot].Kind == ValueKind.Unresolved)
            {
                EncodedValues.Read(ref this, value, out _slots[slot]);
                left--;
            }

            position = EncodedValues.Skip(data, value);
            if (position < 0)
            {
                return;
            }
        }
    }

    /// <summary>Finds the two sections that fields are in; they come in this order, in front of the body.</summary>
    private void Locate()
    {
        if (_located)
        {
            return;
        }

        _located = true;
        _properties = -1;
        _applicationProperties = -1;
        var position = _input.AnnotationsLength;
        while (position >= 0 && position < Message.Length)
        {
            var value = ReadDescriptor(position, out var section);
            if (section == MessageSection.Properties)
            {
                _properties = value;
            }
            else if (section == MessageSection.ApplicationProperties)
            {
                _applicationProperties = value;
                return;
            }
            else
            {
                return;
            }

            position = EncodedValues.Skip(Message, value);
        }
    }

    private readonly int ReadDescriptor(int position, out MessageSection section)
    {
        var data = Message;
        if (position + 2 < data.Length && data[position] == FormatCode.Described && data[position + 1] == FormatCode.SmallULong)
        {
            section = (MessageSection)data[position + 2];
            return position + 3;
        }

        // Descriptors may be symbols, or ulongs of other widths.
        var reader = new AmqpReader(data[position..]);
        var code = reader.ReadDescriptor();
        section = code <= byte.MaxValue ? (MessageSection)code : MessageSection.None;
        return position + reader.Position;
    }

    private void Reserve(int bytes)
    {
        var needed = _scratchUsed + bytes;
        if (needed <= _scratch.Length)
        {
            return;
        }

        var larger = ArrayPool<byte>.Shared.Rent(needed);
        _scratch[.._scratchUsed].CopyTo(larger);
        if (_rented is not null)
        {
            ArrayPool<byte>.Shared.Return(_rented);
        }

        _rented = larger;
        _scratch = larger;
    }
}
