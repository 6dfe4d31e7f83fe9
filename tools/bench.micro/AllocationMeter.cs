namespace Mamba.Tools.Bench.Micro;

/// <summary>
/// Measures what a scenario allocates. Other threads of a test process allocate too, and caches grow now and then; both only ever
/// add. So the lowest of several rounds is taken: what a scenario itself allocates each time is in every one of them.
/// </summary>
public static class AllocationMeter
{
    private const int WarmUp = 300;
    private const int Iterations = 300;
    private const int MaxRounds = 20;

    /// <summary>Bytes for one operation, in the round with the fewest. Stops early once a round is within the scenario's bound.</summary>
    public static double Measure(Scenario scenario)
    {
        ArgumentNullException.ThrowIfNull(scenario);
        for (var i = 0; i < WarmUp; i++)
        {
            scenario.Once();
        }

        var lowest = double.MaxValue;
        for (var round = 0; round < MaxRounds && lowest > scenario.AllocationBound; round++)
        {
            var before = Allocated(scenario);
            for (var i = 0; i < Iterations; i++)
            {
                scenario.Once();
            }

            var perOperation = (Allocated(scenario) - before) / ((double)Iterations * scenario.Operations);
            lowest = Math.Min(lowest, perOperation);
        }

        return lowest;
    }

    private static long Allocated(Scenario scenario) =>
        scenario.UsesOtherThreads ? GC.GetTotalAllocatedBytes(precise: true) : GC.GetAllocatedBytesForCurrentThread();
}
