using Mamba.Amqp.Endpoints;
using Mamba.Amqp.Messaging;
using Mamba.Amqp.Transactions;
using Mamba.Amqp.Transport;
using Mamba.Broker.Engine;
using Mamba.Broker.Server.Connections;
using Mamba.Broker.Server.Dialects.ServiceBus;
using Mamba.Broker.Server.Links.Resumption;
using Mamba.Broker.Server.Messages;

namespace Mamba.Broker.Server.Links;

/// <summary>
/// A link that messages come in on: to one node, or (anonymous terminus) to whatever each message's <c>to</c> names.
/// Credit is a window over messages that are under way or not yet answered, so a slow journal slows the sender down.
/// </summary>
internal sealed partial class InboundLink : LinkHandler, IPublishObserver, IProducer
{
    /// <summary>In place of a delivery-id, for a message that was sent settled.</summary>
    private const long SettledToken = -1;

    private readonly ReceiverEndpoint _endpoint;
    private readonly IMessageNode? _node;
    private readonly TerminusOwner _owner;
    private readonly AnonymousRouter? _router;
    private readonly LinkCredit _credit;
    private readonly bool _canReject;
    private readonly bool _refusesUnknown;
    private readonly DuplicateWindow? _duplicates;
    private readonly Outcome _duplicate;
    private readonly InboundUnsettled? _unsettled;

    /// <param name="connection">The link's connection.</param>
    /// <param name="endpoint">Our end of the link.</param>
    /// <param name="node">Where messages go; null for an anonymous terminus.</param>
    /// <param name="owner">Owner of the node when this link made it.</param>
    /// <param name="canReject">Whether the source's outcomes let us answer rejected; otherwise a refusal ends the link.</param>
    /// <param name="marksDuplicates">Whether the peer asked to see which of its messages were left out.</param>
    /// <param name="terminus">What outlives the link; null when it is not resumable.</param>
    public InboundLink(
        AmqpConnection connection, ReceiverEndpoint endpoint, IMessageNode? node, TerminusOwner owner, bool canReject, bool marksDuplicates,
        IncomingTerminus? terminus)
        : base(connection, endpoint)
    {
        _endpoint = endpoint;
        _node = node;
        _owner = owner;
        _router = node is null ? new AnonymousRouter(connection) : null;
        _credit = new LinkCredit(endpoint, node, this, connection.Server.Options.LinkCredit);
        _canReject = canReject;
        _refusesUnknown = connection.Server.Options.RefuseUnknownAnnotations;
        _duplicates = node?.Duplicates;
        _duplicate = marksDuplicates ? MarkedAccepted.Duplicate : Accepted.Instance;
        _unsettled = terminus is null ? null : new InboundUnsettled(connection, this, endpoint, terminus);
        node?.AddProducer(this);
    }

    public void Open() => _credit.Open();

    /// <summary>One complete message from the peer.</summary>
    public void OnDelivery(in IncomingDelivery delivery, ReadOnlySpan<byte> payload)
    {
        if (_unsettled is not null && _unsettled.TryAnswer(delivery))
        {
            if (!IsGone)
            {
                GiveCreditBack();
            }

            return;
        }

        if (delivery.MessageFormat != 0)
        {
            if (delivery.MessageFormat == MessageBatch.Format && Connection.ServiceBus is not null)
            {
                PublishBatch(delivery, payload);
                return;
            }

            Refuse(
                delivery.DeliveryId, delivery.IsSettled, delivery.State, delivery.Tag,
                Refusal.NotImplemented($"Message format 0x{delivery.MessageFormat:x8}"));
            return;
        }

        if (_refusesUnknown && !IsUnderstood(delivery, payload))
        {
            return;
        }

        var message = MessageIngress.Read(payload, Connection.Now, wantTo: _router is not null, out var to, out var fault);
        if (message is null)
        {
            Refuse(delivery.DeliveryId, delivery.IsSettled, delivery.State, delivery.Tag, fault!);
            return;
        }

        if (Connection.ServiceBus is not null)
        {
            message = MessageStamp.Stamp(message, Connection.Now);
        }

        message.Origin = Connection.ContainerId;
        var incoming = new Incoming(message, delivery.DeliveryId, delivery.IsSettled, delivery.Tag, delivery.State as TransactionalState);
        if (_node is not null)
        {
            Accept(incoming, _node);
        }
        else
        {
            _router!.Route(this, incoming, to);
        }
    }

