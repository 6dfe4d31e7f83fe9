namespace Mamba.Amqp.Endpoints;

/// <summary>
/// A 32-bit serial number (RFC 1982), the arithmetic of transfer ids, delivery ids and delivery counts (AMQP 1.0 §2.8.8,
/// §2.8.9): it wraps past 2^32 - 1, and order is decided by the shorter way round. Two numbers exactly 2^31 apart have no
/// order; here the distance is then -2^31 both ways, so each is less than the other.
/// </summary>
/// <param name="Value">The number as it stands on the wire.</param>
public readonly record struct SerialNumber(uint Value) : IComparable<SerialNumber>
{
    /// <summary>The next number.</summary>
    public SerialNumber Next => new(unchecked(Value + 1));

    /// <summary>The number a count further on, wrapping.</summary>
    public static SerialNumber operator +(SerialNumber number, uint count) => new(unchecked(number.Value + count));

    /// <summary>The number a count further back, wrapping.</summary>
    public static SerialNumber operator -(SerialNumber number, uint count) => new(unchecked(number.Value - count));

    /// <summary>The signed distance from <paramref name="other"/> to <paramref name="number"/>: positive when it is ahead.</summary>
    public static int operator -(SerialNumber number, SerialNumber other) => unchecked((int)(number.Value - other.Value));

    /// <summary>Whether the left one comes before the right one.</summary>
    public static bool operator <(SerialNumber left, SerialNumber right) => left - right < 0;

    /// <summary>Whether the left one comes after the right one.</summary>
    public static bool operator >(SerialNumber left, SerialNumber right) => left - right > 0;

    /// <summary>Whether the left one comes before the right one or is the same.</summary>
    public static bool operator <=(SerialNumber left, SerialNumber right) => left - right <= 0;

    /// <summary>Whether the left one comes after the right one or is the same.</summary>
    public static bool operator >=(SerialNumber left, SerialNumber right) => left - right >= 0;

    /// <summary>The signed distance from <paramref name="other"/> to this number.</summary>
    public int DistanceFrom(SerialNumber other) => this - other;

    /// <inheritdoc/>
    public int CompareTo(SerialNumber other) => this - other;

    /// <summary>The number, in decimal.</summary>
    public override string ToString() => Value.ToString(System.Globalization.CultureInfo.InvariantCulture);
}
