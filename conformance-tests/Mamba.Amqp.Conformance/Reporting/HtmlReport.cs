using System.Globalization;
using System.Net;
using System.Text;
using Mamba.Amqp.Conformance.Catalogue;

namespace Mamba.Amqp.Conformance.Reporting;

/// <summary>
/// One self-contained HTML page without scripts: totals for each part, and each case with its wire trace folded away; of several
/// brokers side by side. What is shown is chosen by radio buttons and style rules.
/// </summary>
public static class HtmlReport
{
    private static readonly string[] Verdicts = ["pass", "fail", "n/a"];

    private static readonly (string Id, string Label)[] Choices = [("all", "all"), ("fail", "failed"), ("pass", "passed"), ("na", "not applicable")];

    public static string Render(IReadOnlyList<ResultFile> results)
    {
        ArgumentNullException.ThrowIfNull(results);
        var html = new StringBuilder();
        var title = "AMQP 1.0 conformance: " + Text(string.Join(", ", results.Select(static r => r.Broker)));
        html.Append("<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\"><title>").Append(title)
            .Append("</title>\n<style>\n").Append(EmbeddedText.Read("report.css")).Append("</style></head><body>\n<h1>").Append(title).Append("</h1>\n");
        foreach (var result in results)
        {
            AppendRun(html, result, results.Count > 1);
        }

        var groups = results.SelectMany(static r => r.Cases).DistinctBy(static c => c.Id).GroupBy(static c => c.Group).ToList();
        AppendTotals(html, results, [.. groups.Select(static g => g.Key)]);
        AppendChoices(html, results.Count > 1);
        foreach (var group in groups)
        {
            html.Append("<section>\n<h2 id=\"").Append(Text(group.Key)).Append("\">").Append(Text(group.Key)).Append("</h2>\n");
            foreach (var entry in group)
            {
                AppendCase(html, entry, [.. results.Select(r => (r.Broker, r.Cases.FirstOrDefault(c => c.Id == entry.Id)))]);
            }

            html.Append("</section>\n");
        }

        return html.Append("</body></html>\n").ToString();
    }

    private static void AppendRun(StringBuilder html, ResultFile result, bool named)
    {
        html.Append("<p>").Append(named ? $"<b>{Text(result.Broker)}</b>: " : "").Append(Text(result.Product)).Append(", ")
            .Append(result.When.ToString("yyyy-MM-dd HH:mm 'UTC'", CultureInfo.InvariantCulture)).Append("<br><code>")
            .Append(Text(result.Command)).Append("</code></p>\n");
        if (result.Incomplete is { } incomplete)
        {
            html.Append("<p class=\"cut\">").Append(Text(incomplete)).Append("</p>\n");
        }
    }

    private static void AppendTotals(StringBuilder html, IReadOnlyList<ResultFile> results, List<string> groups)
    {
        html.Append("<div class=\"wide\"><table>\n<tr><th></th>").AppendJoin("", results.Select(static r => $"<th colspan=\"3\">{Text(r.Broker)}</th>")).Append("</tr>\n<tr><th>Part</th>")
            .AppendJoin("", results.Select(static _ => "<th>pass</th><th>fail</th><th>n/a</th>")).Append("</tr>\n");
        foreach (var group in groups)
        {
            AppendRow(html, $"<a href=\"#{Text(group)}\">{Text(group)}</a>", results, c => c.Group == group);
        }

        AppendRow(html, "<b>All</b>", results, static _ => true);
        html.Append("</table></div>\n<p>A case that is not applicable (n/a) is about something that the broker does not offer and may do without. ")
            .Append("It does not count as passed.</p>\n");
    }

    private static void AppendRow(StringBuilder html, string name, IReadOnlyList<ResultFile> results, Func<CaseEntry, bool> belongs)
    {
        html.Append("<tr><td>").Append(name).Append("</td>");
        foreach (var (result, verdict) in results.SelectMany(static r => Verdicts, static (r, v) => (r, v)))
        {
            var count = result.Cases.Count(c => c.Verdict == verdict && belongs(c));
            html.Append(verdict == "fail" && count > 0 ? "<td class=\"n fail\">" : "<td class=\"n\">").Append(count.ToString(CultureInfo.InvariantCulture)).Append("</td>");
        }

        html.Append("</tr>\n");
    }

