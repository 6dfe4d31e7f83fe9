using System.Buffers;
using System.Globalization;
using System.Text;

namespace Mamba.Broker.Selectors.Evaluation;

/// <summary>LOWER and UPPER: letters by Unicode's simple mapping, whatever the culture. Of what is no text, or of a long one, null.</summary>
internal sealed class CaseNode : Node
{
    private readonly Node _text;
    private readonly bool _upper;

    public CaseNode(Node text, bool upper)
    {
        _text = text;
        _upper = upper;
        Depth = 1 + text.Depth;
    }

    public override StaticType Type => StaticType.Text;

    public override void Evaluate(ref Evaluation evaluation, out Value value)
    {
        _text.Evaluate(ref evaluation, out value);
        value = TextFunction.Takes(value) ? evaluation.MakeCased(value, _upper) : Value.Null;
    }
}

/// <summary>
/// LEFT(text, count), RIGHT(text, count) and SUBSTRING(text, first [, count]), in characters, the first of which is 1. Positions in
/// front of it count, as in SQL: SUBSTRING('abc', 0, 2) is 'a'. A negative count, or one that is no whole number, gives null.
/// </summary>
internal sealed class PartNode : Node
{
    private readonly Node _text;
    private readonly Node? _first;
    private readonly Node? _count;
    private readonly bool _fromEnd;

    /// <param name="text">The text.</param>
    /// <param name="first">Where the part begins; null for the beginning.</param>
    /// <param name="count">Characters; null for all there are.</param>
    /// <param name="fromEnd">Whether it is the end of the text that is taken.</param>
    public PartNode(Node text, Node? first, Node? count, bool fromEnd)
    {
        _text = text;
        _first = first;
        _count = count;
        _fromEnd = fromEnd;
        Depth = 1 + Math.Max(text.Depth, Math.Max(first?.Depth ?? 0, count?.Depth ?? 0));
    }

    public override StaticType Type => StaticType.Text;

    public override void Evaluate(ref Evaluation evaluation, out Value value)
    {
        _text.Evaluate(ref evaluation, out value);
        var first = 1L;
        var count = long.MaxValue;
        if (!TextFunction.Takes(value) || !TryNumber(ref evaluation, _first, ref first) || !TryNumber(ref evaluation, _count, ref count) || count < 0)
        {
            value = Value.Null;
            return;
        }

        var bytes = evaluation.BytesOf(value);
        var (start, end) = _fromEnd ? (TextFunction.FromEnd(bytes, count), bytes.Length) : Range(bytes, first, count);
        value = Value.Bytes(ValueKind.Text, value.Origin, value.Offset + start, end - start);
    }

    private (int Start, int End) Range(ReadOnlySpan<byte> bytes, long first, long count)
    {
        var behind = _count is null || (first > 0 && count > long.MaxValue - first) ? long.MaxValue : first + count;
        var begin = Math.Max(first, 1);
        var start = TextFunction.Skip(bytes, 0, begin - 1);
        return (start, TextFunction.Skip(bytes, start, Math.Max(behind, begin) - begin));
    }

    private static bool TryNumber(ref Evaluation evaluation, Node? node, ref long number)
    {
        if (node is null)
        {
            return true;
        }

        node.Evaluate(ref evaluation, out var value);
        number = value.Bits;
        return value.Kind == ValueKind.Exact;
    }
}

/// <summary>DATE(text): Unix milliseconds of an RFC 3339 time, or of a date at midnight UTC; null of what is neither.</summary>
internal sealed class DateNode : Node
{
    private readonly Node _text;

    public DateNode(Node text)
    {
        _text = text;
        Depth = 1 + text.Depth;
    }

    public override StaticType Type => StaticType.Number;

    public override void Evaluate(ref Evaluation evaluation, out Value value)
    {
        _text.Evaluate(ref evaluation, out value);
        value = value.Kind == ValueKind.Text && TextFunction.TryDate(evaluation.BytesOf(value), out var time) ? Value.Of(time) : Value.Null;
    }
}

/// <summary>What the functions of texts have in common. Texts are UTF-8, checked when the message came in.</summary>
internal static class TextFunction
{
    private const int LongestDate = 40;

