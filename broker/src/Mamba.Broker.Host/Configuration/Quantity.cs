using System.Globalization;

namespace Mamba.Broker.Host.Configuration;

/// <summary>Sizes and durations as people write them: "64 KiB", "10 s".</summary>
internal static class Quantity
{
    public const string SizePattern = "^[0-9]+( ?(B|KiB|MiB|GiB|TiB))?$";
    public const string DurationPattern = "^[0-9]+ ?(ms|s|min|h|d)$";

    private static readonly (string Unit, long Factor)[] Sizes =
        [("TiB", 1L << 40), ("GiB", 1L << 30), ("MiB", 1L << 20), ("KiB", 1L << 10), ("B", 1)];

    private static readonly (string Unit, long Factor)[] Durations =
        [("d", 86_400_000), ("h", 3_600_000), ("min", 60_000), ("ms", 1), ("s", 1_000)];

    /// <summary>Bytes of a size; a bare number is bytes.</summary>
    public static bool TryParseSize(string text, out long bytes) =>
        long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out bytes) || TryParse(text, Sizes, out bytes);

    /// <summary>Milliseconds of a duration; the unit is required.</summary>
    public static bool TryParseDuration(string text, out long milliseconds) => TryParse(text, Durations, out milliseconds);

    /// <summary>The shortest exact way to write a size.</summary>
    public static string Size(long bytes) => Format(bytes, Sizes);

    /// <summary>The shortest exact way to write a duration.</summary>
    public static string Duration(long milliseconds)
    {
        foreach (var (unit, factor) in Durations)
        {
            // "ms" stands before "s" for parsing; here the larger unit comes first.
            if (milliseconds > 0 && milliseconds % factor == 0 && factor != 1)
            {
                return $"{milliseconds / factor} {unit}";
            }
        }

        return $"{milliseconds} ms";
    }

    private static bool TryParse(string text, (string Unit, long Factor)[] units, out long value)
    {
        foreach (var (unit, factor) in units)
        {
            if (text.EndsWith(unit, StringComparison.OrdinalIgnoreCase)
                && long.TryParse(text.AsSpan(0, text.Length - unit.Length).TrimEnd(' '), NumberStyles.None, CultureInfo.InvariantCulture, out var count)
                && count <= long.MaxValue / factor)
            {
                value = count * factor;
                return true;
            }
        }

        value = 0;
        return false;
    }

    private static string Format(long value, (string Unit, long Factor)[] units)
    {
        foreach (var (unit, factor) in units)
        {
            if (value > 0 && value % factor == 0)
            {
                return $"{value / factor} {unit}";
            }
        }

        return $"{value} B";
    }
}
