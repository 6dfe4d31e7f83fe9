using Mamba.Amqp.Transport;
using Mamba.Amqp.Types;

namespace Mamba.Amqp.Endpoints;

/// <summary>The violations a peer can commit, each with its condition and what it ends.</summary>
internal static class EndpointErrors
{
    public static AmqpException Connection(Symbol condition, string description) =>
        new(condition, description, AmqpErrorScope.Connection);

    public static AmqpException Session(Symbol condition, string description) =>
        new(condition, description, AmqpErrorScope.Session);

    public static AmqpException Link(Symbol condition, string description) =>
        new(condition, description, AmqpErrorScope.Link);

    public static AmqpException UnattachedHandle(uint handle, string frame) =>
        Session(ErrorCondition.UnattachedHandle, $"{frame} names handle {handle}, on which no link is attached.");
}
