using Mamba.Amqp.Conformance.Running;
using Mamba.Amqp.Conformance.Wire;
using Mamba.Amqp.Messaging;
using Mamba.Amqp.Transport;
using Mamba.Amqp.Types;

namespace Mamba.Amqp.Conformance.Transport;

/// <summary>Opening a connection (AMQP 1.0 §2.4.1, §2.7.1).</summary>
public static class OpenCases
{
    [Case("OPEN-01", "2.7.1", "The broker's first frame is open, on channel 0, with a container-id",
        Covers = "transport.2.7.1-1 transport.2.2-2")]
    public static async Task First(CaseContext c)
    {
        var wire = await c.GreetAsync();
        await wire.SendAsync(new Open { ContainerId = c.Name(), Hostname = c.Broker.Host });
        var frame = Check.Present(await wire.NextAsync(), "a frame");
        var open = Check.Is<Open>(frame.Body, "the first frame");
        Check.Equal(frame.Channel, (ushort)0);
        Check.That(open.ContainerId.Length > 0, "a container-id that is not empty");
    }

    [Case("OPEN-02", "2.7.1", "An open of nothing but its container-id is taken")]
    public static async Task Minimal(CaseContext c)
    {
        var wire = await c.GreetAsync();
        await wire.SendBytesAsync(Raw.Frame(Raw.Composite(Open.Descriptor, c.Name())), "open{container-id}");
        await wire.ExpectAsync<Open>();
    }

    [Case("OPEN-03", "2.7.1", "An open with every field, with unknown capabilities and properties, is taken", Covers = "transport.2.7.1-8")]
    public static async Task Everything(CaseContext c)
    {
        var peer = await c.OpenAsync(open =>
        {
            open.IdleTimeOut = 600_000;
            open.OutgoingLocales = ["en-US"];
            open.IncomingLocales = ["en-US"];
            open.OfferedCapabilities = ["conformance:unknown-offer"];
            open.DesiredCapabilities = ["conformance:unknown-wish", "conformance:another"];
            open.Properties = new AmqpMap { [new Symbol("product")] = "conformance", [new Symbol("nested")] = new AmqpMap { ["a"] = 1 } };
        });
        await peer.CloseAsync();
    }

    [Case("OPEN-04", "2.7.1", "Locales of other languages are taken: en-US is always there", Covers = "transport.2.7.1-8")]
    public static async Task OtherLocales(CaseContext c)
    {
        var peer = await c.OpenAsync(open =>
        {
            open.OutgoingLocales = ["de-AT", "fr-FR"];
            open.IncomingLocales = ["de-AT", "fr-FR"];
        });
        await peer.CloseAsync();
    }

    [Case("OPEN-05", "2.7.1", "A capability that nobody offers but somebody wishes for does not end the connection")]
    public static async Task UnknownWish(CaseContext c)
    {
        var peer = await c.OpenAsync(open => open.DesiredCapabilities = ["conformance:unknown-wish"]);
        Check.That(
            peer.Remote.OfferedCapabilities?.Contains(new Symbol("conformance:unknown-wish")) != true, "the broker not to offer what it does not know");
        await peer.ProveAliveAsync();
    }

    [Case("OPEN-06", "2.7.1", "An open without its mandatory container-id closes the connection with an error")]
    public static async Task WithoutContainer(CaseContext c)
    {
        var wire = await c.GreetAsync();
        await wire.SendBytesAsync(Raw.Frame(Raw.Composite(Open.Descriptor, null, "host")), "open{hostname} without container-id");
        await RefusedOpenAsync(wire);
    }

    [Case("OPEN-07", "2.4.6", "A second open closes the connection with an error")]
    public static async Task Twice(CaseContext c)
    {
        var peer = await c.OpenAsync();
        await peer.Wire.SendAsync(new Open { ContainerId = c.Name() });
        await Peer.ExpectCloseAsync(peer.Wire);
    }

    [Case("OPEN-08", "2.7.1", "The broker's container-id is the same on every connection")]
    public static async Task StableContainer(CaseContext c)
    {
        var first = await c.OpenAsync();
        var second = await c.OpenAsync();
        Check.Equal(second.Remote.ContainerId, first.Remote.ContainerId);
    }

