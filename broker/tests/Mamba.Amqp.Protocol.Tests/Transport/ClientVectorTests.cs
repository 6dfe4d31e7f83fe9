using Mamba.Amqp.Codec;
using Mamba.Amqp.Framing;
using Mamba.Amqp.Messaging;
using Mamba.Amqp.Sasl;
using Mamba.Amqp.Transport;
using Mamba.Amqp.Types;

namespace Mamba.Amqp.Tests.Transport;

/// <summary>Frames as clients in the field send them, byte for byte.</summary>
public sealed class ClientVectorTests
{
    // A client that waits for nothing: protocol header, open, begin, attach of a sender in one write.
    private const string Pipelined =
        "414d5150 00010000"
        + "00000027 02000000  005310 c01a04 a104 6e6c2d31 a109 6c6f63616c686f7374 70 00040000 60 00ff"
        + "0000001f 02000000  005311 c01205 40 43 70 00000800 70 00000800 70 0000003f"
        + "0000002d 02000000  005312 c0200a a102 7331 43 42 5000 5000 005328 c00100 005329 c00701 a104 71756575 40 40 43";

    [Test]
    public void PipelinedOpenBeginAttachAreCutFromOneBuffer()
    {
        var bytes = FromHex(Pipelined);
        Assert.That(ProtocolHeader.TryParse(bytes, out var protocol), Is.True);
        Assert.That(protocol, Is.EqualTo(ProtocolHeader.Amqp));

        var rest = bytes.AsSpan(ProtocolHeader.Size);
        var open = (Open)Next(ref rest);
        Assert.That((open.ContainerId, open.Hostname, open.MaxFrameSize, open.ChannelMax), Is.EqualTo(("nl-1", "localhost", 262_144u, (ushort)255)));
        var begin = (Begin)Next(ref rest);
        Assert.That((begin.RemoteChannel, begin.NextOutgoingId, begin.IncomingWindow, begin.HandleMax), Is.EqualTo(((ushort?)null, 0u, 2_048u, 63u)));
        var attach = (Attach)Next(ref rest);
        Assert.That((attach.Name, attach.Handle, attach.Role, attach.SndSettleMode), Is.EqualTo(("s1", 0u, Role.Sender, SenderSettleMode.Unsettled)));
        Assert.That((attach.Target as Target)?.Address, Is.EqualTo("queu"));
        Assert.That(attach.InitialDeliveryCount, Is.Zero);
        Assert.That(rest.IsEmpty, Is.True);
    }

    [Test]
    public void PartsOfAFrameAreWaitedFor()
    {
        var frame = FromHex(Pipelined).AsSpan(ProtocolHeader.Size, 0x27).ToArray();
        for (var length = 0; length < frame.Length; length++)
        {
            Assert.That(FrameReader.TryRead(frame.AsSpan(0, length), 512, out _, out _, out var consumed), Is.False);
            Assert.That(consumed, Is.Zero);
        }

        Assert.That(FrameReader.TryRead(frame, 512, out _, out _, out var all), Is.True);
        Assert.That(all, Is.EqualTo(frame.Length));
    }

    [Test]
    public void AnAttachOfADurableJmsSubscriberWithSelectorAndNoLocal()
    {
        var filter = Compound8(0xc1, 4,
            "a308" + Ascii("no-local") + "00 80 0000468c00000003 a10f" + Ascii("NoLocalFilter{}")
            + "a30c" + Ascii("jms-selector") + "00 a321" + Ascii("apache.org:selector-filter:string") + "a10c" + Ascii("colour='red'"));
        var outcomes = Compound8(0xe0, 2, "a3 12" + Ascii("amqp:accepted:list") + "12" + Ascii("amqp:rejected:list"));
        var source = Composite(0x28, 11,
            "a106" + Ascii("topic1") + "5202 a305" + Ascii("never") + "43 42 40 a304" + Ascii("copy") + filter
            + "005327 c00302 4142" + outcomes + "a305" + Ascii("topic"));
        var body = Composite(0x12, 7, "a1 04" + Ascii("sub1") + "5201 41 5000 5000" + source + "005329 45");

        var reader = new AmqpReader(FromHex(body));
        var attach = Attach.Read(ref reader);

        Assert.That(reader.AtEnd, Is.True);
        Assert.That((attach.Name, attach.Handle, attach.Role), Is.EqualTo(("sub1", 1u, Role.Receiver)));
        var read = attach.Source!;
        Assert.That((read.Address, read.Durable, read.ExpiryPolicy), Is.EqualTo(("topic1", TerminusDurability.UnsettledState, TerminusExpiryPolicy.Never)));
        Assert.That(read.DistributionMode, Is.EqualTo(DistributionMode.Copy));
        Assert.That(read.Outcomes, Is.EqualTo(new Symbol[] { "amqp:accepted:list", "amqp:rejected:list" }));
        Assert.That(read.Capabilities, Is.EqualTo(new Symbol[] { "topic" }), "a single symbol stands for an array of one");
        Assert.That(read.DefaultOutcome, Is.InstanceOf<Modified>());
        Assert.That(FilterDescriptors.Is(read.Filter![new Symbol("no-local")], FilterDescriptors.NoLocalCode), Is.True);
        var selector = (DescribedValue)read.Filter![new Symbol("jms-selector")]!;
        Assert.That(FilterDescriptors.Is(selector, FilterDescriptors.SelectorCode), Is.True);
        Assert.That(selector.Value, Is.EqualTo("colour='red'"));
    }

