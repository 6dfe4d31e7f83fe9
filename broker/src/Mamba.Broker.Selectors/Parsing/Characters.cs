using System.Globalization;
using System.Text;

namespace Mamba.Broker.Selectors.Parsing;

/// <summary>What Java allows in an identifier (Character.isJavaIdentifierStart and isJavaIdentifierPart), and what is blank.</summary>
internal static class Characters
{
    public static bool IsBlank(char c) => c is ' ' or '\t' or '\n' or '\r' or '\f';

    public static bool IsIdentifierStart(Rune rune) => Rune.GetUnicodeCategory(rune) is
        UnicodeCategory.UppercaseLetter or UnicodeCategory.LowercaseLetter or UnicodeCategory.TitlecaseLetter
        or UnicodeCategory.ModifierLetter or UnicodeCategory.OtherLetter or UnicodeCategory.LetterNumber
        or UnicodeCategory.CurrencySymbol or UnicodeCategory.ConnectorPunctuation;

    public static bool IsIdentifierPart(Rune rune) => IsIdentifierStart(rune) || Rune.GetUnicodeCategory(rune) is
        UnicodeCategory.DecimalDigitNumber or UnicodeCategory.NonSpacingMark or UnicodeCategory.SpacingCombiningMark
        or UnicodeCategory.Format;

    /// <summary>A character as a person can read it in an error.</summary>
    public static string Show(Rune rune) => Rune.IsControl(rune) ? $"the control character U+{rune.Value:X4}" : $"'{rune}'";
}
