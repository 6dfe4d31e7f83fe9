using System.Diagnostics;

namespace Mamba.Tools.Bench.Micro;

/// <summary>
/// Processor time of one operation, all threads together, the fastest of several rounds: on a machine that others use too this says more
/// than the time that passed.
/// </summary>
internal static class CpuTable
{
    private const int Rounds = 15;

    private static readonly TimeSpan WarmUp = TimeSpan.FromSeconds(2);

    /// <summary>Prints a Markdown table of the scenarios whose name contains <paramref name="part"/>.</summary>
    public static void Print(TextWriter output, string part)
    {
        output.WriteLine("| Scenario | CPU of one operation | allocated | bound |");
        output.WriteLine("|---|---|---|---|");
        foreach (var type in Scenario.All)
        {
            if (type.Name.Contains(part, StringComparison.OrdinalIgnoreCase))
            {
                using var scenario = (Scenario)Activator.CreateInstance(type)!;
                scenario.Setup();
                var time = Measure(scenario);
                output.WriteLine($"| {type.Name} | {time:N0} ns | {AllocationMeter.Measure(scenario):N0} B | {scenario.AllocationBound} B |");
            }
        }
    }

    private static double Measure(Scenario scenario)
    {
        var clock = Stopwatch.StartNew();
        var calls = 0L;
        for (; clock.Elapsed < WarmUp; calls++)
        {
            scenario.Once();
        }

        calls = Math.Max(1, calls / 10);
        var fastest = double.MaxValue;
        using var process = Process.GetCurrentProcess();
        for (var round = 0; round < Rounds; round++)
        {
            process.Refresh();
            var before = process.TotalProcessorTime;
            for (var i = 0L; i < calls; i++)
            {
                scenario.Once();
            }

            process.Refresh();
            fastest = Math.Min(fastest, (process.TotalProcessorTime - before).TotalNanoseconds / (calls * (double)scenario.Operations));
        }

        return fastest;
    }
}
