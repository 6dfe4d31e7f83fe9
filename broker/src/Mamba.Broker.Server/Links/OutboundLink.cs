using Mamba.Amqp.Codec;
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
/// A link that messages go out on. It pulls from its subscription when signalled, up to the credit, and writes what it pulled
/// until the output is full; what it could not write yet it keeps, in order. Settlements of one turn go to the engine together.
/// </summary>
internal sealed partial class OutboundLink : SendingLink, ISubscriber
{
    /// <summary>Messages pulled at a time: enough to pay for the queue's lock, few enough to leave some to other consumers.</summary>
    private const int PullSize = 64;

    private readonly SenderEndpoint _endpoint;
    private readonly string _address;
    private readonly bool _settled;
    private readonly Outcome? _defaultOutcome;
    private readonly TerminusOwner _owner;
    private readonly ByteBuffer _header = new();
    private readonly SettlementQueue _settlements;
    private ISubscription _subscription = null!;
    private AcquiredMessage[] _pulled = [];
    private int _next;
    private int _count;
    private StoredMessage? _body;
    private OutgoingDelivery _current;
    private ulong _lastTag;
    private int _signalled;
    private OutgoingTerminus? _terminus;
    private OutboundResumption? _resumption;
    private bool _isStoring;
    private int _written;

    public OutboundLink(AmqpConnection connection, SenderEndpoint endpoint, OutboundTerms terms)
        : base(connection, endpoint)
    {
        _endpoint = endpoint;
        _address = terms.Address;
        _settled = terms.Settled;
        _defaultOutcome = terms.DefaultOutcome ?? (terms.Receiver is null ? null : EntityReceiver.WhenLost);
        _owner = terms.Owner;
        CloseTerminus = terms.CloseTerminus;
        Receiver = terms.Receiver;
        _settlements = new SettlementQueue(this, connection, endpoint);
    }

    public ISubscription Subscription => _subscription;

    /// <summary>What is different for a client of Service Bus; null for all others.</summary>
    public EntityReceiver? Receiver { get; }

    public override Func<Task>? CloseTerminus { get; }

    /// <summary>Connects the link to its messages; until then signals are remembered only.</summary>
    /// <param name="subscription">Where its messages come from.</param>
    /// <param name="terminus">What outlives the link; null when it is not resumable.</param>
    /// <param name="resumption">What it resumes; null with the terminus.</param>
    public void Open(ISubscription subscription, OutgoingTerminus? terminus, OutboundResumption? resumption)
    {
        _subscription = subscription;
        _terminus = terminus;
        _resumption = resumption;
        resumption?.Begin(subscription, _settlements);
        Connection.MarkReady(this);
    }

    public override uint CountAvailable()
    {
        var waiting = (_subscription?.Available ?? 0) + (_count - _next) + (_body is null ? 0 : 1);
        return (uint)Math.Clamp(_endpoint.Drain ? waiting - _endpoint.Credit : waiting, 0, uint.MaxValue);
    }

    /// <summary>Any thread: there may be messages.</summary>
    public void OnReady()
    {
        if (Interlocked.Exchange(ref _signalled, 1) == 0)
        {
            Connection.Mail.Post(this);
        }
    }

    /// <summary>Any thread.</summary>
    public void OnNodeDeleted() => Connection.Post(() => Detach(Refusal.NodeDeleted(_address)));

    public override bool Pump(int maxBytes)
    {
        if (IsGone || _subscription is null)
        {
            return false;
        }

        _isAwaited |= Interlocked.Exchange(ref _signalled, 0) != 0;
        var limit = Connection.OutputLength + maxBytes;
        while (_body is not null || TakeNext())
        {
            var room = limit - Connection.OutputLength;
            if (room <= 0)
            {
                return true;
            }

            var result = _endpoint.Send(ref _current, _header.WrittenSpan, _body!.Span[_written..], room);
            if (result == SendResult.Partial)
            {
                return true;
            }

            if (!Finish(result))
            {
                Decline();
                return false;
            }
        }

        _settlements.Flush();
        Decline();
        if (_endpoint is { Drain: true, Credit: > 0, Session.RemoteIncomingWindow: > 0 } && _next == _count && _resumption is null or { IsDone: true } && !_subscription.IsLooking)
        {
            _endpoint.Drained();
        }

        return false;
    }

