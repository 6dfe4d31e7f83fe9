using Mamba.Amqp.Transport;
using Mamba.Broker.Server.Dialects.RabbitMq;

namespace Mamba.Broker.Server.Links;

/// <content>Messages to addresses of RabbitMQ's version 2.</content>
internal sealed partial class AnonymousRouter
{
    /// <exception cref="LinkRefusedException">It is no such address, there is no such exchange, or the user may not send there.</exception>
    private void RelayToRabbitMq(InboundLink link, in Incoming incoming, string to)
    {
        var address = RabbitMqAddress.Parse(to) ?? throw new LinkRefusedException(RabbitMqAddress.Bad(to, ErrorCondition.PreconditionFailed));
        if (address.FindTarget(connection.Server, connection.Access) is { } node)
        {
            Remember(to, node);
            link.Accept(incoming, node);
        }
        else if (address.IsQueue)
        {
            // Sent to the default exchange, which has no binding for it.
            link.Release(incoming);
        }
        else
        {
            throw new LinkRefusedException(address.NotFound());
        }
    }
}
