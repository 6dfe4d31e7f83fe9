using Mamba.Amqp.Codec;
using Mamba.Amqp.Framing;
using Mamba.Amqp.Messaging;
using Mamba.Amqp.Transport;
using Mamba.Amqp.Types;

namespace Mamba.Amqp.Endpoints;

/// <summary>Our end of a link on which we send: credit, drain, transfers and their settlement (AMQP 1.0 §2.6.7, §2.6.12).</summary>
public sealed class SenderEndpoint : LinkEndpoint
{
    private static readonly Symbol TransactionKey = "txn-id";

    private SenderCredit _credit;
    private bool _hasEarlyFlow;
    private bool _echo;
    private bool _isSending;

    internal SenderEndpoint(SessionEndpoint session, string name, bool isLocallyInitiated)
        : base(session, name, isLocallyInitiated)
    {
    }

    /// <inheritdoc/>
    public override Role Role => Role.Sender;

    /// <summary>How many more deliveries may be begun.</summary>
    public uint Credit => _credit.Credit;

    /// <summary>
    /// Whether the peer asked for drain and has not been answered: send what is there, then call <see cref="Drained"/>.
    /// </summary>
    public bool Drain { get; private set; }

    /// <summary>The number of deliveries begun or given up by drain, wrapping at 2^32.</summary>
    public uint DeliveryCount => _credit.DeliveryCount.Value;

    /// <summary>How many deliveries of ours the peer has not settled.</summary>
    public int UnsettledCount { get; internal set; }

    /// <summary>How many more deliveries may be unsettled at a time, by the limits of the link and of the connection.</summary>
    public int UnsettledRoom => Session.RoomForUnsettled(this);

    /// <summary>What our Flow says we could send if there were credit. Set by the owner; 0 if it does not know.</summary>
    public uint Available { get; set; }

    /// <summary>The largest message the peer accepts, in bytes; 0 for no limit.</summary>
    public ulong RemoteMaxMessageSize => RemoteAttach?.MaxMessageSize ?? 0;

    /// <summary>Whether a delivery has been begun and not ended.</summary>
    public bool IsSending => _isSending;

    /// <summary>
    /// Writes as many transfer frames of a message as the peer's session window, its max-frame-size and
    /// <paramref name="maxBytes"/> allow. The message is <paramref name="prefix"/> (sections written freshly) followed by
    /// <paramref name="body"/> (bytes as stored), which are not joined. To go on, call again with the same delivery and the
    /// same bytes; no other delivery may be begun on the link meanwhile. The delivery-id is assigned when the first frame is
    /// written. When the last credit is used up under drain, the answering Flow is written too.
    /// </summary>
    /// <param name="delivery">The delivery; keeps how far it has got.</param>
    /// <param name="prefix">The first part of the message.</param>
    /// <param name="body">The rest of the message.</param>
    /// <param name="maxBytes">Payload to write in this call, in bytes, rounded up to a whole frame.</param>
    /// <exception cref="InvalidOperationException">Another delivery of this link is not finished.</exception>
    public SendResult Send(ref OutgoingDelivery delivery, ReadOnlySpan<byte> prefix, ReadOnlySpan<byte> body, int maxBytes = int.MaxValue)
    {
        if (!IsAttached)
        {
            return SendResult.NotAttached;
        }

        if (delivery.IsStarted && !_isSending)
        {
            throw new InvalidOperationException("The delivery has been written to its end already; send each delivery once.");
        }

        if (!delivery.IsStarted && CannotStart(in delivery, prefix.Length + (long)body.Length) is { } obstacle)
        {
            return obstacle;
        }

        long written = 0;
        var total = checked(prefix.Length + body.Length);
        do
        {
            if (Session.RemoteIncomingWindow == 0)
            {
                return SendResult.WindowClosed;
            }

            if (written >= maxBytes)
            {
                return SendResult.Partial;
            }

            written += WriteFrame(ref delivery, prefix, body, total);
        }
        while (_isSending);

        if (Drain && Credit == 0)
        {
            Drained();
        }

        return SendResult.Sent;
    }