    /// <summary>The message's node is known: publishes it with this turn's batch, or enlists it in its transaction.</summary>
    public void Accept(in Incoming incoming, IMessageNode node)
    {
        if (IsGone)
        {
            incoming.Message.Release();
            SpoilTransaction(incoming, "a message was not stored before its link ended");
            return;
        }

        if (_refusesUnknown && _router is not null && !IsUnderstood(incoming, node.Options))
        {
            return;
        }

        var id = (_node is null ? node.Duplicates : _duplicates) is { } window ? DuplicateIdentity.Read(incoming.Message, window) : default;
        if (_router is not null && node.IsBlocked)
        {
            // The credit of this link is for all addresses: it cannot make one sender wait for one of them.
            Refuse(incoming, Refusal.From(PublishOutcome.RejectedFull, node.Address)!);
        }
        else if (incoming.Transaction is { } state)
        {
            Enlist(incoming, node, id, state);
        }
        else if (incoming.Settled && _credit.IsShared)
        {
            // Its credit comes back once it is counted.
            Connection.Batch.Add(node, incoming.Message, this, SettledToken, id);
        }
        else if (incoming.Settled)
        {
            Connection.Batch.Add(node, incoming.Message, observer: null, 0, id);
            GiveCreditBack();
        }
        else if (_unsettled is not null)
        {
            _unsettled.Publish(incoming, node, id);
        }
        else
        {
            Connection.Batch.Add(node, incoming.Message, this, incoming.DeliveryId, id);
        }
    }

    /// <summary>The message is not taken: rejected where that can be said, otherwise the link ends (anonymous terminus §2.2.2).</summary>
    public void Refuse(in Incoming incoming, AmqpError error)
    {
        incoming.Message.Release();
        Refuse(incoming.DeliveryId, incoming.Settled, incoming.Transaction, incoming.Tag, error);
    }

    /// <summary>The message has nowhere to go, and its sender keeps it (AMQP 1.0 §3.4.4).</summary>
    public void Release(in Incoming incoming)
    {
        incoming.Message.Release();
        if (IsGone)
        {
            return;
        }

        if (incoming.Transaction is not null)
        {
            Doom(incoming.Transaction, Refusal.Unroutable());
        }

        if (!incoming.Settled)
        {
            Answer(incoming.DeliveryId, Released.Instance);
        }

        GiveCreditBack();
    }

    /// <summary>Ends the link with an error; what it has unsettled may be resumed.</summary>
    public void Fail(AmqpError error) => Detach(error);

    /// <summary>The message is lost to its transaction, which must not be committed without it.</summary>
    public void SpoilTransaction(in Incoming incoming, string reason)
    {
        if (incoming.Transaction is { } state)
        {
            Connection.Transactions.Find(state.TxnId)?.Work.MarkRollbackOnly(reason);
        }
    }

    /// <summary>Any thread: results go to the next turn.</summary>
    void IPublishObserver.OnPublished(ReadOnlySpan<PublishResult> results) => Connection.Mail.Post(this, results);

    /// <summary>The sender took a message back half-way: its credit is used, nothing else happened.</summary>
    public void OnAborted(in IncomingDelivery delivery)
    {
        _unsettled?.OnAborted(delivery);
        GiveCreditBack();
    }

    /// <summary>The sender settled a delivery that it had our outcome of.</summary>
    public void OnSenderSettled(uint deliveryId) => _unsettled?.OnSenderSettled(deliveryId);

    /// <summary>Any thread.</summary>
    void IProducer.OnFull() => Connection.Post(() =>
    {
        if (!IsGone)
        {
            _credit.TakeBack();
        }
    });

    /// <summary>Any thread.</summary>
    void IProducer.OnRoom() => Connection.Post(() =>
    {
        if (!IsGone)
        {
            _credit.TopUp();
        }
    });

    /// <summary>Any thread.</summary>
    void IProducer.OnNodeDeleted() => Connection.Post(() => Detach(Refusal.NodeDeleted(_node!.Address)));

