namespace Mamba.Tools.Bench.Micro.Tests;

/// <summary>Nothing that is measured allocates more than its bound.</summary>
[NonParallelizable]
internal sealed class AllocationTests
{
    public static IReadOnlyList<Type> Scenarios => Scenario.All;

    [TestCaseSource(nameof(Scenarios))]
    public void A_scenario_allocates_no_more_than_its_bound(Type type)
    {
        using var scenario = (Scenario)Activator.CreateInstance(type)!;
        scenario.Setup();
        var bytes = AllocationMeter.Measure(scenario);
        TestContext.Out.WriteLine($"{type.Name}: {bytes:F2} bytes for one operation, bound {scenario.AllocationBound}");
        Assert.That(bytes, Is.LessThanOrEqualTo(scenario.AllocationBound), "bytes for one operation");
    }
}
