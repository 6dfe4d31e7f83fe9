using Mamba.Amqp.Endpoints;
using Mamba.Amqp.Messaging;
using Mamba.Amqp.Transport;
using Mamba.Broker.Engine;
using Mamba.Broker.Server.Connections;

namespace Mamba.Broker.Server.Links.Resumption;

/// <summary>
/// What a resumable link on which messages come in does beyond an ordinary one: it stores each delivery's tag with its message, knows
/// what is sent to it twice, and forgets a tag when the sender has settled. The turn's own.
/// </summary>
internal sealed class InboundUnsettled(AmqpConnection connection, InboundLink link, ReceiverEndpoint endpoint, IncomingTerminus terminus)
{
    private readonly Dictionary<uint, DeliveryTag> _deliveries = [];
    private readonly HashSet<OpenTransaction> _transactions = [];

    /// <summary>
    /// Answers a delivery that is stored already with its outcome, without storing it again. A sender that states another outcome is
    /// right (AMQP 1.0 §3.4.6, tag 13), and one that has settled wants no answer.
    /// </summary>
    /// <returns>False for a delivery that is to be stored.</returns>
    public bool TryAnswer(in IncomingDelivery delivery)
    {
        if (terminus.IsStored(delivery.Tag) is not { } stored)
        {
            return false;
        }

        if (!stored || (!delivery.IsResumed && _deliveries.ContainsValue(delivery.Tag)))
        {
            link.Fail(new AmqpError(
                ErrorCondition.InvalidField,
                $"The delivery-tag {delivery.Tag} of delivery {delivery.DeliveryId} is that of another delivery, which is not settled."));
            return true;
        }

        if (delivery.IsSettled)
        {
            Forget(delivery.Tag);
        }
        else if (delivery.State is Outcome outcome)
        {
            endpoint.Disposition(delivery.DeliveryId, delivery.DeliveryId, outcome, settled: true);
            Forget(delivery.Tag);
        }
        else
        {
            _deliveries[delivery.DeliveryId] = delivery.Tag;
            link.Answer(delivery.DeliveryId, Accepted.Instance);
        }

        return true;
    }

    /// <summary>Stores a message with its tag, in one record.</summary>
    public void Publish(in Incoming incoming, IMessageNode node, DuplicateId id)
    {
        if (terminus.UnsettledCount >= connection.Server.Options.MaxUnsettledPerLink)
        {
            incoming.Message.Release();
            link.Fail(new AmqpError(
                ErrorCondition.ResourceLimitExceeded,
                $"The link has {connection.Server.Options.MaxUnsettledPerLink} deliveries unsettled, the most it may have; settle what was accepted."));
            return;
        }

        var tag = incoming.Tag;
        var work = connection.Server.Engine.BeginTransaction();
        var outcome = terminus.Durable?.Receipts is { } receipts
            ? receipts.Publish(work, node, incoming.Message, id, tag.Span)
            : work.AddPublish(node, incoming.Message, id);
        if (outcome != PublishOutcome.Accepted)
        {
            work.Rollback();
            link.OnResult(new PublishResult(incoming.DeliveryId, outcome));
            return;
        }

        _deliveries[incoming.DeliveryId] = tag;
        terminus.Begin(tag);
        work.Commit(new Arrival(connection, link, terminus, node, incoming.DeliveryId, tag));
    }

    /// <summary>A message was enlisted in a transaction: its tag is not remembered.</summary>
    public void OnEnlisted(OpenTransaction transaction)
    {
        _transactions.RemoveWhere(static other => other.Work.HasEnded);
        _transactions.Add(transaction);
    }

    /// <summary>The delivery was refused: there is nothing to remember.</summary>
    public void OnRefused(uint deliveryId) => _deliveries.Remove(deliveryId);

    /// <summary>The sender has settled a delivery.</summary>
    public void OnSenderSettled(uint deliveryId)
    {
        if (_deliveries.Remove(deliveryId, out var tag))
        {
            Forget(tag);
        }
    }

    /// <summary>The sender took back a delivery, perhaps one of an earlier attachment.</summary>
    public void OnAborted(in IncomingDelivery delivery)
    {
        if (delivery.IsResumed && terminus.IsStored(delivery.Tag) == true)
        {
            Forget(delivery.Tag);
        }
    }

    /// <summary>The link is gone: its state waits to be resumed, unless the peer has ended it.</summary>
    public void Leave(bool ended)
    {
        if (ended)
        {
            connection.Server.Termini.Discard(terminus);
            return;
        }

        foreach (var transaction in _transactions)
        {
            transaction.Work.MarkRollbackOnly("a link that sent in it was suspended, and its sender could not tell which messages arrived");
        }

        if (endpoint.TryTakePartial(out var tag, out var received))
        {
            terminus.Partial = (tag, received);
        }

        connection.Suspend(terminus, endpoint);
    }

    private void Forget(in DeliveryTag tag)
    {
        terminus.Forget(tag);
        connection.MarkForgetting(terminus);
    }

    /// <summary>Says what became of one message, to the terminus first: the link may be gone by then.</summary>
    private sealed class Arrival(
        AmqpConnection connection, InboundLink link, IncomingTerminus terminus, IMessageNode node, uint deliveryId, DeliveryTag tag) : ICommitObserver
    {
        public void OnCommitted(UnitOfWork unitOfWork, CommitOutcome outcome, string? reason)
        {
            var stored = outcome == CommitOutcome.Committed;
            terminus.Conclude(tag, stored);
            var result = stored ? unitOfWork.LeftDuplicatesOut ? PublishOutcome.Duplicate : PublishOutcome.Accepted : node.IsDeleted ? PublishOutcome.NotFound : PublishOutcome.JournalFailed;
            connection.Mail.Post(link, [new PublishResult(deliveryId, result)]);
        }
    }
}
