using System.Diagnostics.CodeAnalysis;
using System.Text;

namespace Mamba.Amqp.Sasl;

/// <summary>
/// SASLprep (RFC 4013): user names and passwords that look alike compare alike. Maps non-ASCII spaces to a space and drops
/// the "commonly mapped to nothing" characters, applies NFKC of Unicode 3.2, then refuses control characters, private use,
/// surrogates, non-characters and the other prohibited tables of RFC 3454 appendix C. Thread-safe.
/// </summary>
/// <remarks>
/// Two rules are looser than the profile, because a refused password is a locked-out user: code points unassigned in
/// Unicode 3.2 pass through unchanged (as in a "query" string), and the bidirectional check of RFC 3454 section 6 is not made.
/// </remarks>
public static class SaslPrep
{
    /// <summary>Prepares a name or a password.</summary>
    /// <param name="text">The string as typed.</param>
    /// <param name="prepared">The prepared string; null when the method returns false.</param>
    /// <returns>False when the string holds a prohibited character, or is not well-formed UTF-16.</returns>
    public static bool TryPrepare(string text, [NotNullWhen(true)] out string? prepared)
    {
        ArgumentNullException.ThrowIfNull(text);
        prepared = null;
        if (IsPlainAscii(text))
        {
            prepared = text;
            return true;
        }

        var mapped = new StringBuilder(text.Length);
        for (var i = 0; i < text.Length;)
        {
            if (Rune.DecodeFromUtf16(text.AsSpan(i), out var rune, out var consumed) != System.Buffers.OperationStatus.Done)
            {
                return false;
            }

            i += consumed;
            if (!IsMappedToNothing(rune.Value))
            {
                mapped.Append(IsNonAsciiSpace(rune.Value) ? " " : rune.ToString());
            }
        }

        var normalized = UnicodeNormalizer.ToFormKC(mapped.ToString());
        foreach (var rune in normalized.EnumerateRunes())
        {
            if (IsProhibited(rune.Value))
            {
                return false;
            }
        }

        prepared = normalized;
        return true;
    }

    /// <summary>Prepares a name or a password, or throws.</summary>
    /// <exception cref="SaslException">The string holds a prohibited character.</exception>
    public static string Prepare(string text) => TryPrepare(text, out var prepared)
        ? prepared
        : throw new SaslException("The user name or password holds a control character or another one SASLprep (RFC 4013) prohibits.");

    private static bool IsPlainAscii(string text)
    {
        foreach (var c in text)
        {
            if (c is < ' ' or > '~')
            {
                return false;
            }
        }

        return true;
    }

    // RFC 3454 table C.1.2; U+200B is in both C.1.2 and B.1, and RFC 4013 maps it to a space.
    private static bool IsNonAsciiSpace(int point) =>
        point is 0x00A0 or 0x1680 or (>= 0x2000 and <= 0x200B) or 0x202F or 0x205F or 0x3000;

    // RFC 3454 table B.1.
    private static bool IsMappedToNothing(int point) =>
        point is 0x00AD or 0x034F or 0x1806 or (>= 0x180B and <= 0x180D) or 0x200C or 0x200D or 0x2060
            or (>= 0xFE00 and <= 0xFE0F) or 0xFEFF;

    // RFC 3454 tables C.2.1, C.2.2, C.3, C.4, C.5, C.6, C.7, C.8, C.9.
    private static bool IsProhibited(int point) =>
        point is < 0x20 or (>= 0x7F and <= 0x9F) or 0x06DD or 0x070F or 0x180E or (>= 0x200C and <= 0x200F) or 0x2028 or 0x2029
            or (>= 0x202A and <= 0x202E) or (>= 0x2060 and <= 0x2063) or (>= 0x206A and <= 0x206F)
            or (>= 0x2FF0 and <= 0x2FFB) or 0x0340 or 0x0341 or 0xFEFF or (>= 0xFFF9 and <= 0xFFFD)
            or (>= 0x1D173 and <= 0x1D17A) or (>= 0xE000 and <= 0xF8FF) or (>= 0xFDD0 and <= 0xFDEF)
            or 0xE0001 or (>= 0xE0020 and <= 0xE007F) or >= 0xF0000
        || (point & 0xFFFE) == 0xFFFE;
}
