using Mamba.Amqp.Messaging;
using Mamba.Amqp.Transport;

namespace Mamba.Amqp.Endpoints;

/// <summary>Our end of a link on which we receive: credit, joined transfers and their settlement (AMQP 1.0 §2.6.7, §2.6.12).</summary>
public sealed partial class ReceiverEndpoint : LinkEndpoint
{
    private readonly PartialDelivery _partial = new();
    private ReceiverCredit _credit;
    private bool _isDelivering;

    internal ReceiverEndpoint(SessionEndpoint session, string name, bool isLocallyInitiated)
        : base(session, name, isLocallyInitiated)
    {
    }

    /// <inheritdoc/>
    public override Role Role => Role.Receiver;

    /// <summary>How many more deliveries the peer may begin.</summary>
    public uint Credit => _credit.Credit;

    /// <summary>The peer's delivery-count as far as we know it, wrapping at 2^32.</summary>
    public uint DeliveryCount => _credit.DeliveryCount.Value;

    /// <summary>How many messages the sender last said it could send if there were credit.</summary>
    public uint Available { get; private set; }

    /// <summary>Whether we asked for drain and the sender has not given up its credit yet.</summary>
    public bool IsDraining { get; private set; }

    /// <summary>How many deliveries of the peer we have not settled.</summary>
    public int UnsettledCount { get; internal set; }

    internal bool HasPartial => _partial.IsActive;

    /// <summary>Grants credit for further deliveries, on top of what is left, and says so. Ends a drain.</summary>
    /// <param name="count">Deliveries; the sum stops at 2^32 - 1.</param>
    public void AddCredit(uint count) => SetCredit((uint)Math.Min(uint.MaxValue, Credit + (ulong)count));

    /// <summary>
    /// Sets the credit that is left, and says so. Deliveries on credit that is taken back may be under way already and are
    /// still accepted. Ends a drain.
    /// </summary>
    public void SetCredit(uint credit)
    {
        if (IsAttached)
        {
            IsDraining = false;
            _credit.Set(credit);
            SendFlow();
        }
    }

    /// <summary>
    /// Asks the sender to send what it has now and to give up the credit that is left (AMQP 1.0 §2.6.7). It has done so when
    /// <see cref="IsDraining"/> is false in OnReceiverFlow.
    /// </summary>
    public void Drain()
    {
        if (IsAttached)
        {
            IsDraining = true;
            SendFlow();
        }
    }

    /// <summary>
    /// States what became of deliveries. Consecutive ids with the same state instance are merged into one frame, which is
    /// written by <see cref="ConnectionEngine.FlushDispositions"/> at the latest. When settled, the deliveries are forgotten;
    /// when not, the sender settles them and OnSenderSettled is told.
    /// </summary>
    /// <param name="first">The first delivery-id.</param>
    /// <param name="last">The last one, inclusive; may lie past 2^32 - 1, the range is then written as two.</param>
    /// <param name="state">The outcome, or transactional state with one. Some clients fail on a settlement without state.</param>
    /// <param name="settled">Whether we are done with the deliveries.</param>
    public void Disposition(uint first, uint last, DeliveryState state, bool settled)
    {
        ArgumentNullException.ThrowIfNull(state);
        if (!Session.CanWrite || (IsDetachSent && IsDetachReceived))
        {
            return;
        }

        if (settled)
        {
            Session.ForgetIncoming(first, last);
        }

        Session.QueueDisposition(Role.Receiver, first, last, state, settled);
    }

    /// <inheritdoc/>
    public override void SendFlow()
    {
        if (IsAttached)
        {
            Session.WriteFlow(this, DeliveryCount, Credit, available: null, IsDraining, echo: false);
        }
    }

    internal override void OnRemoteAttach(Attach attach)
    {
        base.OnRemoteAttach(attach);
        _credit.OnAttach(attach.InitialDeliveryCount ?? 0);
    }

    internal override void OnFlow(in Flow flow)
    {
        _credit.OnFlow(flow.DeliveryCount);
        Available = flow.Available ?? Available;
        if (Credit == 0)
        {
            IsDraining = false;
        }

        Session.Engine.Handler.OnReceiverFlow(this);
        if (flow.Echo)
        {
            SendFlow();
        }
    }

    internal void OnTransfer(in Transfer transfer, ReadOnlySpan<byte> payload)
    {
        if (_partial.IsActive)
        {
            Continue(in transfer, payload);
        }
        else
        {
            BeginDelivery(in transfer, payload);
        }
    }

    /// <summary>Fails the link when an incomplete delivery has made no progress for too long.</summary>
    internal void CheckPartial(long now, long timeout)
    {
        if (!_partial.IsActive)
        {
            return;
        }

        // While we hold the window shut the sender cannot go on, and is not to blame.
        if (Session.IncomingWindow == 0)
        {
            _partial.IdleSince = null;
        }

        _partial.IdleSince ??= now;
        if (now - _partial.IdleSince >= timeout)
        {
            Fail(new AmqpError(
                ErrorCondition.ResourceLimitExceeded,
                $"A message of several transfers got no further for {timeout} ms; send the rest of a message as soon as it is begun."));
        }
    }

