using Mamba.Amqp.Endpoints;
using Mamba.Amqp.Messaging;
using Mamba.Amqp.Transactions;
using Mamba.Amqp.Transport;
using Mamba.Broker.Engine;
using Mamba.Broker.Server.Messages;

namespace Mamba.Broker.Server.Links;

/// <content>Where annotations that the broker does not know end the link (AMQP 1.0 §3.2.10).</content>
internal sealed partial class InboundLink
{
    /// <summary>Whether the link may go on. What the message-annotations of a relayed message have to be is known once its address is.</summary>
    private bool IsUnderstood(in IncomingDelivery delivery, ReadOnlySpan<byte> payload)
    {
        var last = _router is null ? MessageSection.MessageAnnotations : MessageSection.DeliveryAnnotations;
        if (UnknownAnnotation.Find(payload, _node?.Options, last) is not { } error)
        {
            return true;
        }

        Doom(delivery.State as TransactionalState, error);
        DetachOver(delivery.Tag, error);
        return false;
    }

    /// <summary>The same of a relayed message, which is released when it is not.</summary>
    private bool IsUnderstood(in Incoming incoming, NodeOptions? options)
    {
        if (UnknownAnnotation.Find(incoming.Message.Span, options) is not { } error)
        {
            return true;
        }

        incoming.Message.Release();
        Doom(incoming.Transaction, error);
        DetachOver(incoming.Tag, error);
        return false;
    }

    /// <summary>Ends the link because of one delivery, and says which (anonymous terminus §2.2.2).</summary>
    private void DetachOver(in DeliveryTag tag, AmqpError error)
    {
        error.Info ??= new Mamba.Amqp.Types.AmqpMap();
        error.Info[new Mamba.Amqp.Types.Symbol("delivery-tag")] = tag.ToArray();
        Detach(error);
    }
}
