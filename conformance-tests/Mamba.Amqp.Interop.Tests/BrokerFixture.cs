using System.Text.Json.Nodes;
using Mamba.Broker.Testing;

namespace Mamba.Amqp.Interop.Tests;

/// <summary>
/// A broker process shared by the cases of one fixture, with TLS certificates and one user of its own, and the target file
/// that tells a suite's runner where it is. Cases use addresses nobody else uses, so they may run at the same time.
/// </summary>
public abstract class BrokerFixture(BrokerProfile profile)
{
    internal const string User = "interop";
    private const string Password = "correct horse, battery=staple";

    /// <summary>What Azure's clients connect with, in the profiles that take it.</summary>
    internal static JsonObject SharedAccessKey() => new() { ["name"] = "app", ["key"] = "a-shared-key-of-these-cases" };

    private TempDirectory? _folder;
    private BrokerProcess? _broker;

    /// <summary>The target file: host, ports, credentials, certificates and limits (see conformance-tests/rhea/README.md).</summary>
    protected string TargetFile => _folder!["target.json"];

    [OneTimeSetUp]
    public async Task StartBroker()
    {
        _folder = new TempDirectory();
        Certificates.Write(_folder.FullPath, User);
        var configuration = _folder["mamba.json"];
        await File.WriteAllTextAsync(configuration, profile.Configuration(_folder.FullPath).ToJsonString());
        await AddUserAsync(_folder["data"]);
        _broker = await BrokerProcess.StartAsync(_folder["data"], "--config", configuration, "--amqps", "127.0.0.1:0", "--secure-console", "127.0.0.1:0");
        await File.WriteAllTextAsync(TargetFile, Target(_broker, _folder).ToJsonString());
    }

    [OneTimeTearDown]
    public async Task StopBroker()
    {
        if (_broker is not null)
        {
            var exitCode = await _broker.StopAsync();
            await _broker.DisposeAsync();
            Assert.That(exitCode, Is.Zero, () => $"The broker did not stop in good order:\n{_broker.Output}\n{_broker.Errors}");
        }

        _folder?.Dispose();
    }

    /// <summary>Runs one case of a suite against this fixture's broker.</summary>
    protected async Task RunAsync(ClientSuite suite, string name)
    {
        await suite.RunAsync(name, TargetFile, () => $"{_broker!.Output}{_broker.Errors}", ControlAsync);
        Assert.That(_broker!.HasExited, Is.False, () => $"The broker ended:\n{_broker.Output}\n{_broker.Errors}");
    }

    /// <summary>Kills the broker, or starts it again on the same ports: only where the cases of a fixture run one at a time.</summary>
    private async Task ControlAsync(string command)
    {
        Assert.That(profile.IsMortal, Is.True, $"A case of the profile {profile.Name} asked to {command} the broker.");
        switch (command)
        {
            case "kill":
                await _broker!.KillAsync();
                break;
            case "start":
                var dead = _broker!;
                _broker = await dead.RestartAsync();
                await dead.DisposeAsync();
                break;
            default:
                throw new ArgumentException($"A case asked to {command} the broker; it may be asked to kill or start.", nameof(command));
        }
    }

    private static async Task AddUserAsync(string data)
    {
        await using var adding = await BrokerProcess.RunAsync(["user", "add", User, "--data", data], input: $"{Password}\n");
        Assert.That(adding.ExitCode, Is.Zero, () => $"The user could not be added:\n{adding.Output}\n{adding.Errors}");
    }

    private JsonObject Target(BrokerProcess broker, TempDirectory folder) => new()
    {
        ["brokerKind"] = "mamba",
        ["profile"] = profile.Name,
        ["host"] = "127.0.0.1",
        ["port"] = broker.Amqp.Port,
        ["tlsPort"] = broker.Amqps.Port,
        ["wsPort"] = broker.Console.Port,
        ["wssPort"] = broker.SecureConsole.Port,
        ["wsPath"] = "/amqp",
        ["caFile"] = folder["ca.pem"],
        ["user"] = User,
        ["password"] = Password,
        ["wrongPassword"] = "incorrect",
        ["sharedAccessKey"] = SharedAccessKey(),
        ["clientCertificate"] = folder["client.pem"],
        ["clientKey"] = folder["client.key"],
        ["anonymous"] = profile.AllowsAnonymous,
        ["limits"] = new JsonObject { ["maxMessageSize"] = profile.MaxMessageSize },
    };
}
