using System.Net;
using Mamba.Broker.Server.Tests.Peers;
using Mamba.Broker.Testing;

namespace Mamba.Broker.Server.Tests.Durability;

/// <summary>A broker of one test, over one data directory and more than one process.</summary>
internal sealed class BrokerLife : IAsyncDisposable
{
    private readonly TempDirectory _folder;

    private BrokerLife(TempDirectory folder, BrokerProcess broker)
    {
        _folder = folder;
        Broker = broker;
    }

    public BrokerProcess Broker { get; private set; }

    public IPEndPoint Endpoint => Broker.Amqp;

    public static async Task<BrokerLife> StartAsync(params string[] settings)
    {
        var folder = new TempDirectory();
        string[] arguments = ["--set", "stop.timeout=1 s", .. settings.SelectMany(static setting => new[] { "--set", setting })];
        return new BrokerLife(folder, await BrokerProcess.StartAsync(folder["data"], arguments));
    }

    /// <summary>kill -9, and another process over what is on disk.</summary>
    public async Task KillAndRestartAsync()
    {
        await Broker.KillAsync();
        await RestartAsync();
    }

    public async Task RestartAsync()
    {
        var ended = Broker;
        Broker = await ended.RestartAsync();
        await ended.DisposeAsync();
    }

    /// <summary>What a queue holds, taken off it, oldest first.</summary>
    public async Task<List<ReceivedMessage>> DrainAsync(string queue, int atLeast = 0)
    {
        await using var peer = await RawPeer.BeginAsync(Endpoint);
        return await QueueCounter.DrainAsync(peer, queue, atLeast);
    }

    /// <summary>Sends durable messages to a node and waits until all are accepted.</summary>
    public async Task PublishAsync(string address, params string[] bodies)
    {
        await using var peer = await RawPeer.BeginAsync(Endpoint);
        await peer.AttachSenderAsync(0, address);
        for (var i = 0; i < bodies.Length; i++)
        {
            Assert.That(await peer.PublishAsync(0, (uint)i, Frames.Message(bodies[i], durable: true)), Is.InstanceOf<Amqp.Messaging.Accepted>());
        }

        await peer.CloseAsync();
    }

    public async ValueTask DisposeAsync()
    {
        await Broker.DisposeAsync();
        _folder.Dispose();
    }
}
