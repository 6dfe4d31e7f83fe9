using Mamba.Amqp.Messaging;
using Mamba.Amqp.Types;
using Mamba.Tools.SelectorFuzz;

namespace Mamba.Broker.Selectors.Tests;

/// <summary>Messages for the tests, and what an expression comes to over one.</summary>
internal static class TestMessage
{
    /// <summary>A message with application properties, given as name and value in turn.</summary>
    public static MessageFacts With(params object?[] namesAndValues) => Of(new MessageProperties(), namesAndValues);

    public static MessageFacts Of(MessageProperties properties, params object?[] namesAndValues)
    {
        var map = new AmqpMap();
        for (var i = 0; i < namesAndValues.Length; i += 2)
        {
            map.Add(namesAndValues[i]!, namesAndValues[i + 1]);
        }

        var message = new AmqpMessage { Properties = properties, ApplicationProperties = map, Body = new ValueBody("body") };
        return new MessageFacts(message.Encode(), 0, message);
    }

    public static MessageFacts WithAnnotations(params object[] namesAndValues)
    {
        var map = new AmqpMap();
        for (var i = 0; i < namesAndValues.Length; i += 2)
        {
            map.Add(new Symbol((string)namesAndValues[i]), namesAndValues[i + 1]);
        }

        var annotations = new AmqpMessage { MessageAnnotations = map }.Encode();
        return new MessageFacts([.. annotations, .. new AmqpMessage { Body = new ValueBody(1) }.Encode()], annotations.Length, new AmqpMessage());
    }

    public static Truth Truth(this MessageFacts message, string expression, SelectorDialect dialect = SelectorDialect.Jms) =>
        Selector.Parse(expression, dialect).Evaluate(message.Input);

    /// <summary>The truth of an expression that names nothing.</summary>
    public static Truth Of(string expression) => With().Truth(expression);
}
