using Mamba.Amqp.Codec;
using Mamba.Amqp.Endpoints;
using Mamba.Amqp.Messaging;
using Mamba.Amqp.Transactions;
using Mamba.Amqp.Transport;
using Mamba.Broker.Engine;
using Mamba.Broker.Server.Connections;

namespace Mamba.Broker.Server.Links;

/// <summary>
/// The link to the transaction coordinator (AMQP 1.0 §4): declares and discharges, in the order they come. Its answers are
/// settled, because a client waits for nothing else.
/// </summary>
internal sealed class CoordinatorLink(AmqpConnection connection, ReceiverEndpoint endpoint) : LinkHandler(connection, endpoint)
{
    private const uint Window = 100;

    public void Open() => endpoint.AddCredit(Window);

    public void OnDelivery(in IncomingDelivery delivery, ReadOnlySpan<byte> payload)
    {
        endpoint.AddCredit(1);
        if (delivery.IsSettled)
        {
            Detach(new AmqpError(
                ErrorCondition.NotAllowed, "Declare and discharge must be sent unsettled: their answer is the disposition."));
            return;
        }

        try
        {
            Execute(delivery.DeliveryId, payload);
        }
        catch (AmqpException e)
        {
            Answer(delivery.DeliveryId, Rejection(e.Error));
        }
    }

    protected override void Release(bool clean, bool closed) => Connection.Transactions.RollBack(this);

    private static Rejected Rejection(AmqpError error) => new() { Error = error };

    private void Execute(uint deliveryId, ReadOnlySpan<byte> payload)
    {
        var body = MessageScanner.Scan(payload).Body;
        var reader = new AmqpReader(body.IsPresent ? body.ValueIn(payload) : default);
        var code = body.Kind == MessageSection.AmqpValue && reader.PeekCode() == 0 ? reader.ReadDescriptor() : 0;
        switch (code)
        {
            case DescriptorCode.Declare when Amqp.Transactions.Declare.ReadFields(ref reader).GlobalId is not null:
                Answer(deliveryId, Rejection(Refusal.NotImplemented("A transaction with a global id")));
                break;
            case DescriptorCode.Declare:
                Declare(deliveryId);
                break;
            case DescriptorCode.Discharge:
                Discharge(deliveryId, Amqp.Transactions.Discharge.ReadFields(ref reader));
                break;
            default:
                Answer(deliveryId, Rejection(new AmqpError(
                    ErrorCondition.NotImplemented, "A coordinator understands declare and discharge as an amqp-value and nothing else.")));
                break;
        }
    }

    private void Declare(uint deliveryId)
    {
        if (Connection.Transactions.Declare(this, endpoint.Session) is { } transaction)
        {
            Connection.WantTickAt(transaction.Deadline);
            Answer(deliveryId, new Declared { TxnId = transaction.Id });
        }
        else
        {
            Answer(deliveryId, Rejection(new AmqpError(
                ErrorCondition.ResourceLimitExceeded,
                $"The session has {Server.Options.MaxTransactionsPerSession} open transactions, which is the limit; discharge one first.")));
        }
    }

    private void Discharge(uint deliveryId, Discharge discharge)
    {
        if (Connection.Transactions.Take(discharge.TxnId) is not { } transaction)
        {
            Answer(deliveryId, Rejection(TransactionErrors.UnknownId()));
        }
        else if (discharge.Fail == true)
        {
            transaction.Work.Rollback();
            Answer(deliveryId, Accepted.Instance);
        }
        else
        {
            transaction.Work.Commit(new PendingCommit(this, deliveryId, transaction));
        }
    }

    private void Answer(uint deliveryId, Outcome outcome)
    {
        if (!IsGone)
        {
            endpoint.Disposition(deliveryId, deliveryId, outcome, settled: true);
        }
    }

    private void OnCommitted(uint deliveryId, OpenTransaction transaction, CommitOutcome outcome, string? reason)
    {
        if (outcome == CommitOutcome.Committed)
        {
            transaction.SettleDeliveries();
            Answer(deliveryId, Accepted.Instance);
        }
        else
        {
            Answer(deliveryId, Rejection(TransactionErrors.RolledBack(reason)));
        }
    }

    private sealed class PendingCommit(CoordinatorLink link, uint deliveryId, OpenTransaction transaction) : ICommitObserver
    {
        /// <summary>Any thread.</summary>
        public void OnCommitted(UnitOfWork unitOfWork, CommitOutcome outcome, string? reason) =>
            link.Connection.Post(() => link.OnCommitted(deliveryId, transaction, outcome, reason));
    }
}
