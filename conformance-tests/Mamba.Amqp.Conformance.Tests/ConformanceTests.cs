using Mamba.Amqp.Conformance.Running;

namespace Mamba.Amqp.Conformance.Tests;

/// <summary>Every case of the suite against a Mamba of its own. A case that is not applicable has to be one that is named here.</summary>
[TestFixture]
[Parallelizable(ParallelScope.All)]
public sealed class ConformanceTests
{
    private ConformanceBroker? _broker;

    /// <summary>What Mamba need not offer: the case is passed or not applicable. All others have to be passed.</summary>
    private static IReadOnlyList<string> Optional { get; } =
    [
        // The source of a queue ends when its link detaches; only subscriptions outlive their links.
        "DISPOSITION-05", "TERMINUS-12",

        // Transactions do not acquire: a link that asks for it is refused, as WORK-18 has it.
        "WORK-20",

        // Mechanisms that are not offered.
        "SCRAM-03", "TRAP-07",
    ];

    /// <summary>What Mamba does otherwise unless it is told to refuse unknown annotations: see <see cref="StrictConformanceTests"/>.</summary>
    private static IReadOnlyList<string> Deviations { get; } = ["SECTION-12"];

    private static IEnumerable<TestCaseData> Cases() => ConformanceCase.All.Select(static c => new TestCaseData(c).SetArgDisplayNames(c.Id));

    [OneTimeSetUp]
    public async Task StartBroker() => _broker = await ConformanceBroker.StartAsync("forward");

    [OneTimeTearDown]
    public async Task StopBroker()
    {
        if (_broker is not null)
        {
            await _broker.DisposeAsync();
        }
    }

    [TestCaseSource(nameof(Cases))]
    public Task Case(ConformanceCase toRun) => _broker!.RunAsync(toRun, Allowed(toRun.Id));

    private static NUnit.Framework.Constraints.IResolveConstraint Allowed(string id) =>
        Deviations.Contains(id) ? Is.EqualTo(Verdict.Fail)
        : Optional.Any(o => id.StartsWith(o, StringComparison.Ordinal)) ? Is.EqualTo(Verdict.Pass).Or.EqualTo(Verdict.NotApplicable)
        : Is.EqualTo(Verdict.Pass);
}
