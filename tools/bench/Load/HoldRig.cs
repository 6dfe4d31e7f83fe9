using Mamba.Amqp.Client;
using Mamba.Tools.Bench.Checking;
using Mamba.Tools.Bench.Measuring;
using Mamba.Tools.Bench.Output;

namespace Mamba.Tools.Bench.Load;

/// <summary>Opens many connections, each with a session, and keeps them idle: what does one cost the broker?</summary>
internal static class HoldRig
{
    // Enough at a time to be quick, few enough not to overrun the listener's queue.
    private const int AtOnce = 32;

    private static readonly TimeSpan DefaultHold = TimeSpan.FromSeconds(5);

    public static async Task<BenchResult> RunAsync(BenchOptions options, ProcessMeter? broker, Failures failures, CancellationToken ct)
    {
        var before = broker?.ResidentMegabytes();
        var connections = new List<AmqpConnection>();
        double? after;
        try
        {
            while (connections.Count < options.Connections)
            {
                var wave = Math.Min(AtOnce, options.Connections - connections.Count);
                connections.AddRange(await Task.WhenAll(Enumerable.Range(0, wave).Select(_ => OpenAsync(options, ct))));
            }

            await Task.Delay(options.Duration ?? DefaultHold, ct);
            after = broker?.ResidentMegabytes();
            foreach (var lost in connections.Where(c => c.Ended.IsCompleted))
            {
                failures.Add($"an idle connection was lost: {lost.Ended.Exception?.InnerException?.Message}");
            }
        }
        finally
        {
            await Parallel.ForEachAsync(connections, CancellationToken.None, async (connection, _) => await connection.DisposeAsync());
        }

        return new BenchResult
        {
            Label = options.Label,
            Row = options.Row,
            Run = options.Run,
            Ok = !failures.Any,
            Failures = failures.Any ? failures.Messages : null,
            Mode = "hold",
            Value = after is null || before is null ? null : Math.Round((after.Value - before.Value) * 1024 / options.Connections, 1),
            Unit = "KiB per connection",
            BrokerRssMb = after,
        };
    }

    private static async Task<AmqpConnection> OpenAsync(BenchOptions options, CancellationToken ct)
    {
        var connection = await AmqpConnection.ConnectAsync(Connector.Options(options), ct);
        await connection.CreateSessionAsync(ct);
        return connection;
    }
}
