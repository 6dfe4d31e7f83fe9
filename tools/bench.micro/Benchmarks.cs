using BenchmarkDotNet.Attributes;

namespace Mamba.Tools.Bench.Micro;

/// <summary>The time and allocation of one operation.</summary>
/// <typeparam name="T">The scenario.</typeparam>
public class One<T>
    where T : Scenario, new()
{
    private readonly T _scenario = new();

    [GlobalSetup]
    public void Setup() => _scenario.Setup();

    [GlobalCleanup]
    public void Cleanup() => _scenario.Dispose();

    [Benchmark]
    public void Run() => _scenario.Once();
}

/// <summary>The time and allocation of one operation of a batch.</summary>
/// <typeparam name="T">The scenario.</typeparam>
public class Batch<T>
    where T : BatchScenario, new()
{
    private readonly T _scenario = new();

    [GlobalSetup]
    public void Setup() => _scenario.Setup();

    [GlobalCleanup]
    public void Cleanup() => _scenario.Dispose();

    [Benchmark(OperationsPerInvoke = BatchScenario.Size)]
    public void Run() => _scenario.Once();
}
