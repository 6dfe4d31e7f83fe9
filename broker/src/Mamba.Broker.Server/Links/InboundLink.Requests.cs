using Mamba.Amqp.Endpoints;
using Mamba.Amqp.Messaging;
using Mamba.Amqp.Transport;
using Mamba.Broker.Server.Management;

namespace Mamba.Broker.Server.Links;

/// <content>Requests to the management node that come by the anonymous terminus.</content>
internal sealed partial class InboundLink : IRequestSource
{
    SessionEndpoint IRequestSource.Session => _endpoint.Session;

    /// <summary>A message to the management node.</summary>
    public void Ask(in Incoming incoming)
    {
        if (incoming.Transaction is not null)
        {
            Refuse(incoming, new AmqpError(
                ErrorCondition.NotImplemented, "A management request cannot be part of a transaction, as it cannot be undone; send it without one."));
            return;
        }

        if (_refusesUnknown && !IsUnderstood(incoming, options: null))
        {
            return;
        }

        try
        {
            Connection.Management.SubmitRelayed(this, incoming.DeliveryId, incoming.Settled, incoming.Message.Span);
            incoming.Message.Release();
        }
        catch (LinkRefusedException e)
        {
            Refuse(incoming, e.Error);
        }
        catch (AmqpException e)
        {
            Refuse(incoming, e.Error);
        }
    }

    void IRequestSource.Answer(uint deliveryId, bool settled, AmqpError? error)
    {
        if (IsGone)
        {
            return;
        }

        if (!settled && error is null)
        {
            Answer(deliveryId, Accepted.Instance);
        }
        else if (!settled)
        {
            Reject(deliveryId, transaction: null, error!);
        }

        GiveCreditBack();
    }
}
