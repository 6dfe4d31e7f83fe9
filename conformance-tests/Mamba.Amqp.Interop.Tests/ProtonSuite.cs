namespace Mamba.Amqp.Interop.Tests;

/// <summary>Qpid Proton for Python, the Debian package, against a broker as it comes.</summary>
[TestFixture]
[Parallelizable(ParallelScope.All)]
public sealed class ProtonSuite() : BrokerFixture(BrokerProfile.Default)
{
    /// <summary>Proton's cases; /usr/bin/python3 is the interpreter Debian's packages belong to.</summary>
    internal static ClientSuite Suite { get; } = new(
        "Proton", "/usr/bin/python3", "conformance-tests/proton/run.py", "/usr/lib/python3/dist-packages/proton",
        "Run: apt-get install -y python3-qpid-proton");

    public static IEnumerable<string> DefaultCases => Suite.Cases("--profile", BrokerProfile.Default.Name);

    [TestCaseSource(nameof(DefaultCases))]
    public Task Case(string name) => RunAsync(Suite, name);
}

/// <summary>The same client and messages of 64 MiB, the broker's limit raised.</summary>
[TestFixture]
public sealed class ProtonLargeMessages() : BrokerFixture(BrokerProfile.Large)
{
    public static IEnumerable<string> LargeCases => ProtonSuite.Suite.Cases("--profile", BrokerProfile.Large.Name);

    [TestCaseSource(nameof(LargeCases))]
    public Task Case(string name) => RunAsync(ProtonSuite.Suite, name);
}

/// <summary>The same client and a broker that lets nobody in without credentials.</summary>
[TestFixture]
public sealed class ProtonSecured() : BrokerFixture(BrokerProfile.Secured)
{
    public static IEnumerable<string> SecuredCases => ProtonSuite.Suite.Cases("--profile", BrokerProfile.Secured.Name);

    [TestCaseSource(nameof(SecuredCases))]
    public Task Case(string name) => RunAsync(ProtonSuite.Suite, name);
}

/// <summary>The same client and a broker with rules of who may do what.</summary>
[TestFixture]
[Parallelizable(ParallelScope.All)]
public sealed class ProtonPermissions() : BrokerFixture(BrokerProfile.Permissions)
{
    public static IEnumerable<string> PermissionCases => ProtonSuite.Suite.Cases("--profile", BrokerProfile.Permissions.Name);

    [TestCaseSource(nameof(PermissionCases))]
    public Task Case(string name) => RunAsync(ProtonSuite.Suite, name);
}
