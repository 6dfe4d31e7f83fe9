using Mamba.Amqp.Conformance.Running;
using Mamba.Amqp.Conformance.Wire;
using Mamba.Amqp.Messaging;
using Mamba.Amqp.Transport;
using Mamba.Amqp.Types;

namespace Mamba.Amqp.Conformance.Transport;

/// <summary>Framing (AMQP 1.0 §2.3).</summary>
public static class FrameCases
{
    [Case("FRAME-01", "2.3.1", "An extended header is skipped")]
    public static async Task ExtendedHeader(CaseContext c)
    {
        var wire = await c.GreetAsync();
        await wire.SendBytesAsync(Raw.Frame(MakeOpen(c), doff: 4, extended: [1, 2, 3, 4, 5, 6, 7, 8]));
        await wire.ExpectAsync<Open>();
    }

    [Case("FRAME-02", "2.3.1", "An extended header of the greatest size (doff 255) is skipped")]
    public static async Task LargestExtendedHeader(CaseContext c)
    {
        var peer = await c.OpenAsync();
        if (peer.Remote.MaxFrameSize < 2048)
        {
            throw CaseContext.NotApplicable("the broker's max-frame-size has no room for it");
        }

        var begin = Raw.Encode(new Begin { IncomingWindow = 10, OutgoingWindow = 10 });
        await peer.Wire.SendBytesAsync(Raw.Frame(begin, doff: 255, extended: new byte[(255 * 4) - 8]));
        await peer.Wire.ExpectAsync<Begin>();
    }

    [Case("FRAME-03", "2.3.1", "A data offset below 2 is malformed: the connection is closed with an error")]
    public static Task SmallOffset(CaseContext c) => BrokenAsync(c, open => Raw.Frame(open, doff: 1));

    [Case("FRAME-04", "2.3.1", "A size below 8 is malformed: the connection is closed with an error")]
    public static Task SmallSize(CaseContext c) => BrokenAsync(c, open => Raw.Frame(open, size: 7));

    [Case("FRAME-05", "2.3.1", "A data offset behind the end of the frame is malformed: the connection is closed with an error")]
    public static Task OffsetBehindTheEnd(CaseContext c) => BrokenAsync(c, static _ => Raw.Frame([], doff: 3));

    [Case("FRAME-06", "2.3.1", "A frame of unknown type closes the connection with an error")]
    public static Task UnknownType(CaseContext c) => BrokenAsync(c, static open => Raw.Frame(open, type: 0x77));

    [Case("FRAME-07", "2.3.1", "A SASL frame behind the AMQP header closes the connection with an error")]
    public static Task SaslBehindAmqp(CaseContext c) => BrokenAsync(c, static open => Raw.Frame(open, type: 1));

    [Case("FRAME-08", "2.4.5", "Empty frames are taken at any time and change nothing")]
    public static async Task Empty(CaseContext c)
    {
        var wire = await c.GreetAsync();
        await wire.SendBytesAsync(Raw.EmptyFrame(), "(empty frame)");
        await wire.SendAsync(new Open { ContainerId = c.Name(), Hostname = c.Broker.Host });
        await wire.ExpectAsync<Open>();
        await wire.SendBytesAsync([.. Raw.EmptyFrame(), .. Raw.EmptyFrame()], "(two empty frames)");
        await wire.SendAsync(new Begin { IncomingWindow = 10, OutgoingWindow = 10 });
        await wire.ExpectAsync<Begin>();
    }

    [Case("FRAME-09", "2.3.1", "Every frame of the broker has the size that its header says, across open, transfer and close",
        Covers = "transport.2.3.1-1")]
    public static async Task Sizes(CaseContext c)
    {
        var session = await c.BeginAsync();
        var queue = await c.QueueAsync();
        await (await session.SendToAsync(queue)).SendAcceptedAsync(new string('x', 3000));
        await (await session.ReceiveFromAsync(queue)).TakeAsync();
        await session.EndAsync();
        await session.Peer.CloseAsync();
    }

    [Case("FRAME-10", "2.3", "A frame may come byte by byte")]
    public static async Task ByteByByte(CaseContext c)
    {
        var wire = await c.GreetAsync();
        foreach (var b in Raw.Frame(MakeOpen(c)))
        {
            await wire.SendBytesAsync([b]);
        }

        await wire.ExpectAsync<Open>();
    }

    [Case("FRAME-11", "2.3.2", "A frame body that is no performative closes the connection with an error", Covers = "transport.2.3.2-1")]
    public static Task UnknownPerformative(CaseContext c) => BrokenAfterOpenAsync(c, Raw.Composite(0x77));

    [Case("FRAME-12", "2.3.2", "A frame body that is not a described type closes the connection with an error",
        Covers = "transport.2.3.2-1")]
    public static Task NotDescribed(CaseContext c) => BrokenAfterOpenAsync(c, Raw.List32("no", "performative"));

    [Case("FRAME-13", "2.3.2", "A message section as frame body closes the connection with an error", Covers = "transport.2.3.2-1")]
    public static Task SectionAsPerformative(CaseContext c) => BrokenAfterOpenAsync(c, Raw.Encode(AmqpMessage.FromValue("x")));

    [Case("FRAME-14", "1.6.22", "A performative whose list is longer than its frame closes the connection with an error")]
    public static Task Truncated(CaseContext c) => BrokenAfterOpenAsync(c, [0x00, 0x53, 0x11, 0xd0, 0, 0, 1, 0, 0, 0, 0, 4, 0x40]);

