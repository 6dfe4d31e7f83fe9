namespace Mamba.Broker.Selectors.Evaluation;

/// <summary>The types of values as expressions see them.</summary>
internal enum ValueKind : byte
{
    /// <summary>A slot that was not looked at yet.</summary>
    Unresolved = 0,

    /// <summary>Missing, null, or the result of arithmetic that has none.</summary>
    Null,
    Boolean,

    /// <summary>A long.</summary>
    Exact,

    /// <summary>A double.</summary>
    Approximate,

    /// <summary>UTF-8.</summary>
    Text,
    Binary,

    /// <summary>There, and comparable with nothing: a list, map, array or described value.</summary>
    Other,
}

/// <summary>Where the bytes of a text or binary value are.</summary>
internal enum BytesOrigin : byte
{
    Message,
    Literals,
    Scratch,
}

/// <summary>A value during an evaluation. Holds no references, so that slots live on the stack.</summary>
internal struct Value
{
    public ValueKind Kind;
    public BytesOrigin Origin;
    public int Offset;
    public int Length;
    public long Bits;

    public readonly bool IsNumber => Kind is ValueKind.Exact or ValueKind.Approximate;

    public readonly bool HasBytes => Kind is ValueKind.Text or ValueKind.Binary;

    /// <summary>The number as Java promotes it when the other operand is approximate.</summary>
    public readonly double AsDouble => Kind == ValueKind.Exact ? Bits : BitConverter.Int64BitsToDouble(Bits);

    public static Value Null => new() { Kind = ValueKind.Null };

    public static Value Other => new() { Kind = ValueKind.Other };

    public static Value Of(bool value) => new() { Kind = ValueKind.Boolean, Bits = value ? 1 : 0 };

    public static Value Of(long value) => new() { Kind = ValueKind.Exact, Bits = value };

    public static Value Of(double value) => new() { Kind = ValueKind.Approximate, Bits = BitConverter.DoubleToInt64Bits(value) };

    public static Value Of(Truth truth) => truth == Truth.Unknown ? Null : Of(truth == Truth.True);

    public static Value Bytes(ValueKind kind, BytesOrigin origin, int offset, int length) =>
        new() { Kind = kind, Origin = origin, Offset = offset, Length = length };
}
