namespace Mamba.Tools.Bench.Output;

/// <summary>How a row of one label stands to the same row of another: the medians of the ratios of runs that belong together.</summary>
/// <param name="Rate">Messages a second, subject to reference; above 1 is faster.</param>
/// <param name="Cpu">Broker CPU per message, subject to reference; below 1 is cheaper. Null when it was not measured.</param>
/// <param name="Runs">Pairs of good runs.</param>
internal sealed record RowRatio(string Row, double Rate, double? Cpu, int Runs);

/// <summary>
/// Ratios of all rows. Runs are paired by their number, because runs that follow one another share the machine's mood, which
/// then cancels out; the median of such ratios moves far less than the ratio of medians.
/// </summary>
internal static class Ratios
{
    /// <summary>Rows with at least one pair of good runs, in the order they were first measured.</summary>
    public static IReadOnlyList<RowRatio> Of(IReadOnlyList<BenchResult> results, string subject, string reference)
    {
        var rows = new List<RowRatio>();
        foreach (var row in results.Select(r => r.Row).Distinct(StringComparer.Ordinal))
        {
            if (OfRow(results.Where(r => r.Row == row).ToList(), row, subject, reference) is { } ratio)
            {
                rows.Add(ratio);
            }
        }

        return rows;
    }

    private static RowRatio? OfRow(List<BenchResult> results, string row, string subject, string reference)
    {
        var rates = new List<double>();
        var cpus = new List<double>();
        foreach (var (ours, theirs) in Pairs(results, subject, reference))
        {
            rates.Add(ours.MessagesPerSecond!.Value / theirs.MessagesPerSecond!.Value);
            if (ours.BrokerCpuUsPerMsg is > 0 && theirs.BrokerCpuUsPerMsg is > 0)
            {
                cpus.Add(ours.BrokerCpuUsPerMsg.Value / theirs.BrokerCpuUsPerMsg.Value);
            }
        }

        return rates.Count == 0
            ? null
            : new RowRatio(row, Math.Round(Report.Median(rates), 4), cpus.Count == 0 ? null : Math.Round(Report.Median(cpus), 3), rates.Count);
    }

    /// <summary>Runs of the same number, in the order they were written: a file may hold several sets of runs. Only where both went well.</summary>
    private static IEnumerable<(BenchResult Ours, BenchResult Theirs)> Pairs(List<BenchResult> results, string subject, string reference)
    {
        foreach (var run in results.GroupBy(r => r.Run))
        {
            foreach (var pair in run.Where(r => r.Label == subject).Zip(run.Where(r => r.Label == reference)))
            {
                if (pair.First is { Ok: true, MessagesPerSecond: > 0 } && pair.Second is { Ok: true, MessagesPerSecond: > 0 })
                {
                    yield return pair;
                }
            }
        }
    }
}
