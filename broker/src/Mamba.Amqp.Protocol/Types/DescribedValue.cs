namespace Mamba.Amqp.Types;

/// <summary>A value with a descriptor that gives it meaning, of a type this library does not know (AMQP 1.0 §1.3.2).</summary>
public sealed class DescribedValue : IEquatable<DescribedValue>
{
    /// <summary>Creates a described value.</summary>
    /// <param name="descriptor">The descriptor: a <see cref="Symbol"/> or a <see cref="ulong"/>; other primitives are reserved.</param>
    /// <param name="value">The underlying value, possibly null.</param>
    public DescribedValue(object descriptor, object? value)
    {
        ArgumentNullException.ThrowIfNull(descriptor);
        Descriptor = descriptor;
        Value = value;
    }

    /// <summary>The descriptor, usually a <see cref="Symbol"/> or a <see cref="ulong"/>.</summary>
    public object Descriptor { get; }

    /// <summary>The underlying value.</summary>
    public object? Value { get; }

    public bool Equals(DescribedValue? other) =>
        other is not null && AmqpValue.Equals(Descriptor, other.Descriptor) && AmqpValue.Equals(Value, other.Value);

    public override bool Equals(object? obj) => Equals(obj as DescribedValue);

    public override int GetHashCode() => HashCode.Combine(AmqpValue.GetHashCode(Descriptor), AmqpValue.GetHashCode(Value));

    public override string ToString() => AmqpValue.ToString(this);
}
