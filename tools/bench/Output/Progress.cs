using System.Globalization;
using Mamba.Tools.Bench.Load;
using Mamba.Tools.Bench.Measuring;
using Spectre.Console;

namespace Mamba.Tools.Bench.Output;

/// <summary>
/// One line a second while a run is under way: a status line that is redrawn on a terminal, plain lines on standard error
/// otherwise.
/// </summary>
internal sealed class Progress(Func<Tally> look, TimeProvider clock)
{
    private static readonly TimeSpan Period = TimeSpan.FromSeconds(1);

    /// <summary>Reports until <paramref name="run"/> has ended; the run's failure is not this method's to report.</summary>
    public async Task FollowAsync(Task run)
    {
        var console = AnsiConsole.Create(new AnsiConsoleSettings { Out = new AnsiConsoleOutput(Console.Error) });
        if (!Console.IsErrorRedirected && console.Profile.Capabilities.Interactive)
        {
            await console.Status().StartAsync("connecting", context => FollowAsync(run, line => context.Status(Markup.Escape(line))));
        }
        else
        {
            await FollowAsync(run, Console.Error.WriteLine);
        }
    }

    private async Task FollowAsync(Task run, Action<string> write)
    {
        using var timer = new PeriodicTimer(Period, clock);
        var began = clock.GetTimestamp();
        var before = look();
        var at = began;
        while (await Task.WhenAny(run, timer.WaitForNextTickAsync().AsTask()) != run)
        {
            var now = clock.GetTimestamp();
            var tally = look();
            write(Line(clock.GetElapsedTime(began, now), clock.GetElapsedTime(at, now), before, tally));
            (before, at) = (tally, now);
        }
    }

    private static string Line(TimeSpan total, TimeSpan step, Tally before, Tally now)
    {
        var text = string.Create(CultureInfo.InvariantCulture, $"{total.TotalSeconds,4:0} s");
        if (now.Sends)
        {
            text += string.Create(CultureInfo.InvariantCulture, $"  sent {now.Sent:#,0} ({(now.Sent - before.Sent) / step.TotalSeconds:#,0}/s)");
        }

        if (now.Receives)
        {
            text += string.Create(CultureInfo.InvariantCulture, $"  received {now.Received:#,0} ({(now.Received - before.Received) / step.TotalSeconds:#,0}/s)");
        }

        return now.Latency is { } latency ? $"{text}  p50 {Quantiles.Format(latency.Median)}, p99 {Quantiles.Format(latency.P99)}" : text;
    }
}
