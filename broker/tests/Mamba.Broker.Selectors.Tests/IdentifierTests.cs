using System.Text;
using Mamba.Amqp.Messaging;
using Mamba.Amqp.Types;
using static Mamba.Broker.Selectors.Truth;

namespace Mamba.Broker.Selectors.Tests;

/// <summary>What identifiers stand for: JMS headers, AMQP fields, annotations, application properties.</summary>
[TestFixture]
internal sealed class IdentifierTests
{
    private static readonly MessageProperties Properties = new()
    {
        MessageId = "ID:1", UserId = Encoding.UTF8.GetBytes("alice"), To = "orders", Subject = "created", ReplyTo = "replies", CorrelationId = "c-1",
        ContentType = "text/plain", ContentEncoding = "gzip", AbsoluteExpiryTime = new Timestamp(2000), CreationTime = new Timestamp(1000),
        GroupId = "g", GroupSequence = 7, ReplyToGroupId = "rg",
    };

    [TestCase("JMSMessageID = 'ID:1'")]
    [TestCase("JMSCorrelationID = 'c-1'")]
    [TestCase("JMSType = 'created'")]
    [TestCase("JMSTimestamp = 1000")]
    [TestCase("JMSDestination = 'orders'")]
    [TestCase("JMSReplyTo = 'replies'")]
    [TestCase("JMSXGroupID = 'g'")]
    [TestCase("JMSXGroupSeq = 7")]
    [TestCase("JMSXUserID = 'alice'")]
    [TestCase("JMSPriority = 8")]
    [TestCase("JMSDeliveryMode = 'PERSISTENT'")]
    [TestCase("JMSExpiration = 5000")]
    [TestCase("JMSXDeliveryCount = 3")]
    [TestCase("JMSRedelivered")]
    [TestCase("JMS_AMQP_TTL IS NULL")]
    [TestCase("amqp.message_id = 'ID:1' AND amqp.user_id = 'alice' AND amqp.to = 'orders' AND amqp.subject = 'created'")]
    [TestCase("amqp.reply_to = 'replies' AND amqp.correlation_id = 'c-1' AND amqp.content_type = 'text/plain' AND amqp.content_encoding = 'gzip'")]
    [TestCase("amqp.absolute_expiry_time = 2000 AND amqp.creation_time = 1000 AND amqp.group_id = 'g' AND amqp.group_sequence = 7 AND amqp.reply_to_group_id = 'rg'")]
    [TestCase("amqp.priority = 8 AND amqp.durable AND amqp.delivery_count = 2 AND amqp.ttl = 60 AND amqp.first_acquirer IS NULL")]
    [TestCase("jmspriority IS NULL", Description = "identifiers have a case")]
    public void Of_headers_and_properties(string expression)
    {
        var message = TestMessage.Of(Properties) with { Durable = true, Priority = 8, ExpiresAt = 5000, DeliveryCount = 2, Ttl = 60 };
        Assert.That(message.Truth(expression), Is.EqualTo(True));
    }

    [TestCase("JMSPriority = 4 AND JMSDeliveryMode = 'NON_PERSISTENT' AND JMSXDeliveryCount = 1 AND NOT JMSRedelivered AND JMSExpiration = 0")]
    [TestCase("JMSType IS NULL AND JMSMessageID IS NULL AND JMSTimestamp IS NULL AND JMSXGroupSeq IS NULL AND JMSXUserID IS NULL")]
    public void Of_what_is_not_there(string expression) => Assert.That(TestMessage.With().Truth(expression), Is.EqualTo(True));

    private static IEnumerable<TestCaseData> Ids()
    {
        var uuid = Guid.Parse("01020304-0506-0708-090a-0b0c0d0e0f10");
        yield return new TestCaseData("ID:x", "ID:x", "ID:x");
        yield return new TestCaseData("x", "ID:AMQP_NO_PREFIX:x", "x");
        yield return new TestCaseData("ID:AMQP_ULONG:5", "ID:AMQP_STRING:ID:AMQP_ULONG:5", "ID:AMQP_STRING:ID:AMQP_ULONG:5");
        yield return new TestCaseData(5UL, "ID:AMQP_ULONG:5", "ID:AMQP_ULONG:5");
        yield return new TestCaseData(ulong.MaxValue, "ID:AMQP_ULONG:18446744073709551615", "ID:AMQP_ULONG:18446744073709551615");
        yield return new TestCaseData(uuid, $"ID:AMQP_UUID:{uuid}", $"ID:AMQP_UUID:{uuid}");
        yield return new TestCaseData(new byte[] { 0xab, 1 }, "ID:AMQP_BINARY:AB01", "ID:AMQP_BINARY:AB01");
        yield return new TestCaseData(new byte[400], "ID:AMQP_BINARY:" + new string('0', 800), "ID:AMQP_BINARY:" + new string('0', 800)).SetArgDisplayNames("long binary");
    }

