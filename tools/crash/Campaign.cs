using System.Diagnostics;
using Mamba.Amqp.Client;
using Mamba.Broker.Engine;
using Mamba.Broker.Testing;

namespace Mamba.Tools.Crash;

/// <summary>
/// Kills the broker with SIGKILL under load, again and again on the same data directory, and checks at the end that every promise
/// held. Bounded by the number of kills; everything it starts it stops.
/// </summary>
internal sealed class Campaign(CampaignOptions options, TextWriter log)
{
    private readonly History _history = new();
    private readonly Random _random = new(options.Seed);

    public async Task<Tally> RunAsync(CancellationToken stop)
    {
        using var data = new TempDirectory();
        var broker = await BrokerProcess.StartAsync(data.FullPath);
        var workload = new Workload(new Uri($"amqp://{broker.Amqp}"), _history, options.Workload);
        var clock = Stopwatch.StartNew();
        var slowestStart = broker.MillisecondsToReady;
        try
        {
            for (var kill = 1; kill <= options.Kills; kill++)
            {
                await LiveAndDieAsync(broker, workload, stop);
                broker = await broker.RestartAsync();
                slowestStart = Math.Max(slowestStart, broker.MillisecondsToReady);
                if (kill % 10 == 0 || kill == options.Kills)
                {
                    await log.WriteLineAsync($"{clock.Elapsed.TotalSeconds,6:0} s  kill {kill} of {options.Kills}, slowest start {slowestStart:0} ms");
                }
            }

            await workload.DrainAsync(stop);
            var code = await broker.StopAsync();
            if (code != 0)
            {
                throw new InvalidOperationException($"The broker's graceful stop ended with code {code}:\n{broker.Errors}");
            }
        }
        finally
        {
            await broker.DisposeAsync();
        }

        _history.CheckFinal(Workload.Source, Workload.Targets);
        await CheckDepthAsync(data.FullPath);
        foreach (var violation in _history.Violations)
        {
            await log.WriteLineAsync(violation);
        }

        return _history.Tally;
    }

    private async Task LiveAndDieAsync(BrokerProcess broker, Workload workload, CancellationToken stop)
    {
        using var life = CancellationTokenSource.CreateLinkedTokenSource(stop);
        var load = workload.RunAsync(life.Token);
        // Not a wait for something to happen: the moment of the kill is what varies.
        var moment = TimeSpan.FromMilliseconds(_random.Next(options.MinLifeMilliseconds, options.MaxLifeMilliseconds));
        using (var timer = new PeriodicTimer(moment))
        {
            await timer.WaitForNextTickAsync(stop);
        }

        await broker.KillAsync();
        await life.CancelAsync();
        await load;
    }

    /// <summary>Opens the journal in this process: after the drain a full recovery must find nothing left on any queue.</summary>
    private async Task CheckDepthAsync(string directory)
    {
        var journal = Path.Combine(directory, "journal");
        await using var engine = MessageEngine.Open(
            new EngineOptions { Directory = Directory.Exists(journal) ? journal : directory }, NoAnnotations.Instance, TimeProvider.System, IEngineEvents.None);
        foreach (var node in engine.Describe())
        {
            _history.Tally.Drift += node.Depth;
            if (node.Depth != 0)
            {
                await log.WriteLineAsync($"drift: {node.Address} has {node.Depth} messages after everything was consumed");
            }
        }
    }

    private sealed class NoAnnotations : IMessageAnnotator
    {
        public static readonly NoAnnotations Instance = new();

        public StoredMessage DeadLetter(StoredMessage original, in DeadLetterInfo info) =>
            throw new InvalidOperationException("Nothing is dead-lettered while depths are read.");

        public StoredMessage MergeAnnotations(StoredMessage original, ReadOnlySpan<byte> annotations) =>
            throw new InvalidOperationException("Nothing is modified while depths are read.");

        public StoredMessage Scheduled(StoredMessage original, ulong scheduleId, long instant) =>
            throw new InvalidOperationException("Nothing is scheduled while depths are read.");

        public StoredMessage Diverted(StoredMessage original, string address) =>
            throw new InvalidOperationException("Nothing is published while depths are read.");

        public IMessageFilter MakeFilter(string selector) =>
            throw new InvalidOperationException("A campaign has no diverts.");

        public IMessageFilter? RestoreFilter(ReadOnlyMemory<byte> definition) => null;

        public string? LastValueKey(StoredMessage message, string name) => null;
    }
}

internal sealed record CampaignOptions(int Kills, int Seed, int MinLifeMilliseconds, int MaxLifeMilliseconds, WorkloadOptions Workload);