    [Case("OPEN-09", "2.4.2", "Open, begin and attach may be sent without waiting for answers, in one segment", Traps = "10")]
    public static async Task Pipelined(CaseContext c)
    {
        var queue = await c.QueueAsync();
        var wire = await c.GreetAsync();
        var attach = new Attach
        {
            Name = c.Name(),
            Role = Role.Sender,
            InitialDeliveryCount = 0,
            Source = new Source(),
            Target = new Target { Address = queue },
        };
        await wire.SendTogetherAsync(
            (0, new Open { ContainerId = c.Name(), Hostname = c.Broker.Host }), (0, new Begin { IncomingWindow = 10, OutgoingWindow = 10 }), (0, attach));
        await wire.ExpectAsync<Open>();
        await wire.ExpectAsync<Begin>();
        Check.Present((await wire.ExpectAsync<Attach>()).Target, "a target in the attach");
    }

    [Case("OPEN-10", "2.4.3", "Open and close in one segment are answered with open and close", Covers = "transport.2.4.3-6")]
    public static async Task OpenAndClose(CaseContext c)
    {
        var wire = await c.GreetAsync();
        await wire.SendTogetherAsync((0, new Open { ContainerId = c.Name(), Hostname = c.Broker.Host }), (0, new Close()));
        await wire.ExpectAsync<Open>();
        var close = await wire.ExpectFrameAsync<Close>();
        Check.NoError(((Close)close.Body!).Error);
        Check.Equal(close.Channel, (ushort)0);
    }

    [Case("OPEN-11", "2.7.1", "A channel above the broker's channel-max closes the connection with framing-error",
        Covers = "transport.2.7.1-7")]
    public static async Task ChannelAboveLimit(CaseContext c)
    {
        var peer = await c.OpenAsync(open => open.ChannelMax = 7);
        if (peer.Remote.ChannelMax == ushort.MaxValue)
        {
            throw CaseContext.NotApplicable("the broker takes every channel number");
        }

        await peer.Wire.SendAsync(new Begin { IncomingWindow = 10, OutgoingWindow = 10 }, (ushort)(peer.Remote.ChannelMax + 1));
        await Peer.ExpectCloseAsync(peer.Wire, ErrorCondition.FramingError);
    }

    [Case("OPEN-12", "2.7.1", "The broker uses no channel above the client's channel-max", Covers = "transport.2.7.1-6")]
    public static async Task OwnChannels(CaseContext c)
    {
        var peer = await c.OpenAsync(open => open.ChannelMax = 1);
        var first = await peer.BeginAsync(1);
        var second = await peer.BeginAsync(0);
        Check.That(first.RemoteChannel <= 1 && second.RemoteChannel <= 1, $"channels 0 and 1, and {first.RemoteChannel} and {second.RemoteChannel} came");
    }

    [Case("OPEN-13", "2.7.1", "The broker's channel-max is its own: a client's 0 allows one session")]
    public static async Task OneChannel(CaseContext c)
    {
        var session = await c.BeginAsync(open => open.ChannelMax = 0);
        Check.Equal(session.RemoteChannel, (ushort)0);
        await session.EndAsync();
    }

    [Case("OPEN-14", "2.7.1", "A max-frame-size below 512 is refused")]
    public static async Task TinyFrames(CaseContext c)
    {
        var wire = await c.GreetAsync();
        await wire.SendAsync(new Open { ContainerId = c.Name(), Hostname = c.Broker.Host, MaxFrameSize = 511 });
        if (await wire.NextAsync("a refusal") is { } frame && frame.Body is not Close)
        {
            Check.Is<Open>(frame.Body, "the frame before the refusal");
            Check.Is<Close>(Check.Present(await wire.NextAsync("close"), "close").Body, "the refusal");
        }
    }

    [Case("OPEN-15", "2.4.2", "An open that is followed by nothing is answered at once")]
    public static async Task OpenAlone(CaseContext c) => await (await c.OpenAsync()).CloseAsync();

    [Case("OPEN-16", "2.7.1", "A hostname may be absent")]
    public static async Task NoHostname(CaseContext c) => await (await c.OpenAsync(static open => open.Hostname = null)).CloseAsync();

    [Case("OPEN-17", "2.7.1", "A container-id of other scripts and of 200 characters is taken")]
    public static async Task UnicodeContainer(CaseContext c) =>
        await (await c.OpenAsync(open => open.ContainerId = $"контейнер-容器-{new string('z', 200)}-{c.Name()}")).CloseAsync();

    /// <summary>Open may or may not come before the close that refuses it; an error must.</summary>
    private static async Task RefusedOpenAsync(AmqpWire wire)
    {
        var frame = Check.Present(await wire.NextAsync("open or close"), "open or close");
        if (frame.Body is Open)
        {
            frame = Check.Present(await wire.NextAsync("close"), "close");
        }

        Check.Condition(Check.Is<Close>(frame.Body, "the refusal").Error);
    }
}