    private static void AppendChoices(StringBuilder html, bool several)
    {
        html.Append(several ? "<p class=\"show\">Show the cases that are, for any of the brokers:</p>\n" : "<p class=\"show\">Show the cases that are:</p>\n");
        foreach (var (id, label) in several ? [.. Choices, ("differ", "different")] : Choices)
        {
            html.Append("<label><input type=\"radio\" name=\"show\" id=\"show-").Append(id).Append(id == "all" ? "\" checked>" : "\">").Append(label).Append("</label>\n");
        }

        html.Append("<p class=\"legend\">Unfold a case to see what went over the wire: <code class=\"out\">-&gt;</code> was sent by the suite, ")
            .Append("<code class=\"in\">&lt;-</code> came from the broker, <code>[0]</code> is the channel, letters name further connections.</p>\n");
    }

    /// <summary>Its edge has the colour of the first broker's verdict.</summary>
    private static void AppendCase(StringBuilder html, CaseEntry entry, List<(string Broker, CaseEntry? Case)> outcomes)
    {
        var verdicts = outcomes.Select(static o => Class(o.Case)).Distinct(StringComparer.Ordinal).ToList();
        html.Append("<details class=\"").Append(Class(outcomes[0].Case)).AppendJoin("", verdicts.Select(static v => $" has-{v}"))
            .Append(verdicts.Count > 1 ? " differs" : "").Append("\" id=\"").Append(Text(entry.Id)).Append("\"><summary>")
            .AppendJoin(' ', outcomes.Select(o => Chip(o.Broker, o.Case, outcomes.Count > 1)))
            .Append(" <b>").Append(Text(entry.Id)).Append("</b> §").Append(Text(entry.Section)).Append(' ').Append(Text(entry.Title));
        AppendDetail(html, outcomes.Count == 1 ? outcomes[0].Case : null);
        html.Append("</summary>\n");
        foreach (var (broker, outcome) in outcomes.Where(static o => o.Case is not null))
        {
            html.Append(outcomes.Count > 1 ? $"<h3>{Text(broker)}: {Text(outcome!.Verdict)}</h3>\n" : "");
            AppendDetail(html, outcomes.Count > 1 ? outcome : null);
            AppendTrace(html, outcome!.Trace);
        }

        html.Append("</details>\n");
    }

    private static string Chip(string broker, CaseEntry? outcome, bool named) =>
        $"<span class=\"v {Class(outcome)}\">{(named ? $"<i>{Text(broker)}</i> " : "")}{Text(outcome?.Verdict ?? "\u2013")}</span>";

    /// <summary>What was expected and what came, or why the case is not applicable.</summary>
    private static void AppendDetail(StringBuilder html, CaseEntry? outcome)
    {
        if (outcome?.Detail is { } detail)
        {
            html.Append("<span class=\"detail\">").Append(Text(detail)).Append("</span>\n");
        }
    }

    private static void AppendTrace(StringBuilder html, IReadOnlyList<string> trace)
    {
        html.Append("<pre>");
        foreach (var line in trace)
        {
            // A further connection's lines begin with its letter.
            var arrow = line.Length > 2 && line[1] == ' ' ? line[2..] : line;
            var way = arrow.StartsWith("->", StringComparison.Ordinal) ? "out" : arrow.StartsWith("<-", StringComparison.Ordinal) ? "in" : "note";
            html.Append("<span class=\"").Append(way).Append("\">").Append(Text(line)).Append("</span>\n");
        }

        html.Append(trace.Count == 0 ? "nothing went over the wire" : "").Append("</pre>\n");
    }

    private static string Class(CaseEntry? outcome) => outcome?.Verdict switch { null => "absent", "pass" => "pass", "fail" => "fail", _ => "na" };

    private static string Text(string text) => WebUtility.HtmlEncode(Printable.Text(text));
}
