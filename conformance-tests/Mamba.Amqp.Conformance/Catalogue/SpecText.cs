using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.RegularExpressions;
using System.Xml;
using System.Xml.Linq;

namespace Mamba.Amqp.Conformance.Catalogue;

/// <summary>
/// Reads the normative statements out of the specification's XML (resources/*.xml of the npm package amqp10@3.6.0). The XML
/// has no section numbers: they follow from the order of its elements, as in the printed text.
/// </summary>
public sealed partial class SpecText
{
    private const int MaxText = 150;
    private static readonly string[] Parts = ["types", "transport", "messaging", "transactions", "security"];

    // Where the printed numbers do not follow from the order of the XML.
    private static readonly Dictionary<string, string> Renumbered = new(StringComparer.Ordinal)
    {
        ["types/composite-types"] = "1.4",
    };

    private static readonly HashSet<string> Blocks = new(StringComparer.Ordinal)
    {
        "section", "doc", "type", "field", "choice", "encoding", "descriptor", "definition", "error",
        "p", "ul", "ol", "dl", "li", "dt", "dd", "picture", "todo",
    };

    private readonly List<Statement> _statements = [];
    private readonly Dictionary<string, int> _ordinals = new(StringComparer.Ordinal);

    /// <summary>All statements of the specification in a folder, in the order of the text.</summary>
    public static IReadOnlyList<Statement> Read(string folder)
    {
        var text = new SpecText();
        for (var part = 0; part < Parts.Length; part++)
        {
            var settings = new XmlReaderSettings { DtdProcessing = DtdProcessing.Ignore };
            using var reader = XmlReader.Create(Path.Combine(folder, Parts[part] + ".xml"), settings);
            var number = 0;
            foreach (var section in XDocument.Load(reader).Root!.Elements().Where(static e => e.Name.LocalName == "section"))
            {
                number++;
                var printed = Renumbered.GetValueOrDefault($"{Parts[part]}/{section.Attribute("name")?.Value}")
                    ?? string.Create(CultureInfo.InvariantCulture, $"{part + 1}.{number}");
                text.Walk(section, Parts[part], printed);
            }
        }

        return text._statements;
    }

    private void Walk(XElement element, string file, string section)
    {
        var run = new StringBuilder();
        var child = 0;
        foreach (var node in element.Nodes())
        {
            if (node is XText words)
            {
                run.Append(words.Value);
            }
            else if (node is XElement inner && Blocks.Contains(inner.Name.LocalName))
            {
                Add(run, file, section);
                Walk(inner, file, IsNumbered(inner) ? Number(section, inner, ++child) : section);
            }
            else if (node is XElement inline)
            {
                run.Append(inline.Value.Length > 0 ? inline.Value : inline.Attribute("choice")?.Value ?? inline.Attribute("name")?.Value);
            }
        }

        Add(run, file, section);
    }

    private static bool IsNumbered(XElement element) =>
        element.Name.LocalName == "type" || (element.Name.LocalName == "doc" && element.Attribute("title") is not null);

    // The frame bodies of SASL are printed as a subsection of their own.
    private static string Number(string section, XElement inner, int place) =>
        section == "5.3" && inner.Name.LocalName == "type"
            ? string.Create(CultureInfo.InvariantCulture, $"5.3.3.{place - 3}")
            : string.Create(CultureInfo.InvariantCulture, $"{section}.{place}");

    private void Add(StringBuilder run, string file, string section)
    {
        var text = string.Join(' ', run.ToString().Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries));
        run.Clear();
        foreach (var sentence in SentenceEnd().Split(text))
        {
            foreach (var keyword in Keyword().EnumerateMatches(sentence))
            {
                var ordinal = _ordinals[section] = _ordinals.GetValueOrDefault(section) + 1;
                var hash = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(sentence)).AsSpan(0, 4));
                var id = string.Create(CultureInfo.InvariantCulture, $"{file}.{section}-{ordinal}");
                var level = sentence.Substring(keyword.Index, keyword.Length);
                _statements.Add(new Statement(id, file, section, level, hash, Excerpt(sentence, keyword.Index)));
            }
        }
    }

    private static string Excerpt(string sentence, int keyword)
    {
        var start = keyword <= MaxText / 2 ? 0 : sentence.IndexOf(' ', keyword - (MaxText / 2)) + 1;
        var text = sentence[start..];
        return (start > 0 ? "… " : "") + (text.Length <= MaxText ? text : text[..text.LastIndexOf(' ', MaxText)] + " …");
    }

    [GeneratedRegex(@"(?<=[.:])\s+(?=[A-Z(])", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex SentenceEnd();

    [GeneratedRegex("(MUST|SHOULD)( NOT)?", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex Keyword();
}
