namespace Mamba.Amqp.Types;

/// <summary>
/// A symbolic value from a constrained domain: ASCII text, compared byte by byte (AMQP 1.0 §1.6.21).
/// The default value is the empty symbol.
/// </summary>
public readonly struct Symbol : IEquatable<Symbol>, IComparable<Symbol>
{
    private readonly string? _value;

    /// <summary>Creates a symbol. Characters outside ASCII are refused when the symbol is written.</summary>
    public Symbol(string value) => _value = value ?? throw new ArgumentNullException(nameof(value));

    /// <summary>The text of the symbol; never null.</summary>
    public string Value => _value ?? string.Empty;

    /// <summary>Makes a symbol of text.</summary>
    public static implicit operator Symbol(string value) => new(value);

    /// <summary>The text of a symbol.</summary>
    public static explicit operator string(Symbol symbol) => symbol.Value;

    public static bool operator ==(Symbol left, Symbol right) => left.Equals(right);

    public static bool operator !=(Symbol left, Symbol right) => !left.Equals(right);

    public static bool operator <(Symbol left, Symbol right) => left.CompareTo(right) < 0;

    public static bool operator >(Symbol left, Symbol right) => left.CompareTo(right) > 0;

    public static bool operator <=(Symbol left, Symbol right) => left.CompareTo(right) <= 0;

    public static bool operator >=(Symbol left, Symbol right) => left.CompareTo(right) >= 0;

    public bool Equals(Symbol other) => string.Equals(Value, other.Value, StringComparison.Ordinal);

    public override bool Equals(object? obj) => obj is Symbol other && Equals(other);

    public override int GetHashCode() => string.GetHashCode(Value, StringComparison.Ordinal);

    public int CompareTo(Symbol other) => string.CompareOrdinal(Value, other.Value);

    /// <summary>The text of the symbol.</summary>
    public override string ToString() => Value;
}
