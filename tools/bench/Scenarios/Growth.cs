using System.Globalization;
using Mamba.Tools.Bench.Load;

namespace Mamba.Tools.Bench.Scenarios;

/// <summary>What the growth scenario varies.</summary>
/// <param name="Vary">Any of backlog, consumers, credit, queues.</param>
/// <param name="UpTo">Steps above this number are left out (not of the backlog, which has its own).</param>
/// <param name="Rounds">How often the steps are run, in turn.</param>
internal sealed record GrowthOptions(IReadOnlyList<string> Vary, int UpTo, int Rounds)
{
    public static readonly IReadOnlyList<string> All = ["backlog", "consumers", "credit", "queues"];

    public string? Problem() => Vary.Count == 0 || Vary.Any(v => !All.Contains(v)) || UpTo < 1 || Rounds < 1
        ? $"--vary takes {string.Join(", ", All)}, joined by commas; --up-to and --rounds are at least 1"
        : null;
}

/// <summary>Whether cost grows as it should: the same messages with more of one thing, compared with the least of it.</summary>
internal sealed class Growth(BenchOptions common, GrowthOptions options, Series series)
{
    private const int Connections = 10;

    private static readonly CultureInfo Numbers = CultureInfo.InvariantCulture;

    public async Task RunAsync()
    {
        var groups = options.Vary.Select(v => v switch
        {
            "backlog" => Backlogs(),
            "consumers" => Steps(1_000, Consumers),
            "credit" => Steps(10_000, Credit),
            _ => Steps(1_000, Queues),
        }).ToList();
        await series.WarmUpAsync(common with { Row = "growth", Address = Queue("warm-up"), ReceiveAddress = Queue("warm-up"), Backlog = 0 });
        for (var round = 1; round <= options.Rounds; round++)
        {
            foreach (var part in groups.SelectMany(g => g))
            {
                if (series.Stop.IsCancellationRequested)
                {
                    return;
                }

                await series.RunAsync(part, round);
            }
        }

        await Console.Out.WriteAsync(series.Table(groups.SelectMany(g => g.Select(p => (p.Row, g[0].Row)))));
    }

    /// <summary>All steps, for tests and the help: 1, 10, 100 and so on.</summary>
    internal IReadOnlyList<BenchOptions> Steps(int last, Func<int, BenchOptions> step)
    {
        var steps = new List<BenchOptions>();
        for (var n = 1; n <= Math.Min(last, options.UpTo); n *= 10)
        {
            steps.Add(step(n));
        }

        return steps;
    }

    internal IReadOnlyList<BenchOptions> Backlogs()
    {
        var empty = Part("an empty queue") with { Backlog = 0 };
        return common.Backlog > 0 ? [empty, Part(string.Create(Numbers, $"a backlog of {common.Backlog:#,0}")) with { Backlog = common.Backlog }] : [empty];
    }

    /// <summary>Consumers of one queue, none of which may take much of it for itself.</summary>
    internal BenchOptions Consumers(int n) => Part(Name(n, "consumer", "of one queue")) with
    {
        Receivers = n,
        LinksPerConnection = PerConnection(n),
        Credit = Math.Min(common.Credit, 100),
    };

    internal BenchOptions Credit(int n) => Part(string.Create(Numbers, $"a credit of {n:#,0}")) with
    {
        Credit = n,

        // One message at a time takes as long as a round trip each.
        Count = n < 10 ? Math.Max(1, common.Count / 10) : common.Count,
    };

    internal BenchOptions Queues(int n) => Part(Name(n, "queue", "")) with
    {
        Address = Queue($"of{n}-%d"),
        ReceiveAddress = Queue($"of{n}-%d"),
        Senders = n,
        Receivers = n,
        LinksPerConnection = PerConnection(n),
        Count = Math.Max(1, common.Count / n),
        Window = Shares.PerLink(common.Window, PerConnection(n)),
        Credit = Shares.PerLink(common.Credit, PerConnection(n)),
    };

    private BenchOptions Part(string what)
    {
        var queue = Queue(what.Replace(' ', '-').Replace(",", "", StringComparison.Ordinal));
        return common with { Mode = BenchMode.Both, Row = $"growth: {what}", Address = queue, ReceiveAddress = queue, Backlog = 0, Senders = 1, Receivers = 1 };
    }

    private string Queue(string name) => $"{common.Address}-{series.Id}-{name}";

    private static string Name(int n, string thing, string rest) =>
        string.Create(Numbers, $"{n:#,0} {thing}{(n == 1 ? "" : "s")} {rest}").TrimEnd();

    private static int PerConnection(int links) => (links + Connections - 1) / Connections;
}
