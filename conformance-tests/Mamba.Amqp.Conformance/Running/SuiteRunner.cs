using System.Diagnostics;
using Mamba.Amqp.Conformance.Adapters;
using Mamba.Amqp.Conformance.Wire;

namespace Mamba.Amqp.Conformance.Running;

/// <summary>Runs cases against a broker.</summary>
/// <param name="broker">Where it is and how to log in.</param>
/// <param name="adapter">How its nodes are made and addressed.</param>
/// <param name="patience">The time a case has; what has not come by then does not come.</param>
public sealed class SuiteRunner(BrokerTarget broker, IBrokerAdapter adapter, TimeSpan patience)
{
    // Waiting ends by the guard, with what was waited for; this is for a case that does not wait for the broker.
    private static readonly TimeSpan Grace = TimeSpan.FromSeconds(5);

    /// <summary>Runs one case. Never throws for what the broker does.</summary>
    /// <exception cref="OperationCanceledException">It was stopped: nothing can be said of the case.</exception>
    public async Task<CaseResult> RunAsync(ConformanceCase toRun, CancellationToken stop = default)
    {
        ArgumentNullException.ThrowIfNull(toRun);
        stop.ThrowIfCancellationRequested();
        using var guard = CancellationTokenSource.CreateLinkedTokenSource(stop);
        guard.CancelAfter(patience);
        var clock = Stopwatch.StartNew();
        await using var context = new CaseContext(broker, adapter, toRun.Id, guard.Token) { Patience = patience };
        var (verdict, detail) = await JudgeAsync(toRun, context, patience + Grace);
        stop.ThrowIfCancellationRequested();
        return new CaseResult(toRun, verdict, detail, context.Trace.Lines, clock.Elapsed.TotalMilliseconds);
    }

    /// <summary>
    /// Runs cases one after the other, or several at a time, and gives their results in the order of the cases; when it is stopped, of
    /// those that came to their end before.
    /// </summary>
    /// <param name="cases">The cases.</param>
    /// <param name="parallel">How many at a time.</param>
    /// <param name="done">Called after each, also for several at a time; awaited before that place is given to the next case.</param>
    /// <param name="stop">Ends it.</param>
    public async Task<IReadOnlyList<CaseResult>> RunAllAsync(
        IReadOnlyList<ConformanceCase> cases, int parallel, Func<CaseResult, Task> done, CancellationToken stop = default)
    {
        var results = new CaseResult?[cases.Count];
        try
        {
            var options = new ParallelOptions { MaxDegreeOfParallelism = parallel, CancellationToken = stop };
            await Parallel.ForEachAsync(Enumerable.Range(0, cases.Count), options, async (i, _) => await done(results[i] = await RunAsync(cases[i], stop)));
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            // What was found so far is the result.
        }

        return [.. results.OfType<CaseResult>()];
    }

    private static async Task<(Verdict Verdict, string? Detail)> JudgeAsync(ConformanceCase toRun, CaseContext context, TimeSpan atMost)
    {
        try
        {
            await toRun.Run(context).WaitAsync(atMost);
            return (Verdict.Pass, null);
        }
        catch (NotApplicableException e)
        {
            return (Verdict.NotApplicable, e.Message);
        }
        catch (Exception e) when (e is CheckFailedException or UnexpectedFrameException or RefusedException)
        {
            return (Verdict.Fail, e.Message);
        }
        catch (Exception e) when (e is TimeoutException or OperationCanceledException)
        {
            return (Verdict.Fail, "the case did not end in the time it has");
        }
        catch (Exception e)
        {
            return (Verdict.Fail, $"{e.GetType().Name}: {e.Message}");
        }
    }
}