    [TestCaseSource(nameof(Ids))]
    public void Ids_look_as_the_application_sees_them(object id, string messageId, string correlationId)
    {
        var message = TestMessage.Of(new MessageProperties { MessageId = id, CorrelationId = id });
        Assert.That(message.Truth($"JMSMessageID = '{messageId}' AND JMSCorrelationID = '{correlationId}'"), Is.EqualTo(True));
    }

    [Test]
    public void A_group_sequence_beyond_an_int_is_negative() =>
        Assert.That(TestMessage.Of(new MessageProperties { GroupSequence = uint.MaxValue }).Truth("JMSXGroupSeq = -1"), Is.EqualTo(True));

    [TestCase("$a_1 = 1")]
    [TestCase("_b = 2")]
    [TestCase("größe = 3")]
    [TestCase("日本 = 4")]
    [TestCase("\"with-hyphen\" = 5")]
    [TestCase("\"and space\" = 6")]
    [TestCase("\"quote\"\"d\" = 7")]
    [TestCase("a.b.c = 8")]
    [TestCase("amqp.unknown = 9")]
    [TestCase("JMSXOther = 10")]
    [TestCase("\"LIKE\" = 11")]
    public void Of_application_properties(string expression)
    {
        var message = TestMessage.With(
            "$a_1", 1, "_b", 2, "größe", 3, "日本", 4, "with-hyphen", 5, "and space", 6, "quote\"d", 7, "a.b.c", 8, "amqp.unknown", 9, "JMSXOther", 10, "LIKE", 11);
        Assert.That(message.Truth(expression), Is.EqualTo(True));
    }

    [TestCase("m.priority = 1")]
    [TestCase("\"m.x-opt-ORIG-ADDRESS\" = 'q'")]
    [TestCase("m.missing IS NULL")]
    [TestCase("JMSDeliveryTime = 77")]
    public void Of_message_annotations(string expression) => Assert.That(
        TestMessage.WithAnnotations("priority", 1, "x-opt-ORIG-ADDRESS", "q", "x-opt-delivery-time", 77L).Truth(expression), Is.EqualTo(True));

    private static IEnumerable<TestCaseData> Types()
    {
        yield return new TestCaseData(true, "x = TRUE");
        yield return new TestCaseData((byte)200, "x = 200");
        yield return new TestCaseData((sbyte)-3, "x = -3");
        yield return new TestCaseData((ushort)65535, "x = 65535");
        yield return new TestCaseData((short)-300, "x = -300");
        yield return new TestCaseData(uint.MaxValue, "x = 4294967295");
        yield return new TestCaseData(int.MinValue, "x = -2147483648");
        yield return new TestCaseData(ulong.MaxValue, "x = 18446744073709551615.");
        yield return new TestCaseData(long.MinValue, "x = -9223372036854775808");
        yield return new TestCaseData(1.5f, "x = 1.5");
        yield return new TestCaseData(1.1, "x = 1.1");
        yield return new TestCaseData(new Decimal32(0x3280000f), "x = 15");
        yield return new TestCaseData(new Decimal64(0x31C000000000000FUL), "x = 15");
        yield return new TestCaseData(new Decimal128(0x3040000000000000, 15), "x = 15");
        yield return new TestCaseData(new Timestamp(-5), "x = -5");
        yield return new TestCaseData(new Rune('ß'), "x = 'ß'");
        yield return new TestCaseData("text", "x = 'text'");
        yield return new TestCaseData(new Symbol("sym"), "x = 'sym'");
        yield return new TestCaseData(new byte[] { 1 }, "x IS NOT NULL AND NOT (x = 'a') AND NOT (x = 1)");
        yield return new TestCaseData(Guid.Empty, "x IS NOT NULL AND x = x");
        yield return new TestCaseData(new List<object?> { 1 }, "x IS NOT NULL AND NOT (x = x)");
        yield return new TestCaseData(null, "x IS NULL");
    }

    [TestCaseSource(nameof(Types))]
    public void Values_of_every_type_are_understood(object? value, string expression) =>
        Assert.That(TestMessage.With("before", "a", "x", value, "behind", 1).Truth(expression), Is.EqualTo(True));

    [Test]
    public void Messages_without_the_sections_have_no_values()
    {
        foreach (var message in new[] { new AmqpMessage(), new AmqpMessage { Body = new DataBody(new byte[3]) }, new AmqpMessage { ApplicationProperties = new AmqpMap() } })
        {
            var input = new SelectorInput(message.Encode(), 0);
            Assert.That(Selector.Parse("a IS NULL AND JMSType IS NULL AND m.x IS NULL").Matches(input), Is.True);
        }
    }
}
