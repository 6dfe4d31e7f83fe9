using Mamba.Amqp.Codec;
using Mamba.Amqp.Messaging;
using Mamba.Amqp.Transport;
using Mamba.Amqp.Types;

namespace Mamba.Amqp.Tests.Messaging;

public sealed class MessageTests
{
    private static AmqpMessage Full() => new()
    {
        Header = new MessageHeader(Durable: true, Priority: 7, Ttl: 60_000, FirstAcquirer: true, DeliveryCount: 3),
        DeliveryAnnotations = new AmqpMap { [new Symbol("x-da")] = 1 },
        MessageAnnotations = new AmqpMap { [new Symbol("x-opt-jms-dest")] = (sbyte)0 },
        Properties = new MessageProperties
        {
            MessageId = "ID:1", UserId = [1, 2], To = "orders", Subject = "new", ReplyTo = "replies", CorrelationId = 7ul, ContentType = "text/plain",
            AbsoluteExpiryTime = new Timestamp(1_000), CreationTime = new Timestamp(500), GroupId = "g", GroupSequence = 9,
        },
        ApplicationProperties = new AmqpMap { ["colour"] = "red" },
        Body = new DataBody([1], [2, 3]),
        Footer = new AmqpMap { [new Symbol("crc")] = 5u },
    };

    [Test]
    public void AMessageSurvivesEncodingAndDecoding()
    {
        var bytes = Full().Encode();
        var read = AmqpMessage.Decode(bytes);
        Assert.That(read.Encode(), Is.EqualTo(bytes));
        Assert.That(read.Header, Is.EqualTo(Full().Header));
        Assert.That(read.Data, Is.EqualTo(new byte[] { 1, 2, 3 }));
        Assert.That(read.ApplicationProperties, Is.EqualTo(Full().ApplicationProperties));
        Assert.That(read.Properties!.ToString(), Is.EqualTo(Full().Properties!.ToString()));
    }

    [Test]
    public void TheScannerFindsEverySection()
    {
        var bytes = Full().Encode();
        var layout = MessageScanner.Scan(bytes);
        SectionRange[] sections =
            [layout.Header, layout.DeliveryAnnotations, layout.MessageAnnotations, layout.Properties, layout.ApplicationProperties, layout.Body, layout.Footer];
        Assert.That(sections.All(static s => s.IsPresent), Is.True);
        Assert.That(sections[0].Offset, Is.Zero);
        for (var i = 1; i < sections.Length; i++)
        {
            Assert.That(sections[i].Offset, Is.EqualTo(sections[i - 1].End), $"section {i}");
        }

        Assert.That(sections[^1].End, Is.EqualTo(bytes.Length));
        Assert.That((layout.Body.Kind, layout.BodySections, layout.Sections), Is.EqualTo((MessageSection.Data, 2, 8)));
        Assert.That(layout.BareMessageOffset, Is.EqualTo(layout.Properties.Offset));
        var reader = new AmqpReader(layout.ApplicationProperties.ValueIn(bytes));
        Assert.That(reader.ReadMap()["colour"], Is.EqualTo("red"));
    }

    [Test]
    public void TheScannerSaysWhatABrokerWantsOfHeaderAndProperties()
    {
        var full = MessageScanner.Scan(Full().Encode());
        Assert.That(full.HeaderFields, Is.EqualTo(Full().Header));
        Assert.That(full.AbsoluteExpiryTime, Is.EqualTo(new Timestamp(1_000)));

        var bare = MessageScanner.Scan(new AmqpMessage { Properties = new MessageProperties { CreationTime = new Timestamp(500) }, Body = new DataBody([1]) }.Encode());
        Assert.That(bare.HeaderFields, Is.EqualTo(MessageHeader.Default));
        Assert.That(bare.AbsoluteExpiryTime, Is.Null);
    }

    [Test]
    public void TheBareMessageBeginsBehindTheAnnotationsWhateverIsThere()
    {
        var body = new ValueBody("x");
        Assert.That(Bare(new AmqpMessage { Body = body }), Is.Zero);
        Assert.That(Bare(new AmqpMessage { Header = MessageHeader.Default, Body = body }), Is.EqualTo(4));
        Assert.That(Bare(new AmqpMessage { Header = MessageHeader.Default }), Is.EqualTo(4), "a message without a body");
        Assert.That(Bare(new AmqpMessage()), Is.Zero, "no section at all");

        static int Bare(AmqpMessage message) => MessageScanner.Scan(message.Encode()).BareMessageOffset;
    }

