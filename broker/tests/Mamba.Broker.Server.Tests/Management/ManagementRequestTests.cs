using Mamba.Amqp.Messaging;
using Mamba.Amqp.Transport;
using Mamba.Amqp.Types;
using Mamba.Broker.Server.Management;

namespace Mamba.Broker.Server.Tests.Management;

/// <summary>What of a message makes a request, and what does not.</summary>
[TestFixture]
internal sealed class ManagementRequestTests
{
    [Test]
    public void The_correlation_id_goes_before_the_message_id()
    {
        Assert.That(Decode(new AmqpMessage { Properties = new MessageProperties { MessageId = 7UL, CorrelationId = "c" } }).CorrelationId, Is.EqualTo("c"));
        Assert.That(Decode(new AmqpMessage { Properties = new MessageProperties { MessageId = 7UL } }).CorrelationId, Is.EqualTo(7UL));
        Assert.That(Decode(new AmqpMessage()).CorrelationId, Is.Null);
    }

    [Test]
    public void A_property_may_be_a_string_or_a_symbol_and_an_empty_one_is_absent()
    {
        var request = Decode(new AmqpMessage
        {
            ApplicationProperties = new AmqpMap { { "operation", "READ" }, { "type", new Symbol("org.mamba.queue") }, { "name", "" }, { "locales", null } },
        });
        Assert.That(request.Text("operation"), Is.EqualTo("READ"));
        Assert.That(request.Text("type"), Is.EqualTo("org.mamba.queue"));
        Assert.That(request.Text("name"), Is.Null);
        Assert.That(request.Text("locales"), Is.Null);
    }

    [Test]
    public void A_property_of_another_type_is_named()
    {
        var request = Decode(new AmqpMessage { ApplicationProperties = new AmqpMap { { "operation", 5 } } });
        AssertBad(() => request.Text("operation"), "'operation' must be a string");
    }

    [TestCase((byte)5)]
    [TestCase((short)5)]
    [TestCase(5u)]
    [TestCase(5L)]
    [TestCase(5UL)]
    public void A_count_may_have_any_width(object value) =>
        Assert.That(Decode(new AmqpMessage { ApplicationProperties = new AmqpMap { { "count", value } } }).Count("count"), Is.EqualTo(5));

    [TestCase(-1)]
    [TestCase(1L << 40)]
    [TestCase("5")]
    [TestCase(5.0)]
    public void What_cannot_be_a_count_is_named(object value)
    {
        var request = Decode(new AmqpMessage { ApplicationProperties = new AmqpMap { { "count", value } } });
        AssertBad(() => request.Count("count"), "'count' must be a whole number");
    }

    [Test]
    public void No_body_and_the_empty_bodies_of_jms_messages_are_an_empty_map()
    {
        foreach (var body in new MessageBody?[] { null, new ValueBody(null), new ValueBody(""), new ValueBody(new AmqpMap()), new DataBody([]) })
        {
            Assert.That(Decode(new AmqpMessage { Body = body }).Attributes(), Is.Empty);
        }
    }

    [Test]
    public void A_body_that_is_no_map_is_refused()
    {
        foreach (var body in new MessageBody[] { new ValueBody("{}"), new ValueBody(new List<object?>()), new DataBody([1]), new SequenceBody(new List<object?>()) })
        {
            AssertBad(() => Decode(new AmqpMessage { Body = body }).Attributes(), "body");
        }
    }

    [Test]
    public void More_values_than_a_request_needs_end_the_decoding()
    {
        var many = new AmqpMap();
        for (var i = 0; i < 5_000; i++)
        {
            many.Add(i, i);
        }

        Assert.That(() => Decode(new AmqpMessage { Body = new ValueBody(many) }), Throws.TypeOf<AmqpException>());
        object? deep = null;
        for (var i = 0; i < 20; i++)
        {
            deep = new List<object?> { deep };
        }

        Assert.That(() => Decode(new AmqpMessage { Body = new ValueBody(deep) }), Throws.TypeOf<AmqpException>());
        Assert.That(() => ManagementRequest.Decode([0x00, 0x53, 0x77]), Throws.TypeOf<AmqpException>());
    }

    [Test]
    public void Attributes_are_read_by_type_and_what_is_left_over_is_named()
    {
        var body = new AttributeBody(new AmqpMap { { "durable", "false" }, { new Symbol("maxMessages"), 5u }, { "topic", new Symbol("news") }, { "sped", 1 } });
        Assert.That(body.Flag("durable"), Is.False);
        Assert.That(body.Number("maxMessages"), Is.EqualTo(5));
        Assert.That(body.Text("topic"), Is.EqualTo("news"));
        Assert.That(body.Flag("shared"), Is.Null);
        AssertBad(body.RefuseOthers, "'sped' cannot be set here; these can: durable, maxMessages, shared, topic");
        AssertBad(() => body.Flag("sped"), "'sped' must be a boolean");
        AssertBad(() => body.Text("sped"), "'sped' must be a string");
        AssertBad(() => body.Number("topic"), "'topic' must be a whole number");
        AssertBad(() => body.Number("maxMessages", max: 4), "from 0 to 4");
        AssertBad(() => body.MustBe("topic", "sports"), "'topic' is 'sports' and cannot be set to 'news'");
    }

    [Test]
    public void A_response_is_one_amqp_value_section_annotated_for_jms()
    {
        var request = Decode(new AmqpMessage { Properties = new MessageProperties { MessageId = Guid.Empty, ReplyTo = "me" } });
        foreach (var (body, type) in new (object?, sbyte)[] { (null, 0), (new AmqpMap { { "a", 1L } }, 2), (new List<object?> { "x" }, 4) })
        {
            var message = AmqpMessage.Decode(new ManagementResponse(200, "OK", body).Encode(request));
            Assert.That(message.Header, Is.Null);
            Assert.That(message.MessageAnnotations![new Symbol("x-opt-jms-msg-type")], Is.EqualTo(type));
            Assert.That(message.Properties!.To, Is.EqualTo("me"));
            Assert.That(message.Properties.CorrelationId, Is.EqualTo(Guid.Empty));
            Assert.That(message.ApplicationProperties!["statusCode"], Is.EqualTo(200));
            Assert.That(message.ApplicationProperties["statusDescription"], Is.EqualTo("OK"));
            Assert.That(message.Value, Is.EqualTo(body));
        }
    }

    private static ManagementRequest Decode(AmqpMessage message) => ManagementRequest.Decode(message.Encode());

    private static void AssertBad(TestDelegate action, string part) =>
        Assert.That(action, Throws.TypeOf<ManagementException>().With.Message.Contains(part).And.Property(nameof(ManagementException.Status)).EqualTo(400));
}
