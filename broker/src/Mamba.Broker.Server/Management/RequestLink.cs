using Mamba.Amqp.Endpoints;
using Mamba.Amqp.Messaging;
using Mamba.Amqp.Transactions;
using Mamba.Amqp.Transport;
using Mamba.Broker.Server.Connections;
using Mamba.Broker.Server.Links;
using Mamba.Broker.Server.Messages;

namespace Mamba.Broker.Server.Management;

/// <summary>
/// A link that requests to a node of the broker's own come in on. It has little credit, given back when a request has been answered. A
/// request is settled as accepted; as rejected when it is no request, or failed and its response has nowhere to go.
/// </summary>
/// <param name="connection">Its connection.</param>
/// <param name="desk">Its connection's business with that node.</param>
/// <param name="endpoint">Its end of the link.</param>
/// <param name="canReject">Whether the source's outcomes let us answer rejected; otherwise a refusal ends the link.</param>
internal class RequestLink(AmqpConnection connection, RequestDesk desk, ReceiverEndpoint endpoint, bool canReject)
    : LinkHandler(connection, endpoint), IRequestSource
{
    /// <summary>Requests of one link that are under way or wait.</summary>
    public const uint Window = 8;

    private uint _answered;

    /// <summary>Its connection's business with the node it leads to.</summary>
    public RequestDesk Desk => desk;

    public SessionEndpoint Session => endpoint.Session;

    public void Open() => endpoint.AddCredit(Window);

    public void OnDelivery(in IncomingDelivery delivery, ReadOnlySpan<byte> payload)
    {
        if (delivery.State is TransactionalState state)
        {
            RefuseInTransaction(delivery, state);
            return;
        }

        if (Server.Options.RefuseUnknownAnnotations && UnknownAnnotation.Find(payload, options: null) is { } unknown)
        {
            Detach(unknown);
            return;
        }

        try
        {
            Take(delivery, payload);
        }
        catch (AmqpException e)
        {
            Answer(delivery.DeliveryId, delivery.IsSettled, e.Error);
        }
    }

    /// <summary>The sender took a request back half-way: only its credit is used.</summary>
    public void OnAborted() => GiveCreditBack();

    public void Answer(uint deliveryId, bool settled, AmqpError? error)
    {
        if (IsGone)
        {
            return;
        }

        if (error is not null && (settled || !canReject))
        {
            // Where no outcome can say it, the end of the link does.
            Detach(error);
            return;
        }

        if (!settled)
        {
            DeliveryState outcome = error is null ? Accepted.Instance : new Rejected { Error = error };
            endpoint.Disposition(deliveryId, deliveryId, outcome, settled: endpoint.ReceiverSettleMode == ReceiverSettleMode.First);
        }

        GiveCreditBack();
    }

    /// <summary>Takes a request in.</summary>
    /// <exception cref="AmqpException">It is no request.</exception>
    protected virtual void Take(in IncomingDelivery delivery, ReadOnlySpan<byte> payload) =>
        Submit(new PendingRequest(this, delivery.DeliveryId, delivery.IsSettled, desk.Admit(payload)) { Bytes = payload.Length });

    /// <summary>Has a request carried out; <see cref="Answer"/> ends it.</summary>
    protected virtual void Submit(PendingRequest request) => desk.Submit(request);

    protected override void Release(bool clean, bool closed) => desk.Remove(this);

    private void RefuseInTransaction(in IncomingDelivery delivery, TransactionalState state)
    {
        Connection.Transactions.Find(state.TxnId)?.Work.MarkRollbackOnly("a management request was sent in it, which cannot be undone");
        Answer(delivery.DeliveryId, delivery.IsSettled, new AmqpError(
            ErrorCondition.NotImplemented, "A request to this node cannot be part of a transaction, as it cannot be undone; send it without one."));
    }

    private void GiveCreditBack()
    {
        if (!IsGone && ++_answered >= Window / 2)
        {
            endpoint.AddCredit(_answered);
            _answered = 0;
        }
    }
}

/// <summary>A request on its way, and the delivery to answer when it is done.</summary>
internal sealed record PendingRequest(IRequestSource Link, uint DeliveryId, bool Settled, ManagementRequest Request)
{
    /// <summary>Its size as it came, where that counts.</summary>
    public int Bytes { get; init; }
}

/// <summary>A link that a request came on: one to the management node, or one to the anonymous terminus.</summary>
internal interface IRequestSource
{
    SessionEndpoint Session { get; }

    /// <summary>A request is done with. The link's connection's turn.</summary>
    /// <param name="deliveryId">The request's delivery.</param>
    /// <param name="settled">Whether the sender wants no outcome.</param>
    /// <param name="error">Why it is rejected, or null.</param>
    void Answer(uint deliveryId, bool settled, AmqpError? error);
}
