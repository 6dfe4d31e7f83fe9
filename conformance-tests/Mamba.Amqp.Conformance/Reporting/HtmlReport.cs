using System.Globalization;
using System.Net;
using System.Text;
using Mamba.Amqp.Conformance.Catalogue;

namespace Mamba.Amqp.Conformance.Reporting;

/// <summary>One self-contained HTML page: totals for each part, and each case with its wire trace folded away.</summary>
public static class HtmlReport
{
    public static string Render(ResultFile result)
    {
        ArgumentNullException.ThrowIfNull(result);
        var html = new StringBuilder();
        html.Append("<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>AMQP 1.0 conformance: ")
            .Append(Text(result.Broker)).Append("</title>\n<style>\n").Append(Style()).Append("</style></head><body>\n");
        html.Append("<h1>AMQP 1.0 conformance: ").Append(Text(result.Broker)).Append("</h1>\n<p>").Append(Text(result.Product)).Append(", ")
            .Append(result.When.ToString("yyyy-MM-dd HH:mm 'UTC'", CultureInfo.InvariantCulture)).Append("<br><code>")
            .Append(Text(result.Command)).Append("</code></p>\n");
        AppendTotals(html, result);
        foreach (var group in result.Cases.GroupBy(static c => c.Group))
        {
            html.Append("<h2 id=\"").Append(Text(group.Key)).Append("\">").Append(Text(group.Key)).Append("</h2>\n");
            foreach (var entry in group)
            {
                AppendCase(html, entry);
            }
        }

        return html.Append("</body></html>\n").ToString();
    }

    private static void AppendTotals(StringBuilder html, ResultFile result)
    {
        html.Append("<table><tr><th>Part</th><th>Passed</th><th>Failed</th><th>Not applicable</th></tr>\n");
        foreach (var group in result.Cases.GroupBy(static c => c.Group))
        {
            AppendRow(html, $"<a href=\"#{Text(group.Key)}\">{Text(group.Key)}</a>", [.. group]);
        }

        AppendRow(html, "<b>All</b>", [.. result.Cases]);
        html.Append("</table>\n<p>A case that is not applicable is about something that the broker does not offer and may do without. ")
            .Append("It does not count as passed.</p>\n");
    }

    private static void AppendRow(StringBuilder html, string name, List<CaseEntry> cases)
    {
        html.Append("<tr><td>").Append(name).Append("</td>");
        foreach (var verdict in new[] { "pass", "fail", "n/a" })
        {
            html.Append("<td class=\"n\">").Append(cases.Count(c => c.Verdict == verdict).ToString(CultureInfo.InvariantCulture)).Append("</td>");
        }

        html.Append("</tr>\n");
    }

    private static void AppendCase(StringBuilder html, CaseEntry entry)
    {
        var word = entry.Verdict == "n/a" ? "na" : entry.Verdict;
        html.Append("<details class=\"").Append(word).Append("\" id=\"").Append(Text(entry.Id)).Append("\"><summary><span class=\"v\">")
            .Append(Text(entry.Verdict)).Append("</span> <b>").Append(Text(entry.Id)).Append("</b> §").Append(Text(entry.Section)).Append(' ')
            .Append(Text(entry.Title)).Append("</summary>\n");
        if (entry.Detail is not null)
        {
            html.Append("<p>").Append(Text(entry.Detail)).Append("</p>\n");
        }

        html.Append("<pre>").Append(Text(string.Join('\n', entry.Trace))).Append("</pre></details>\n");
    }

    private static string Style() => EmbeddedText.Read("report.css");

    private static string Text(string text) => WebUtility.HtmlEncode(text);
}