    public void OnResult(in PublishResult result)
    {
        if (IsGone)
        {
            return;
        }

        if (result.Token == SettledToken)
        {
            GiveCreditBack();
            return;
        }

        var error = Refusal.From(result.Outcome, _node?.Address ?? "the address in 'to'");
        if (error is not null)
        {
            Server.LateReplies.OnRefused(_node?.Address, error);
        }

        if (error is null)
        {
            Answer((uint)result.Token, result.Outcome == PublishOutcome.Duplicate ? _duplicate : Accepted.Instance);
        }
        else
        {
            _unsettled?.OnRefused((uint)result.Token);
            if (result.Outcome == PublishOutcome.Unroutable)
            {
                Answer((uint)result.Token, Released.Instance);
            }
            else
            {
                Reject((uint)result.Token, transaction: null, error);
            }
        }

        GiveCreditBack();
    }

    protected override void Release(bool clean, bool closed)
    {
        _node?.RemoveProducer(this);
        ReleaseNode(_owner, clean);
        _router?.Drop(this);
        _unsettled?.Leave(ended: closed && _endpoint.IsDetachReceived);
    }

    private void Enlist(in Incoming incoming, IMessageNode node, DuplicateId id, TransactionalState state)
    {
        if (Connection.Transactions.Find(state.TxnId) is not { } transaction)
        {
            incoming.Message.Release();
            Detach(TransactionErrors.UnknownId());
            return;
        }

        var error = AddTo(transaction, incoming.Message, node, id, out var isDuplicate);
        if (error is not null)
        {
            Doom(state, error);
        }
        else if (!incoming.Settled)
        {
            _unsettled?.OnEnlisted(transaction);
        }

        if (incoming.Settled)
        {
            // Nobody waits for an outcome.
        }
        else if (error is not null)
        {
            Reject(incoming.DeliveryId, state, error);
        }
        else
        {
            // Answered now, not at commit: clients wait for it before they commit.
            Answer(incoming.DeliveryId, isDuplicate ? new TransactionalState { TxnId = transaction.Id, Outcome = _duplicate } : transaction.Accepted);
        }

        GiveCreditBack();
    }

    private static AmqpError? AddTo(OpenTransaction transaction, StoredMessage message, IMessageNode node, DuplicateId id, out bool isDuplicate)
    {
        isDuplicate = false;
        if (transaction.Work.HasEnded)
        {
            message.Release();
            return TransactionErrors.TooOld();
        }

        var outcome = transaction.Work.AddPublish(node, message, id);
        isDuplicate = outcome == PublishOutcome.Duplicate;
        return Refusal.From(outcome, node.Address);
    }

    private void Refuse(uint deliveryId, bool settled, DeliveryState? state, in DeliveryTag tag, AmqpError error)
    {
        if (IsGone)
        {
            return;
        }

        var transaction = state as TransactionalState;
        Doom(transaction, error);
        if (settled && transaction is not null)
        {
            GiveCreditBack();
            return;
        }

        if (settled || !_canReject)
        {
            DetachOver(tag, error);
            return;
        }

        Reject(deliveryId, transaction, error);
        GiveCreditBack();
    }

    /// <summary>
    /// A transaction is all or nothing: one that lost a message is not committed without it. A sender that does not wait for the
    /// outcome of each message (JMS clients do not) would not notice before, or at all.
    /// </summary>
    private void Doom(TransactionalState? state, AmqpError error)
    {
        if (state is not null)
        {
            Connection.Transactions.Find(state.TxnId)?.Work.MarkRollbackOnly(
                $"a message was refused: {(error.Description ?? error.Condition.Value).TrimEnd('.')}");
        }
    }

    /// <summary>Only outcomes that the source lists may be sent (AMQP 1.0 §3.5.3).</summary>
    private void Reject(uint deliveryId, TransactionalState? transaction, AmqpError error)
    {
        if (!_canReject)
        {
            Detach(error);
            return;
        }

        var rejected = new Rejected { Error = error };
        Answer(deliveryId, transaction is null ? rejected : new TransactionalState { TxnId = transaction.TxnId, Outcome = rejected });
    }

    /// <summary>With receiver-settle-mode second the sender settles first; its settlement makes the engine forget the delivery.</summary>
    public void Answer(uint deliveryId, DeliveryState state) =>
        _endpoint.Disposition(deliveryId, deliveryId, state, settled: _endpoint.ReceiverSettleMode == ReceiverSettleMode.First);

    private void GiveCreditBack() => _credit.GiveBack();
}

/// <summary>A message on its way from the wire to its node.</summary>
internal readonly record struct Incoming(
    StoredMessage Message, uint DeliveryId, bool Settled, DeliveryTag Tag, TransactionalState? Transaction);
