using System.Globalization;
using Mamba.Tools.Bench.Load;

namespace Mamba.Tools.Bench.Scenarios;

/// <summary>What the selectors scenario is told.</summary>
/// <param name="Consumers">Consumers, each with a selector of its own; every message matches exactly one of them.</param>
/// <param name="Pattern">The selector; %d is the consumer's key.</param>
/// <param name="TopicAddress">The topic of the second half; empty leaves it out.</param>
internal sealed record SelectorsOptions(int Consumers, string Pattern, string TopicAddress, int Rounds)
{
    public string? Problem() => Consumers is < 1 or > 1000 || Rounds < 1 || !Pattern.Contains("%d", StringComparison.Ordinal)
        ? "--consumers is 1 to 1000, --rounds at least 1, and --selector must name the consumer's key as %d"
        : null;
}

/// <summary>
/// The broker's CPU time for one evaluation of a selector: what messages cost with N selectors, less what the same messages
/// cost without, divided by N. On a topic every message is held against every selector; on a queue a broker may stop at the
/// first that matches, so there the figure is per message and consumer, and an evaluation may cost up to twice that.
/// </summary>
internal sealed class Selectors(BenchOptions common, SelectorsOptions options, Series series)
{
    private const int Connections = 10;

    private static readonly CultureInfo Numbers = CultureInfo.InvariantCulture;

    private readonly List<(string Row, string First)> _rows = [];
    private readonly List<string> _verdicts = [];

    public async Task RunAsync()
    {
        var onQueue = new Pair(
            Part("on a queue", $"{common.Address}-{series.Id}", topic: false),
            $"{options.Consumers} consumers of a queue, no selectors", options.Consumers,
            $"{options.Consumers} selectors on a queue", "selector on a queue, per message and consumer");
        await MeasureAsync(onQueue);
        if (options.TopicAddress.Length > 0 && series.Ok)
        {
            var onTopic = new Pair(
                Part("on a topic", $"{options.TopicAddress}-{series.Id}", topic: true),
                "1 subscriber of a topic, no selector", 1,
                $"{options.Consumers} selectors on a topic", "selector on a topic, per evaluation");
            await MeasureAsync(onTopic);
        }

        await Console.Out.WriteAsync(series.Table(_rows));
        foreach (var verdict in _verdicts)
        {
            await Console.Out.WriteLineAsync($"\n{verdict}");
        }
    }

    private async Task MeasureAsync(Pair pair)
    {
        var without = pair.Options with { Row = pair.WithoutRow, Receivers = pair.ReceiversWithout, LinksPerConnection = PerConnection(pair.ReceiversWithout) };
        var with = pair.Options with { Row = pair.WithRow, Receivers = options.Consumers, Selector = options.Pattern, Keys = options.Consumers };
        await series.WarmUpAsync(without with { Count = Math.Max(1, without.Count / 4) });
        for (var round = 1; round <= options.Rounds && series.Ok && !series.Stop.IsCancellationRequested; round++)
        {
            await series.RunAsync(without, round);
            await series.RunAsync(with, round);
        }

        _rows.Add((pair.WithoutRow, pair.WithoutRow));
        _rows.Add((pair.WithRow, pair.WithoutRow));
        if (series.Ok && series.Median(pair.WithRow, r => r.BrokerCpuUsPerMsg) - series.Median(pair.WithoutRow, r => r.BrokerCpuUsPerMsg) is { } extra)
        {
            var each = Math.Round(extra / options.Consumers, 3);
            await series.AddValueAsync(pair.ValueRow, each, "µs of broker CPU");
            _verdicts.Add(string.Create(Numbers, $"{pair.ValueRow}: {each:0.000} µs of broker CPU ({extra:0.0} µs a message over {options.Consumers} selectors)"));
        }
    }

    private BenchOptions Part(string where, string address, bool topic) => common with
    {
        Mode = BenchMode.Both,
        Row = where,
        Address = address,
        ReceiveAddress = address,
        Topic = topic,
        Senders = 1,
        Keys = options.Consumers,
        LinksPerConnection = PerConnection(options.Consumers),
        Credit = Shares.PerLink(common.Credit, PerConnection(options.Consumers)),
    };

    private static int PerConnection(int links) => (links + Connections - 1) / Connections;

    private sealed record Pair(BenchOptions Options, string WithoutRow, int ReceiversWithout, string WithRow, string ValueRow);
}