    [Test]
    public void MechanismsAsOneSymbolAsArrayAndAsList()
    {
        Assert.That(Mechanisms("a3 05" + Ascii("PLAIN")), Is.EqualTo(new Symbol[] { "PLAIN" }));
        Assert.That(Mechanisms("e0 08 01 a3 05" + Ascii("PLAIN")), Is.EqualTo(new Symbol[] { "PLAIN" }));
        Assert.That(Mechanisms("c0 08 01 a3 05" + Ascii("PLAIN")), Is.EqualTo(new Symbol[] { "PLAIN" }));
        Assert.That(Mechanisms("e0 02 00 a3"), Is.Empty);
        Assert.That(Mechanisms("45"), Is.Empty);
    }

    [Test]
    public void ATransferKeepsItsPayloadBehindIt()
    {
        // handle 0, delivery-id 1, tag of one byte, format 0, settled false; payload: data section "hi"
        var bytes = FromHex("0000001d 02000003 005314 c009 05 43 5201 a001 41 43 42 005375 a002 6869");
        Assert.That(FrameReader.TryRead(bytes, 512, out var header, out var body, out _), Is.True);
        Assert.That(header.Channel, Is.EqualTo(3));
        var reader = new AmqpReader(body);
        Assert.That(reader.ReadDescriptor(), Is.EqualTo(Transfer.Descriptor));
        var transfer = Transfer.ReadFields(ref reader);
        Assert.That((transfer.Handle, transfer.DeliveryId, transfer.Settled, transfer.More), Is.EqualTo((0u, (uint?)1, (bool?)false, false)));
        Assert.That(transfer.DeliveryTag!.Value.ToString(), Is.EqualTo("41"));
        Assert.That(AmqpMessage.Decode(reader.Rest).Data, Is.EqualTo("hi"u8.ToArray()));
    }

    [Test]
    public void AcceptedIsOneInstanceInAllItsForms()
    {
        foreach (var hex in new[] { "005324 45", "005324 c00100", "005324 d0 00000004 00000000", "00 80 0000000000000024 45", "00 a3 12" + Ascii("amqp:accepted:list") + "45" })
        {
            var reader = new AmqpReader(FromHex(hex));
            Assert.That(DeliveryState.Read(ref reader), Is.SameAs(Accepted.Instance), hex);
        }
    }

    private static Symbol[] Mechanisms(string field)
    {
        var reader = new AmqpReader(FromHex(Composite(0x40, 1, field)));
        return SaslMechanisms.Read(ref reader).SaslServerMechanisms;
    }

    private static IAmqpEncodable Next(ref Span<byte> rest)
    {
        Assert.That(FrameReader.TryRead(rest, 512, out _, out var body, out var consumed), Is.True);
        rest = rest[consumed..];
        var reader = new AmqpReader(body);
        var performative = PerformativeCodec.Read(ref reader);
        Assert.That(reader.AtEnd, Is.True);
        return performative;
    }

    private static string Composite(byte code, int fields, string hex) =>
        FormattableString.Invariant($"0053{code:x2} d0 {FromHex(hex).Length + 4:x8} {fields:x8} {hex}");

    private static string Compound8(byte code, int count, string hex) =>
        FormattableString.Invariant($"{code:x2} {FromHex(hex).Length + 1:x2} {count:x2} {hex}");

    private static string Ascii(string text) => Convert.ToHexStringLower(System.Text.Encoding.ASCII.GetBytes(text));

    private static byte[] FromHex(string hex) => Convert.FromHexString(hex.Replace(" ", "", StringComparison.Ordinal));
}
