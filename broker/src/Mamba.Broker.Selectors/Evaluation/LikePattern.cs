using System.Text;

namespace Mamba.Broker.Selectors.Evaluation;

/// <summary>
/// A compiled LIKE pattern. Its % cut it into segments: the first stands at the value's start, the last at its end, those between
/// follow one another, each at the first place it is found. That is enough, as no later place leaves more room: there is nothing to
/// go back for, and the time is linear in the value.
/// </summary>
internal sealed class LikePattern
{
    private readonly LikeSegment _first;
    private readonly LikeSegment? _last;
    private readonly SegmentSearch[] _between;

    private LikePattern(LikeSegment first, LikeSegment? last, SegmentSearch[] between)
    {
        _first = first;
        _last = last;
        _between = between;
    }

    /// <summary>What a search through a value costs, in units of about a nanosecond a byte; 0 when its ends only are looked at.</summary>
    public int SearchCost => _between.Length == 0 ? 0 : _between.Max(s => s.Cost);

    /// <summary>Compiles a pattern: % is any run of characters, _ is one, the escape character takes their meaning from them.</summary>
    /// <exception cref="SelectorException">The pattern ends in its escape character, or is too complex.</exception>
    public static LikePattern Compile(string pattern, Rune? escape, int position)
    {
        var segments = new List<LikeSegment>();
        var current = new LikeSegment.Builder();
        var escaped = false;
        foreach (var rune in pattern.EnumerateRunes())
        {
            if (!escaped && rune == escape)
            {
                escaped = true;
                continue;
            }

            if (!escaped && rune.Value == '%')
            {
                segments.Add(current.Build());
                current = new LikeSegment.Builder();
                continue;
            }

            current.Add(rune, isAny: !escaped && rune.Value == '_');
            escaped = false;
        }

        if (escaped)
        {
            throw new SelectorException(position, "the pattern ends with its escape character, which stands for nothing there");
        }

        segments.Add(current.Build());
        return Assemble(segments, position);
    }

    /// <summary>A pattern of a fixed start and a fixed end, without wildcards: the draft's &amp;p: and &amp;s:.</summary>
    public static LikePattern OfEnds(string start, string end) => new(LikeSegment.Of(start), LikeSegment.Of(end), []);

    /// <summary>Whether the whole value is as the pattern says; UTF-8.</summary>
    public bool Matches(ReadOnlySpan<byte> value)
    {
        var length = _first.MatchStart(value);
        if (length < 0)
        {
            return false;
        }

        value = value[length..];
        if (_last is null)
        {
            return value.IsEmpty;
        }

        length = _last.MatchEnd(value);
        if (length < 0)
        {
            return false;
        }

        value = value[..^length];
        foreach (var segment in _between)
        {
            var end = segment.FindEnd(value);
            if (end < 0)
            {
                return false;
            }

            value = value[end..];
        }

        return true;
    }

    private static LikePattern Assemble(List<LikeSegment> segments, int position)
    {
        var between = new List<SegmentSearch>();
        for (var i = 1; i < segments.Count - 1; i++)
        {
            if (!segments[i].IsEmpty)
            {
                between.Add(SegmentSearch.For(segments[i], position));
            }
        }

        return new LikePattern(segments[0], segments.Count > 1 ? segments[^1] : null, [.. between]);
    }
}
