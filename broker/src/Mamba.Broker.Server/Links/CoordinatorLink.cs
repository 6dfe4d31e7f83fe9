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
/// <param name="connection">Its connection.</param>
/// <param name="endpoint">Its end of the link.</param>
/// <param name="canReject">Whether the source's outcomes let us answer rejected; otherwise a refusal ends the link.</param>
internal sealed class CoordinatorLink(AmqpConnection connection, ReceiverEndpoint endpoint, bool canReject)
    : LinkHandler(connection, endpoint)
{
    private const uint Window = 100;

    /// <summary>Commands not answered yet, in order: a declare behind a commit that waits for the disk is answered after it.</summary>
    private readonly Queue<Command> _unanswered = new();

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

        var command = new Command(delivery.DeliveryId);
        _unanswered.Enqueue(command);
        try
        {
            Execute(command, payload);
        }
        catch (AmqpException e)
        {
            Answer(command, Rejection(e.Error));
        }
    }

    protected override void Release(bool clean, bool closed) => Connection.Transactions.RollBack(this);

    private static Rejected Rejection(AmqpError error) => new() { Error = error };

    private void Execute(Command command, ReadOnlySpan<byte> payload)
    {
        var body = MessageScanner.Scan(payload).Body;
        var reader = new AmqpReader(body.IsPresent ? body.ValueIn(payload) : default);
        var code = body.Kind == MessageSection.AmqpValue && reader.PeekCode() == 0 ? reader.ReadDescriptor() : 0;
        switch (code)
        {
            case DescriptorCode.Declare when Amqp.Transactions.Declare.ReadFields(ref reader).GlobalId is not null:
                Answer(command, Rejection(Refusal.NotImplemented("A transaction with a global id")));
                break;
            case DescriptorCode.Declare:
                Declare(command);
                break;
            case DescriptorCode.Discharge:
                Discharge(command, Amqp.Transactions.Discharge.ReadFields(ref reader));
                break;
            default:
                Answer(command, Rejection(new AmqpError(
                    ErrorCondition.NotImplemented, "A coordinator understands declare and discharge as an amqp-value and nothing else.")));
                break;
        }
    }

    private void Declare(Command command)
    {
        if (Connection.Transactions.Declare(this, endpoint.Session) is { } transaction)
        {
            Connection.WantTickAt(transaction.Deadline);
            Answer(command, new Declared { TxnId = transaction.Id });
        }
        else
        {
            Answer(command, Rejection(new AmqpError(
                ErrorCondition.ResourceLimitExceeded,
                $"The session has {Server.Options.MaxTransactionsPerSession} open transactions, which is the limit; discharge one first.")));
        }
    }

    private void Discharge(Command command, Discharge discharge)
    {
        if (Connection.Transactions.Find(discharge.TxnId) is { } open && open.TryDefer(() => Discharge(command, discharge)))
        {
            return;
        }

        if (Connection.Transactions.Take(discharge.TxnId) is not { } transaction)
        {
            Answer(command, Rejection(TransactionErrors.UnknownId()));
        }
        else if (discharge.Fail == true)
        {
            transaction.Work.Rollback();
            Answer(command, Accepted.Instance);
        }
        else
        {
            transaction.Work.Commit(new PendingCommit(this, command, transaction));
        }
    }

    private void Answer(Command command, Outcome outcome)
    {
        command.Outcome = outcome;
        while (!IsGone && _unanswered.TryPeek(out var next) && next.Outcome is not null)
        {
            _unanswered.Dequeue();
            if (next.Outcome is Rejected { Error: { } error } && !canReject)
            {
                // A controller that cannot take rejected is told by the end of the link (AMQP 1.0 §4.3).
                Detach(error);
                return;
            }

            endpoint.Disposition(next.DeliveryId, next.DeliveryId, next.Outcome, settled: true);
        }
    }

    private void OnCommitted(Command command, OpenTransaction transaction, CommitOutcome outcome, string? reason)
    {
        if (outcome == CommitOutcome.Committed)
        {
            transaction.SettleDeliveries();
            Answer(command, Accepted.Instance);
        }
        else
        {
            Answer(command, Rejection(TransactionErrors.RolledBack(reason)));
        }
    }

    /// <summary>One declare or discharge and, once there is one, its answer.</summary>
    private sealed class Command(uint deliveryId)
    {
        public uint DeliveryId { get; } = deliveryId;

        public Outcome? Outcome { get; set; }
    }

    private sealed class PendingCommit(CoordinatorLink link, Command command, OpenTransaction transaction) : ICommitObserver
    {
        /// <summary>Any thread.</summary>
        public void OnCommitted(UnitOfWork unitOfWork, CommitOutcome outcome, string? reason) =>
            link.Connection.Post(() => link.OnCommitted(command, transaction, outcome, reason));
    }
}
