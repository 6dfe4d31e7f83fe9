using Mamba.Amqp.Messaging;
using Mamba.Broker.Server.Tests.Peers;

namespace Mamba.Broker.Server.Tests.Management;

/// <summary>A running broker, and for each test a connection to its management node and another one that publishes.</summary>
internal abstract class ManagedBroker(params string[] settings) : RunningBroker(settings)
{
    private static int _number;

    private RawPeer? _producer;
    private uint _links;
    private uint _published;

    protected ManagementPeer Peer { get; private set; } = null!;

    [SetUp]
    public async Task Connect() => Peer = await ManagementPeer.ConnectAsync(Endpoint);

    [TearDown]
    public async Task Disconnect()
    {
        await Peer.DisposeAsync();
        if (_producer is not null)
        {
            await _producer.DisposeAsync();
        }

        (_producer, _links, _published) = (null, 0, 0);
    }

    /// <summary>A name no other test uses.</summary>
    protected static string Unique(string what) => $"{what}-{Interlocked.Increment(ref _number)}";

    /// <summary>Attaches one more link that publishes; it stays until the test's end.</summary>
    protected async Task AttachProducerAsync(string address)
    {
        _producer ??= await RawPeer.BeginAsync(Endpoint);
        await _producer.AttachSenderAsync(_links++, address);
    }

    /// <summary>Publishes on the link attached last, and waits for the outcome.</summary>
    protected Task<DeliveryState?> PublishAsync(byte[] message) => _producer!.PublishAsync(_links - 1, _published++, message);

    /// <summary>Sends messages to a queue; its link stays.</summary>
    protected async Task PublishAsync(string queue, int count)
    {
        await AttachProducerAsync(queue);
        for (var i = 0; i < count; i++)
        {
            Assert.That(await PublishAsync(Frames.Message($"m{i}", durable: true)), Is.TypeOf<Accepted>());
        }
    }
}
