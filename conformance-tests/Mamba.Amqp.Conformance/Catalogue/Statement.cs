namespace Mamba.Amqp.Conformance.Catalogue;

/// <summary>A normative statement of the AMQP 1.0 specification: one MUST or SHOULD (with or without NOT).</summary>
/// <param name="Id">Stable: part, section and the statement's place in that section, e.g. "transport.2.4.1-3".</param>
/// <param name="File">The XML file of the specification without its extension.</param>
/// <param name="Section">The number of the section as printed in the specification.</param>
/// <param name="Level">MUST, MUST NOT, SHOULD or SHOULD NOT.</param>
/// <param name="Hash">Of the whole sentence: it changes when the text does.</param>
/// <param name="Text">The first words of the sentence, or those around the keyword where the sentence is long.</param>
public sealed record Statement(string Id, string File, string Section, string Level, string Hash, string Text)
{
    public static string FileHeader => "id\tfile\tsection\tlevel\thash\ttext";

    public string ToLine() => string.Join('\t', Id, File, Section, Level, Hash, Text);

    public static Statement Parse(string line)
    {
        var cells = line.Split('\t');
        return cells.Length == 6
            ? new Statement(cells[0], cells[1], cells[2], cells[3], cells[4], cells[5])
            : throw new FormatException($"a line of statements.tsv has {cells.Length} cells and not 6: {line}");
    }
}
