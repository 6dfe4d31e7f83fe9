using System.Globalization;

namespace Mamba.Tools.Bench.Output;

/// <summary>What a goal may look at: one row of the label that is judged, and what stands beside it in the same results.</summary>
/// <param name="Own">The row's figures.</param>
/// <param name="Forwarder">The same row of the C forwarder, if it was measured.</param>
/// <param name="ToForwarder">The row's ratio to it, pair by pair.</param>
/// <param name="RabbitMq">The same row of RabbitMQ, if it was measured, whatever the ratios are against.</param>
/// <param name="Row">Figures of another row of the judged label.</param>
internal sealed record GoalView(Figures Own, Figures? Forwarder, RowRatio? ToForwarder, Figures? RabbitMq, Func<string, Figures?> Row);

/// <summary>One bound on one figure of a row.</summary>
/// <param name="Figure">The figure; null when the results do not hold it.</param>
/// <param name="IsAtLeast">Whether the bound is the least allowed, or the most.</param>
/// <param name="Show">The figure, or the bound, in words.</param>
/// <param name="Of">What the words are followed by.</param>
internal sealed record Goal(Func<GoalView, double?> Figure, Func<GoalView, double?> Bound, bool IsAtLeast, Func<double, string> Show, string Of)
{
    private static readonly CultureInfo Numbers = CultureInfo.InvariantCulture;

    /// <summary>"at least 70 % of the forwarder: reached (81 %)".</summary>
    public string Judge(GoalView view)
    {
        var (figure, bound) = (Figure(view), Bound(view));
        if (figure is not { } known || bound is not { } limit)
        {
            return $"{$"{(bound is { } b ? $"{Side} {Show(b)} " : "")}{Of}".TrimEnd()}: not measured";
        }

        var reached = IsAtLeast ? known >= limit : known <= limit;
        return $"{Side} {$"{Show(limit)} {Of}".TrimEnd()}: {(reached ? "reached" : "**missed**")} ({Show(known)})";
    }

    private string Side => IsAtLeast ? "at least" : "at most";

    public static Goal ShareOfForwarder(double share) => new(v => v.ToForwarder?.Rate, _ => share, true, Percent, "of the forwarder");

    public static Goal Cpu(double microseconds) => new(v => v.Own.Cpu, _ => microseconds, false, Micros, "of CPU");

    public static Goal Rate(double perSecond, string of = "messages/s") => new(v => v.Own.Rate, _ => perSecond, true, Count, of);

    public static Goal TimesRabbitMq(double times) => new(v => v.Own.Rate / v.RabbitMq?.Rate, _ => times, true, Times, "RabbitMQ's rate in this run");

    /// <summary>Against a rate of RabbitMQ 4.3's better queue type that was measured elsewhere and is only written down here.</summary>
    public static Goal TimesRabbit43(double times, double recorded) =>
        new(v => v.Own.Rate / recorded, _ => times, true, Times, string.Create(Numbers, $"RabbitMQ 4.3's recorded {recorded:#,0}/s"));

    public static Goal LessCpuThanRabbit43(double times, double recorded) =>
        new(v => recorded / v.Own.Cpu, _ => times, true, Times, string.Create(Numbers, $"less CPU than RabbitMQ 4.3's recorded {recorded:0} µs"));

    public static Goal MedianOfForwarder(double times) => new(v => v.Own.P50 / v.Forwarder?.P50, _ => times, false, Times, "the forwarder's p50");

    public static Goal MedianOverForwarder(string moreRow) =>
        new(v => v.Own.P50, v => v.Forwarder?.P50 + v.Row(moreRow)?.Value, false, Micros, "(the forwarder's p50 and one fdatasync)");

    public static Goal TailOfMedian(double times) => new(v => v.Own.P99 / v.Own.P50, _ => times, false, Times, "p50 for p99");

    public static Goal Value(double most, string unit) => new(v => v.Own.Value, _ => most, false, n => n.ToString("0.##", Numbers) + " " + unit, "");

    public static Goal ValueTimesLessThanRabbitMq(double times) => new(v => v.RabbitMq?.Value / v.Own.Value, _ => times, true, Times, "less than RabbitMQ in this run");

    public static Goal ValueOver(string row, double more, string unit) =>
        new(v => v.Own.Value, v => v.Row(row)?.Value + more, false, n => n.ToString("0.#", Numbers) + " " + unit, $"({row} and {more:0} {unit})");

    public static Goal ShareOfRow(double share, string row) => new(v => v.Own.Rate / v.Row(row)?.Rate, _ => share, true, Percent, $"of '{row}'");

    private static string Percent(double share) => (share * 100).ToString("0", Numbers) + " %";

    private static string Micros(double microseconds) => microseconds.ToString("0.0", Numbers) + " µs";

    private static string Times(double times) => times.ToString("0.0", Numbers) + "x";

    private static string Count(double number) => number.ToString("#,0", Numbers);
}
