using System.Net;
using Mamba.Broker.Server.Tests.Peers;
using Mamba.Broker.Testing;

namespace Mamba.Broker.Server.Tests.Durability;

/// <summary>A broker of one test, over one data directory and more than one process.</summary>
internal sealed class BrokerLife : IAsyncDisposable
{
    private readonly OwnBroker _own;

    private BrokerLife(OwnBroker own) => _own = own;

    public BrokerProcess Broker => _own.Process;

    public IPEndPoint Endpoint => _own.Endpoint;

    public static async Task<BrokerLife> StartAsync(params string[] settings) =>
        new(await OwnBroker.StartAsync(["--set", "stop.timeout=1 s", .. settings.SelectMany(static setting => new[] { "--set", setting })]));

    /// <summary>kill -9, and another process over what is on disk.</summary>
    public Task KillAndRestartAsync() => _own.KillAndRestartAsync();

    public Task RestartAsync() => _own.RestartAsync();

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

    public ValueTask DisposeAsync() => _own.DisposeAsync();
}