    /// <summary>One character more than what two bytes of UTF-8 can say.</summary>
    private const int TwoByteLetters = 0x800;

    // The other letter of each such letter: asking the runtime for one costs as much as everything else of it.
    private static readonly char[] TwoByteUpper = [.. Enumerable.Range(0, TwoByteLetters).Select(static c => char.ToUpperInvariant((char)c))];
    private static readonly char[] TwoByteLower = [.. Enumerable.Range(0, TwoByteLetters).Select(static c => char.ToLowerInvariant((char)c))];

    private static readonly string[] DateFormats =
        ["yyyy-MM-dd'T'HH:mm:ss.FFFFFFF'Z'", "yyyy-MM-dd'T'HH:mm:sszzz", "yyyy-MM-dd'T'HH:mm:ss.FFFFFFFzzz", "yyyy-MM-dd"];

    /// <summary>Whether a function takes the value: a text that is not too long.</summary>
    public static bool Takes(in Value value) => value.Kind == ValueKind.Text && value.Length <= SelectorLimits.MaxFunctionText;

    /// <summary>The position so many characters behind another one, or the end.</summary>
    public static int Skip(ReadOnlySpan<byte> text, int position, long characters)
    {
        for (; characters > 0 && position < text.Length; characters--)
        {
            position++;
            while (position < text.Length && IsContinuation(text[position]))
            {
                position++;
            }
        }

        return position;
    }

    /// <summary>The position so many characters in front of the end, or the beginning.</summary>
    public static int FromEnd(ReadOnlySpan<byte> text, long characters)
    {
        var position = text.Length;
        for (; characters > 0 && position > 0; characters--)
        {
            position--;
            while (position > 0 && IsContinuation(text[position]))
            {
                position--;
            }
        }

        return position;
    }

    /// <summary>Writes a text with other letters; there has to be room for twice its bytes. Returns what was written.</summary>
    public static int Map(ReadOnlySpan<byte> text, Span<byte> target, bool upper)
    {
        var written = 0;
        while (!text.IsEmpty)
        {
            // Runs of ASCII go by vectors, letters of two bytes without the general decoder: both are what texts are made of.
            if (text[0] < 0x80)
            {
                _ = upper ? Ascii.ToUpper(text, target[written..], out var run) : Ascii.ToLower(text, target[written..], out run);
                written += run;
                text = text[run..];
            }
            else if (text.Length > 1 && (text[0] & 0xe0) == 0xc0)
            {
                var letter = (char)(((text[0] & 0x1f) << 6) | (text[1] & 0x3f));
                written += Write((upper ? TwoByteUpper : TwoByteLower)[letter], target[written..]);
                text = text[2..];
            }
            else
            {
                written += MapRune(ref text, target[written..], upper);
            }
        }

        return written;
    }

    private static int Write(char letter, Span<byte> target)
    {
        if (letter is < (char)0x80 or >= (char)TwoByteLetters)
        {
            return new Rune(letter).EncodeToUtf8(target);
        }

        target[1] = (byte)(0x80 | (letter & 0x3f));
        target[0] = (byte)(0xc0 | (letter >> 6));
        return 2;
    }

    private static int MapRune(ref ReadOnlySpan<byte> text, Span<byte> target, bool upper)
    {
        if (Rune.DecodeFromUtf8(text, out var rune, out var consumed) != OperationStatus.Done)
        {
            target[0] = text[0];
            text = text[1..];
            return 1;
        }

        text = text[consumed..];
        return (upper ? Rune.ToUpperInvariant(rune) : Rune.ToLowerInvariant(rune)).EncodeToUtf8(target);
    }

    /// <summary>Reads an RFC 3339 time or date.</summary>
    public static bool TryDate(ReadOnlySpan<byte> text, out long milliseconds)
    {
        milliseconds = 0;
        Span<char> characters = stackalloc char[LongestDate];
        if (text.Length > LongestDate || Encoding.UTF8.GetChars(text, characters) is var length
            && !DateTimeOffset.TryParseExact(
                characters[..length], DateFormats, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var time))
        {
            return false;
        }

        milliseconds = time.ToUnixTimeMilliseconds();
        return true;
    }

    private static bool IsContinuation(byte b) => (b & 0xc0) == 0x80;
}
