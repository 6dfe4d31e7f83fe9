using Mamba.Amqp.Conformance.Running;

namespace Mamba.Amqp.Conformance.Tests;

/// <summary>The cases about the sections of a message, all of which are passed by a Mamba that refuses unknown annotations.</summary>
[TestFixture]
[Parallelizable(ParallelScope.All)]
public sealed class StrictConformanceTests
{
    private ConformanceBroker? _broker;

    private static IEnumerable<TestCaseData> Cases() => ConformanceCase.All
        .Where(static c => c.Id.StartsWith("SECTION-", StringComparison.Ordinal)).Select(static c => new TestCaseData(c).SetArgDisplayNames(c.Id));

    [OneTimeSetUp]
    public async Task StartBroker() => _broker = await ConformanceBroker.StartAsync("refuse");

    [OneTimeTearDown]
    public async Task StopBroker()
    {
        if (_broker is not null)
        {
            await _broker.DisposeAsync();
        }
    }

    [TestCaseSource(nameof(Cases))]
    public Task Case(ConformanceCase toRun) => _broker!.RunAsync(toRun, Is.EqualTo(Verdict.Pass));
}
