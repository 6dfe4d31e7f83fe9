using System.Globalization;
using System.Text;

namespace Mamba.Amqp.Conformance.Reporting;

/// <summary>Several brokers' results side by side, as Markdown.</summary>
public static class Comparison
{
    public static string ToMarkdown(IReadOnlyList<ResultFile> results)
    {
        var text = new StringBuilder();
        Totals(text, results);
        foreach (var result in results)
        {
            text.Append("\n- **").Append(Plain(result.Broker)).Append("** is ").Append(Plain(result.Product)).Append(", ")
                .Append(result.When.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture)).Append(": `")
                .Append(Printable.Line(result.Command).Replace('`', '\'')).Append('`');
            text.Append(result.Incomplete is { } incomplete ? $" **{Plain(incomplete)}**" : "");
        }

        text.Append('\n');
        foreach (var group in results.SelectMany(static r => r.Cases).GroupBy(static c => c.Group))
        {
            Cases(text, group.Key, [.. group.DistinctBy(static c => c.Id)], results);
        }

        return text.ToString();
    }

    private static void Totals(StringBuilder text, IReadOnlyList<ResultFile> results)
    {
        Header(text, "Part", results);
        foreach (var group in results.SelectMany(static r => r.Cases).Select(static c => c.Group).Distinct(StringComparer.Ordinal))
        {
            Row(text, group, results, r => Share([.. r.Cases.Where(c => c.Group == group)]));
        }

        Row(text, "**All**", results, static r => $"**{Share(r.Cases)}**");
        text.Append("\nPassed of applicable cases; n/a is not counted on either side.\n");
    }

    private static void Cases(StringBuilder text, string group, List<CaseEntry> cases, IReadOnlyList<ResultFile> results)
    {
        text.Append("\n## ").Append(group).Append("\n\n");
        Header(text, "Case", results);
        foreach (var entry in cases)
        {
            var title = $"`{entry.Id}` {Plain(entry.Title)} (§{entry.Section})";
            Row(text, title, results, r => r.Cases.FirstOrDefault(c => c.Id == entry.Id)?.Verdict switch
            {
                "fail" => "**fail**",
                null => "–",
                var verdict => verdict,
            });
        }
    }

    private static string Share(IReadOnlyList<CaseEntry> cases)
    {
        var passed = cases.Count(static c => c.Verdict == "pass");
        var failed = cases.Count(static c => c.Verdict == "fail");
        var rest = cases.Count - passed - failed;
        return string.Create(CultureInfo.InvariantCulture, $"{passed} of {passed + failed}") + (rest > 0 ? string.Create(CultureInfo.InvariantCulture, $" ({rest} n/a)") : "");
    }

    private static void Header(StringBuilder text, string first, IReadOnlyList<ResultFile> results)
    {
        text.Append("| ").Append(first).Append(" |").AppendJoin("", results.Select(static r => $" {Plain(r.Broker)} |"));
        text.Append("\n|---|").AppendJoin("", results.Select(static _ => "---|")).Append('\n');
    }

    /// <summary>Text of a broker or a file, which is neither mark-up nor a cell of a table.</summary>
    private static string Plain(string text) => Printable.Line(text)
        .Replace("&", "&amp;", StringComparison.Ordinal).Replace("<", "&lt;", StringComparison.Ordinal).Replace("|", "\\|", StringComparison.Ordinal);

    private static void Row(StringBuilder text, string first, IReadOnlyList<ResultFile> results, Func<ResultFile, string> cell) =>
        text.Append("| ").Append(first).Append(" |").AppendJoin("", results.Select(r => $" {cell(r)} |")).Append('\n');
}
