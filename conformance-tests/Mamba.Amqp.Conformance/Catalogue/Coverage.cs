using System.Globalization;
using System.Text;
using Mamba.Amqp.Conformance.Running;

namespace Mamba.Amqp.Conformance.Catalogue;

/// <summary>Why a statement, or a trap, has no case.</summary>
/// <param name="Kind">"client": a rule for the other side; "hidden": cannot be observed from outside.</param>
public sealed record Exemption(string Id, string Kind, string Why);

/// <summary>A trap that clients have fallen into with some broker.</summary>
public sealed record Trap(int Number, string Title);

/// <summary>Which case shows which statement, and why the others have none.</summary>
public sealed class Coverage(
    IReadOnlyList<Statement> statements, IReadOnlyList<Trap> traps, IReadOnlyList<Exemption> exemptions, IReadOnlyList<ConformanceCase> cases)
{
    private readonly Dictionary<string, Exemption> _exemptions = exemptions.ToDictionary(static e => e.Id, StringComparer.Ordinal);

    public IReadOnlyList<Statement> Statements => statements;

    public IReadOnlyList<Trap> Traps => traps;

    public static Coverage Load() => new(StatementTable.Load(), LoadTraps(), LoadExemptions(), ConformanceCase.All);

    /// <summary>The cases that show a statement.</summary>
    public IEnumerable<string> CasesOf(Statement statement) => cases.Where(c => c.Covers.Contains(statement.Id)).Select(static c => c.Id);

    /// <summary>The cases that show a trap.</summary>
    public IEnumerable<string> CasesOf(Trap trap) => cases.Where(c => c.Traps.Contains(trap.Number)).Select(static c => c.Id);

    /// <summary>What is wrong with the bookkeeping: statements and traps without case or reason, or with both; unknown ids.</summary>
    public IReadOnlyList<string> Gaps()
    {
        List<string> gaps = [];
        foreach (var statement in statements)
        {
            Judge(statement.Id, CasesOf(statement).Any(), gaps);
        }

        foreach (var trap in traps)
        {
            Judge(TrapId(trap), CasesOf(trap).Any(), gaps);
        }

        var known = statements.Select(static s => s.Id).Concat(traps.Select(TrapId)).ToHashSet(StringComparer.Ordinal);
        gaps.AddRange(cases.SelectMany(static c => c.Covers).Where(id => !known.Contains(id)).Select(static id => $"{id} is covered by a case and is no statement"));
        gaps.AddRange(_exemptions.Keys.Where(id => !known.Contains(id)).Select(static id => $"{id} is exempted and is no statement"));
        return gaps;
    }

    public string ToMarkdown()
    {
        var text = new StringBuilder("""
            # Coverage

            Made by `dotnet run --project conformance-tests/Mamba.Amqp.Conformance -- coverage`; a test compares. Statement ids are part, section
            and place in the section. *Client* marks a rule for the other side of the connection, *hidden* one that cannot be seen from outside.


            """);
        AppendSummary(text);
        foreach (var file in statements.GroupBy(static s => s.File))
        {
            text.Append("\n## ").Append(file.Key).Append(".xml\n\n| Statement | Level | Text | Shown by |\n|---|---|---|---|\n");
            foreach (var s in file)
            {
                AppendRow(text, $"{s.Id} | {s.Level} | {Cell(s.Text)}", CasesOf(s), s.Id);
            }
        }

        text.Append("\n## Interop traps\n\n| Trap | What clients rely on | Shown by |\n|---|---|---|\n");
        foreach (var trap in traps)
        {
            AppendRow(text, $"{TrapId(trap)} | {Cell(trap.Title)}", CasesOf(trap), TrapId(trap));
        }

        return text.ToString();
    }

    private static string TrapId(Trap trap) => string.Create(CultureInfo.InvariantCulture, $"TRAP-{trap.Number:00}");

    private void Judge(string id, bool tested, List<string> gaps)
    {
        if (tested == _exemptions.ContainsKey(id))
        {
            gaps.Add($"{id} {(tested ? "has a case and a reason to have none" : "has neither a case nor a reason to have none")}");
        }
    }

    private void AppendSummary(StringBuilder text)
    {
        text.Append("| Part | Statements | Tested | Client | Hidden |\n|---|---|---|---|---|\n");
        foreach (var file in statements.GroupBy(static s => s.File))
        {
            SummaryRow(text, file.Key, [.. file.Select(s => (s.Id, CasesOf(s).Any()))]);
        }

        SummaryRow(text, "**Specification**", [.. statements.Select(s => (s.Id, CasesOf(s).Any()))]);
        SummaryRow(text, "Interop traps", [.. traps.Select(t => (TrapId(t), CasesOf(t).Any()))]);
    }

    private void SummaryRow(StringBuilder text, string name, List<(string Id, bool Tested)> rows)
    {
        int Exempt(string kind) => rows.Count(r => !r.Tested && _exemptions.TryGetValue(r.Id, out var e) && e.Kind == kind);
        text.Append(CultureInfo.InvariantCulture, $"| {name} | {rows.Count} | {rows.Count(static r => r.Tested)} | {Exempt("client")} | {Exempt("hidden")} |\n");
    }

    private void AppendRow(StringBuilder text, string cells, IEnumerable<string> shownBy, string id)
    {
        var names = string.Join(", ", shownBy.Select(static c => $"`{c}`"));
        var shown = names.Length > 0 ? names : _exemptions.TryGetValue(id, out var e) ? $"*{e.Kind}*: {Cell(e.Why)}" : "**nothing**";
        text.Append("| ").Append(cells).Append(" | ").Append(shown).Append(" |\n");
    }

    private static string Cell(string text) => text.Replace("|", "\\|", StringComparison.Ordinal);

    private static IReadOnlyList<Trap> LoadTraps() =>
        [.. EmbeddedText.Lines("traps.tsv").Select(static line => line.Split('\t')).Select(static c => new Trap(int.Parse(c[0]["TRAP-".Length..]), c[1]))];

    private static IReadOnlyList<Exemption> LoadExemptions() =>
        [.. EmbeddedText.Lines("exemptions.tsv").Select(static line => line.Split('\t')).Select(static c => new Exemption(c[0], c[1], c[2]))];
}
