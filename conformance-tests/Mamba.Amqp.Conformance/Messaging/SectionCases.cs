using Mamba.Amqp.Conformance.Running;
using Mamba.Amqp.Conformance.Types;
using Mamba.Amqp.Conformance.Wire;
using Mamba.Amqp.Messaging;
using Mamba.Amqp.Transport;
using Mamba.Amqp.Types;

namespace Mamba.Amqp.Conformance.Messaging;

/// <summary>The sections of a message, their order and their bytes (AMQP 1.0 §3.2).</summary>
public static class SectionCases
{
    private static readonly byte[] Value = Raw.Section(0x77, [0xa1, 1, (byte)'b']);
    private static readonly byte[] Data = Raw.Section(0x75, [0xa0, 2, 0xca, 0xfe]);
    private static readonly byte[] Sequence = Raw.Section(0x76, [0xc0, 2, 1, 0x41]);
    private static readonly byte[] Properties = Raw.Section(0x73, [0xc0, 5, 1, 0xa1, 2, (byte)'i', (byte)'d']);

    [Case("SECTION-01", "3.2", "A message of every section arrives with its bare message in the same bytes",
        Covers = "messaging.3.2-1", Traps = "71")]
    public static Task Everything(CaseContext c) => UntouchedAsync(c,
    [
        .. Raw.Section(0x70, [0xc0, 2, 1, 0x41]),
        .. Raw.Section(0x71, Raw.Encode(new AmqpMap { [new Symbol("x-opt-conformance-d")] = 1 })),
        .. Raw.Section(0x72, Raw.Encode(new AmqpMap { [new Symbol("x-opt-conformance-m")] = 2 })),
        .. Properties,
        .. Raw.Section(0x74, Raw.Encode(new AmqpMap { ["k"] = 3L })),
        .. Value,
        .. Raw.Section(0x78, Raw.Encode(new AmqpMap { [new Symbol("x-opt-conformance-f")] = 4 })),
    ]);

    [Case("SECTION-02", "3.2.6", "A body of one data section is taken")]
    public static Task OneData(CaseContext c) => TakenAsync(c, Data);

    [Case("SECTION-03", "3.2.6", "A body of several data sections keeps them apart")]
    public static Task SeveralData(CaseContext c) => TakenAsync(c, [.. Data, .. Data, .. Data]);

    [Case("SECTION-04", "3.2.7", "A body of one amqp-sequence is taken")]
    public static Task OneSequence(CaseContext c) => TakenAsync(c, Sequence);

    [Case("SECTION-05", "3.2.7", "A body of several amqp-sequence sections keeps them apart")]
    public static Task SeveralSequences(CaseContext c) => TakenAsync(c, [.. Sequence, .. Sequence]);

    [Case("SECTION-06", "3.2.8", "A body of amqp-value is taken")]
    public static Task OneValue(CaseContext c) => TakenAsync(c, Value);

    [Case("SECTION-07", "3.2", "A message without body, as a plain JMS Message is, is taken", Traps = "67")]
    public static Task NoBody(CaseContext c) => UntouchedAsync(c, Properties);

    [Case("SECTION-08", "3.2", "The encoding of properties is not touched: wide forms and trailing nulls stay",
        Covers = "messaging.3.2-1", Traps = "71")]
    public static Task WideProperties(CaseContext c) => UntouchedAsync(c,
    [
        .. Raw.Described([0x80, 0, 0, 0, 0, 0, 0, 0, 0x73], Raw.List32(
            new Verbatim(0xb1, 0, 0, 0, 2, (byte)'i', (byte)'d'), null, "to", "subject", null, null, null, null, null, null, null, null, null)),
        .. Value,
    ]);

    [Case("SECTION-09", "3.2", "Empty application-properties and an empty data body stay as they are", Covers = "messaging.3.2-1")]
    public static Task EmptySections(CaseContext c) => UntouchedAsync(c, [.. Raw.Section(0x74, [0xc1, 1, 0]), .. Raw.Section(0x75, [0xa0, 0])]);

