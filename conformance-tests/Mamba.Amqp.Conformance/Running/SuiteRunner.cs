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
    public async Task<CaseResult> RunAsync(ConformanceCase toRun)
    {
        ArgumentNullException.ThrowIfNull(toRun);
        using var guard = new CancellationTokenSource(patience);
        var clock = Stopwatch.StartNew();
        await using var context = new CaseContext(broker, adapter, toRun.Id, guard.Token) { Patience = patience };
        var (verdict, detail) = await JudgeAsync(toRun, context, patience + Grace);
        return new CaseResult(toRun, verdict, detail, context.Trace.Lines, clock.Elapsed.TotalMilliseconds);
    }

    /// <summary>Runs cases one after the other, or several at a time, and gives their results in the order of the cases.</summary>
    public async Task<IReadOnlyList<CaseResult>> RunAllAsync(IReadOnlyList<ConformanceCase> cases, int parallel, Action<CaseResult> done)
    {
        var results = new CaseResult[cases.Count];
        await Parallel.ForEachAsync(Enumerable.Range(0, cases.Count), new ParallelOptions { MaxDegreeOfParallelism = parallel }, async (i, _) =>
        {
            results[i] = await RunAsync(cases[i]);
            lock (results)
            {
                done(results[i]);
            }
        });
        return results;
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
