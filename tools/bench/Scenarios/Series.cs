using System.Globalization;
using System.Text;
using Mamba.Tools.Bench.Load;
using Mamba.Tools.Bench.Measuring;
using Mamba.Tools.Bench.Output;

namespace Mamba.Tools.Bench.Scenarios;

/// <summary>Several runs, one after the other, that only mean something together. Not thread-safe.</summary>
/// <param name="common">Where the results go, and how much is said.</param>
/// <param name="broker">The broker's processes, when they are known.</param>
internal sealed class Series(BenchOptions common, ProcessMeter? broker, CancellationToken stop)
{
    private readonly Conditions _conditions = Conditions.OfThisMachine();
    private readonly List<BenchResult> _results = [];

    /// <summary>Part of every queue's name, so that a series never meets what an earlier one left behind.</summary>
    public string Id { get; } = string.Create(CultureInfo.InvariantCulture, $"{(uint)Random.Shared.Next():x8}");

    public ProcessMeter? Broker => broker;

    public IReadOnlyList<BenchResult> Results => _results;

    public bool Ok => _results.TrueForAll(r => r.Ok);

    public CancellationToken Stop => stop;

    public static void Say(string line) => Console.Error.WriteLine(line);

    /// <summary>Runs one part and records its result.</summary>
    public async Task<BenchResult> RunAsync(BenchOptions part, int run = 1)
    {
        Say($"-- {part.Row}: {Summary.OfOptions(part)}");
        var result = await BenchRun.MeasureAsync(part, broker, stop);
        Say(Summary.OfResult(result));
        return await AddAsync(result with { Run = run });
    }

    /// <summary>Runs one part whose result counts for nothing, unless it fails.</summary>
    public async Task WarmUpAsync(BenchOptions part)
    {
        var result = await BenchRun.MeasureAsync(part with { Quiet = true }, broker, stop);
        if (!result.Ok)
        {
            Say(Summary.OfResult(result));
            await AddAsync(result with { Row = part.Row + ", warm-up" });
        }
    }

    /// <summary>A figure that several parts gave together.</summary>
    public Task<BenchResult> AddValueAsync(string row, double value, string unit) =>
        AddAsync(new BenchResult { Label = common.Label, Row = row, Ok = true, Value = value, Unit = unit });

    /// <summary>The median of a figure over all good runs of a row; null when there is none.</summary>
    public double? Median(string row, Func<BenchResult, double?> figure)
    {
        var known = _results.Where(r => r.Row == row && r.Ok).Select(figure).OfType<double>().ToList();
        return known.Count == 0 ? null : Report.Median(known);
    }

    /// <summary>A Markdown table of the rows, each compared with the row before which its group begins.</summary>
    public string Table(IEnumerable<(string Row, string First)> rows)
    {
        var text = new StringBuilder("| row | messages/s | of the first | broker CPU a message | of the first | p50 | p99 |\n|---|---|---|---|---|---|---|\n");
        foreach (var (row, first) in rows)
        {
            var (rate, cpu) = (Median(row, r => r.MessagesPerSecond), Median(row, r => r.BrokerCpuUsPerMsg));
            text.Append(CultureInfo.InvariantCulture, $"| {row} | {rate:#,0} | {Of(rate, Median(first, r => r.MessagesPerSecond))} ")
                .Append(CultureInfo.InvariantCulture, $"| {(cpu is null ? "" : $"{cpu.Value.ToString("0.0#", CultureInfo.InvariantCulture)} µs")} | {Of(cpu, Median(first, r => r.BrokerCpuUsPerMsg))} ")
                .Append(CultureInfo.InvariantCulture, $"| {Time(Median(row, r => r.Latency?.Median))} | {Time(Median(row, r => r.Latency?.P99))} |\n");
        }

        return text.ToString();
    }

    internal static string Of(double? part, double? whole) =>
        part is { } p && whole is > 0 ? string.Create(CultureInfo.InvariantCulture, $"{p / whole.Value * 100:0} %") : "";

    private static string Time(double? microseconds) => microseconds is { } known ? Quantiles.Format(known) : "";

    private async Task<BenchResult> AddAsync(BenchResult result)
    {
        var complete = result with { Conditions = _conditions };
        _results.Add(complete);
        if (common.JsonFile is { } file)
        {
            await complete.AppendToAsync(file);
        }

        return complete;
    }
}