    [Case("SECTION-10", "3.2.9", "A footer arrives with the message")]
    public static async Task Footer(CaseContext c)
    {
        var message = AmqpMessage.FromValue("x");
        message.Footer = new AmqpMap { [new Symbol("x-opt-conformance-sum")] = 17 };
        var received = await SendAndTakeAsync(c, message.Encode());
        Check.Equal(received.Message.Footer, message.Footer);
    }

    [Case("SECTION-11", "3.2.3", "Message annotations arrive with the message", Covers = "messaging.3.2.3-1")]
    public static async Task Annotations(CaseContext c)
    {
        var message = AmqpMessage.FromValue("x");
        message.MessageAnnotations = new AmqpMap
        {
            [new Symbol("x-opt-conformance-text")] = "text",
            [new Symbol("x-opt-conformance-byte")] = (sbyte)3,
            [new Symbol("x-opt-conformance-list")] = new List<object?> { 1, "two" },
        };
        var received = Check.Present((await SendAndTakeAsync(c, message.Encode())).Message.MessageAnnotations, "message-annotations");
        foreach (var (key, value) in message.MessageAnnotations)
        {
            Check.Equal(received[key], value, $"the annotation {key}");
        }
    }

    [Case("SECTION-12", "3.2.10", "An annotation that nobody knows, and that is not optional by its x-opt-, is not forwarded as if it were: the link is detached with not-implemented",
        Covers = "messaging.3.2.10-1")]
    public static async Task UnknownAnnotation(CaseContext c)
    {
        var session = await c.BeginAsync();
        var sender = await session.SendToAsync(await c.QueueAsync());
        var message = AmqpMessage.FromValue("x");
        message.MessageAnnotations = new AmqpMap { [new Symbol("conformance-required")] = 1 };
        await sender.SendAsync(message);
        while (true)
        {
            var frame = Check.Present(await session.Wire.NextAsync("a detach"), "a detach");
            if (frame.Body is not Flow)
            {
                Check.Condition(Check.Is<Detach>(frame.Body, "the answer").Error, ErrorCondition.NotImplemented);
                return;
            }
        }
    }

    [Case("SECTION-13", "3.2", "Sections in the wrong order are refused")]
    public static Task WrongOrder(CaseContext c) => RefusedAsync(c, [.. Value, .. Properties]);

    [Case("SECTION-14", "3.2", "A section that comes twice is refused")]
    public static Task Twice(CaseContext c) => RefusedAsync(c, [.. Properties, .. Properties, .. Value]);

    [Case("SECTION-15", "3.2", "Two kinds of body in one message are refused")]
    public static Task MixedBody(CaseContext c) => RefusedAsync(c, [.. Data, .. Value]);

    [Case("SECTION-16", "3.2.8", "Two amqp-value sections in one message are refused")]
    public static Task TwoValues(CaseContext c) => RefusedAsync(c, [.. Value, .. Value]);

    [Case("SECTION-17", "3.2", "A section of unknown type is refused")]
    public static Task UnknownSection(CaseContext c) => RefusedAsync(c, [.. Raw.Section(0x7f, [0x40]), .. Value]);

    [Case("SECTION-18", "3.2", "A message that ends in the middle of a section is refused")]
    public static Task Truncated(CaseContext c) => RefusedAsync(c, [0x00, 0x53, 0x77, 0xa1, 200, (byte)'x']);

    [Case("SECTION-19", "3.2.5", "A message of bytes that are no sections is refused")]
    public static Task Garbage(CaseContext c) => RefusedAsync(c, [1, 2, 3, 4, 5, 6, 7, 8]);

