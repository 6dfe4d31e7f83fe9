using Mamba.Amqp.Messaging;
using Mamba.Amqp.Transport;
using Mamba.Amqp.Types;
using Mamba.Broker.Server.Management;

namespace Mamba.Broker.Server.Dialects.ServiceBus;

/// <summary>The answer to a request about an entity.</summary>
/// <param name="Status">As of HTTP.</param>
/// <param name="Description">A word for success, or what failed, why and what to do.</param>
/// <param name="Body">The result, or null.</param>
/// <param name="Condition">The error as clients tell it to the application; null leaves it to the status.</param>
internal sealed record EntityResponse(int Status, string Description, AmqpMap? Body = null, string? Condition = null)
{
    public const string MessageNotFound = "com.microsoft:message-not-found";
    public const string LockLost = "com.microsoft:message-lock-lost";

    public static EntityResponse Ok(AmqpMap? body = null) => new(ManagementStatus.Ok, "OK", body);

    public DeskResponse For(ManagementRequest request) => new(Encode(request), ErrorOf());

    private byte[] Encode(ManagementRequest request)
    {
        var properties = new AmqpMap { { "statusCode", Status }, { "statusDescription", Description } };
        if (Condition is not null)
        {
            properties.Add("errorCondition", new Symbol(Condition));
        }

        return new AmqpMessage
        {
            Properties = new MessageProperties { To = request.ReplyTo, CorrelationId = request.CorrelationId },
            ApplicationProperties = properties,
            Body = new ValueBody(Body),
        }.Encode();
    }

    private AmqpError? ErrorOf() => Status < ManagementStatus.BadRequest ? null : new AmqpError(ErrorCondition.InvalidField, Description);
}
