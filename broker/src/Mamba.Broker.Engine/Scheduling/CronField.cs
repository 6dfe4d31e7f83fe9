using System.Diagnostics.CodeAnalysis;
using System.Globalization;

namespace Mamba.Broker.Engine;

/// <summary>One of the five fields of a crontab entry: its name, its bounds, and the names that stand for its values. Immutable.</summary>
internal sealed class CronField(string name, int least, int most, string[] names, int firstNamed)
{
    public static readonly CronField[] All =
    [
        new("minute", 0, 59, [], 0),
        new("hour", 0, 23, [], 0),
        new("day of the month", 1, 31, [], 0),
        new("month", 1, 12, ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"], 1),
        new("day of the week", 0, 7, ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"], 0),
    ];

    /// <summary>The values of a field, a bit for each.</summary>
    public bool TryParse(string text, out ulong values, [NotNullWhen(false)] out string? error)
    {
        values = 0;
        error = null;
        foreach (var item in text.Split(','))
        {
            if (!TryParseItem(item, ref values))
            {
                error = $"the {name} '{text}' is not understood: it takes {least} to {most}"
                    + $"{(names.Length == 0 ? "" : $" or {names[0]} to {names[^1]}")}, *, ranges a-b, steps /n, and lists of these";
                return false;
            }
        }

        return true;
    }

    private bool TryParseItem(string item, ref ulong values)
    {
        var slash = item.IndexOf('/', StringComparison.Ordinal);
        var step = 1;
        if (slash >= 0 && (!TryParseNumber(item.AsSpan(slash + 1), out step) || step == 0))
        {
            return false;
        }

        if (!TryParseRange(slash < 0 ? item : item[..slash], slash >= 0, out var from, out var to))
        {
            return false;
        }

        for (var value = from; value <= to; value += step)
        {
            values |= 1UL << value;
        }

        return true;
    }

    private bool TryParseRange(string range, bool hasStep, out int from, out int to)
    {
        // With a step, * ends at Saturday: 7 is Sunday a second time.
        (from, to) = (least, Math.Min(most, names.Length == 7 ? 6 : most));
        if (string.Equals(range, "*", StringComparison.Ordinal))
        {
            return true;
        }

        var dash = range.IndexOf('-', StringComparison.Ordinal);
        if (dash < 0)
        {
            var last = to;
            var known = TryParseValue(range, out from);
            to = hasStep ? Math.Max(last, from) : from;
            return known;
        }

        return TryParseValue(range[..dash], out from) && TryParseValue(range[(dash + 1)..], out to) && from <= to;
    }

    private bool TryParseValue(string text, out int value)
    {
        var index = Array.FindIndex(names, known => known.Equals(text, StringComparison.OrdinalIgnoreCase));
        if (index >= 0)
        {
            value = firstNamed + index;
            return true;
        }

        return TryParseNumber(text, out value) && value >= least && value <= most;
    }

    private static bool TryParseNumber(ReadOnlySpan<char> text, out int value) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out value) && value < 1_000;
}
