using Mamba.Amqp.Messaging;
using Mamba.Amqp.Transport;
using Mamba.Amqp.Types;
using Mamba.Broker.Engine;
using Mamba.Broker.Server.Messages;

namespace Mamba.Broker.Server.Tests.Annotations;

/// <summary>Which annotations count as unknown.</summary>
[TestFixture]
internal sealed class UnknownAnnotationTests
{
    private static readonly NodeOptions Named = new() { LastValueKey = "symbol", Duplicates = new DuplicateOptions { By = "request" } };

    [TestCase("x-opt-anything")]
    [TestCase("x-opt-")]
    public void Optional_ones_never(string key) => Assert.That(UnknownAnnotation.Find(Annotated(new Symbol(key)), options: null), Is.Null);

    [TestCase("x-op")]
    [TestCase("x-exchange")]
    [TestCase("symbol")]
    [TestCase("X-OPT-UPPER")]
    public void All_others_do(string key)
    {
        var error = UnknownAnnotation.Find(Annotated(new Symbol(key)), options: null);
        Assert.That(error?.Condition, Is.EqualTo(ErrorCondition.NotImplemented));
        Assert.That(error!.Description, Does.Contain($"'{key}'").And.Contain("message-annotations"));
    }

    [TestCase("symbol", ExpectedResult = true)]
    [TestCase("request", ExpectedResult = true)]
    [TestCase("other", ExpectedResult = false)]
    public bool Those_that_settings_of_the_address_name_are_known(string key) => UnknownAnnotation.Find(Annotated(new Symbol(key)), Named) is null;

    [Test]
    public void One_among_many_is_found_and_numbers_are_reserved()
    {
        Assert.That(UnknownAnnotation.Find(Annotated(new Symbol("x-opt-a"), new Symbol("x-opt-b"), new Symbol("c")), options: null), Is.Not.Null);
        Assert.That(UnknownAnnotation.Find(Annotated(7UL), options: null)?.Description, Does.Contain("no symbol"));
    }

    [Test]
    public void Delivery_annotations_count_too()
    {
        var message = new AmqpMessage { DeliveryAnnotations = new AmqpMap { [new Symbol("mine")] = 1 }, Body = new ValueBody("x") }.Encode();
        Assert.That(UnknownAnnotation.Find(message, options: null)?.Description, Does.Contain("delivery-annotations"));
    }

    [Test]
    public void Message_annotations_are_left_alone_where_the_address_is_not_known_yet() =>
        Assert.That(UnknownAnnotation.Find(Annotated(new Symbol("later")), options: null, MessageSection.DeliveryAnnotations), Is.Null);

    [Test]
    public void What_is_no_message_is_left_to_whoever_reads_it()
    {
        Assert.That(UnknownAnnotation.Find([1, 2, 3], options: null), Is.Null);
        Assert.That(UnknownAnnotation.Find(Annotated(new Symbol("cut"))[..6], options: null), Is.Null);
        Assert.That(UnknownAnnotation.Find([], options: null), Is.Null);
    }

    private static byte[] Annotated(params object[] keys)
    {
        var annotations = new AmqpMap();
        foreach (var key in keys)
        {
            annotations[key] = "value";
        }

        return new AmqpMessage { Header = MessageHeader.Default, MessageAnnotations = annotations, Body = new ValueBody("x") }.Encode();
    }
}
