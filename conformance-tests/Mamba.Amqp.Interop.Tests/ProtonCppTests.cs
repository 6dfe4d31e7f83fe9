namespace Mamba.Amqp.Interop.Tests;

/// <summary>Qpid Proton for C++, the Debian package, against a broker as it comes.</summary>
[TestFixture]
[Parallelizable(ParallelScope.Children)]
public sealed class ProtonCppTests() : BrokerFixture(BrokerProfile.Default)
{
    private static IEnumerable<string> Cases() => ClientSuite.Cpp.Cases("--profile", "default");

    [TestCaseSource(nameof(Cases))]
    public Task Cpp(string name) => RunAsync(ClientSuite.Cpp, name);
}

/// <summary>The same client and a broker that dies under it.</summary>
[TestFixture]
public sealed class ProtonCppCrashTests() : BrokerFixture(BrokerProfile.Mortal)
{
    private static IEnumerable<string> Cases() => ClientSuite.Cpp.Cases("--profile", "mortal");

    [TestCaseSource(nameof(Cases))]
    public Task Cpp(string name) => RunAsync(ClientSuite.Cpp, name);
}
