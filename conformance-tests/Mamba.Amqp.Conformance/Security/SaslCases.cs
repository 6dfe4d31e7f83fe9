using System.Text;
using Mamba.Amqp.Codec;
using Mamba.Amqp.Conformance.Running;
using Mamba.Amqp.Conformance.Wire;
using Mamba.Amqp.Framing;
using Mamba.Amqp.Sasl;
using Mamba.Amqp.Transport;
using Mamba.Amqp.Types;

namespace Mamba.Amqp.Conformance.Security;

/// <summary>The SASL layer (AMQP 1.0 §5.3).</summary>
public static class SaslCases
{
    [Case("SASL-01", "5.3.2", "The SASL header is answered with the SASL header and the mechanisms, by the side that was connected to",
        Covers = "security.5.3-1 security.5.3.2-1")]
    public static async Task Offered(CaseContext c) => await OfferAsync(c);

    [Case("SASL-02", "5.3.1", "The broker's SASL frames are of type 1, without extended header, and bytes 6 and 7 are 0",
        Covers = "security.5.3.1-1 security.5.3.1-2 security.5.3.1-3")]
    public static async Task FrameForm(CaseContext c)
    {
        var wire = await c.ConnectAsync();
        await wire.SendHeaderAsync(ProtocolHeader.Sasl);
        await wire.ExpectHeaderAsync(ProtocolHeader.Sasl);
        await CheckFormAsync<SaslMechanisms>(wire);
        await wire.SendAsync(SaslHandshake.Init(c.Broker));
        await CheckFormAsync<SaslOutcome>(wire);
    }

    [Case("SASL-03", "5.3.1", "Extended headers and bytes 6 and 7 of the client's SASL frames are ignored")]
    public static async Task IgnoredBytes(CaseContext c)
    {
        var (wire, _) = await OfferAsync(c);
        await wire.SendBytesAsync(Raw.Frame(Raw.Encode(SaslHandshake.Init(c.Broker)), channel: 0x1234, type: 1, doff: 3, extended: [9, 9, 9, 9]));
        Check.Equal((await wire.ExpectAsync<SaslOutcome>()).Code, SaslCode.Ok);
    }

    [Case("SASL-04", "5.3.3.6", "ANONYMOUS with a trace is let in, where it is offered", Traps = "5")]
    public static async Task Anonymous(CaseContext c) =>
        await LetInAsync(c, new SaslInit { Mechanism = "ANONYMOUS", InitialResponse = "somebody"u8.ToArray() });

    [Case("SASL-05", "5.3.3.2", "ANONYMOUS without initial response is let in, where it is offered", Traps = "5")]
    public static async Task AnonymousBare(CaseContext c) => await LetInAsync(c, new SaslInit { Mechanism = "ANONYMOUS" });

    [Case("SASL-06", "5.3.3.2", "PLAIN with the right password is let in")]
    public static async Task RightPassword(CaseContext c) => await LetInAsync(c, Plain(c, c.Broker.Password));

    [Case("SASL-07", "5.3.3.6", "PLAIN with a wrong password gets outcome auth, nothing more, and the socket is closed")]
    public static async Task WrongPassword(CaseContext c)
    {
        var (wire, offered) = await OfferAsync(c);
        Need(offered, "PLAIN");
        await wire.SendAsync(Plain(c, $"not {c.Broker.Password}"));
        Check.Equal((await wire.ExpectAsync<SaslOutcome>()).Code, SaslCode.Auth);
        await wire.ExpectEndOfStreamAsync();
    }

    [Case("SASL-08", "5.3.3.6", "An unknown user looks like a wrong password")]
    public static async Task UnknownUser(CaseContext c)
    {
        var (wire, offered) = await OfferAsync(c);
        Need(offered, "PLAIN");
        await wire.SendAsync(new SaslInit { Mechanism = "PLAIN", InitialResponse = Encoding.UTF8.GetBytes($"\0{c.Name()}\0secret") });
        Check.Equal((await wire.ExpectAsync<SaslOutcome>()).Code, SaslCode.Auth);
        await wire.ExpectEndOfStreamAsync();
    }

