using System.Diagnostics;
using System.Globalization;
using Mamba.Tools.Model.Modelling;
using Mamba.Tools.Model.Sequences;

namespace Mamba.Tools.Model.Running;

/// <summary>What a campaign plays.</summary>
internal sealed record CampaignOptions
{
    public int Sequences { get; init; } = 1_000;

    /// <summary>Seed of the first sequence; the next have the numbers behind it.</summary>
    public int FirstSeed { get; init; } = 1;

    /// <summary>Operations of a sequence.</summary>
    public int Length { get; init; } = 40;

    /// <summary>Sequences at a time, each on a broker of its own.</summary>
    public int Workers { get; init; } = 4;

    /// <summary>A broker that runs already, instead of brokers in this process.</summary>
    public Uri? Uri { get; init; }

    /// <summary>What that broker has.</summary>
    public Features Features { get; init; } = Features.All;

    /// <summary>Failed deliveries after which that broker dead-letters.</summary>
    public int MaxDeliveries { get; init; } = 10;

    /// <summary>After so many differences the campaign ends.</summary>
    public int MostDifferences { get; init; } = 5;

    public Rules Rules { get; init; } = new();

    public PlayerOptions Player { get; init; } = new();
}

/// <summary>A sequence that failed, made as small as possible.</summary>
internal sealed record Finding(int Seed, IReadOnlyList<Operation> Operations, string Difference)
{
    public override string ToString() => string.Create(
        CultureInfo.InvariantCulture,
        $"seed {Seed}: {Difference}\n{string.Join('\n', Operations)}\nreplay: --seed {Seed} (with the same --length)");
}

/// <summary>Plays many sequences, several at a time, and makes small what fails.</summary>
internal sealed class Campaign(CampaignOptions options, TextWriter log)
{
    /// <summary>A broker is replaced after so many sequences: what they leave behind makes it slower.</summary>
    private const int SequencesOfABroker = 200;

    private const int Progress = 5_000;

    private static readonly TimeSpan _shrinking = TimeSpan.FromSeconds(10);

    private readonly Lock _gate = new();
    private readonly Stopwatch _clock = Stopwatch.StartNew();
    private readonly List<Finding> _findings = [];
    private int _started;
    private int _played;
    private int _lives;
    private long _operations;
    private long _deliveries;

    /// <summary>What the sequences make use of.</summary>
    public Features Features => options.Uri is null ? Features.All : options.Features & ~Features.Time;

    public IReadOnlyList<Finding> Findings => _findings;

    public int Played => _played;

    /// <summary>Operations that found something to work on.</summary>
    public long Operations => _operations;

    /// <summary>Messages that were compared.</summary>
    public long Deliveries => _deliveries;

    /// <summary>Plays all of it, or until it is to stop: then what is being played is left, and what was found is kept.</summary>
    public async Task RunAsync(CancellationToken stop)
    {
        await Task.WhenAll(Enumerable.Range(0, options.Workers).Select(_ => Task.Run(() => WorkAsync(stop), CancellationToken.None)));
        await log.WriteLineAsync($"{(stop.IsCancellationRequested ? "ended before its time: " : "")}{Summary()}");
    }

    /// <summary>Plays the sequence of one seed, and makes it small if it fails.</summary>
    public async Task<Finding?> ReplayAsync(int seed, CancellationToken stop)
    {
        var operations = Generator.Make(seed, options.Length, Features);
        return await PlayOnNewAsync(seed, operations, Until(stop)) is { } difference ? await ShrinkAsync(seed, operations, difference, stop) : null;
    }

    public string Summary() => string.Create(
        CultureInfo.InvariantCulture,
        $"{_played} sequences ({_operations} operations, {_deliveries} messages compared) in {_clock.Elapsed.TotalSeconds:0} s: {_findings.Count} differences{Seeds()}");

    private string Seeds()
    {
        lock (_gate)
        {
            return _findings.Count == 0 ? "" : $" (seeds {string.Join(", ", _findings.Select(static finding => finding.Seed))})";
        }
    }

