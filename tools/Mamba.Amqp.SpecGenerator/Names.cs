using System.Globalization;

namespace Mamba.Amqp.SpecGenerator;

internal static class Names
{
    /// <summary>The C# form of a name: container-id becomes ContainerId, MIN-MAX-FRAME-SIZE becomes MinMaxFrameSize.</summary>
    public static string Pascal(string name) => string.Concat(name.Split('-').Select(static part =>
        char.ToUpperInvariant(part[0]) + part[1..].ToLower(CultureInfo.InvariantCulture)));

    /// <summary>A sentence for a docstring.</summary>
    public static string Sentence(string? label, string fallback)
    {
        var text = string.IsNullOrWhiteSpace(label) ? fallback : label;
        text = text.Replace("&", "&amp;", StringComparison.Ordinal).Replace("<", "&lt;", StringComparison.Ordinal);
        return char.ToUpperInvariant(text[0]) + text[1..].TrimEnd('.') + ".";
    }
}
