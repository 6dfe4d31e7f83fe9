using Mamba.Amqp.Conformance.Running;
using Mamba.Amqp.Conformance.Wire;
using Mamba.Amqp.Transport;
using Mamba.Amqp.Types;

namespace Mamba.Amqp.Conformance.Jms;

/// <summary>What JMS clients over AMQP look for when they connect (JMS mapping, sole-connection 1.0).</summary>
public static class ConnectionCases
{
    private static readonly Symbol Sole = new("sole-connection-for-container");

    [Case("JMS-01", "jms-mapping", "A client id that is in use is refused: open with the marker \"true\", close with invalid-field for container-id, in symbols",
        Traps = "1 2")]
    public static async Task Duplicate(CaseContext c)
    {
        var first = await SoleAsync(c, c.Name());
        var wire = await c.GreetAsync();
        await wire.SendAsync(new Open { ContainerId = first.Local.ContainerId, Hostname = c.Broker.Host, DesiredCapabilities = [Sole] });
        var open = await wire.ExpectAsync<Open>();
        Check.Equal(open.Properties?[new Symbol("amqp:connection-establishment-failed")], "true", "amqp:connection-establishment-failed");
        var close = await wire.ExpectAsync<Close>();
        Check.Condition(close.Error, ErrorCondition.InvalidField);
        Check.Equal(close.Error!.Info?[new Symbol("invalid-field")], new Symbol("container-id"), "invalid-field in the info");
        await first.ProveAliveAsync();
    }

    [Case("JMS-02", "jms-mapping", "A client id is free again after close", Traps = "3")]
    public static async Task FreeAfterClose(CaseContext c)
    {
        var first = await SoleAsync(c, c.Name());
        await first.CloseAsync();
        await SoleAsync(c, first.Local.ContainerId);
    }

    [Case("JMS-03", "jms-mapping", "A client id is free again after its connection was cut", Traps = "3")]
    public static async Task FreeAfterReset(CaseContext c)
    {
        var first = await SoleAsync(c, c.Name());
        first.Wire.Reset();

        // The broker learns of the reset in its own time, so the id is asked for until it is free or the case's time is over.
        while (true)
        {
            var wire = await c.GreetAsync();
            await wire.SendAsync(new Open { ContainerId = first.Local.ContainerId, Hostname = c.Broker.Host, DesiredCapabilities = [Sole] });
            if ((await wire.ExpectAsync<Open>()).Properties?.ContainsKey(new Symbol("amqp:connection-establishment-failed")) != true)
            {
                return;
            }
        }
    }

    [Case("JMS-04", "jms-mapping", "The capabilities JMS clients look for are offered: ANONYMOUS-RELAY, DELAYED_DELIVERY, SHARED-SUBS",
        Traps = "73")]
    public static async Task Capabilities(CaseContext c)
    {
        var offered = (await c.OpenAsync(static open => open.DesiredCapabilities =
            [Sole, "DELAYED_DELIVERY", "ANONYMOUS-RELAY", "SHARED-SUBS"])).Remote.OfferedCapabilities ?? [];
        foreach (var capability in new[] { "ANONYMOUS-RELAY", "DELAYED_DELIVERY", "SHARED-SUBS" })
        {
            Check.That(offered.Contains(new Symbol(capability)), $"{capability} among the offered capabilities, and they are {string.Join(", ", offered)}");
        }
    }

    [Case("JMS-05", "jms-mapping", "Product, version and prefixes in the properties of open are strings", Traps = "15")]
    public static async Task StringProperties(CaseContext c)
    {
        var properties = (await c.OpenAsync()).Remote.Properties;
        foreach (var key in new[] { "product", "version", "platform", "queue-prefix", "topic-prefix" })
        {
            Check.That(properties?[new Symbol(key)] is null or string, $"{key} to be a string or absent");
        }
    }

    [Case("JMS-06", "jms-mapping", "The second session of a connection works like the first: clients keep one for themselves")]
    public static async Task ConnectionSession(CaseContext c)
    {
        var peer = await c.OpenAsync();
        await peer.BeginAsync(0);
        var session = await peer.BeginAsync(1);
        await (await session.SendToAsync(await c.QueueAsync())).SendAcceptedAsync("x");
    }

    [Case("JMS-07", "jms-mapping", "open states max-frame-size, channel-max and container-id, and max-frame-size is the broker's own",
        Traps = "13 14")]
    public static async Task Explicit(CaseContext c)
    {
        var small = (await c.OpenAsync(static open => open.MaxFrameSize = 1024)).Remote;
        var large = (await c.OpenAsync(static open => open.MaxFrameSize = 1_048_576)).Remote;
        Check.Equal(large.MaxFrameSize, small.MaxFrameSize, "max-frame-size whatever the client's is");
        Check.That(large.MaxFrameSize < uint.MaxValue, "a max-frame-size that is stated");
        Check.That(large.ContainerId.Length > 0, "a container-id");
    }

    internal static async Task<Peer> SoleAsync(CaseContext c, string container)
    {
        var peer = await c.OpenAsync(open =>
        {
            open.ContainerId = container;
            open.DesiredCapabilities = [Sole];
        });
        return peer.Remote.OfferedCapabilities?.Contains(Sole) == true
            ? peer
            : throw CaseContext.NotApplicable("the broker does not offer sole-connection-for-container");
    }
}
