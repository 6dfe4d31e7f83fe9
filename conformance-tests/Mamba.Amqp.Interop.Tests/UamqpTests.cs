namespace Mamba.Amqp.Interop.Tests;

/// <summary>uAMQP for Python, the Debian package, against a broker as it comes.</summary>
[TestFixture]
[Parallelizable(ParallelScope.Children)]
public sealed class UamqpTests() : BrokerFixture(BrokerProfile.Default)
{
    private static IEnumerable<string> Cases() => ClientSuite.Uamqp.Cases("--profile", "default");

    [TestCaseSource(nameof(Cases))]
    public Task Uamqp(string name) => RunAsync(ClientSuite.Uamqp, name);
}