    /// <summary>
    /// Takes back a delivery that has been begun and not ended (AMQP 1.0 §2.6.14). It counts as settled. rhea does not know
    /// aborted transfers, so a broker should have the whole message before it begins.
    /// </summary>
    public void Abort(ref OutgoingDelivery delivery)
    {
        if (!delivery.IsStarted || !_isSending)
        {
            throw new InvalidOperationException("Only a delivery that has been begun and not ended can be aborted.");
        }

        _isSending = false;
        Session.ForgetOutgoing(delivery.DeliveryId);
        if (IsAttached)
        {
            Session.WriteTransfer(new Transfer { Handle = Handle, Aborted = true });
        }
    }

    /// <summary>
    /// Aborts a delivery of an earlier attachment that the receiver still holds in part and that cannot be sent again
    /// (AMQP 1.0 §3.4.6, tags 7, 9, 11 and 14): the receiver forgets it.
    /// </summary>
    /// <returns>Sent, or what stands in the way.</returns>
    public SendResult AbortResumed(in DeliveryTag tag)
    {
        var delivery = new OutgoingDelivery { Tag = tag, IsSettled = true, IsResumed = true };
        if (!IsAttached)
        {
            return SendResult.NotAttached;
        }

        if (CannotStart(in delivery, size: 0) is { } obstacle)
        {
            return obstacle;
        }

        if (Session.RemoteIncomingWindow == 0)
        {
            return SendResult.WindowClosed;
        }

        Session.Engine.FlushBeforeTransfer();
        var id = Session.NextDeliveryId;
        Session.WriteTransfer(new Transfer { Handle = Handle, DeliveryId = id, DeliveryTag = tag, Settled = true, Resume = true, Aborted = true });
        Start(ref delivery, id);
        return SendResult.Sent;
    }

    /// <summary>
    /// Settles a delivery of ours and tells the peer (disposition with role sender): the answer to an unsettled outcome of
    /// the receiver. Does nothing when the delivery is unknown or settled already.
    /// </summary>
    /// <param name="deliveryId">The delivery.</param>
    /// <param name="state">Its outcome; must not be null, because some clients fail on a settlement without state.</param>
    public void Settle(uint deliveryId, DeliveryState state)
    {
        ArgumentNullException.ThrowIfNull(state);
        if (Session.ForgetOutgoing(deliveryId))
        {
            Session.QueueDisposition(Role.Sender, deliveryId, deliveryId, state, settled: true);
        }
    }

    /// <summary>
    /// Answers a drain: gives up the credit that is left, and states delivery-count, link-credit 0 and drain
    /// (AMQP 1.0 §2.6.7). Call it after the last transfer that is available; does nothing without a drain to answer, or while
    /// a delivery is not ended.
    /// </summary>
    public void Drained()
    {
        if (!Drain || _isSending || !IsAttached)
        {
            return;
        }

        _credit.Exhaust();
        WriteFlow(drain: true);
        Drain = false;
    }

    /// <inheritdoc/>
    public override void SendFlow() => WriteFlow(Drain);

    /// <summary>
    /// Takes all deliveries of the link that the peer has not settled out of the session, oldest first, to be put back into
    /// their queue. Call it in OnDetach, OnLinkFailed, OnEnd, OnSessionFailed or when the connection is lost; once the link
    /// is detached on both sides, the engine forgets what is left.
    /// </summary>
    public void TakeUnsettled(ICollection<UnsettledDelivery> into) => Session.TakeUnsettled(this, into);

    /// <summary>The peer asked for our flow, by echo or drain, and it is still owed: <see cref="Available"/> will be told.</summary>
    public bool IsFlowAsked => _echo || Drain;

    internal override void OnFlow(in Flow flow)
    {
        // Credit that asks for deliveries within a transaction must not give deliveries outside of it (§4.4.3).
        if (flow.Properties?[TransactionKey] is not null)
        {
            throw EndpointErrors.Link(ErrorCondition.NotImplemented, "Messages cannot be acquired by a transaction; retire them by one.");
        }

        // An answer that is owed leaves before the credit it speaks of is changed (ARTEMIS-2642).
        if (Drain && !flow.Drain && LocalAttach is not null)
        {
            Drained();
        }

        if (flow.LinkCredit is { } linkCredit)
        {
            _credit.OnFlow(flow.DeliveryCount, linkCredit);
        }

        Drain = flow.Drain;
        _echo |= flow.Echo;
        if (LocalAttach is null)
        {
            _hasEarlyFlow = true;
            return;
        }

        Announce();
    }

    private protected override void Complete(Attach attach)
    {
        attach.InitialDeliveryCount = 0;
    }

    private protected override Attach Refusal(Attach remote) => new() { Source = null, Target = remote.Target };

