using System.Globalization;
using System.Net;
using Mamba.Broker.Testing;

namespace Mamba.Broker.Server.Tests.Peers;

/// <summary>
/// One broker process for all tests of a fixture, and an honest connection that is open from the beginning and is served
/// after every test. At the end the process is still the one that was started, has logged no fault of its own, and stops in order.
/// </summary>
internal abstract class RunningBroker(params string[] settings)
{
    private TempDirectory? _folder;
    private BrokerProcess? _broker;

    protected BrokerProcess Broker => _broker!;

    protected HonestPeer Honest { get; private set; } = null!;

    protected IPEndPoint Endpoint { get; private set; } = null!;

    [OneTimeSetUp]
    public async Task StartBroker()
    {
        _folder = new TempDirectory();
        var arguments = settings.SelectMany(static s => new[] { "--set", s });
        _broker = await BrokerProcess.StartAsync(_folder["data"], [.. arguments, "--set", "limits.idleTimeout=1 h"]);
        Endpoint = _broker.Amqp;
        Honest = await HonestPeer.ConnectAsync(Endpoint);
    }

    [TearDown]
    public async Task HonestPeerIsServed()
    {
        await Honest.AssertServedAsync();
        Assert.That(Broker.HasExited, Is.False);
    }

    [OneTimeTearDown]
    public async Task StopBroker()
    {
        if (_broker is not null)
        {
            await Honest.DisposeAsync();
            var exitCode = await _broker.StopAsync();
            await _broker.DisposeAsync();
            Assert.That(exitCode, Is.Zero, () => $"{_broker.Output}\n{_broker.Errors}");
            Assert.That(Faults(), Is.Empty, "faults inside the broker");
        }

        _folder?.Dispose();
    }

    /// <summary>The broker's resident memory in bytes.</summary>
    protected long ResidentBytes()
    {
        var line = File.ReadLines($"/proc/{Broker.Id}/status").First(static l => l.StartsWith("VmRSS:", StringComparison.Ordinal));
        return long.Parse(line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[1], CultureInfo.InvariantCulture) * 1024;
    }

    /// <summary>How many messages a queue has for a consumer, taken off it: at least so many are waited for, then the rest is drained.</summary>
    protected async Task<int> TakeAllAsync(string queue, int atLeast)
    {
        await using var peer = await RawPeer.BeginAsync(Endpoint, "counter");
        return await QueueCounter.TakeAllAsync(peer, queue, atLeast);
    }

    private string[] Faults() =>
        [.. $"{_broker!.Output}\n{_broker.Errors}".Split('\n').Where(static l => l.Contains("failed inside the broker", StringComparison.Ordinal))];
}
