using System.Globalization;
using Mamba.Amqp.Client;
using Mamba.Amqp.Transport;
using Mamba.Tools.Bench.Load;

namespace Mamba.Tools.Bench.Scenarios;

/// <summary>How many queues to make and to use.</summary>
/// <param name="Queues">Queues to make.</param>
/// <param name="Active">Of these, how many have a producer and a consumer in the large run.</param>
/// <param name="Few">And in the run it is compared with.</param>
/// <param name="Rounds">How often both are run, in turn.</param>
/// <param name="Settle">How long the broker is left alone before its memory is read.</param>
internal sealed record ManyQueuesOptions(int Queues, int Active, int Few, int Rounds, TimeSpan Settle)
{
    public string? Problem() => Few < 1 || Active < Few || Queues < Active || Rounds < 1
        ? "--queues must be at least --active, --active at least --few, and --few and --rounds at least 1"
        : null;
}

/// <summary>
/// What an idle queue costs in memory, and what many of them cost in speed. The memory comes first, on a broker that has done
/// nothing yet: after a load its heap would have room in which new queues cost nothing.
/// </summary>
internal sealed class ManyQueues(BenchOptions common, ManyQueuesOptions many, Series series)
{
    // Links of one connection that are attached at once; a session has 256 handles with most brokers.
    private const int AtOnce = 100;
    private const int Connections = 10;

    private static readonly CultureInfo Numbers = CultureInfo.InvariantCulture;

    public string FewRow { get; } = string.Create(Numbers, $"{many.Few:#,0} of {many.Queues:#,0} queues active");

    public string ActiveRow { get; } = string.Create(Numbers, $"{many.Active:#,0} of {many.Queues:#,0} queues active");

    public string MemoryRow { get; } = string.Create(Numbers, $"memory per queue of {many.Queues:#,0} idle");

    public async Task RunAsync()
    {
        await WeighAsync();
        var few = Part(FewRow, many.Few);
        var active = Part(ActiveRow, many.Active);
        await series.WarmUpAsync(few with { Count = Math.Max(1, few.Count / 4) });
        for (var round = 1; round <= many.Rounds && series.Ok && !series.Stop.IsCancellationRequested; round++)
        {
            await series.RunAsync(few, round);
            await series.RunAsync(active, round);
        }

        await Console.Out.WriteAsync(series.Table([(FewRow, FewRow), (ActiveRow, FewRow)]));
        var share = series.Median(ActiveRow, r => r.MessagesPerSecond) / series.Median(FewRow, r => r.MessagesPerSecond);
        await Console.Out.WriteLineAsync(string.Create(Numbers, $"\n{MemoryRow}: {series.Median(MemoryRow, r => r.Value):0.00} KiB; {ActiveRow}: {share * 100:0} % of the rate with {many.Few}"));
    }

    private async Task WeighAsync()
    {
        Series.Say($"-- {MemoryRow}");
        await MakeAsync("first", Math.Min(AtOnce, many.Queues)); // code and buffers that the first queues need
        await Task.Delay(many.Settle, series.Stop);
        var before = series.Broker!.ResidentMegabytes();
        await MakeAsync("", many.Queues);
        await Task.Delay(many.Settle, series.Stop);
        var after = series.Broker.ResidentMegabytes();
        var each = Math.Round((after - before) * 1024 / many.Queues, 2);
        Series.Say(string.Create(Numbers, $"{each:0.00} KiB a queue (resident {before:0.0} MiB before, {after:0.0} MiB after)"));
        await series.AddValueAsync(MemoryRow, each, "KiB per queue");
    }

    /// <summary>A sender attached and closed makes a queue, with brokers that make queues on demand.</summary>
    private async Task MakeAsync(string kind, int queues)
    {
        await using var connection = await AmqpConnection.ConnectAsync(Connector.Options(common), series.Stop);
        var session = await connection.CreateSessionAsync(series.Stop);
        for (var first = 0; first < queues; first += AtOnce)
        {
            var wave = Enumerable.Range(first, Math.Min(AtOnce, queues - first));
            await Task.WhenAll(wave.Select(i => MakeOneAsync(session, Address(kind).Replace("%d", i.ToString(Numbers), StringComparison.Ordinal))));
            if (!common.Quiet && first % 1000 == 0 && first > 0)
            {
                Series.Say($"   {first} queues made");
            }
        }
    }

    private async Task MakeOneAsync(AmqpSession session, string address)
    {
        var sender = await session.CreateSenderAsync(address, new SenderOptions { SettleMode = SenderSettleMode.Settled }, series.Stop);
        await sender.CloseAsync(series.Stop);
    }

    private string Address(string kind) => $"{common.Address}-{series.Id}-{kind}%d";

    private BenchOptions Part(string row, int queues)
    {
        var perConnection = (queues + Connections - 1) / Connections;
        return common with
        {
            Mode = BenchMode.Both,
            Row = row,
            Address = Address(""),
            ReceiveAddress = Address(""),
            Senders = queues,
            Receivers = queues,
            LinksPerConnection = perConnection,
            Count = Math.Max(1, common.Count / queues),
            Window = Shares.PerLink(common.Window, perConnection),
            Credit = Shares.PerLink(common.Credit, perConnection),
        };
    }
}