    private protected override void OnLocalAttach()
    {
        if (_hasEarlyFlow && IsAttached)
        {
            _hasEarlyFlow = false;
            Announce();
        }
    }

    private protected override void OnDetached() => _isSending = false;

    private void Announce()
    {
        Session.Engine.Handler.OnLinkFlow(this);
        if (Drain && Credit == 0)
        {
            Drained();
        }

        // While a drain is owed its answer will serve for the echo too.
        if (_echo && !Drain)
        {
            SendFlow();
        }
    }

    private void WriteFlow(bool drain)
    {
        if (!IsAttached)
        {
            return;
        }

        _echo = false;
        Session.WriteFlow(this, DeliveryCount, Credit, Available, drain, echo: false);
    }

    private SendResult? CannotStart(in OutgoingDelivery delivery, long size)
    {
        if (_isSending)
        {
            throw new InvalidOperationException($"Link '{Name}' is in the middle of another delivery; finish or abort it first.");
        }

        if (RemoteMaxMessageSize != 0 && (ulong)size > RemoteMaxMessageSize)
        {
            return SendResult.TooLarge;
        }

        if (Credit == 0)
        {
            return SendResult.NoCredit;
        }

        if (!delivery.IsResumed && IsMapIncomplete)
        {
            return SendResult.MapIncomplete;
        }

        return delivery.IsSettled || UnsettledRoom > 0 ? null : SendResult.UnsettledLimit;
    }

    /// <summary>
    /// Writes one frame. Whether it is the last one shows only when its size without payload is known, so it is first written
    /// as the last one, and once more if the rest does not fit.
    /// </summary>
    private int WriteFrame(ref OutgoingDelivery delivery, ReadOnlySpan<byte> prefix, ReadOnlySpan<byte> body, int total)
    {
        var output = Session.Engine.Output;
        var isFirst = !delivery.IsStarted;
        if (isFirst)
        {
            Session.Engine.FlushBeforeTransfer();
        }

        var id = isFirst ? Session.NextDeliveryId : delivery.DeliveryId;
        var transfer = new Transfer { Handle = Handle, Settled = delivery.IsSettled };
        if (isFirst)
        {
            transfer.DeliveryId = id;
            transfer.DeliveryTag = delivery.Tag;
            transfer.MessageFormat = delivery.MessageFormat;
            transfer.State = delivery.State;
            transfer.Resume = delivery.IsResumed;
        }

        var start = FrameWriter.Begin(output, FrameType.Amqp, Session.LocalChannel);
        var left = total - delivery.BytesWritten;
        var room = WriteTransferFields(output, start, in transfer);
        if (left > room)
        {
            output.Truncate(start + FrameHeader.Length);
            transfer.More = true;
            room = WriteTransferFields(output, start, in transfer);
        }

        var size = Math.Min(left, room);
        CopyPayload(output, prefix, body, delivery.BytesWritten, size);
        FrameWriter.End(output, start);
        Session.OnTransferWritten();
        if (isFirst)
        {
            Start(ref delivery, id);
        }

        delivery.BytesWritten += size;
        _isSending = transfer.More;
        return size;
    }

    private int WriteTransferFields(ByteBuffer output, int start, in Transfer transfer)
    {
        transfer.Write(new AmqpWriter(output));
        var room = (int)Math.Min(Session.Engine.RemoteMaxFrameSize, int.MaxValue) - (output.Length - start);
        if (room <= 0)
        {
            output.Truncate(start);
            throw EndpointErrors.Link(ErrorCondition.FrameSizeTooSmall, "The peer's max-frame-size leaves no room for a message beside the transfer.");
        }

        return room;
    }

    private void Start(ref OutgoingDelivery delivery, uint id)
    {
        delivery.DeliveryId = id;
        delivery.IsStarted = true;
        _credit.OnDelivery();
        Session.OnDeliveryStarted(this, id, delivery.Context, delivery.IsSettled);
    }

    private static void CopyPayload(ByteBuffer output, ReadOnlySpan<byte> prefix, ReadOnlySpan<byte> body, int offset, int size)
    {
        if (offset < prefix.Length)
        {
            var part = prefix.Slice(offset, Math.Min(size, prefix.Length - offset));
            output.Write(part);
            offset += part.Length;
            size -= part.Length;
        }

        if (size == 0)
        {
            return;
        }

        output.Write(body.Slice(offset - prefix.Length, size));
    }
}