    [Case("SECTION-20", "3.2.2", "Delivery annotations are for the next hop: the sender's are taken, and are not the receiver's duty")]
    public static async Task DeliveryAnnotations(CaseContext c)
    {
        var message = AmqpMessage.FromValue("x");
        message.DeliveryAnnotations = new AmqpMap { [new Symbol("x-opt-conformance-hop")] = 1 };
        Check.Equal((await SendAndTakeAsync(c, message.Encode())).Value, "x");
    }

    [Case("SECTION-21", "3.2", "A body of 300 000 bytes arrives whole")]
    public static Task Large(CaseContext c)
    {
        var body = new byte[300_000];
        for (var i = 0; i < body.Length; i++)
        {
            body[i] = (byte)(i * 31);
        }

        return TakenAsync(c, AmqpMessage.FromData(body).Encode());
    }

    [Case("SECTION-22", "3.2", "The encoding of a body and of application properties is not touched: wide forms stay wide",
        Covers = "messaging.3.2-1", Traps = "71")]
    public static Task WideValues(CaseContext c) => UntouchedAsync(c,
    [
        .. Raw.Section(0x74, [0xd1, 0, 0, 0, 15, 0, 0, 0, 2, 0xb1, 0, 0, 0, 1, (byte)'k', 0x70, 0, 0, 0, 5]),
        .. Raw.Section(0x77, [0xd0, 0, 0, 0, 15, 0, 0, 0, 2, 0x56, 0x01, 0x80, 0, 0, 0, 0, 0, 0, 0, 1]),
    ]);

    private static async Task UntouchedAsync(CaseContext c, byte[] message)
    {
        var delivery = await SendAndTakeAsync(c, message);
        Check.Equal(EncodingCases.BareMessage(delivery.Payload), EncodingCases.BareMessage(message), "the bare message");
    }

    private static async Task TakenAsync(CaseContext c, byte[] message)
    {
        var received = (await SendAndTakeAsync(c, message)).Message;
        var sent = AmqpMessage.Decode(message);
        Check.Equal(BodyOf(received), BodyOf(sent), "the body");
    }

    // Without body, or with none but empty data: JMS clients take both for a message without body.
    private static object? BodyOf(AmqpMessage message) => message.Body switch
    {
        DataBody data => new List<object?>([.. data.Sections]),
        SequenceBody sequence => new List<object?>([.. sequence.Sections]),
        _ => message.Value,
    };

    /// <summary>Sends a message, in as many frames as it needs, and receives it.</summary>
    internal static async Task<Delivery> SendAndTakeAsync(CaseContext c, byte[] message)
    {
        var session = await c.BeginAsync();
        var queue = await c.QueueAsync();
        var sender = await session.SendToAsync(queue);
        var chunk = (int)Math.Min(session.Peer.Remote.MaxFrameSize, 32_768) - 200;
        var id = message.Length <= chunk ? await sender.SendAsync(message) : await sender.SendInPartsAsync([.. message.Chunk(chunk)]);
        Check.Is<Accepted>(await sender.OutcomeAsync(id), "the outcome");
        return await (await session.ReceiveFromAsync(queue)).TakeAsync();
    }

    /// <summary>The message must be rejected, or end its link, session or connection with an error; it must not be accepted.</summary>
    private static async Task RefusedAsync(CaseContext c, byte[] message)
    {
        var session = await c.BeginAsync();
        var sender = await session.SendToAsync(await c.QueueAsync());
        await sender.SendAsync(message);
        while (true)
        {
            var frame = Check.Present(await session.Wire.NextAsync("a refusal"), "a refusal");
            switch (frame.Body)
            {
                case Flow:
                    continue;
                case Disposition disposition:
                    Check.Condition(Check.Is<Rejected>(disposition.State, "the outcome").Error);
                    return;
                case Detach detach:
                    Check.Condition(detach.Error);
                    return;
                case End end:
                    Check.Condition(end.Error);
                    return;
                default:
                    Check.Condition(Check.Is<Close>(frame.Body, "the refusal").Error);
                    return;
            }
        }
    }
}