    public override void OnDisposition(uint deliveryId, long token, DeliveryState? state, bool settled)
    {
        if (IsGone)
        {
            return;
        }

        try
        {
            if (state is TransactionalState transactional)
            {
                Retire(deliveryId, token, transactional, settled);
            }
            else if ((state as Outcome ?? (settled ? _defaultOutcome ?? Released.Instance : null)) is { } outcome)
            {
                if (Receiver is null)
                {
                    _settlements.Add(deliveryId, token, outcome, settled);
                }
                else
                {
                    Receiver.Settle(_settlements, deliveryId, token, outcome, settled);
                }
            }
        }
        catch (AmqpException e)
        {
            if (state is TransactionalState { } ofTransaction)
            {
                Connection.Transactions.Find(ofTransaction.TxnId)?.Work.MarkRollbackOnly($"an outcome in it cannot be ({e.Error.Description})");
            }

            Detach(e.Error);
        }
    }

    /// <summary>Hands the turn's settlements to the engine.</summary>
    public void FlushSettlements() => _settlements.Flush();

    public void OnSettled(in SettleResult result)
    {
        if (!IsGone)
        {
            if (_resumption is { IsDone: false } && result.Status != SettleStatus.JournalFailed && _resumption.OnSettled(result.Token))
            {
                Connection.MarkReady(this);
            }

            _settlements.OnSettled(result);
        }
    }

    protected override void Release(bool clean, bool closed)
    {
        var failed = !clean && _defaultOutcome is Modified { DeliveryFailed: true };
        if (failed || _terminus is not null)
        {
            ReleaseUnwritten();
        }

        _settlements.Flush();
        DropPulled();
        if (_terminus is not null && !(closed && _endpoint.IsDetachReceived))
        {
            Suspend(_terminus, failed);
        }
        else
        {
            _subscription?.Close(failed ? SettleOnClose.Failed : SettleOnClose.Released);
            _resumption?.Drop();
            if (_terminus is not null)
            {
                Server.Termini.Discard(_terminus);
            }
        }

        ReleaseNode(_owner, clean);
        _header.Dispose();
    }

    /// <summary>What the peer has not settled stays ours and held until the link is resumed.</summary>
    private void Suspend(OutgoingTerminus terminus, bool failed)
    {
        _resumption?.Drop();
        terminus.IsLost = failed;
        terminus.Held = _subscription.Suspend();
        if (terminus.Held is null)
        {
            Server.Termini.Discard(terminus);
        }
        else
        {
            Connection.Suspend(terminus, _endpoint);
        }
    }

    private bool TakeNext()
    {
        if (_resumption is { IsDone: false } resumption)
        {
            return TakeResumed(resumption);
        }

        while (!_isStoring)
        {
            if (_next == _count && !Pull())
            {
                return false;
            }

            ref var message = ref _pulled[_next++];
            var body = message.Message ?? Load(message);
            message.Message = null;
            if (body is null)
            {
                continue;
            }

            _body = body;
            _header.Clear();
            MessageEgress.WriteHeader(_header, message, Connection, always: _terminus is not null);
            _written = Receiver is null ? 0 : Receiver.Write(_header, message, body);
            _current = new OutgoingDelivery
            {
                Tag = Receiver is null ? DeliveryTag.FromUInt64(_terminus is null ? _lastTag++ : message.MessageId) : Receiver.Lock(message),
                IsSettled = _settled,
                Context = message.Token,
            };
            return true;
        }

        return false;
    }

    /// <summary>A delivery of an earlier attachment: with its message, or with nothing but the outcome.</summary>
    private bool TakeResumed(OutboundResumption resumption)
    {
        while (!resumption.IsDone)
        {
            if (resumption.TakeNext() is not { } resumed)
            {
                return false;
            }

            _header.Clear();
            _written = 0;
            var isConcluded = resumed.State is Outcome;
            _body = isConcluded ? StoredMessage.Rent(0) : resumed.Message.Message ?? Load(resumed.Message);
            if (_body is null)
            {
                continue;
            }

            var state = isConcluded ? resumed.State : resumed.FindPosition(_body, out _written);
            if (!isConcluded && _written == 0)
            {
                MessageEgress.WriteHeader(_header, resumed.Message, Connection, always: true);
            }

            _current = new OutgoingDelivery
            {
                Tag = resumed.Tag,
                IsSettled = isConcluded,
                IsResumed = true,
                State = state,
                Context = resumed.Message.Token,
            };
            return true;
        }

        return TakeNext();
    }

