using Mamba.Amqp.Endpoints;
using Mamba.Amqp.Messaging;
using Mamba.Amqp.Transport;
using Mamba.Broker.Engine;
using Mamba.Broker.Server.Connections;
using Mamba.Broker.Server.Dialects.ServiceBus;
using Mamba.Broker.Server.Messages;

namespace Mamba.Broker.Server.Links;

/// <content>Many messages in one transfer, which are stored all or none.</content>
internal sealed partial class InboundLink
{
    private void PublishBatch(in IncomingDelivery delivery, ReadOnlySpan<byte> payload)
    {
        if (_node is null || delivery.State is not null || _unsettled is not null)
        {
            RefuseBatch(delivery, Refusal.NotImplemented("A batch through the anonymous terminus, in a transaction or on a resumable link"));
            return;
        }

        var messages = new List<StoredMessage>();
        if (MessageBatch.Read(payload, Connection.Now, Connection.ContainerId, messages) is { } fault)
        {
            RefuseBatch(delivery, fault);
            return;
        }

        // What the peer sent before it comes before it.
        Connection.PublishCollected();
        var work = Server.Engine.BeginTransaction();
        for (var i = 0; i < messages.Count; i++)
        {
            var id = _duplicates is { } window ? DuplicateIdentity.Read(messages[i], window) : default;
            if (Refusal.From(work.AddPublish(_node, messages[i], id), _node.Address) is { } error)
            {
                messages[(i + 1)..].ForEach(static message => message.Release());
                work.Rollback();
                RefuseBatch(delivery, error);
                return;
            }
        }

        work.Commit(new BatchCommit(this, Connection, delivery.DeliveryId, delivery.IsSettled));
    }

    private void RefuseBatch(in IncomingDelivery delivery, AmqpError error) =>
        Refuse(delivery.DeliveryId, delivery.IsSettled, delivery.State, delivery.Tag, error);

    private void OnBatchStored(BatchCommit batch, CommitOutcome outcome, string? reason)
    {
        if (IsGone)
        {
            return;
        }

        if (outcome == CommitOutcome.RolledBack)
        {
            var error = new AmqpError(ErrorCondition.InternalError, $"The batch was not stored: {reason}");
            if (batch.Settled)
            {
                Detach(error);
                return;
            }

            Reject(batch.DeliveryId, transaction: null, error);
        }
        else if (!batch.Settled)
        {
            Answer(batch.DeliveryId, Accepted.Instance);
        }

        GiveCreditBack();
    }

    private sealed class BatchCommit(InboundLink link, AmqpConnection connection, uint deliveryId, bool settled) : ICommitObserver
    {
        public uint DeliveryId => deliveryId;

        public bool Settled => settled;

        /// <summary>Any thread.</summary>
        public void OnCommitted(UnitOfWork unitOfWork, CommitOutcome outcome, string? reason) =>
            connection.Post(() => link.OnBatchStored(this, outcome, reason));
    }
}
