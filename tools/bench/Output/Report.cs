using System.Globalization;
using System.Text;
using System.Text.Json;

namespace Mamba.Tools.Bench.Output;

/// <summary>
/// The Markdown table over many runs: per row and label the medians of all good runs, and the ratio of each label to the
/// base. A ratio above 1 means better than the base, whether more is better (rates) or less (times, memory).
/// </summary>
internal sealed class Report
{
    private readonly List<BenchResult> _results = [];
    private readonly string _base;

    public Report(IEnumerable<BenchResult> results, string baseLabel)
    {
        _results.AddRange(results);
        _base = baseLabel;
    }

    public static Report Load(string file, string baseLabel)
    {
        var results = new List<BenchResult>();
        foreach (var line in File.ReadLines(file))
        {
            if (line.StartsWith('{'))
            {
                results.Add(ParseLine(file, line));
            }
        }

        return new Report(results, baseLabel);
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
        text.Append("| ").Append(tool).Append(" |");
        foreach (var label in labels)
        {
            text.Append(' ').Append(label).Append(" |");
        }

        foreach (var label in labels.Where(l => l != _base))
        {
            text.Append(' ').Append(label).Append(" : ").Append(_base).Append(" |");
        }

        text.Append("\n|---|").Insert(text.Length, "---|", labels.Count + labels.Count(l => l != _base)).Append('\n');
        foreach (var row in _results.Where(r => r.Tool == tool).Select(r => r.Row).Distinct(StringComparer.Ordinal))
        {
            AppendRow(text, tool, row, labels);
        }

        text.Append('\n');
    }

    private void AppendRow(StringBuilder text, string tool, string row, List<string> labels)
    {
        text.Append("| ").Append(row).Append(" |");
        var cells = labels.ToDictionary(l => l, l => Cell.Of(_results.Where(r => r.Tool == tool && r.Row == row && r.Label == l).ToList()), StringComparer.Ordinal);
        foreach (var label in labels)
        {
            text.Append(' ').Append(cells[label].Text).Append(" |");
        }

        foreach (var label in labels.Where(l => l != _base))
        {
            text.Append(' ').Append(cells.TryGetValue(_base, out var reference) ? cells[label].RatioTo(reference) : "").Append(" |");
        }

        text.Append('\n');
    }

    internal static double Median(IEnumerable<double> values)
    {
        var sorted = values.Order().ToArray();
        var middle = sorted.Length / 2;
        return sorted.Length % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
    }

    /// <summary>One row's figures of one label.</summary>
    private sealed record Cell(string Text, double? Rate, double? Cpu, double? P50, double? P99, double? Value)
    {
        public static Cell Of(List<BenchResult> runs)
        {
            var good = runs.Where(r => r.Ok).ToList();
            if (good.Count == 0)
            {
                return new Cell(runs.Count == 0 ? "" : $"failed ({runs.Count} runs)", null, null, null, null, null);
            }

            var cell = new Cell("", Of(good, r => r.MessagesPerSecond), Of(good, r => r.BrokerCpuUsPerMsg), Of(good, r => r.Latency?.Median),
                Of(good, r => r.Latency?.P99), Of(good, r => r.Value));
            var partly = good.Count < runs.Count ? $" ({runs.Count - good.Count} of {runs.Count} failed)" : "";
            return cell with { Text = (good[0].Mode is "pingpong" ? cell.LatencyText() : cell.RateText(good[0].Unit)) + partly };
        }

        /// <summary>Every figure both sides have, as one short text.</summary>
        public string RatioTo(Cell reference)
        {
            var parts = new List<string>();
            AddRatio(parts, "", Rate, reference.Rate);
            AddRatio(parts, " CPU", reference.Cpu, Cpu);
            AddRatio(parts, " p50", reference.P50, P50);
            AddRatio(parts, " p99", reference.P99, P99);
            AddRatio(parts, "", reference.Value, Value);
            return string.Join(", ", parts);
        }

        private static void AddRatio(List<string> parts, string name, double? better, double? worse)
        {
            if (better is { } numerator && worse is { } denominator && denominator > 0)
            {
                parts.Add((numerator / denominator).ToString("0.0#", CultureInfo.InvariantCulture) + "x" + name);
            }
        }

        private static double? Of(List<BenchResult> runs, Func<BenchResult, double?> figure)
        {
            var known = runs.Select(figure).OfType<double>().ToList();
            return known.Count == 0 ? null : Median(known);
        }

        private string LatencyText() => $"p50 {Quantiles.Format(P50 ?? 0)}, p99 {Quantiles.Format(P99 ?? 0)}" + CpuText();

        private string RateText(string? unit) => Value is { } value
            ? value.ToString("0.##", CultureInfo.InvariantCulture) + " " + unit
            : (Rate ?? 0).ToString("#,0", CultureInfo.InvariantCulture) + "/s" + CpuText();

        private string CpuText() => Cpu is { } cpu ? $" ({cpu.ToString("0.0", CultureInfo.InvariantCulture)} µs)" : "";
    }
}
