using Mamba.Amqp.Messaging;
using Mamba.Amqp.Transport;
using Mamba.Amqp.Types;

namespace Mamba.Amqp.Client;

/// <summary>Outcomes and what to make of them.</summary>
public static class Outcomes
{
    internal static readonly Symbol[] All = ["amqp:accepted:list", "amqp:rejected:list", "amqp:released:list", "amqp:modified:list"];

    /// <summary>Throws unless the broker accepted the message; for senders to whom anything else is an error.</summary>
    /// <exception cref="AmqpException">The message was rejected (with the broker's condition), released or modified.</exception>
    public static void ThrowIfNotAccepted(this DeliveryState outcome)
    {
        ArgumentNullException.ThrowIfNull(outcome);
        switch (outcome)
        {
            case Accepted:
                return;
            case Rejected rejected:
                throw ClientErrors.FromPeer("the broker rejected the message", rejected.Error, AmqpErrorScope.Link);
            default:
                throw ClientErrors.Make(ErrorCondition.PreconditionFailed, $"the broker did not accept the message: {outcome}; send it again later", AmqpErrorScope.Link);
        }
    }
}
