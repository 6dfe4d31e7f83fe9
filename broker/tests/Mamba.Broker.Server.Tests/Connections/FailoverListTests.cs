using Mamba.Amqp.Transport;
using Mamba.Amqp.Types;
using Mamba.Broker.Server.Tests.Peers;

namespace Mamba.Broker.Server.Tests.Connections;

/// <summary>The brokers that open tells clients of, in the form that Qpid JMS reads.</summary>
[TestFixture]
internal sealed class FailoverListTests() : RunningBroker("connections.failoverServers=amqp://second.example,amqpwss://third.example:8443/amqp")
{
    private static readonly Symbol List = new("failover-server-list");
    private static readonly Symbol Sole = new("sole-connection-for-container");

    [TestCase(false)]
    [TestCase(true)]
    public async Task Open_has_a_list_of_maps_with_symbols_as_keys(bool sole)
    {
        var properties = await OpenAsync(uint.MaxValue, sole);
        var servers = ((List<object?>)properties[List]!).Cast<AmqpMap>().ToList();
        Assert.That(servers.Select(Entries), Is.EqualTo(new[]
        {
            new (object, object?)[] { (new Symbol("network-host"), "second.example"), (new Symbol("port"), 5672), (new Symbol("scheme"), "amqp") },
            [(new Symbol("network-host"), "third.example"), (new Symbol("port"), 8443), (new Symbol("scheme"), "amqpwss"), (new Symbol("path"), "/amqp")],
        }));
        Assert.That(properties.ContainsKey(new Symbol("sole-connection-detection-policy")), Is.EqualTo(sole));
    }

    [Test]
    public async Task A_peer_with_small_frames_gets_an_open_that_fits()
    {
        var properties = await OpenAsync(512, sole: false);
        Assert.That(properties.ContainsKey(List), Is.False);
        Assert.That(properties[new Symbol("product")], Is.EqualTo("Mamba"));
    }

    private static List<(object, object?)> Entries(AmqpMap map) => [.. map.Select(static entry => ((object)entry.Key!, entry.Value))];

    private async Task<AmqpMap> OpenAsync(uint maxFrameSize, bool sole)
    {
        await using var peer = await RawPeer.ConnectAsync(Endpoint);
        await peer.SendAsync(Frames.AmqpHeader, Frames.Of(new Open
        {
            ContainerId = $"peer-{maxFrameSize}-{sole}", MaxFrameSize = maxFrameSize, DesiredCapabilities = sole ? [Sole] : null,
        }));
        await peer.ReadHeaderAsync(Frames.AmqpHeader);
        var open = await peer.NextAsync<Open>();
        await peer.CloseAsync();
        return open.Properties!;
    }
}

/// <summary>Without the setting there is no list, which clients would take for one without servers.</summary>
[TestFixture]
internal sealed class NoFailoverListTests() : RunningBroker
{
    [Test]
    public async Task Open_has_no_list()
    {
        await using var peer = await RawPeer.ConnectAsync(Endpoint);
        await peer.SendAsync(Frames.AmqpHeader, Frames.Open());
        await peer.ReadHeaderAsync(Frames.AmqpHeader);
        Assert.That((await peer.NextAsync<Open>()).Properties!.ContainsKey(new Symbol("failover-server-list")), Is.False);
        await peer.CloseAsync();
    }
}