    private bool Pull()
    {
        _isAwaited = false;
        var takes = CanTake();
        if (takes == 0)
        {
            // We were signalled and cannot take any: the engine wakes the next consumer.
            _subscription.Acquire([]);
            return false;
        }

        if (_pulled.Length == 0)
        {
            _pulled = new AcquiredMessage[PullSize];
        }

        _next = 0;
        _count = _subscription.Acquire(_pulled.AsSpan(0, takes));
        if (_count > 0 && _terminus is { Durable: not null })
        {
            StoreHolds();
            return false;
        }

        return _count > 0;
    }

    /// <summary>Before they go out it is on disk that they are ours: after a crash nobody else may get what our peer perhaps has.</summary>
    private void StoreHolds()
    {
        var tokens = new long[_count];
        for (var i = 0; i < _count; i++)
        {
            tokens[i] = _pulled[i].Token;
        }

        _isStoring = true;
        _subscription.Hold(tokens, stored => Connection.Post(() => OnHoldsStored(stored)));
    }

    private void OnHoldsStored(bool stored)
    {
        _isStoring = false;
        if (!IsGone && !stored)
        {
            Detach(Refusal.From(PublishOutcome.JournalFailed, _address)!);
        }
        else if (!IsGone)
        {
            Connection.MarkReady(this);
        }
    }

    /// <summary>What can be written now: what is pulled beyond it would be kept from other consumers.</summary>
    private int CanTake()
    {
        var takes = Math.Min(Math.Min(_endpoint.Credit, _endpoint.Session.RemoteIncomingWindow), PullSize);
        if (_settled || takes == 0 || _endpoint.IsMapIncomplete)
        {
            return _endpoint.IsMapIncomplete ? 0 : (int)takes;
        }

        var room = _endpoint.UnsettledRoom;
        if (room == 0)
        {
            Connection.WaitForRoom(this);
        }

        return Math.Min((int)takes, room);
    }

    private StoredMessage? Load(in AcquiredMessage message)
    {
        try
        {
            return _subscription.LoadBody(message);
        }
        catch (EngineException e)
        {
            // The message stays acquired and on disk, for a person to look at; the queue goes on.
            ServerLog.MessageUnreadable(Server.Logger, _address, e.Message);
            return null;
        }
    }

    /// <summary>Returns false when the link has to wait.</summary>
    private bool Finish(SendResult result)
    {
        switch (result)
        {
            case SendResult.Sent:
                if (_settled)
                {
                    _settlements.Add(_current.Context);
                }

                DropBody();
                return true;
            case SendResult.TooLarge:
                // Never fits this consumer; others may have it.
                ServerLog.MessageTooLargeForConsumer(Server.Logger, _address, _body!.Length);
                _settlements.AddUndeliverable(_current.Context);
                Receiver?.Forget(_current.Context);
                DropBody();
                return true;
            case SendResult.UnsettledLimit:
                Connection.WaitForRoom(this);
                return false;
            case SendResult.NoCredit:
                GiveBack();
                return false;
            default:
                return false;
        }
    }

    private void Retire(uint deliveryId, long token, TransactionalState state, bool settled)
    {
        if (Connection.Transactions.Find(state.TxnId) is not { } transaction)
        {
            Detach(TransactionErrors.UnknownId());
            return;
        }

        var outcome = state.Outcome ?? _defaultOutcome ?? Released.Instance;
        if (transaction.Work.HasEnded || !transaction.Work.AddSettle(_subscription, SettlementQueue.ToSettlement(token, outcome, Connection), settled))
        {
            transaction.Work.MarkRollbackOnly("an acknowledged delivery is not held by its link any more, or the transaction is too large");
            if (settled)
            {
                // The transaction cannot commit; a settled delivery comes back then as one that failed.
                _settlements.Add(deliveryId, token, new Modified { DeliveryFailed = true }, settled: true);
            }

            return;
        }

        if (!settled)
        {
            transaction.SettleAtCommit(_endpoint, deliveryId, outcome);
        }
    }
}

/// <summary>What was agreed at attach about messages going out.</summary>
internal sealed record OutboundTerms(string Address, bool Settled, Outcome? DefaultOutcome, Func<Task>? CloseTerminus, TerminusOwner Owner)
{
    /// <summary>What is different for a client of Service Bus; null for all others.</summary>
    public EntityReceiver? Receiver { get; init; }
}
