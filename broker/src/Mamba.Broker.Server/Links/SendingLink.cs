using Mamba.Amqp.Endpoints;
using Mamba.Amqp.Messaging;
using Mamba.Broker.Server.Connections;

namespace Mamba.Broker.Server.Links;

/// <summary>A link that messages go out on: its connection lets it write when there is room in the output.</summary>
internal abstract class SendingLink(AmqpConnection connection, SenderEndpoint endpoint) : LinkHandler(connection, endpoint)
{
    /// <summary>Whether another delivery may be unsettled, or the link is gone and waits for nothing.</summary>
    public bool HasRoom => IsGone || endpoint.UnsettledRoom > 0;

    /// <summary>Messages that wait for credit, for the flow that the peer asked for: after a drain, what will be left. Best effort.</summary>
    public virtual uint CountAvailable() => 0;

    /// <summary>Writes messages up to credit, window and <paramref name="maxBytes"/>. Returns true when only the byte limit stopped it.</summary>
    public abstract bool Pump(int maxBytes);

    /// <summary>It cannot write now: if it was called for messages, others may have them. To be told again as long as that lasts.</summary>
    public virtual void Decline()
    {
        // Nobody waits for one that has its messages to itself.
    }

    /// <summary>The peer's word on one delivery.</summary>
    public abstract void OnDisposition(uint deliveryId, long token, DeliveryState? state, bool settled);
}
