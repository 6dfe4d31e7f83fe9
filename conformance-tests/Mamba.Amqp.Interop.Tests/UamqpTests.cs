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

/// <summary>The same, by the tokens that Azure's older clients log in with.</summary>
[TestFixture]
public sealed class UamqpTokenTests() : BrokerFixture(BrokerProfile.Azure)
{
    private static IEnumerable<string> Cases() => ClientSuite.Uamqp.Cases("--profile", "azure");

    [TestCaseSource(nameof(Cases))]
    public Task Uamqp(string name) => RunAsync(ClientSuite.Uamqp, name);
}
