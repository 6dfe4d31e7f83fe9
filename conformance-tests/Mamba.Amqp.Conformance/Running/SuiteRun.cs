using System.Globalization;
using Mamba.Amqp.Conformance.Adapters;
using Mamba.Amqp.Conformance.Reporting;

namespace Mamba.Amqp.Conformance.Running;

/// <summary>A run from the command line: hello, the cases, the reports.</summary>
/// <param name="settings">What it was told.</param>
/// <param name="output">Where results are printed.</param>
/// <param name="errors">Where it is printed what hinders the run.</param>
public sealed class SuiteRun(SuiteSettings settings, TextWriter output, TextWriter errors)
{
    private static readonly TimeSpan BetweenTries = TimeSpan.FromMilliseconds(250);

    private readonly SemaphoreSlim _printing = new(1);
    private readonly IReadOnlyList<ConformanceCase> _cases = Select(settings.Filter);
    private string? _lost;

    /// <summary>How long a broker that is lost may take to come back: somebody may start it again.</summary>
    public TimeSpan Recovery { get; init; } = settings.Patience;

    /// <summary>Runs what the settings select.</summary>
    /// <param name="stop">Ends it; the reports then say so.</param>
    /// <returns>One of <see cref="ExitCodes"/>.</returns>
    public async Task<int> RunAsync(CancellationToken stop)
    {
        var adapter = MakeAdapter();
        try
        {
            return await RunAsync(adapter, stop);
        }
        catch (UnwritableException e)
        {
            await errors.WriteLineAsync($"{e.Message}. Name a file in a folder that exists, and that you may write to.");
            return ExitCodes.Usage;
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            await errors.WriteLineAsync("Ended before the first case; nothing was written.");
            return ExitCodes.NoBroker;
        }
        finally
        {
            await CleanUpAsync(adapter);
        }
    }

    /// <summary>The cases whose id or group begins with one of the words, separated by commas; all when there is none.</summary>
    public static IReadOnlyList<ConformanceCase> Select(string? filter)
    {
        var words = (filter ?? "").Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        return words.Length == 0 ? ConformanceCase.All : [.. ConformanceCase.All.Where(c => words.Any(w =>
            c.Id.StartsWith(w, StringComparison.OrdinalIgnoreCase) || c.Group.StartsWith(w, StringComparison.OrdinalIgnoreCase)))];
    }

    private async Task<int> RunAsync(IBrokerAdapter adapter, CancellationToken stop)
    {
        // Whoever chooses cases may choose some that need no queue.
        var greeting = await Hello.SayAsync(settings.Broker, adapter, settings.Patience, withQueue: settings.Filter is null, stop);
        if (greeting.Product is not { } product)
        {
            await PrintProblemAsync(greeting);
            return ExitCodes.NoBroker;
        }

        var file = ResultFile.Of(settings.Name ?? product.Split(' ')[0], product, TimeProvider.System.GetUtcNow(), settings.Command, []) with { Planned = _cases.Count };
        await RunFiles.WriteAsync(settings, file with { Cut = "it has not come to its end yet, or was killed" });
        var results = await RunCasesAsync(adapter, stop);
        file = ResultFile.Of(file.Broker, product, TimeProvider.System.GetUtcNow(), settings.Command, results) with
        {
            Planned = _cases.Count,
            Cut = _lost ?? (results.Count < _cases.Count ? "it was ended by hand" : null),
        };
        await output.WriteLineAsync(string.Create(
            CultureInfo.InvariantCulture, $"{file.Count("pass")} passed, {file.Count("fail")} failed, {file.Count("n/a")} not applicable"));
        if (file.Incomplete is { } incomplete)
        {
            await errors.WriteLineAsync(Printable.Text(incomplete));
        }

        await RunFiles.WriteAsync(settings, file);
        return file.Cut is not null ? ExitCodes.NoBroker : file.Count("fail") > 0 ? ExitCodes.Failed : ExitCodes.Passed;
    }

    private async Task<IReadOnlyList<CaseResult>> RunCasesAsync(IBrokerAdapter adapter, CancellationToken stop)
    {
        using var ending = CancellationTokenSource.CreateLinkedTokenSource(stop);
        var runner = new SuiteRunner(settings.Broker, adapter, settings.Patience);
        return await runner.RunAllAsync(_cases, settings.Parallel, DoneAsync, ending.Token);

        async Task DoneAsync(CaseResult result)
        {
            await PrintAsync(result);
            if (result.Verdict == Verdict.Fail && await LossAsync(adapter, ending.Token) is { } problem)
            {
                _lost ??= $"after {result.Case.Id} failed the broker could no longer be worked with. {problem.TrimEnd('.')}";
                await ending.CancelAsync();
            }
        }
    }

    /// <summary>Why the broker cannot be worked with any more; null when it can.</summary>
    private async Task<string?> LossAsync(IBrokerAdapter adapter, CancellationToken stop)
    {
        using var timer = new PeriodicTimer(BetweenTries);
        var since = TimeProvider.System.GetTimestamp();
        while (true)
        {
            var greeting = await Hello.SayAsync(settings.Broker, adapter, settings.Patience, withQueue: false, stop);
            if (greeting.Problem is null || TimeProvider.System.GetElapsedTime(since) >= Recovery)
            {
                return greeting.Problem;
            }

            await timer.WaitForNextTickAsync(stop);
        }
    }

    private IBrokerAdapter MakeAdapter() => settings.Adapter == "rabbitmq"
        ? new RabbitMqAdapter(settings.Admin)
        : new PlainAdapter(settings.QueuePattern, settings.TopicPattern.Length > 0 ? settings.TopicPattern : null, settings.Missing);

    private async Task CleanUpAsync(IBrokerAdapter adapter)
    {
        try
        {
            await adapter.DisposeAsync();
        }
        catch (Exception e) when (e is HttpRequestException or OperationCanceledException)
        {
            await errors.WriteLineAsync($"Queues of this run (conf.{settings.Broker.RunId}.*) could not all be deleted: {e.Message}");
        }
    }

    private async Task PrintProblemAsync(Greeting greeting)
    {
        foreach (var line in greeting.Trace)
        {
            await errors.WriteLineAsync(Printable.Text($"  {line}"));
        }

        await errors.WriteLineAsync(Printable.Text($"{settings.Broker.Host}:{settings.Broker.Port} cannot be tested. {greeting.Problem}"));
    }

    private async Task PrintAsync(CaseResult result)
    {
        var text = $"{ResultFile.Word(result.Verdict),-4} {result.Case.Id,-16} {result.Case.Title}{(result.Detail is null ? "" : $"\n       {result.Detail}")}";
        if (settings.Verbose && result.Verdict == Verdict.Fail)
        {
            text += string.Concat(result.Trace.Select(static line => $"\n       {line}"));
        }

        await _printing.WaitAsync();
        try
        {
            await output.WriteLineAsync(Printable.Text(text));
        }
        finally
        {
            _printing.Release();
        }
    }
}
