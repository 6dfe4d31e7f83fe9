using System.Globalization;
using System.Xml;
using System.Xml.Linq;

namespace Mamba.Amqp.SpecGenerator;

/// <summary>A field of a composite type, as the specification's XML has it.</summary>
internal sealed record SpecField(string Name, string Type, string? Requires, bool Multiple, bool Mandatory, string? Default, string? Label);

/// <summary>A value that a restricted type may have.</summary>
internal sealed record SpecChoice(string Name, string Value);

/// <summary>A type of the specification with its section number.</summary>
internal sealed record SpecType(
    string Name,
    string Class,
    string Source,
    string[] Provides,
    string? Label,
    string Section,
    string? Symbol,
    ulong Code,
    IReadOnlyList<SpecField> Fields,
    IReadOnlyList<SpecChoice> Choices);

/// <summary>A named constant of the specification.</summary>
internal sealed record SpecDefinition(string Name, string Value, string? Label, string Section);

/// <summary>The types and constants of the AMQP 1.0 specification, read from its XML.</summary>
internal sealed class Spec
{
    // Which number the types of an XML section begin after, by file and section. The XML has no numbers of its own.
    private static readonly Dictionary<string, (string Prefix, int Before)> Sections = new(StringComparer.Ordinal)
    {
        ["transport/performatives"] = ("2.7", 0),
        ["transport/definitions"] = ("2.8", 0),
        ["messaging/message-format"] = ("3.2", 0),
        ["messaging/delivery-state"] = ("3.4", 0),
        ["messaging/addressing"] = ("3.5", 2),
        ["transactions/coordination"] = ("4.5", 0),
        ["security/sasl"] = ("5.3.3", 0),
    };

    public List<SpecType> Types { get; } = [];

    public List<SpecDefinition> Definitions { get; } = [];

    /// <summary>Reads transport.xml, messaging.xml, transactions.xml and security.xml from a folder.</summary>
    public static Spec Load(string folder)
    {
        var spec = new Spec();
        foreach (var file in new[] { "transport", "messaging", "transactions", "security" })
        {
            var settings = new XmlReaderSettings { DtdProcessing = DtdProcessing.Ignore };
            using var reader = XmlReader.Create(Path.Combine(folder, file + ".xml"), settings);
            foreach (var section in XDocument.Load(reader).Root!.Elements().Where(static e => e.Name.LocalName == "section"))
            {
                spec.Add($"{file}/{Attribute(section, "name")}", section);
            }
        }

        return spec;
    }

    public SpecType Find(string name) => Types.Find(t => t.Name == name)
        ?? throw new InvalidOperationException($"the specification has no type {name}");

    /// <summary>The primitive at the end of a chain of restricted types.</summary>
    public string Primitive(string type)
    {
        while (Types.Find(t => t.Name == type && t.Class == "restricted") is { } restricted)
        {
            type = restricted.Source;
        }

        return type;
    }

    private void Add(string key, XElement section)
    {
        if (!Sections.TryGetValue(key, out var numbering))
        {
            return;
        }

        var number = numbering.Before;
        foreach (var element in section.Elements())
        {
            if (element.Name.LocalName == "type")
            {
                Types.Add(ReadType(element, $"{numbering.Prefix}.{(++number).ToString(CultureInfo.InvariantCulture)}"));
            }
            else if (element.Name.LocalName == "definition")
            {
                Definitions.Add(new SpecDefinition(Attribute(element, "name")!, Attribute(element, "value")!, Attribute(element, "label"), numbering.Prefix));
            }
        }
    }

    private static SpecType ReadType(XElement element, string section)
    {
        var descriptor = element.Elements().FirstOrDefault(static e => e.Name.LocalName == "descriptor");
        return new SpecType(
            Attribute(element, "name")!,
            Attribute(element, "class")!,
            Attribute(element, "source")!,
            (Attribute(element, "provides") ?? "").Split([',', ' '], StringSplitOptions.RemoveEmptyEntries),
            Attribute(element, "label"),
            section,
            descriptor is null ? null : Attribute(descriptor, "name"),
            descriptor is null ? 0 : ReadCode(Attribute(descriptor, "code")!),
            [.. element.Elements().Where(static e => e.Name.LocalName == "field").Select(ReadField)],
            [.. element.Elements().Where(static e => e.Name.LocalName == "choice").Select(static c => new SpecChoice(Attribute(c, "name")!, Attribute(c, "value")!))]);
    }

    private static SpecField ReadField(XElement element) => new(
        Attribute(element, "name")!,
        Attribute(element, "type")!,
        Attribute(element, "requires"),
        Attribute(element, "multiple") == "true",
        Attribute(element, "mandatory") == "true",
        Attribute(element, "default"),
        Attribute(element, "label"));

    // A code is written as two halves: 0xDOMAIN:0xNUMBER.
    private static ulong ReadCode(string text)
    {
        var halves = text.Split(':');
        return ulong.Parse(halves[0].AsSpan(2), NumberStyles.HexNumber, CultureInfo.InvariantCulture) << 32
            | ulong.Parse(halves[1].AsSpan(2), NumberStyles.HexNumber, CultureInfo.InvariantCulture);
    }

    private static string? Attribute(XElement element, string name)
    {
        var value = element.Attribute(name)?.Value;
        return value is null ? null : string.Join(' ', value.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries));
    }
}