    private protected override void Complete(Attach attach)
    {
        var limit = Session.Engine.Settings.MaxMessageSize;
        attach.MaxMessageSize ??= limit == 0 ? null : limit;
        attach.InitialDeliveryCount = null;
    }

    private protected override Attach Refusal(Attach remote) => new() { Source = remote.Source, Target = null };

    private protected override void OnLocalAttach()
    {
        // Nothing came early: without credit there is no transfer.
    }

    private protected override void OnDetached()
    {
        if (!KeepsPartial)
        {
            DropPartial();
        }
    }

    private void BeginDelivery(in Transfer transfer, ReadOnlySpan<byte> payload)
    {
        if (transfer.DeliveryId is not { } id)
        {
            throw EndpointErrors.Session(ErrorCondition.InvalidField, "The first transfer of a delivery lacks its delivery-id.");
        }

        Session.OnIncomingId(id);
        var wasUnderWay = Credit == 0;
        if (!_credit.TryReceive())
        {
            throw EndpointErrors.Link(ErrorCondition.TransferLimitExceeded, $"Delivery {id} was sent without link credit.");
        }

        if (wasUnderWay)
        {
            // Said again with this delivery counted: some senders take less than nothing, while deliveries are under way, for very much.
            SendFlow();
        }

        RequireResumedIfIncomplete(in transfer, id);

        if (Credit == 0)
        {
            IsDraining = false;
        }

        var delivery = new IncomingDelivery(
            id,
            transfer.DeliveryTag ?? default,
            transfer.MessageFormat ?? 0,
            transfer.Settled ?? false,
            transfer.State,
            transfer.RcvSettleMode ?? ReceiverSettleMode,
            transfer.Resume);
        if (transfer.Aborted)
        {
            _retained?.Remove(delivery.Tag);
            Session.Engine.Handler.OnDeliveryAborted(this, in delivery);
        }
        else if (TryFindRetained(in delivery, out var received))
        {
            BeginResumed(delivery, received.Span, transfer.More, payload);
        }
        else if (transfer.More)
        {
            _partial.Begin(in delivery);
            Append(payload);
        }
        else
        {
            CheckSize(payload.Length);
            Deliver(in delivery, payload);
        }
    }

    private void Continue(in Transfer transfer, ReadOnlySpan<byte> payload)
    {
        if ((transfer.DeliveryId is { } id && id != _partial.Delivery.DeliveryId)
            || (transfer.DeliveryTag is { } tag && tag != _partial.Delivery.Tag))
        {
            throw EndpointErrors.Session(
                ErrorCondition.InvalidField,
                $"A transfer begins another delivery while delivery {_partial.Delivery.DeliveryId} on the same link is not ended.");
        }

        if (transfer.Aborted)
        {
            var aborted = _partial.Delivery with { IsSettled = true };
            _retained?.Remove(aborted.Tag);
            DropPartial();
            Session.Engine.Handler.OnDeliveryAborted(this, in aborted);
            return;
        }

        _partial.Merge(transfer.Settled ?? false, transfer.State);
        Append(payload);
        if (!transfer.More && _partial.IsActive)
        {
            CompletePartial();
        }
    }

    private void CompletePartial()
    {
        var delivery = _partial.Delivery;
        _isDelivering = true;
        try
        {
            Deliver(in delivery, _partial.Bytes);
        }
        finally
        {
            _isDelivering = false;
            DropPartial();
        }
    }

    private void Append(ReadOnlySpan<byte> payload)
    {
        CheckSize(_partial.Length + (long)payload.Length);
        if (!Session.Engine.TryReservePartial(payload.Length))
        {
            throw EndpointErrors.Link(
                ErrorCondition.ResourceLimitExceeded,
                $"The incomplete messages of this connection would hold more than {Session.Engine.Settings.PartialBytesLimit} bytes.");
        }

        _partial.Append(payload);
    }

    private void CheckSize(long size)
    {
        var limit = LocalAttach?.MaxMessageSize ?? Session.Engine.Settings.MaxMessageSize;
        if (limit != 0 && (ulong)size > limit)
        {
            throw EndpointErrors.Link(ErrorCondition.MessageSizeExceeded, $"The message has more than {limit} bytes, the max-message-size of this link.");
        }
    }

    private void Deliver(in IncomingDelivery delivery, ReadOnlySpan<byte> payload)
    {
        // What a sender resumes that our attach did not list must be ignored (§2.7.5).
        if (delivery.IsResumed && _retained?.Remove(delivery.Tag) != true)
        {
            Session.Engine.Handler.OnDeliveryAborted(this, in delivery);
            return;
        }

        if (!delivery.IsSettled)
        {
            Session.OnIncomingUnsettled(this, delivery.DeliveryId);
        }

        Session.Engine.Handler.OnDelivery(this, in delivery, payload);
    }

    private void DropPartial()
    {
        // The owner may detach the link while it is looking at the joined bytes; they go back to the pool when it returns.
        if (_partial.IsActive && !_isDelivering)
        {
            Session.Engine.ReleasePartial(_partial.Length);
            _partial.Reset();
        }
    }
}