    [Case("SASL-09", "5.3.3.2", "A mechanism that was not offered gets outcome auth, and the socket is closed",
        Covers = "security.5.3.3.2-1")]
    public static async Task UnknownMechanism(CaseContext c)
    {
        var (wire, _) = await OfferAsync(c);
        await wire.SendAsync(new SaslInit { Mechanism = "CONFORMANCE-NONSENSE", InitialResponse = [1] });
        Check.Equal((await wire.ExpectAsync<SaslOutcome>()).Code, SaslCode.Auth);
        await wire.ExpectEndOfStreamAsync();
    }

    [Case("SASL-10", "5.3.2", "Mechanisms are offered strongest first: SCRAM before PLAIN, ANONYMOUS last", Traps = "5")]
    public static async Task StrongestFirst(CaseContext c)
    {
        var (_, offered) = await OfferAsync(c);
        var strength = offered.Select(static m => m.Value switch
        {
            "EXTERNAL" => 5,
            "SCRAM-SHA-512" => 4,
            "SCRAM-SHA-256" => 3,
            "SCRAM-SHA-1" => 2,
            "PLAIN" => 1,
            "ANONYMOUS" => -1,
            _ => 0,
        }).ToList();
        Check.That(strength.SequenceEqual(strength.OrderDescending()), $"the strongest first, and it is {string.Join(", ", offered)}");
    }

    [Case("SASL-11", "5.3.2", "After the outcome the broker waits for the client's AMQP header", Traps = "9")]
    public static async Task Waits(CaseContext c)
    {
        var (wire, _) = await OfferAsync(c);
        await wire.SendAsync(SaslHandshake.Init(c.Broker));
        Check.Equal((await wire.ExpectAsync<SaslOutcome>()).Code, SaslCode.Ok);
        await wire.ExpectQuietAsync();
        await wire.SendHeaderAsync(ProtocolHeader.Amqp);
        await wire.ExpectHeaderAsync(ProtocolHeader.Amqp);
    }

    [Case("SASL-12", "5.3.2", "All may come in one segment: SASL header, init, AMQP header, open and begin", Traps = "10")]
    public static async Task OneSegment(CaseContext c)
    {
        var wire = await c.ConnectAsync();
        await wire.SendBytesAsync(
        [
            .. Raw.Header(3, 1, 0, 0), .. Raw.Frame(SaslHandshake.Init(c.Broker)), .. Raw.Header(0, 1, 0, 0),
            .. Raw.Frame(new Open { ContainerId = c.Name(), Hostname = c.Broker.Host }), .. Raw.Frame(new Begin { IncomingWindow = 1, OutgoingWindow = 1 }),
        ]);
        await wire.ExpectHeaderAsync(ProtocolHeader.Sasl);
        await wire.ExpectAsync<SaslMechanisms>();
        Check.Equal((await wire.ExpectAsync<SaslOutcome>()).Code, SaslCode.Ok);
        await wire.ExpectHeaderAsync(ProtocolHeader.Amqp);
        await wire.ExpectAsync<Open>();
        await wire.ExpectAsync<Begin>();
    }

    [Case("SASL-13", "5.3.3.2", "An initial response of 16 KiB, as tokens have, is read and judged", Traps = "8")]
    public static async Task LargeResponse(CaseContext c)
    {
        var (wire, offered) = await OfferAsync(c);
        Need(offered, "PLAIN");
        await wire.SendAsync(new SaslInit { Mechanism = "PLAIN", InitialResponse = Encoding.ASCII.GetBytes($"\0{new string('t', 8000)}\0{new string('p', 8000)}") });
        Check.Equal((await wire.ExpectAsync<SaslOutcome>()).Code, SaslCode.Auth);
    }

    [Case("SASL-14", "5.3.2", "An AMQP frame in the SASL layer is refused")]
    public static async Task AmqpFrame(CaseContext c)
    {
        var (wire, _) = await OfferAsync(c);
        await wire.SendAsync(new Open { ContainerId = c.Name() });
        await RefusedAsync(wire);
    }

