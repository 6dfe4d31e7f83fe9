using System.Globalization;

namespace Mamba.Broker.Selectors.Parsing;

/// <summary>
/// Reads numeric literals: Java's for selectors (decimal, 0x hexadecimal and 0 octal longs with an optional L; approximate ones with
/// a point, an exponent or a suffix F or D), the draft's for SQL filters, where 0x begins a binary literal and 010 is ten.
/// </summary>
internal static class NumberReader
{
    private const ulong MaxMagnitude = 1UL << 63;

    public static Token Read(string text, int start, bool sql)
    {
        if (text[start] == '0' && start + 1 < text.Length && text[start + 1] is 'x' or 'X')
        {
            return sql ? ReadBinary(text, start) : ReadHexadecimal(text, start);
        }

        var end = SkipDigits(text, start);
        var isApproximate = false;
        if (At(text, end) == '.')
        {
            isApproximate = true;
            end = SkipDigits(text, end + 1);
        }

        if (At(text, end) is 'e' or 'E')
        {
            isApproximate = true;
            end = SkipExponent(text, end);
        }

        var digits = text.AsSpan(start, end - start);
        switch (At(text, end))
        {
            case 'f' or 'F':
                return ReadApproximate(digits, start, end + 1, isFloat: true);
            case 'd' or 'D':
                return ReadApproximate(digits, start, end + 1, isFloat: false);
            case 'l' or 'L' when !isApproximate:
                return ReadExact(digits, start, end + 1, sql);
            default:
                return isApproximate ? ReadApproximate(digits, start, end, isFloat: false) : ReadExact(digits, start, end, sql);
        }
    }

    private static char At(string text, int position) => position < text.Length ? text[position] : '\0';

    private static int SkipDigits(string text, int position)
    {
        while (char.IsAsciiDigit(At(text, position)))
        {
            position++;
        }

        return position;
    }

    private static int SkipExponent(string text, int position)
    {
        var first = position + 1;
        first += At(text, first) is '+' or '-' ? 1 : 0;
        var end = SkipDigits(text, first);
        return end > first ? end : throw new SelectorException(first, "expected the digits of an exponent");
    }

    private static Token ReadApproximate(ReadOnlySpan<char> digits, int start, int end, bool isFloat)
    {
        var value = isFloat
            ? float.Parse(digits, NumberStyles.Float, CultureInfo.InvariantCulture)
            : double.Parse(digits, NumberStyles.Float, CultureInfo.InvariantCulture);
        return double.IsFinite(value)
            ? new Token(TokenKind.Approximate, start, end - start) { Approximate = value }
            : throw new SelectorException(start, $"the number is beyond the range of a {(isFloat ? "float" : "double")}");
    }

    private static Token ReadExact(ReadOnlySpan<char> digits, int start, int end, bool sql)
    {
        var isOctal = !sql && digits.Length > 1 && digits[0] == '0';
        if (isOctal && digits.IndexOfAny('8', '9') is >= 0 and var at)
        {
            throw new SelectorException(start + at, $"'{digits[at]}' in an octal number (a leading 0 makes it octal)");
        }

        var magnitude = 0UL;
        var radix = isOctal ? 8u : 10u;
        foreach (var digit in digits)
        {
            var next = (UInt128)magnitude * radix + (uint)(digit - '0');
            if (next > MaxMagnitude)
            {
                throw new SelectorException(start, "the number is beyond the range of a long; write it with a point to have it approximate");
            }

            magnitude = (ulong)next;
        }

        return new Token(TokenKind.Exact, start, end - start) { Magnitude = magnitude };
    }

    private static Token ReadHexadecimal(string text, int start)
    {
        var end = HexadecimalEnd(text, start);
        var digits = text.AsSpan(start + 2, end - start - 2).TrimStart('0');
        if (digits.Length > 16)
        {
            throw new SelectorException(start, "the hexadecimal number has more than 64 bits");
        }

        // As in Java, the bits of a long: 0xffffffffffffffff is -1.
        var bits = digits.IsEmpty ? 0 : ulong.Parse(digits, NumberStyles.HexNumber, CultureInfo.InvariantCulture);
        end += At(text, end) is 'l' or 'L' ? 1 : 0;
        return new Token(TokenKind.Exact, start, end - start) { Magnitude = bits, IsBits = true };
    }

    private static Token ReadBinary(string text, int start)
    {
        var end = HexadecimalEnd(text, start);
        var digits = text.AsSpan(start + 2, end - start - 2);
        return digits.Length % 2 == 0
            ? new Token(TokenKind.Binary, start, end - start) { Bytes = Convert.FromHexString(digits) }
            : throw new SelectorException(start, "a binary literal has an even number of hexadecimal digits");
    }

    private static int HexadecimalEnd(string text, int start)
    {
        var end = start + 2;
        while (char.IsAsciiHexDigit(At(text, end)))
        {
            end++;
        }

        return end > start + 2 ? end : throw new SelectorException(end, "expected hexadecimal digits");
    }
}
