using System.Globalization;

namespace Mamba.Tools.Bench.Output;

/// <summary>The medians of one label's good runs of one row; a figure that no run knew is null.</summary>
/// <param name="Text">The figures in words, for a table.</param>
/// <param name="Rate">Messages a second.</param>
/// <param name="Cpu">Microseconds of broker CPU per message.</param>
/// <param name="P50">Microseconds.</param>
/// <param name="P99">Microseconds.</param>
/// <param name="Value">A figure of another kind, of which less is better.</param>
internal sealed record Figures(string Text, double? Rate, double? Cpu, double? P50, double? P99, double? Value)
{
    public static Figures Of(IReadOnlyCollection<BenchResult> runs)
    {
        var good = runs.Where(r => r.Ok).ToList();
        if (good.Count == 0)
        {
            return new Figures(runs.Count == 0 ? "" : $"failed ({runs.Count} runs)", null, null, null, null, null);
        }

        var figures = new Figures("", Of(good, r => r.MessagesPerSecond), Of(good, r => r.BrokerCpuUsPerMsg), Of(good, r => r.Latency?.Median),
            Of(good, r => r.Latency?.P99), Of(good, r => r.Value));
        var partly = good.Count < runs.Count ? $" ({runs.Count - good.Count} of {runs.Count} failed)" : "";
        return figures with { Text = (good[0].Mode is "pingpong" ? figures.LatencyText() : figures.RateText(good[0].Unit)) + partly };
    }

    /// <summary>Every figure both sides have, as one short text; above 1 is better.</summary>
    public string RatioTo(Figures reference)
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
        return known.Count == 0 ? null : Report.Median(known);
    }

    private string LatencyText() => $"p50 {Quantiles.Format(P50 ?? 0)}, p99 {Quantiles.Format(P99 ?? 0)}" + CpuText();

    private string RateText(string? unit) => Value is { } value
        ? value.ToString("0.##", CultureInfo.InvariantCulture) + " " + unit
        : (Rate ?? 0).ToString("#,0", CultureInfo.InvariantCulture) + "/s" + CpuText();

    private string CpuText() => Cpu is { } cpu ? $" ({cpu.ToString("0.0", CultureInfo.InvariantCulture)} µs)" : "";
}
