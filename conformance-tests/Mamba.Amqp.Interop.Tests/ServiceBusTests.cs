namespace Mamba.Amqp.Interop.Tests;

/// <summary>Applications written for Azure Service Bus, by its client library for Node.js, against a broker that takes their tokens.</summary>
[TestFixture]
[Parallelizable(ParallelScope.Children)]
public sealed class ServiceBusTests() : BrokerFixture(BrokerProfile.Azure)
{
    private static IEnumerable<string> Cases() => ClientSuite.Node.Cases("--profile", "azure");

    [TestCaseSource(nameof(Cases))]
    public Task Node(string name) => RunAsync(ClientSuite.Node, name);
}
