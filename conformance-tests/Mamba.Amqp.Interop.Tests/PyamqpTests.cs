namespace Mamba.Amqp.Interop.Tests;

/// <summary>The AMQP stack of Azure's newer clients for Python, out of a Debian package, against a broker as it comes.</summary>
[TestFixture]
[Parallelizable(ParallelScope.Children)]
public sealed class PyamqpTests() : BrokerFixture(BrokerProfile.Default)
{
    private static IEnumerable<string> Cases() => ClientSuite.Pyamqp.Cases("--profile", "default");

    [TestCaseSource(nameof(Cases))]
    public Task Pyamqp(string name) => RunAsync(ClientSuite.Pyamqp, name);
}

/// <summary>The same, by the tokens that Azure's clients log in with.</summary>
[TestFixture]
public sealed class PyamqpTokenTests() : BrokerFixture(BrokerProfile.Azure)
{
    private static IEnumerable<string> Cases() => ClientSuite.Pyamqp.Cases("--profile", "azure");

    [TestCaseSource(nameof(Cases))]
    public Task Pyamqp(string name) => RunAsync(ClientSuite.Pyamqp, name);
}