    private async Task WorkAsync(CancellationToken stop)
    {
        var broker = NewBroker();
        try
        {
            for (var count = 1; !stop.IsCancellationRequested && Interlocked.Increment(ref _started) is var n && n <= options.Sequences; count++)
            {
                if (count % SequencesOfABroker == 0)
                {
                    await broker.DisposeAsync();
                    broker = NewBroker();
                }

                var seed = options.FirstSeed + n - 1;
                var operations = Generator.Make(seed, options.Length, Features);
                if (await PlayAsync(broker, seed, operations, Until(stop)) is { } difference)
                {
                    await broker.DisposeAsync();
                    await ReportAsync(await ShrinkAsync(seed, operations, difference, stop));
                    broker = NewBroker();
                }

                await CountAsync();
                if (Findings.Count >= options.MostDifferences)
                {
                    return;
                }
            }
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            // The sequence that was being played says nothing, neither way.
        }
        finally
        {
            await broker.DisposeAsync();
        }
    }

    private PlayerOptions Until(CancellationToken stop) => options.Player with { Stop = stop };

    private IBrokerUnderTest NewBroker() => options.Uri is { } uri ? new ForeignBroker(uri, options.MaxDeliveries, options.Features) : OwnBroker.Start();

    private Rules RulesFor(IBrokerUnderTest broker) => options.Rules with
    {
        MaxDeliveries = broker.MaxDeliveries,
        RetryDelay = broker.HasTime ? RetrySchedule.FirstDelay : RetrySchedule.NeverDelay,
    };

    /// <summary>The difference, or null.</summary>
    private async Task<string?> PlayAsync(IBrokerUnderTest broker, int seed, IReadOnlyList<Operation> operations, PlayerOptions how)
    {
        var life = Interlocked.Increment(ref _lives);
        var prefix = broker.HasTime ? $"s{seed}.{life}" : $"s{seed}.{Guid.NewGuid():N}";
        await using var player = new Player(broker, prefix, RulesFor(broker), how);
        try
        {
            await player.PlayAsync(operations);
            return null;
        }
        catch (Difference difference)
        {
            return difference.Message;
        }
        finally
        {
            Interlocked.Add(ref _operations, player.Done);
            Interlocked.Add(ref _deliveries, player.Deliveries);
        }
    }

    private async Task<string?> PlayOnNewAsync(int seed, IReadOnlyList<Operation> operations, PlayerOptions how)
    {
        await using var broker = NewBroker();
        return await PlayAsync(broker, seed, operations, how);
    }

    private async Task<Finding> ShrinkAsync(int seed, IReadOnlyList<Operation> operations, string difference, CancellationToken stop)
    {
        // What is missing is waited for each time: less patience makes shrinking bearable, and the smallest sequence is played once more with all of it.
        var patient = Until(stop);
        var impatient = patient with { Patience = Least(options.Player.Patience), PatienceAtTheEnd = Least(options.Player.PatienceAtTheEnd) };
        try
        {
            var shrunk = await Shrinker.ShrinkAsync(operations, async candidate => await PlayOnNewAsync(seed, candidate, impatient) is not null);
            return await PlayOnNewAsync(seed, shrunk, patient) is { } again
                ? new Finding(seed, shrunk, again)
                : new Finding(seed, operations, $"{difference} (not every time)");
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            return new Finding(seed, operations, $"{difference} (not made small: the campaign was ended)");
        }
    }

    private static TimeSpan Least(TimeSpan patience) => patience < _shrinking ? patience : _shrinking;

    private async Task ReportAsync(Finding finding)
    {
        lock (_gate)
        {
            _findings.Add(finding);
        }

        await log.WriteLineAsync(finding.ToString());
    }

    private async Task CountAsync()
    {
        if (Interlocked.Increment(ref _played) is var played && played % Progress == 0)
        {
            await log.WriteLineAsync(Summary());
        }
    }
}
