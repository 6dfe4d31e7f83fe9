using System.Globalization;
using System.Net;
using System.Text;
using Mamba.Amqp.Conformance.Catalogue;

namespace Mamba.Amqp.Conformance.Reporting;

/// <summary>
/// One self-contained HTML page without scripts: totals for each part, and each case with its wire trace folded away; of several
/// brokers side by side.
/// </summary>
public static class HtmlReport
{
    private static readonly string[] Verdicts = ["pass", "fail", "n/a"];

    public static string Render(IReadOnlyList<ResultFile> results)
    {
        ArgumentNullException.ThrowIfNull(results);
        var html = new StringBuilder();
        var title = "AMQP 1.0 conformance: " + Text(string.Join(", ", results.Select(static r => r.Broker)));
        html.Append("<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>").Append(title).Append("</title>\n<style>\n")
            .Append(EmbeddedText.Read("report.css")).Append("</style></head><body>\n<h1>").Append(title).Append("</h1>\n");
        foreach (var result in results)
        {
            html.Append("<p>").Append(results.Count > 1 ? $"<b>{Text(result.Broker)}</b>: " : "").Append(Text(result.Product)).Append(", ")
                .Append(result.When.ToString("yyyy-MM-dd HH:mm 'UTC'", CultureInfo.InvariantCulture)).Append("<br><code>")
                .Append(Text(result.Command)).Append("</code></p>\n");
        }

        var groups = results.SelectMany(static r => r.Cases).DistinctBy(static c => c.Id).GroupBy(static c => c.Group).ToList();
        AppendTotals(html, results, [.. groups.Select(static g => g.Key)]);
        if (results.Count > 1)
        {
            html.Append("<input type=\"checkbox\" id=\"differ\"><label for=\"differ\"> only where they differ</label>\n");
        }

        foreach (var group in groups)
        {
            html.Append("<h2 id=\"").Append(Text(group.Key)).Append("\">").Append(Text(group.Key)).Append("</h2>\n");
            foreach (var entry in group)
            {
                AppendCase(html, entry, [.. results.Select(r => (r.Broker, r.Cases.FirstOrDefault(c => c.Id == entry.Id)))]);
            }
        }

        return html.Append("</body></html>\n").ToString();
    }

    private static void AppendTotals(StringBuilder html, IReadOnlyList<ResultFile> results, List<string> groups)
    {
        html.Append("<table>\n<tr><th></th>").AppendJoin("", results.Select(static r => $"<th colspan=\"3\">{Text(r.Broker)}</th>")).Append("</tr>\n<tr><th>Part</th>")
            .AppendJoin("", results.Select(static _ => "<th>Passed</th><th>Failed</th><th>Not applicable</th>")).Append("</tr>\n");
        foreach (var group in groups)
        {
            AppendRow(html, $"<a href=\"#{Text(group)}\">{Text(group)}</a>", results, c => c.Group == group);
        }

        AppendRow(html, "<b>All</b>", results, static _ => true);
        html.Append("</table>\n<p>A case that is not applicable is about something that the broker does not offer and may do without. ")
            .Append("It does not count as passed.</p>\n");
    }

    private static void AppendRow(StringBuilder html, string name, IReadOnlyList<ResultFile> results, Func<CaseEntry, bool> belongs)
    {
        html.Append("<tr><td>").Append(name).Append("</td>");
        foreach (var (result, verdict) in results.SelectMany(static r => Verdicts, static (r, v) => (r, v)))
        {
            var count = result.Cases.Count(c => c.Verdict == verdict && belongs(c));
            html.Append("<td class=\"n\">").Append(count.ToString(CultureInfo.InvariantCulture)).Append("</td>");
        }

        html.Append("</tr>\n");
    }

    /// <summary>Coloured by the first broker's verdict.</summary>
    private static void AppendCase(StringBuilder html, CaseEntry entry, List<(string Broker, CaseEntry? Case)> outcomes)
    {
        var differs = outcomes.DistinctBy(static o => o.Case?.Verdict).Count() > 1;
        html.Append("<details class=\"").Append(Class(outcomes[0].Case)).Append(differs ? " differs" : "").Append("\" id=\"").Append(Text(entry.Id)).Append("\"><summary>")
            .AppendJoin(' ', outcomes.Select(static o => $"<span class=\"v {Class(o.Case)}\" title=\"{Text(o.Broker)}\">{Text(o.Case?.Verdict ?? "\u2013")}</span>"))
            .Append(" <b>").Append(Text(entry.Id)).Append("</b> §").Append(Text(entry.Section)).Append(' ').Append(Text(entry.Title)).Append("</summary>\n");
        foreach (var (broker, outcome) in outcomes.Where(static o => o.Case is not null))
        {
            html.Append(outcomes.Count > 1 ? $"<h3>{Text(broker)}: {Text(outcome!.Verdict)}</h3>\n" : "");
            html.Append(outcome!.Detail is { } detail ? $"<p>{Text(detail)}</p>\n" : "");
            html.Append("<pre>").Append(Text(string.Join('\n', outcome.Trace))).Append("</pre>\n");
        }

        html.Append("</details>\n");
    }

    private static string Class(CaseEntry? outcome) => outcome?.Verdict switch { null => "absent", "n/a" => "na", var verdict => verdict };

    private static string Text(string text) => WebUtility.HtmlEncode(text);
}
