using Mamba.Amqp.Messaging;
using Mamba.Amqp.Types;

namespace Mamba.Broker.Server.Management;

/// <summary>
/// The answer to one request: statusCode (int) and statusDescription (string) as application properties, and at most one
/// amqp-value section (what JMS clients decode without surprises), annotated with the JMS type of its body.
/// </summary>
/// <param name="Status">A <see cref="ManagementStatus"/>.</param>
/// <param name="Description">A word for success, or what failed, why and what to do.</param>
/// <param name="Body">An <see cref="AmqpMap"/>, a list, or null for no body.</param>
internal sealed record ManagementResponse(int Status, string Description, object? Body = null)
{
    private const string StatusCode = "statusCode";
    private const string StatusDescription = "statusDescription";

    // The values of x-opt-jms-msg-type; the annotation must be of the type byte.
    private const sbyte JmsMessage = 0;
    private const sbyte JmsMap = 2;
    private const sbyte JmsStream = 4;

    private static readonly Symbol JmsMessageType = new("x-opt-jms-msg-type");

    public static ManagementResponse Ok(object body) => new(ManagementStatus.Ok, "OK", body);

    public static ManagementResponse Created(AmqpMap entity) => new(ManagementStatus.Created, "Created", entity);

    /// <summary>Done, with nothing to tell: 204 with an empty map.</summary>
    public static ManagementResponse NoContent() => new(ManagementStatus.NoContent, "No Content", new AmqpMap());

    public static ManagementResponse Failed(ManagementException cause) => new(cause.Status, cause.Message);

    /// <summary>The response as a message, without a header: [message-annotations][properties][application-properties][amqp-value]?.</summary>
    public byte[] Encode(ManagementRequest request) => new AmqpMessage
    {
        MessageAnnotations = new AmqpMap { { JmsMessageType, Body is null ? JmsMessage : Body is AmqpMap ? JmsMap : JmsStream } },
        Properties = new MessageProperties { To = request.ReplyTo, CorrelationId = request.CorrelationId },
        ApplicationProperties = new AmqpMap { { StatusCode, Status }, { StatusDescription, Description } },
        Body = Body is null ? null : new ValueBody(Body),
    }.Encode();
}
