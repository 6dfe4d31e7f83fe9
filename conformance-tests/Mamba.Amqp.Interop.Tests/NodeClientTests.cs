namespace Mamba.Amqp.Interop.Tests;

/// <summary>The cases on libraries and frameworks for Node.js, against a broker as it comes.</summary>
[TestFixture]
[Parallelizable(ParallelScope.Children)]
public sealed class NodeClientTests() : BrokerFixture(BrokerProfile.Default)
{
    private static IEnumerable<string> Cases() => ClientSuite.Node.Cases("--profile", "default");

    [TestCaseSource(nameof(Cases))]
    public Task Node(string name) => RunAsync(ClientSuite.Node, name);
}

/// <summary>The same clients and a broker that dies under them.</summary>
[TestFixture]
public sealed class NodeClientCrashTests() : BrokerFixture(BrokerProfile.Mortal)
{
    private static IEnumerable<string> Cases() => ClientSuite.Node.Cases("--profile", "mortal");

    [TestCaseSource(nameof(Cases))]
    public Task Node(string name) => RunAsync(ClientSuite.Node, name);
}
