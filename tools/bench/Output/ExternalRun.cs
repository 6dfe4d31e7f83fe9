using System.Diagnostics;
using System.Text.Json;
using System.Text.Json.Nodes;
using Mamba.Tools.Bench.Measuring;

namespace Mamba.Tools.Bench.Output;

/// <summary>
/// Runs another load generator that prints one JSON object with mamba-bench's names (the neutral pload does), and adds to it
/// what the broker spent meanwhile.
/// </summary>
internal static class ExternalRun
{
    public static async Task<int> RunAsync(string[] command, string label, string row, string? brokerProcesses, int? number, string file, CancellationToken stop)
    {
        var meter = brokerProcesses is null ? null : ProcessMeter.Parse(brokerProcesses);
        meter?.ForgetPeak();
        var before = meter?.CpuSeconds() ?? 0;
        var (code, output) = await StartAsync(command, stop);
        var spent = (meter?.CpuSeconds() ?? 0) - before;
        var result = (Read(output) is { } run && code == 0
            ? Complete(run, Path.GetFileName(command[0]), label, row, meter, spent)
            : new BenchResult
            {
                Tool = Path.GetFileName(command[0]),
                Label = label,
                Row = row,
                Ok = false,
                Failures = [$"{string.Join(' ', command)} ended with code {code}"],
            }) with { Run = number, Conditions = Conditions.OfThisMachine() };
        await result.AppendToAsync(file);
        await Console.Error.WriteLineAsync($"  {result.Tool}: {(result.Ok ? "ok" : "FAILED")} {result.MessagesPerSecond:#,0}/s, {result.BrokerCpuUsPerMsg:0.0} µs of broker CPU a message");
        return result.Ok ? 0 : 1;
    }

    private static BenchResult Complete(JsonObject run, string tool, string label, string row, ProcessMeter? meter, double spent)
    {
        foreach (var name in new[] { "label", "row", "tool" })
        {
            run.Remove(name);
        }

        run["label"] = label;
        run["row"] = row;
        run["tool"] = tool;
        var result = BenchResult.FromJson(run.ToJsonString());
        var messages = Math.Max(result.Received ?? 0, result.Sent ?? 0);
        return meter is null ? result : result with
        {
            BrokerCpuS = Math.Round(spent, 3),
            BrokerCpuUsPerMsg = messages == 0 ? null : Math.Round(spent / messages * 1e6, 2),
            BrokerRssMb = Math.Round(meter.ResidentMegabytes(), 1),
            BrokerPeakMb = Math.Round(meter.PeakMegabytes(), 1),
        };
    }

    private static JsonObject? Read(string output)
    {
        try
        {
            return JsonNode.Parse(output) as JsonObject;
        }
        catch (JsonException)
        {
            return null; // said by the caller, with the exit code
        }
    }

    private static async Task<(int Code, string Output)> StartAsync(string[] command, CancellationToken stop)
    {
        using var process = Process.Start(new ProcessStartInfo(command[0], command[1..]) { RedirectStandardOutput = true, UseShellExecute = false })
            ?? throw new InvalidOperationException($"could not start {command[0]}");
        try
        {
            var output = await process.StandardOutput.ReadToEndAsync(stop);
            await process.WaitForExitAsync(stop);
            return (process.ExitCode, output);
        }
        catch (OperationCanceledException)
        {
            process.Kill();
            throw;
        }
    }
}