    [Case("FRAME-15", "1.6", "A value with an unknown format code closes the connection with an error")]
    public static Task UnknownFormatCode(CaseContext c) =>
        BrokenAfterOpenAsync(c, Raw.Composite(0x11, null, new Verbatim(0x3f), 10u, 10u));

    [Case("FRAME-16", "1.4", "A field of another type than the specification's closes the connection or ends the session with an error")]
    public static async Task WrongFieldType(CaseContext c)
    {
        var peer = await c.OpenAsync();
        await peer.SendRawAsync(Begin.Descriptor, "begin with next-outgoing-id as string", null, "zero", 10u, 10u);
        await Peer.ExpectCloseAsync(peer.Wire);
    }

    [Case("FRAME-17", "2.7.1", "A frame above the broker's max-frame-size closes the connection with framing-error",
        Covers = "transport.2.7.1-4")]
    public static async Task Oversized(CaseContext c)
    {
        var session = await c.BeginAsync();
        var limit = session.Peer.Remote.MaxFrameSize;
        if (limit == uint.MaxValue)
        {
            throw CaseContext.NotApplicable("the broker announces no max-frame-size");
        }

        var size = limit + 1;
        var begin = Raw.Frame(new byte[Math.Min(size - 8, 1024 * 1024)], size: size);
        await session.Wire.SendBytesAsync(begin, $"the first {begin.Length} bytes of a frame of {size} bytes");
        await Peer.ExpectCloseAsync(session.Wire, ErrorCondition.FramingError);
    }

    [Case("FRAME-18", "2.7.1", "A frame of 512 bytes is taken before the limits are known", Covers = "transport.2.7.1-5")]
    public static async Task MinimumFrame(CaseContext c)
    {
        var wire = await c.GreetAsync();
        var open = new Open { ContainerId = c.Name(), Hostname = c.Broker.Host };
        open.Properties = new AmqpMap { [new Symbol("pad")] = new string('x', 300) };
        open.Properties[new Symbol("pad")] = new string('x', 300 + 512 - Raw.Frame(open).Length);
        Check.That(Raw.Frame(open).Length == 512, "the suite to make a frame of 512 bytes");
        await wire.SendAsync(open);
        await wire.ExpectAsync<Open>();
    }

    [Case("FRAME-19", "2.7.1", "The broker's max-frame-size is 512 or more")]
    public static async Task BrokerLimit(CaseContext c) => Check.That((await c.OpenAsync()).Remote.MaxFrameSize >= 512, "max-frame-size of 512 or more");

    [Case("FRAME-20", "2.7.1", "With a max-frame-size of 512 no frame of the broker is larger, and messages come whole",
        Covers = "transport.2.7.1-3")]
    public static async Task SmallFrames(CaseContext c)
    {
        var session = await c.BeginAsync(open => open.MaxFrameSize = 512);
        var queue = await c.QueueAsync();
        var body = new string('y', 5000);
        await (await session.SendToAsync(queue)).SendAcceptedAsync(body);
        var delivery = await (await session.ReceiveFromAsync(queue)).TakeAsync();
        Check.Equal(delivery.Value, body);
        Check.That(session.Wire.LargestReceived <= 512, $"frames of 512 bytes at most, and one has {session.Wire.LargestReceived}");
    }

    [Case("FRAME-21", "2.7.1", "A frame of exactly the broker's max-frame-size is taken")]
    public static async Task LargestFrame(CaseContext c)
    {
        var session = await c.BeginAsync();
        var limit = session.Peer.Remote.MaxFrameSize;
        if (limit > 2 * 1024 * 1024)
        {
            throw CaseContext.NotApplicable($"a frame of {limit} bytes is more than the suite sends");
        }

        var sender = await session.SendToAsync(await c.QueueAsync());
        await sender.NeedCreditAsync();
        var transfer = sender.NewTransfer();
        var room = (int)limit - Raw.Frame(transfer).Length;
        var data = AmqpMessage.FromData(new byte[room - 8]);
        Check.That(Raw.Frame(transfer, 0, data.Encode()).Length == limit, "the suite to make a frame of that size");
        Check.Is<Accepted>(await sender.OutcomeAsync(await sender.SendAsync(data)));
    }

    [Case("FRAME-22", "2.7.1", "The first frame must be open: another one closes the connection", Covers = "transport.2.7.1-1")]
    public static async Task BeginFirst(CaseContext c)
    {
        var wire = await c.GreetAsync();
        await wire.SendAsync(new Begin { IncomingWindow = 10, OutgoingWindow = 10 });
        while (await wire.NextAsync() is { } frame)
        {
            Check.That(frame.Body is Open or Close, $"open, close or the end of the stream, and {frame.Body} came");
            if (frame.Body is Close close)
            {
                Check.Condition(close.Error);
                return;
            }
        }
    }

    private static byte[] MakeOpen(CaseContext c) => Raw.Encode(new Open { ContainerId = c.Name(), Hostname = c.Broker.Host });

    private static async Task BrokenAsync(CaseContext c, Func<byte[], byte[]> make)
    {
        var peer = await c.OpenAsync();
        await peer.Wire.SendBytesAsync(make(Raw.Encode(new Begin { IncomingWindow = 10, OutgoingWindow = 10 })));
        await Peer.ExpectCloseAsync(peer.Wire);
    }

    private static async Task BrokenAfterOpenAsync(CaseContext c, byte[] body)
    {
        var peer = await c.OpenAsync();
        await peer.Wire.SendBytesAsync(Raw.Frame(body));
        await Peer.ExpectCloseAsync(peer.Wire);
    }
}
