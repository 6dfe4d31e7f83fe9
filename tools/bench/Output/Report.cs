using System.Globalization;
using System.Text;
using System.Text.Json;

namespace Mamba.Tools.Bench.Output;

/// <summary>
/// The Markdown table over many runs: per row and label the medians of all good runs, and the ratio of each label to the
/// base. A ratio above 1 means better than the base, whether more is better (rates) or less (times, memory). Where the C
/// forwarder was measured, the share of its rate that the judged label reached, and beside it the row's goals.
/// </summary>
internal sealed class Report
{
    /// <summary>The label of the C forwarder's results.</summary>
    public const string Forwarder = "forwarder";

    /// <summary>The label of RabbitMQ, which some goals are about.</summary>
    public const string RabbitMq = "rabbitmq";

    private readonly List<BenchResult> _results = [];
    private readonly string _base;
    private readonly string _judged;

    public Report(IEnumerable<BenchResult> results, string baseLabel, string judged = "mamba")
    {
        _results.AddRange(results);
        _base = baseLabel;
        _judged = judged;
    }

    public static Report Load(string file, string baseLabel, string judged) => new(ReadAll(file), baseLabel, judged);

    /// <summary>All results of a file of JSON lines; other lines are skipped.</summary>
    public static IReadOnlyList<BenchResult> ReadAll(string file)
    {
        var results = new List<BenchResult>();
        foreach (var line in File.ReadLines(file))
        {
            if (line.StartsWith('{'))
            {
                results.Add(ParseLine(file, line));
            }
        }

        return results;
    }

    public string ToMarkdown()
    {
        var text = new StringBuilder();
        var labels = _results.Select(r => r.Label).Distinct(StringComparer.Ordinal).OrderBy(l => l == _base ? 1 : 0).ToList();
        var tools = _results.Select(r => r.Tool).Distinct(StringComparer.Ordinal).ToList();
        foreach (var tool in tools)
        {
            AppendTable(text, tool, labels);
        }

        if (_results.LastOrDefault(r => r.Conditions is not null)?.Conditions is { } conditions)
        {
            text.Append("Conditions: ").Append(conditions).Append(".\n");
        }

        if (_results.Any(r => r.Label == Forwarder))
        {
            text.Append("The forwarder is a hop in C without storage; shares of its rate, and how many times its CPU, are medians of runs that followed one another.\n");
        }

        text.Append("Medians of the good runs; µs in brackets are broker CPU per message (per delivery for fan-out); ")
            .Append("a ratio above 1 is better than ").Append(_base).Append(".\n");
        return text.ToString();
    }

    private static BenchResult ParseLine(string file, string line)
    {
        try
        {
            return BenchResult.FromJson(line);
        }
        catch (JsonException e)
        {
            throw new InvalidDataException($"{file}: a line is no result of bench: {e.Message}", e);
        }
    }

    private void AppendTable(StringBuilder text, string tool, List<string> labels)
    {
        var own = _results.Where(r => r.Tool == tool).ToList();
        var present = labels.Where(l => own.Exists(r => r.Label == l)).ToList();
        var compared = present.Where(l => l != _base && l != Forwarder && present.Contains(_base)).ToList();
        var shares = present.Contains(Forwarder) ? Ratios.Of(own, _judged, Forwarder) : [];
        var goals = present.Contains(_judged);
        var heads = new List<string> { tool };
        heads.AddRange(present);
        heads.AddRange(compared.Select(l => $"{l} : {_base}"));
        heads.AddRange(shares.Count > 0 ? [$"{_judged} : {Forwarder}"] : []);
        heads.AddRange(goals ? [$"goals of {_judged}"] : []);
        AppendCells(text, heads);
        text.Append('|').Insert(text.Length, "---|", heads.Count).Append('\n');
        foreach (var row in own.Select(r => r.Row).Distinct(StringComparer.Ordinal))
        {
            var figures = present.ToDictionary(l => l, l => Figures.Of(own.Where(r => r.Row == row && r.Label == l).ToList()), StringComparer.Ordinal);
            var share = shares.FirstOrDefault(s => s.Row == row);
            var cells = new List<string> { row };
            cells.AddRange(present.Select(l => figures[l].Text));
            cells.AddRange(compared.Select(l => figures[l].RatioTo(figures[_base])));
            cells.AddRange(shares.Count > 0 ? [OfForwarder(share)] : []);
            cells.AddRange(goals ? [Judge(tool, row, figures, share)] : []);
            AppendCells(text, cells);
        }

        text.Append('\n');
    }

    private static void AppendCells(StringBuilder text, IEnumerable<string> cells) => text.Append("| ").AppendJoin(" | ", cells).Append(" |\n");

    private static string OfForwarder(RowRatio? ratio) => ratio is null
        ? ""
        : string.Create(CultureInfo.InvariantCulture, $"{ratio.Rate * 100:0} %") + (ratio.Cpu is { } cpu ? string.Create(CultureInfo.InvariantCulture, $", {cpu:0.0#}x CPU") : "");

    private string Judge(string tool, string row, Dictionary<string, Figures> figures, RowRatio? share)
    {
        if (figures[_judged].Text.Length == 0)
        {
            return "";
        }

        var view = new GoalView(figures[_judged], figures.GetValueOrDefault(Forwarder), share, figures.GetValueOrDefault(RabbitMq), other => FiguresOf(tool, other));
        return string.Join("; ", Goals.Of(tool, row).Select(g => g.Judge(view)));
    }

    /// <summary>Another row of the judged label, with the same tool, or of any label when it is about the machine.</summary>
    private Figures? FiguresOf(string tool, string row)
    {
        var runs = _results.Where(r => r.Row == row && (r.Label == _judged ? r.Tool == tool : r.Label == "disk")).ToList();
        return runs.Count == 0 ? null : Figures.Of(runs);
    }

    internal static double Median(IEnumerable<double> values)
    {
        var sorted = values.Order().ToArray();
        var middle = sorted.Length / 2;
        return sorted.Length % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
    }
}
