namespace Mamba.Amqp.Interop.Tests;

/// <summary>A RabbitMQ with shovels, Debian's package, beside a broker as it comes. One at a time: each starts a RabbitMQ.</summary>
[TestFixture]
public sealed class ShovelTests() : BrokerFixture(BrokerProfile.Default)
{
    private static IEnumerable<string> Cases() => ClientSuite.Shovel.Cases("--profile", "default");

    [TestCaseSource(nameof(Cases))]
    public Task Shovel(string name) => RunAsync(ClientSuite.Shovel, name);
}

/// <summary>The same, and a broker that dies under the shovel.</summary>
[TestFixture]
public sealed class ShovelCrashTests() : BrokerFixture(BrokerProfile.Mortal)
{
    private static IEnumerable<string> Cases() => ClientSuite.Shovel.Cases("--profile", "mortal");

    [TestCaseSource(nameof(Cases))]
    public Task Shovel(string name) => RunAsync(ClientSuite.Shovel, name);
}
