using System.Globalization;
using System.Text;

namespace Mamba.Broker.Server.Security;

/// <summary>Makes text from a peer safe for a log: no line of its own, no control of a terminal, no page of text.</summary>
public static class LogText
{
    /// <summary>Characters that are kept at most.</summary>
    public const int MaxLength = 256;

    /// <summary>
    /// The text with control, format (bidirectional overrides among them), surrogate and separator characters written as
    /// \uXXXX, cut at <see cref="MaxLength"/>.
    /// </summary>
    public static string Clean(string text)
    {
        if (text.Length <= MaxLength && !text.AsSpan().ContainsAnyExceptInRange(' ', '~'))
        {
            return text;
        }

        var cleaned = new StringBuilder(text.Length);
        foreach (var c in text)
        {
            if (cleaned.Length >= MaxLength)
            {
                return cleaned.Append('…').ToString();
            }

            if (IsUnsafe(c))
            {
                cleaned.Append("\\u").Append(((int)c).ToString("X4", CultureInfo.InvariantCulture));
            }
            else
            {
                cleaned.Append(c);
            }
        }

        return cleaned.ToString();
    }

    private static bool IsUnsafe(char c) => char.GetUnicodeCategory(c) is UnicodeCategory.Control or UnicodeCategory.Format
        or UnicodeCategory.Surrogate or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator or UnicodeCategory.PrivateUse;
}