    [Test]
    public void BodiesOfEveryKindAndNone()
    {
        Assert.That(Kind(new ValueBody(null)), Is.EqualTo((MessageSection.AmqpValue, 1)));
        Assert.That(Kind(new SequenceBody([1, "a"], [2])), Is.EqualTo((MessageSection.AmqpSequence, 2)));
        Assert.That(Kind(new DataBody([1])), Is.EqualTo((MessageSection.Data, 1)));
        Assert.That(Kind(null), Is.EqualTo((MessageSection.None, 0)));

        static (MessageSection, int) Kind(MessageBody? body)
        {
            var message = new AmqpMessage { Properties = new MessageProperties(), Body = body };
            var layout = MessageScanner.Scan(message.Encode());
            Assert.That(AmqpMessage.Decode(message.Encode()).Encode(), Is.EqualTo(message.Encode()));
            return (layout.Body.Kind, layout.BodySections);
        }
    }

    [Test]
    public void SectionsAreKnownByTheirSymbolsToo()
    {
        using var buffer = new ByteBuffer();
        var writer = new AmqpWriter(buffer);
        foreach (var (symbol, value) in new (Symbol, object?)[]
        {
            ("amqp:header:list", new List<object?>()), ("amqp:delivery-annotations:map", new AmqpMap()), ("amqp:message-annotations:map", new AmqpMap()),
            ("amqp:properties:list", new List<object?>()), ("amqp:application-properties:map", new AmqpMap()), ("amqp:amqp-value:*", 5),
            ("amqp:footer:map", new AmqpMap()),
        })
        {
            writer.WriteValue(new DescribedValue(symbol, value));
        }

        Assert.That(MessageScanner.Scan(buffer.WrittenSpan).Sections, Is.EqualTo(7));
        Assert.That(AmqpMessage.Decode(buffer.WrittenSpan).Value, Is.EqualTo(5));
    }

    [Test]
    public void ExactlyAsManySectionsAsAllowedPass()
    {
        byte[] data = [0x00, 0x53, 0x75, 0xa0, 0x00];
        var bytes = Enumerable.Repeat(data, 1_024).SelectMany(static b => b).ToArray();
        Assert.That(MessageScanner.Scan(bytes).BodySections, Is.EqualTo(1_024));
    }

    [Test]
    public void TheViewLooksEveryFieldUp()
    {
        var bytes = Full().Encode();
        var view = new PropertiesView(MessageScanner.Scan(bytes).Properties.ValueIn(bytes));
        Assert.That((view.MessageId, view.HasUserId, view.To, view.Subject), Is.EqualTo(((object)"ID:1", true, "orders", "new")));
        Assert.That((view.ReplyTo, view.CorrelationId, view.ContentType), Is.EqualTo(("replies", (object)7ul, (Symbol?)"text/plain")));
        Assert.That((view.AbsoluteExpiryTime, view.CreationTime), Is.EqualTo(((Timestamp?)new Timestamp(1_000), (Timestamp?)new Timestamp(500))));
        Assert.That((view.GroupId, view.GroupSequence), Is.EqualTo(("g", (uint?)9)));
        Assert.That(view.UserId.ToArray(), Is.EqualTo(new byte[] { 1, 2 }));
        Assert.That(view.ToUtf8.ToArray(), Is.EqualTo("orders"u8.ToArray()));
        Assert.That(view.GroupIdUtf8.ToArray(), Is.EqualTo("g"u8.ToArray()));
        Assert.That(view.MessageIdEncoded.ToArray(), Is.EqualTo(new byte[] { 0xa1, 4, (byte)'I', (byte)'D', (byte)':', (byte)'1' }));
    }

    [Test]
    public void TheViewOfAbsentPropertiesIsEmpty()
    {
        foreach (var value in new byte[][] { [], [0x45], [0xc0, 2, 1, 0x40] })
        {
            var view = new PropertiesView(value);
            Assert.That((view.MessageId, view.HasUserId, view.To, view.GroupSequence), Is.EqualTo(((object?)null, false, (string?)null, (uint?)null)));
        }
    }

    [Test]
    public void AHeaderLeavesOutWhatIsDefault()
    {
        Assert.That(Encoded(MessageHeader.Default), Is.EqualTo("00537045"));
        Assert.That(Encoded(MessageHeader.Default with { Durable = true }), Is.EqualTo("005370c0020141"));
        Assert.That(Encoded(MessageHeader.Default with { DeliveryCount = 1 }), Is.EqualTo("005370c00705404040405201"));
        Assert.That(MessageHeader.Default.IsDefault, Is.True);

        static string Encoded(MessageHeader header)
        {
            using var buffer = new ByteBuffer();
            header.Write(new AmqpWriter(buffer));
            return Convert.ToHexStringLower(buffer.WrittenSpan);
        }
    }

    [Test]
    public void LifetimePoliciesAreKnownByCodeAndSymbol()
    {
        Assert.That(LifetimePolicy.CodeOf(LifetimePolicy.DeleteOnClose), Is.EqualTo(0x2b));
        Assert.That(LifetimePolicy.CodeOf(new DescribedValue(new Symbol("amqp:delete-on-no-links:list"), null)), Is.EqualTo(0x2c));
        Assert.That(LifetimePolicy.CodeOf(new DescribedValue(0x24ul, null)), Is.Null);
        Assert.That(LifetimePolicy.CodeOf("never"), Is.Null);
    }
}
