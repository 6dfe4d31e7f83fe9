using Mamba.Amqp.Codec;
using Mamba.Amqp.Types;

namespace Mamba.Amqp.Messaging;

/// <summary>The body of a message: data, amqp-sequence or amqp-value (AMQP 1.0 §3.2.6 to §3.2.8).</summary>
public abstract class MessageBody : IAmqpEncodable
{
    private protected MessageBody()
    {
    }

    /// <summary>Appends the body's sections.</summary>
    public abstract void Write(AmqpWriter writer);
}

/// <summary>A body of one or more data sections.</summary>
public sealed class DataBody : MessageBody
{
    /// <summary>Creates a body; each element becomes a section.</summary>
    public DataBody(params byte[][] sections) => Sections = [.. sections];

    internal DataBody(List<byte[]> sections) => Sections = sections;

    /// <summary>The sections.</summary>
    public List<byte[]> Sections { get; }

    /// <summary>The bytes of all sections, joined.</summary>
    public byte[] ToArray() => Sections.Count == 1 ? Sections[0] : [.. Sections.SelectMany(static s => s)];

    /// <inheritdoc/>
    public override void Write(AmqpWriter writer)
    {
        foreach (var section in Sections)
        {
            writer.WriteDescriptor(DescriptorCode.Data);
            writer.WriteBinary(section);
        }
    }
}

/// <summary>A body of one or more amqp-sequence sections.</summary>
public sealed class SequenceBody : MessageBody
{
    /// <summary>Creates a body; each element becomes a section.</summary>
    public SequenceBody(params List<object?>[] sections) => Sections = [.. sections];

    internal SequenceBody(List<List<object?>> sections) => Sections = sections;

    /// <summary>The sections.</summary>
    public List<List<object?>> Sections { get; }

    /// <inheritdoc/>
    public override void Write(AmqpWriter writer)
    {
        foreach (var section in Sections)
        {
            writer.WriteDescriptor(DescriptorCode.AmqpSequence);
            writer.WriteList(section);
        }
    }
}

/// <summary>A body of one amqp-value section.</summary>
public sealed class ValueBody : MessageBody
{
    /// <summary>Creates a body.</summary>
    /// <param name="value">A value of any AMQP type (see <see cref="AmqpWriter.WriteValue"/>), or a composite, or null.</param>
    public ValueBody(object? value) => Value = value;

    /// <summary>The value.</summary>
    public object? Value { get; }

    /// <inheritdoc/>
    public override void Write(AmqpWriter writer)
    {
        writer.WriteDescriptor(DescriptorCode.AmqpValue);
        writer.WriteValue(Value);
    }

    public override string ToString() => AmqpValue.ToString(Value);
}
