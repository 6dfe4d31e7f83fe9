using System.Globalization;

namespace Mamba.Amqp.Types;

/// <summary>An absolute point in time: milliseconds since 1970-01-01T00:00:00Z, negative before it (AMQP 1.0 §1.6.17).</summary>
/// <param name="Milliseconds">Milliseconds since the Unix epoch; any 64-bit value is legal on the wire.</param>
public readonly record struct Timestamp(long Milliseconds) : IComparable<Timestamp>
{
    private static readonly long MinMilliseconds = DateTimeOffset.MinValue.ToUnixTimeMilliseconds();
    private static readonly long MaxMilliseconds = DateTimeOffset.MaxValue.ToUnixTimeMilliseconds();

    /// <summary>The timestamp of a point in time; what is finer than a millisecond is cut off.</summary>
    public static Timestamp FromDateTimeOffset(DateTimeOffset value) => new(value.ToUnixTimeMilliseconds());

    /// <summary>The point in time; values outside the years 1 to 9999 give the nearest one inside.</summary>
    public DateTimeOffset ToDateTimeOffset() =>
        DateTimeOffset.FromUnixTimeMilliseconds(Math.Clamp(Milliseconds, MinMilliseconds, MaxMilliseconds));

    public static implicit operator Timestamp(DateTimeOffset value) => FromDateTimeOffset(value);

    public static explicit operator DateTimeOffset(Timestamp value) => value.ToDateTimeOffset();

    public static bool operator <(Timestamp left, Timestamp right) => left.Milliseconds < right.Milliseconds;

    public static bool operator >(Timestamp left, Timestamp right) => left.Milliseconds > right.Milliseconds;

    public static bool operator <=(Timestamp left, Timestamp right) => left.Milliseconds <= right.Milliseconds;

    public static bool operator >=(Timestamp left, Timestamp right) => left.Milliseconds >= right.Milliseconds;

    public int CompareTo(Timestamp other) => Milliseconds.CompareTo(other.Milliseconds);

    /// <summary>ISO 8601 with milliseconds where the value is a date of this calendar, else the number itself.</summary>
    public override string ToString() =>
        Milliseconds >= MinMilliseconds && Milliseconds <= MaxMilliseconds
            ? ToDateTimeOffset().UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss.fff'Z'", CultureInfo.InvariantCulture)
            : Milliseconds.ToString(CultureInfo.InvariantCulture) + "ms";
}
