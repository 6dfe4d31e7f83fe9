using Mamba.Amqp.Messaging;
using Mamba.Amqp.Transport;

namespace Mamba.Amqp.Endpoints;

/// <content>Unsettled deliveries of both directions, and the dispositions about them.</content>
public sealed partial class SessionEndpoint
{
    // How much we say we may send: as much as the peer's window allows.
    private const uint OutgoingWindow = int.MaxValue;

    private readonly DeliveryMap<OutgoingEntry> _outgoing = new();
    private readonly DeliveryMap<ReceiverEndpoint> _incoming = new();
    private DispositionBatch _receiverBatch;
    private DispositionBatch _senderBatch;
    private SerialNumber _nextDeliveryId;
    private SerialNumber? _lastIncomingId;

    /// <summary>The delivery-id the next delivery gets, when its first frame is written and never earlier.</summary>
    internal uint NextDeliveryId => _nextDeliveryId.Value;

    internal int RoomForUnsettled(SenderEndpoint link) => Math.Max(0, Math.Min(
        Engine.Settings.MaxUnsettledPerLink - link.UnsettledCount,
        Engine.Settings.MaxUnsettledPerConnection - Engine.OutgoingUnsettled));

    internal void OnDeliveryStarted(SenderEndpoint link, uint id, long context, bool settled)
    {
        _nextDeliveryId = _nextDeliveryId.Next;
        if (!settled)
        {
            _outgoing.TryAdd(id, new OutgoingEntry(link, context));
            link.UnsettledCount++;
            Engine.OutgoingUnsettled++;
        }
    }

    internal bool ForgetOutgoing(uint id)
    {
        if (!_outgoing.TryRemove(id, out var entry))
        {
            return false;
        }

        OnForgotten(entry.Link);
        return true;
    }

    internal void TakeUnsettled(SenderEndpoint link, ICollection<UnsettledDelivery>? into)
    {
        if (link.UnsettledCount == 0)
        {
            return;
        }

        var cursor = _outgoing.All();
        while (cursor.MoveNext(out var entry))
        {
            if (ReferenceEquals(entry.Link, link))
            {
                cursor.RemoveCurrent();
                OnForgotten(link);
                into?.Add(new UnsettledDelivery(cursor.Id, entry.Context));
            }
        }
    }

    /// <summary>Checks that the peer's delivery-ids ascend, as serial numbers.</summary>
    internal void OnIncomingId(uint id)
    {
        var number = new SerialNumber(id);
        if (_lastIncomingId is { } last && number <= last)
        {
            throw EndpointErrors.Session(ErrorCondition.InvalidField, $"Delivery-id {id} comes after {last}; delivery-ids of a session ascend.");
        }

        _lastIncomingId = number;
    }

    internal void OnIncomingUnsettled(ReceiverEndpoint link, uint id)
    {
        if (link.UnsettledCount >= Engine.Settings.MaxUnsettledPerLink
            || Engine.IncomingUnsettled >= Engine.Settings.MaxUnsettledPerConnection)
        {
            throw EndpointErrors.Link(ErrorCondition.ResourceLimitExceeded, "Too many deliveries are unsettled.");
        }

        if (_incoming.TryAdd(id, link))
        {
            link.UnsettledCount++;
            Engine.IncomingUnsettled++;
        }
    }

    internal void ForgetIncoming(uint first, uint last)
    {
        var cursor = _incoming.Range(first, last);
        while (cursor.MoveNext(out var link))
        {
            cursor.RemoveCurrent();
            OnForgotten(link);
        }
    }

    internal void QueueDisposition(Role role, uint first, uint last, DeliveryState? state, bool settled)
    {
        if (!CanWrite)
        {
            return;
        }

        if (last < first)
        {
            // The range wraps; peers loop from first to last with plain integers, so it is written as two.
            QueueDisposition(role, first, uint.MaxValue, state, settled);
            first = 0;
        }

        ref var batch = ref role == Role.Receiver ? ref _receiverBatch : ref _senderBatch;
        if (batch.TryExtend(first, last, state, settled))
        {
            return;
        }

        WriteBatch(role, ref batch);
        batch.Start(first, last, state, settled);
        Engine.MarkDirty(this);
    }

    internal void FlushDispositions()
    {
        if (CanWrite)
        {
            WriteBatch(Role.Receiver, ref _receiverBatch);
            WriteBatch(Role.Sender, ref _senderBatch);
        }
    }

    private void WriteBatch(Role role, ref DispositionBatch batch)
    {
        if (!batch.IsPending)
        {
            return;
        }

        var disposition = new Disposition
        {
            Role = role,
            First = batch.First,
            Last = batch.Last == batch.First ? null : batch.Last,
            Settled = batch.IsSettled,
            State = batch.State,
        };
        batch.Clear();
        Write(in disposition);
    }

    private void OnDisposition(in Disposition disposition)
    {
        // Serial numbers: from 9 to 3 is not a range that wraps, but one that runs backwards and names nothing.
        if (disposition.Last is { } end && end < disposition.First && unchecked((int)(end - disposition.First)) < 0)
        {
            return;
        }

        if (disposition.Role == Role.Receiver)
        {
            OnReceiverDisposition(disposition.First, disposition.Last ?? disposition.First, disposition.State, disposition.Settled);
        }
        else if (disposition.Settled)
        {
            OnSenderDisposition(disposition.First, disposition.Last ?? disposition.First, disposition.State);
        }
    }

    private void OnReceiverDisposition(uint first, uint last, DeliveryState? state, bool settled)
    {
        var cursor = _outgoing.Range(first, last);
        while (!IsEndSent && cursor.MoveNext(out var entry))
        {
            if (settled)
            {
                cursor.RemoveCurrent();
                OnForgotten(entry.Link);
            }

            Tell(in entry, cursor.Id, state, settled);
        }
    }

    private void Tell(in OutgoingEntry entry, uint id, DeliveryState? state, bool settled)
    {
        try
        {
            Engine.Handler.OnDisposition(entry.Link, id, entry.Context, state, settled);
        }
        catch (AmqpException failure) when (failure.Scope == AmqpErrorScope.Link)
        {
            entry.Link.Fail(failure.Error);
        }
    }

    private void OnSenderDisposition(uint first, uint last, DeliveryState? state)
    {
        var cursor = _incoming.Range(first, last);
        while (!IsEndSent && cursor.MoveNext(out var link))
        {
            cursor.RemoveCurrent();
            OnForgotten(link);
            Engine.Handler.OnSenderSettled(link, cursor.Id, state);
        }
    }

    private void ForgetIncomingOf(ReceiverEndpoint link)
    {
        if (link.UnsettledCount == 0)
        {
            return;
        }

        var cursor = _incoming.All();
        while (cursor.MoveNext(out var owner))
        {
            if (ReferenceEquals(owner, link))
            {
                cursor.RemoveCurrent();
                OnForgotten(link);
            }
        }
    }

    private void OnForgotten(SenderEndpoint link)
    {
        link.UnsettledCount--;
        Engine.OutgoingUnsettled--;
    }

    private void OnForgotten(ReceiverEndpoint link)
    {
        link.UnsettledCount--;
        Engine.IncomingUnsettled--;
    }

    private readonly record struct OutgoingEntry(SenderEndpoint Link, long Context);
}
