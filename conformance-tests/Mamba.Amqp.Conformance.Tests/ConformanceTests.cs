using System.Text.Json.Nodes;
using Mamba.Amqp.Conformance.Adapters;
using Mamba.Amqp.Conformance.Running;
using Mamba.Broker.Testing;

namespace Mamba.Amqp.Conformance.Tests;

/// <summary>Every case of the suite against a Mamba of its own. A case that is not applicable has to be one that is named here.</summary>
[TestFixture]
[Parallelizable(ParallelScope.All)]
public sealed class ConformanceTests
{
    // A guard against hanging, not a measure: a busy machine may take its time.
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private const string User = "conformance";
    private const string Password = "open sesame";

    private TempDirectory? _folder;
    private BrokerProcess? _broker;
    private PlainAdapter? _adapter;
    private SuiteRunner? _runner;

    /// <summary>What Mamba need not offer: the case is passed or not applicable. All others have to be passed.</summary>
    private static IReadOnlyList<string> Optional { get; } =
    [
        // The source of a queue ends when its link detaches; only subscriptions outlive their links.
        "DISPOSITION-05", "TERMINUS-12",

        // Mechanisms that are not offered.
        "SCRAM-03", "TRAP-07",
    ];

    /// <summary>Where Mamba knowingly does something else than the specification says. A test fails when one of them is mended.</summary>
    private static IReadOnlyList<string> Deviations { get; } =
    [
        // Annotations with reserved names are forwarded like all others: no known broker refuses them, and applications send them.
        "SECTION-12",
    ];

    private static IEnumerable<TestCaseData> Cases() => ConformanceCase.All.Select(static c => new TestCaseData(c).SetArgDisplayNames(c.Id));

    [OneTimeSetUp]
    public async Task StartBroker()
    {
        _folder = new TempDirectory();
        var configuration = new JsonObject
        {
            ["limits"] = new JsonObject { ["maxMessageSize"] = 1024 * 1024, ["idleTimeout"] = "16 s" },
            ["addresses"] = new JsonObject
            {
                ["rules"] = new JsonArray(new JsonObject { ["pattern"] = "conformance-missing.#", ["autoCreate"] = false }),
            },
        };
        await File.WriteAllTextAsync(_folder["mamba.json"], configuration.ToJsonString());
        await using (var adding = await BrokerProcess.RunAsync(["user", "add", User, "--data", _folder["data"]], input: $"{Password}\n"))
        {
            Assert.That(adding.ExitCode, Is.Zero, () => $"The user could not be added:\n{adding.Output}\n{adding.Errors}");
        }

        _broker = await BrokerProcess.StartAsync(_folder["data"], "--config", _folder["mamba.json"]);
        _adapter = new PlainAdapter(missing: "conformance-missing.x");
        var target = new BrokerTarget("127.0.0.1", _broker.Amqp.Port)
        {
            WebSocket = new Uri($"ws://127.0.0.1:{_broker.Console.Port}/amqp"),
            User = User,
            Password = Password,
            Anonymous = true,
        };
        _runner = new SuiteRunner(target, _adapter, Patience);
    }

    [OneTimeTearDown]
    public async Task StopBroker()
    {
        if (_broker is not null)
        {
            await _broker.DisposeAsync();
        }

        if (_adapter is not null)
        {
            await _adapter.DisposeAsync();
        }

        _folder?.Dispose();
    }

    [TestCaseSource(nameof(Cases))]
    public async Task Case(ConformanceCase toRun)
    {
        var result = await _runner!.RunAsync(toRun);
        var report = $"{toRun.Id} §{toRun.Section} {toRun.Title}\n{result.Detail}\n{string.Join('\n', result.Trace)}";
        Assert.That(result.Verdict, Allowed(toRun.Id), report);
        Assert.That(_broker!.HasExited, Is.False, () => $"The broker ended:\n{_broker.Output}\n{_broker.Errors}");
    }

    private static NUnit.Framework.Constraints.IResolveConstraint Allowed(string id) =>
        Deviations.Contains(id) ? Is.EqualTo(Verdict.Fail)
        : Optional.Any(o => id.StartsWith(o, StringComparison.Ordinal)) ? Is.EqualTo(Verdict.Pass).Or.EqualTo(Verdict.NotApplicable)
        : Is.EqualTo(Verdict.Pass);
}
