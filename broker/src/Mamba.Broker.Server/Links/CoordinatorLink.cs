using Mamba.Amqp.Codec;
using Mamba.Amqp.Endpoints;
using Mamba.Amqp.Messaging;
using Mamba.Amqp.Transactions;
using Mamba.Amqp.Transport;
using Mamba.Broker.Engine;
using Mamba.Broker.Server.Connections;
using Mamba.Broker.Server.Messages;

namespace Mamba.Broker.Server.Links;

/// <summary>
/// The link to the transaction coordinator (AMQP 1.0 §4): declares and discharges, done in the order they come. Any number of
/// commits are on their way through the journal at once, and each is answered when it is on disk; a declare is answered after
/// the discharges that came before it, because clients write both together and expect the answers in that order. Answers are
/// settled: a client waits for nothing else.
/// </summary>
/// <param name="connection">Its connection.</param>
/// <param name="endpoint">Its end of the link.</param>
/// <param name="canReject">Whether the source's outcomes let us answer rejected; otherwise a refusal ends the link.</param>
/// <param name="marksDuplicates">Whether the peer asked to see which of its commits left messages out.</param>
internal sealed class CoordinatorLink(AmqpConnection connection, ReceiverEndpoint endpoint, bool canReject, bool marksDuplicates)
    : LinkHandler(connection, endpoint)
{
    /// <summary>Commands that may be under way or unanswered.</summary>
    private const uint Window = 100;

    /// <summary>Discharges that are not answered yet, and the declares that came behind them.</summary>
    private readonly Queue<Command> _unanswered = new();
    private uint _answered;

    public void Open() => endpoint.AddCredit(Window);

    public void OnDelivery(in IncomingDelivery delivery, ReadOnlySpan<byte> payload)
    {
        if (delivery.IsSettled)
        {
            Detach(new AmqpError(
                ErrorCondition.NotAllowed, "Declare and discharge must be sent unsettled: their answer is the disposition."));
            return;
        }

        if (Server.Options.RefuseUnknownAnnotations && UnknownAnnotation.Find(payload, options: null) is { } unknown)
        {
            Detach(unknown);
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

    /// <summary>A command was taken back half-way: its credit is used, nothing else happened.</summary>
    public void OnAborted() => GiveCreditBack();

    /// <summary>Carries out a discharge that came on this link, once every message of its transaction is enlisted.</summary>
    public void End(OpenTransaction transaction)
    {
        if (transaction.Fails)
        {
            transaction.Work.Rollback();
            Conclude(transaction, Accepted.Instance);
            return;
        }

        // What the peer sent before the discharge, outside of the transaction, comes before it.
        Connection.PublishCollected();
        transaction.Work.Commit(transaction);
    }

    /// <summary>How the commit of a transaction ended that was discharged on this link.</summary>
    public void OnCommitted(OpenTransaction transaction, CommitOutcome outcome, string? reason)
    {
        if (outcome == CommitOutcome.Committed)
        {
            transaction.SettleDeliveries();
            Conclude(transaction, marksDuplicates && transaction.Work.LeftDuplicatesOut ? MarkedAccepted.Duplicate : Accepted.Instance);
        }
        else
        {
            Conclude(transaction, Rejection(TransactionErrors.RolledBack(reason)));
        }
    }

    /// <summary>Any thread.</summary>
    public void PostCommitted(OpenTransaction transaction, CommitOutcome outcome, string? reason) =>
        Connection.Mail.Post(transaction, outcome, reason);

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
        Outcome answer;
        if (Connection.Transactions.Declare(this, endpoint.Session) is { } transaction)
        {
            Connection.WantTickAt(transaction.Deadline);
            answer = new Declared { TxnId = transaction.Id };
        }
        else
        {
            answer = Rejection(new AmqpError(
                ErrorCondition.ResourceLimitExceeded,
                $"The session has {Server.Options.MaxTransactionsPerSession} open transactions, which is the limit; discharge one first."));
        }

        if (_unanswered.Count > 0)
        {
            _unanswered.Enqueue(new Command(deliveryId, Discharged: null, answer));
        }
        else
        {
            Answer(deliveryId, answer);
        }
    }

    private void Discharge(uint deliveryId, Discharge discharge)
    {
        if (Connection.Transactions.Discharge(discharge, this, deliveryId) is not { } transaction)
        {
            Answer(deliveryId, Rejection(TransactionErrors.UnknownId()));
            return;
        }

        _unanswered.Enqueue(new Command(deliveryId, transaction, Answer: null));
        if (!transaction.IsHeld)
        {
            End(transaction);
        }
    }

    private void Conclude(OpenTransaction transaction, Outcome outcome)
    {
        transaction.IsAnswered = true;
        Answer(transaction.DischargeId, outcome);
        AnswerDeclares();
    }

    private void Answer(uint deliveryId, Outcome outcome)
    {
        if (IsGone)
        {
            return;
        }

        if (outcome is Rejected { Error: { } error } && !canReject)
        {
            // A controller that cannot take rejected is told by the end of the link (AMQP 1.0 §4.3).
            Detach(error);
            return;
        }

        endpoint.Disposition(deliveryId, deliveryId, outcome, settled: true);
        GiveCreditBack();
    }

    private void GiveCreditBack()
    {
        if (++_answered >= Window / 2)
        {
            endpoint.AddCredit(_answered);
            _answered = 0;
        }
    }

    /// <summary>Answers the declares in front of which no discharge waits any more.</summary>
    private void AnswerDeclares()
    {
        while (!IsGone && _unanswered.TryPeek(out var next) && next.Discharged is null or { IsAnswered: true })
        {
            _unanswered.Dequeue();
            if (next.Answer is not null)
            {
                Answer(next.DeliveryId, next.Answer);
            }
        }
    }

    /// <summary>A discharge under way, or a declare and its answer.</summary>
    private readonly record struct Command(uint DeliveryId, OpenTransaction? Discharged, Outcome? Answer);
}
