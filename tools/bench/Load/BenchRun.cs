using Mamba.Amqp.Transport;
using Mamba.Tools.Bench.Checking;
using Mamba.Tools.Bench.Measuring;
using Mamba.Tools.Bench.Output;

namespace Mamba.Tools.Bench.Load;

/// <summary>One run from start to report.</summary>
internal static class BenchRun
{
    /// <returns>0 all went well, 1 the run failed, 2 the options were wrong.</returns>
    public static async Task<int> RunAsync(BenchOptions options, CancellationToken stop)
    {
        ProcessMeter? broker;
        try
        {
            broker = options.BrokerProcesses is { } ids ? ProcessMeter.Parse(ids) : null;
        }
        catch (ArgumentException e)
        {
            await Console.Error.WriteLineAsync($"bench: {e.Message}");
            return 2;
        }

        var conditions = Conditions.OfThisMachine();
        if (!options.Quiet)
        {
            await Console.Error.WriteLineAsync($"{conditions}\n{Summary.OfOptions(options)}");
        }

        broker?.ForgetPeak();
        var result = (await MeasureAsync(options, broker, stop)) with { Conditions = conditions };
        if (options.JsonFile is { } file)
        {
            await result.AppendToAsync(file);
        }

        await Console.Error.WriteLineAsync(Summary.OfResult(result));
        return result.Ok ? 0 : 1;
    }

    /// <summary>One run; never throws what a broker or a time limit did to it.</summary>
    internal static async Task<BenchResult> MeasureAsync(BenchOptions options, ProcessMeter? broker, CancellationToken stop)
    {
        var failures = new Failures();
        using var limit = new CancellationTokenSource(options.Timeout);
        using var any = CancellationTokenSource.CreateLinkedTokenSource(stop, limit.Token, failures.Stopped);
        if (options.Mode == BenchMode.Hold)
        {
            BenchResult? held = null;
            await GuardAsync(async () => held = await HoldRig.RunAsync(options, broker, failures, any.Token), failures, options, limit.Token);
            return held ?? Failed(options, failures);
        }

        await using var rig = new LoadRig(options, new Measurement(broker), failures);
        var run = GuardAsync(() => rig.RunAsync(any.Token), failures, options, limit.Token);
        if (!options.Quiet)
        {
            await new Progress(rig.Look, TimeProvider.System).FollowAsync(run);
        }

        await run;
        return Summary.OfRig(options, rig, broker, failures);
    }

    /// <summary>Turns every way a run can end badly into a failure of the run.</summary>
    private static async Task GuardAsync(Func<Task> run, Failures failures, BenchOptions options, CancellationToken limit)
    {
        try
        {
            await run();
        }
        catch (AmqpException e)
        {
            failures.Add(e.Message);
        }
        catch (OperationCanceledException) when (limit.IsCancellationRequested)
        {
            failures.Add($"not done after {options.Timeout.TotalSeconds:0.#} s; see how far it got, or give a longer --timeout");
        }
        catch (OperationCanceledException)
        {
            if (!failures.Any)
            {
                failures.Add("stopped");
            }
        }
    }

    private static BenchResult Failed(BenchOptions options, Failures failures) =>
        new() { Label = options.Label, Row = options.Row, Run = options.Run, Ok = false, Failures = failures.Messages, Mode = Summary.NameOf(options.Mode) };
}
