using System.Text.Json.Nodes;
using Mamba.Amqp.Conformance.Adapters;
using Mamba.Amqp.Conformance.Running;
using Mamba.Broker.Testing;

namespace Mamba.Amqp.Conformance.Tests;

/// <summary>A Mamba that the suite is run against, with a user and an address that leads nowhere.</summary>
internal sealed class ConformanceBroker : IAsyncDisposable
{
    // A guard against hanging, not a measure: a busy machine may take its time.
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private const string User = "conformance";
    private const string Password = "open sesame";

    private readonly TempDirectory _folder = new();
    private readonly PlainAdapter _adapter = new(missing: "conformance-missing.x");
    private BrokerProcess? _broker;
    private SuiteRunner? _runner;

    /// <param name="unknownAnnotations">The setting links.unknownAnnotations.</param>
    public static async Task<ConformanceBroker> StartAsync(string unknownAnnotations)
    {
        var started = new ConformanceBroker();
        await started.RunAsync(unknownAnnotations);
        return started;
    }

    /// <summary>Runs one case; the broker has to live on.</summary>
    /// <param name="toRun">The case.</param>
    /// <param name="verdict">What is expected of it.</param>
    public async Task RunAsync(ConformanceCase toRun, NUnit.Framework.Constraints.IResolveConstraint verdict)
    {
        var result = await _runner!.RunAsync(toRun);
        var report = $"{toRun.Id} §{toRun.Section} {toRun.Title}\n{result.Detail}\n{string.Join('\n', result.Trace)}";
        Assert.That(result.Verdict, verdict, report);
        Assert.That(_broker!.HasExited, Is.False, () => $"The broker ended:\n{_broker.Output}\n{_broker.Errors}");
    }

    public async ValueTask DisposeAsync()
    {
        if (_broker is not null)
        {
            await _broker.DisposeAsync();
        }

        await _adapter.DisposeAsync();
        _folder.Dispose();
    }

    private async Task RunAsync(string unknownAnnotations)
    {
        var configuration = new JsonObject
        {
            ["limits"] = new JsonObject { ["maxMessageSize"] = 1024 * 1024, ["idleTimeout"] = "16 s" },
            ["links"] = new JsonObject { ["unknownAnnotations"] = unknownAnnotations },
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
        var target = new BrokerTarget("127.0.0.1", _broker.Amqp.Port)
        {
            WebSocket = new Uri($"ws://127.0.0.1:{_broker.Console.Port}/amqp"),
            User = User,
            Password = Password,
            Anonymous = true,
        };
        _runner = new SuiteRunner(target, _adapter, Patience);
    }
}
