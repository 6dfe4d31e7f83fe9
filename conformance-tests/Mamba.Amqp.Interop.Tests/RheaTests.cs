namespace Mamba.Amqp.Interop.Tests;

/// <summary>The rhea cases against a broker as it comes.</summary>
[TestFixture]
[Parallelizable(ParallelScope.Children)]
public sealed class RheaTests() : BrokerFixture(BrokerProfile.Default)
{
    private static IEnumerable<string> Cases() => ClientSuite.Rhea.Cases("--profile", "default");

    [TestCaseSource(nameof(Cases))]
    public Task Rhea(string name) => RunAsync(ClientSuite.Rhea, name);
}

/// <summary>The rhea cases with messages of many mebibytes. One at a time: each needs the machine for itself.</summary>
[TestFixture]
public sealed class RheaLargeMessageTests() : BrokerFixture(BrokerProfile.Large)
{
    private static IEnumerable<string> Cases() => ClientSuite.Rhea.Cases("--profile", "large");

    [TestCaseSource(nameof(Cases))]
    public Task Rhea(string name) => RunAsync(ClientSuite.Rhea, name);
}

/// <summary>The rhea cases against a broker that lets nobody in without credentials.</summary>
[TestFixture]
public sealed class RheaSecuredTests() : BrokerFixture(BrokerProfile.Secured)
{
    private static IEnumerable<string> Cases() => ClientSuite.Rhea.Cases("--profile", "secured");

    [TestCaseSource(nameof(Cases))]
    public Task Rhea(string name) => RunAsync(ClientSuite.Rhea, name);
}

/// <summary>The rhea cases against a broker with rules of who may do what.</summary>
[TestFixture]
[Parallelizable(ParallelScope.Children)]
public sealed class RheaPermissionTests() : BrokerFixture(BrokerProfile.Permissions)
{
    private static IEnumerable<string> Cases() => ClientSuite.Rhea.Cases("--profile", "permissions");

    [TestCaseSource(nameof(Cases))]
    public Task Rhea(string name) => RunAsync(ClientSuite.Rhea, name);
}
