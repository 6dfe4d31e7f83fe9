using System.Collections;
using Mamba.Amqp.Codec;

namespace Mamba.Amqp.Types;

/// <summary>
/// A sequence of values of one type (AMQP 1.0 §1.6.24). The elements are kept as a CLR array of the element's own type:
/// an array of ubyte is a <c>byte[]</c> in <see cref="Values"/>, an array of binary is a <c>byte[][]</c>, an array of
/// lists is a <c>List&lt;object?&gt;[]</c>. The array's element type and descriptor survive when it is empty.
/// </summary>
public sealed class AmqpArray : IReadOnlyList<object?>, IEquatable<AmqpArray>
{
    /// <summary>Creates an array of the AMQP type that belongs to the CLR type of the elements.</summary>
    /// <param name="values">A one-dimensional CLR array whose element type has an AMQP type.</param>
    /// <param name="descriptor">The descriptor that all elements share, or null.</param>
    /// <exception cref="ArgumentException">The CLR element type has no AMQP type.</exception>
    public AmqpArray(Array values, object? descriptor = null)
        : this(ArrayElement.CodeFor(values), values, descriptor)
    {
    }

    internal AmqpArray(byte elementCode, Array values, object? descriptor)
    {
        ElementCode = elementCode;
        Values = values;
        Descriptor = descriptor;
    }

    /// <summary>The format code of the widest encoding of the elements' type, e.g. 0xb3 for symbols (see <see cref="FormatCode"/>).</summary>
    public byte ElementCode { get; }

    /// <summary>The elements, as a CLR array of their own type.</summary>
    public Array Values { get; }

    /// <summary>The descriptor that all elements share, or null.</summary>
    public object? Descriptor { get; }

    /// <summary>The number of elements.</summary>
    public int Count => Values.Length;

    /// <summary>An element, boxed.</summary>
    public object? this[int index] => Values.GetValue(index);

    /// <summary>The elements as an array of their own type; null when they have another.</summary>
    public T[]? As<T>() => Values as T[];

    public IEnumerator<object?> GetEnumerator()
    {
        foreach (var value in Values)
        {
            yield return value;
        }
    }

    IEnumerator IEnumerable.GetEnumerator() => Values.GetEnumerator();

    public bool Equals(AmqpArray? other) =>
        other is not null && ElementCode == other.ElementCode && AmqpValue.Equals(Descriptor, other.Descriptor)
        && AmqpValue.SequenceEquals(Values, other.Values);

    public override bool Equals(object? obj) => Equals(obj as AmqpArray);

    public override int GetHashCode() => HashCode.Combine(ElementCode, AmqpValue.GetHashCode(Descriptor), AmqpValue.HashSequence(Values));

    public override string ToString() => AmqpValue.ToString(this);
}
