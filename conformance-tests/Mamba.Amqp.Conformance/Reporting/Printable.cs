using System.Globalization;
using System.Text;

namespace Mamba.Amqp.Conformance.Reporting;

/// <summary>Text that came from a broker, for a terminal or a page: it shows what it holds and does nothing.</summary>
public static class Printable
{
    /// <summary>With control and formatting characters (escape sequences, marks that turn the direction of writing) as \u{..}; lines and tabs stay.</summary>
    public static string Text(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        if (!text.EnumerateRunes().Any(IsHidden))
        {
            return text;
        }

        var shown = new StringBuilder(text.Length + 16);
        foreach (var rune in text.EnumerateRunes())
        {
            if (IsHidden(rune))
            {
                shown.Append(CultureInfo.InvariantCulture, $"\\u{{{rune.Value:x}}}");
            }
            else
            {
                shown.Append(rune.ToString());
            }
        }

        return shown.ToString();
    }

    /// <summary>In one line, for what is a line of its own.</summary>
    public static string Line(string text) => Text(text).ReplaceLineEndings(" ").Replace('\t', ' ');

    private static bool IsHidden(Rune rune) => rune.Value is not ('\n' or '\t') && Rune.GetUnicodeCategory(rune) is
        UnicodeCategory.Control or UnicodeCategory.Format or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator;
}
