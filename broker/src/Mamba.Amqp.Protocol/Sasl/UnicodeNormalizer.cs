using System.Globalization;
using System.Text;

namespace Mamba.Amqp.Sasl;

/// <summary>
/// Normalisation form KC of Unicode 3.2 (Unicode Standard Annex 15), as SASLprep asks for. Thread-safe. The tables are
/// parsed once, when the first non-ASCII string comes.
/// </summary>
internal static class UnicodeNormalizer
{
    // Hangul syllables are composed by arithmetic (Unicode Standard, section 3.12).
    private const int HangulBase = 0xAC00;
    private const int LeadBase = 0x1100;
    private const int VowelBase = 0x1161;
    private const int TrailBase = 0x11A7;
    private const int LeadCount = 19;
    private const int VowelCount = 21;
    private const int TrailCount = 28;
    private const int HangulCount = LeadCount * VowelCount * TrailCount;

    private static readonly Lazy<Tables> Data = new(Tables.Parse);

    /// <summary>Returns the string in form KC. An ill-formed UTF-16 string comes back with U+FFFD in place of lone surrogates.</summary>
    public static string ToFormKC(string text)
    {
        var tables = Data.Value;
        var points = new List<int>(text.Length);
        foreach (var rune in text.EnumerateRunes())
        {
            Decompose(rune.Value, points, tables);
        }

        Reorder(points, tables);
        Compose(points, tables);
        var result = new StringBuilder(points.Count);
        foreach (var point in points)
        {
            result.Append(new Rune(point).ToString());
        }

        return result.ToString();
    }

    private static void Decompose(int point, List<int> into, Tables tables)
    {
        var hangul = point - HangulBase;
        if (hangul is >= 0 and < HangulCount)
        {
            into.Add(LeadBase + (hangul / (VowelCount * TrailCount)));
            into.Add(VowelBase + (hangul % (VowelCount * TrailCount) / TrailCount));
            if (hangul % TrailCount != 0)
            {
                into.Add(TrailBase + (hangul % TrailCount));
            }
        }
        else if (tables.Decompositions.TryGetValue(point, out var parts))
        {
            into.AddRange(parts);
        }
        else
        {
            into.Add(point);
        }
    }

    /// <summary>The canonical ordering algorithm: a stable sort of each run of non-starters by combining class.</summary>
    private static void Reorder(List<int> points, Tables tables)
    {
        for (var i = 1; i < points.Count; i++)
        {
            var combining = tables.ClassOf(points[i]);
            for (var j = i; combining != 0 && j > 0 && tables.ClassOf(points[j - 1]) > combining; j--)
            {
                (points[j - 1], points[j]) = (points[j], points[j - 1]);
            }
        }
    }

    private static void Compose(List<int> points, Tables tables)
    {
        var starter = -1;
        var lastClass = -1;
        var write = 0;
        for (var read = 0; read < points.Count; read++)
        {
            var point = points[read];
            var combining = tables.ClassOf(point);

            // A character is blocked from the starter when one of the same or a higher class stands between them.
            var adjacent = starter >= 0 && (lastClass == -1 || (lastClass != 0 && lastClass < combining));
            if (adjacent && ComposePair(points[starter], point, tables) is { } composite)
            {
                points[starter] = composite;
                continue;
            }

            if (combining == 0)
            {
                starter = write;
                lastClass = -1;
            }
            else
            {
                lastClass = combining;
            }

            points[write++] = point;
        }

        points.RemoveRange(write, points.Count - write);
    }

    private static int? ComposePair(int first, int second, Tables tables)
    {
        if (first is >= LeadBase and < LeadBase + LeadCount && second is >= VowelBase and < VowelBase + VowelCount)
        {
            return HangulBase + ((((first - LeadBase) * VowelCount) + second - VowelBase) * TrailCount);
        }

        var hangul = first - HangulBase;
        if (hangul is >= 0 and < HangulCount && hangul % TrailCount == 0 && second is > TrailBase and < TrailBase + TrailCount)
        {
            return first + second - TrailBase;
        }

        return tables.Compositions.TryGetValue((first, second), out var composite) ? composite : null;
    }

    private sealed class Tables
    {
        private readonly Dictionary<int, byte> _classes = [];

        public Dictionary<int, int[]> Decompositions { get; } = [];

        public Dictionary<(int First, int Second), int> Compositions { get; } = [];

        public int ClassOf(int point) => _classes.GetValueOrDefault(point);

        public static Tables Parse()
        {
            var tables = new Tables();
            foreach (var (key, value) in Entries(UnicodeTables.Decompositions))
            {
                var (first, count) = Run(key);
                var target = Array.ConvertAll(value.Split('.'), Hex);
                for (var i = 0; i < count; i++)
                {
                    tables.Decompositions[first + i] = count == 1 ? target : [target[0] + i];
                }
            }

            foreach (var (key, value) in Entries(UnicodeTables.CombiningClasses))
            {
                var (first, count) = Run(key);
                for (var i = 0; i < count; i++)
                {
                    tables._classes[first + i] = (byte)Hex(value);
                }
            }

            foreach (var (key, value) in Entries(UnicodeTables.Compositions))
            {
                var pair = key.Split('.');
                tables.Compositions[(Hex(pair[0]), Hex(pair[1]))] = Hex(value);
            }

            return tables;
        }

        private static IEnumerable<(string Key, string Value)> Entries(string table)
        {
            foreach (var entry in table.Split(' ', StringSplitOptions.RemoveEmptyEntries))
            {
                var equals = entry.IndexOf('=', StringComparison.Ordinal);
                yield return (entry[..equals], entry[(equals + 1)..]);
            }
        }

        private static (int First, int Count) Run(string key)
        {
            var plus = key.IndexOf('+', StringComparison.Ordinal);
            return plus < 0 ? (Hex(key), 1) : (Hex(key[..plus]), Hex(key[(plus + 1)..]));
        }

        private static int Hex(string text) => int.Parse(text, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture);
    }
}