    [Case("SASL-15", "5.3.2", "A response that nobody asked for is refused")]
    public static async Task UnaskedResponse(CaseContext c)
    {
        var (wire, _) = await OfferAsync(c);
        await wire.SendAsync(new SaslResponse { Response = [1, 2, 3] });
        await RefusedAsync(wire);
    }

    [Case("SASL-16", "5.3.3.2", "A PLAIN response without its two separators is refused")]
    public static async Task MalformedPlain(CaseContext c)
    {
        var (wire, offered) = await OfferAsync(c);
        Need(offered, "PLAIN");
        await wire.SendAsync(new SaslInit { Mechanism = "PLAIN", InitialResponse = "no separators"u8.ToArray() });
        await RefusedAsync(wire);
    }

    [Case("SASL-17", "5.3.2", "SASL frames of the broker have 512 bytes at most")]
    public static async Task SmallFrames(CaseContext c)
    {
        var (wire, _) = await OfferAsync(c);
        Check.That(wire.LargestReceived <= 512, $"512 bytes at most, and it is {wire.LargestReceived}");
    }

    [Case("SASL-18", "5.3.2", "A SASL frame that is cut short and then left alone does no harm")]
    public static async Task CutFrame(CaseContext c)
    {
        var (wire, _) = await OfferAsync(c);
        await wire.SendBytesAsync(Raw.Frame(SaslHandshake.Init(c.Broker))[..9]);
        wire.Reset();
        await (await c.OpenAsync()).CloseAsync();
    }

    internal static async Task<(AmqpWire Wire, Symbol[] Mechanisms)> OfferAsync(CaseContext c)
    {
        var wire = await c.ConnectAsync();
        await wire.SendHeaderAsync(ProtocolHeader.Sasl);
        await wire.ExpectHeaderAsync(ProtocolHeader.Sasl);
        return (wire, (await wire.ExpectAsync<SaslMechanisms>()).SaslServerMechanisms);
    }

    internal static void Need(Symbol[] offered, string mechanism)
    {
        if (!offered.Contains(new Symbol(mechanism)))
        {
            throw CaseContext.NotApplicable($"the broker does not offer {mechanism}");
        }
    }

    internal static async Task GoOnAsync(AmqpWire wire, CaseContext c)
    {
        Check.Equal((await wire.ExpectAsync<SaslOutcome>()).Code, SaslCode.Ok);
        await wire.SendHeaderAsync(ProtocolHeader.Amqp);
        await wire.ExpectHeaderAsync(ProtocolHeader.Amqp);
        await wire.SendAsync(new Open { ContainerId = c.Name(), Hostname = c.Broker.Host });
        await wire.ExpectAsync<Open>();
    }

    private static SaslInit Plain(CaseContext c, string password) => c.Broker.User is { } user
        ? new SaslInit { Mechanism = "PLAIN", InitialResponse = Encoding.UTF8.GetBytes($"\0{user}\0{password}") }
        : throw CaseContext.NotApplicable("the suite was not given a user (--user)");

    private static async Task LetInAsync(CaseContext c, SaslInit init)
    {
        var (wire, offered) = await OfferAsync(c);
        Need(offered, init.Mechanism.Value);
        await wire.SendAsync(init);
        await GoOnAsync(wire, c);
    }

    /// <summary>An outcome other than ok, or nothing, and the end of the stream.</summary>
    private static async Task RefusedAsync(AmqpWire wire)
    {
        while (await wire.NextAsync("a refusal") is { } frame)
        {
            Check.That(frame.Body is SaslOutcome { Code: not SaslCode.Ok } or Close, $"an outcome other than ok, and {frame.Body} came");
        }
    }

    private static async Task CheckFormAsync<T>(AmqpWire wire)
        where T : IAmqpEncodable
    {
        var frame = await wire.ExpectFrameAsync<T>();
        Check.Equal(frame.Header.Type, FrameType.Sasl);
        Check.Equal(frame.Header.DataOffset, (byte)2);
        Check.Equal(frame.Channel, (ushort)0);
    }
}
