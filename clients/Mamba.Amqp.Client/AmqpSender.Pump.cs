using System.Buffers;
using Mamba.Amqp.Codec;
using Mamba.Amqp.Endpoints;
using Mamba.Amqp.Messaging;
using Mamba.Amqp.Transport;

namespace Mamba.Amqp.Client;

/// <summary>How messages get from the callers to the wire. Everything here runs within a turn.</summary>
public sealed partial class AmqpSender
{
    // A message of which some frames have left while the rest waits for the session window or the output buffer.
    private OutgoingDelivery _inProgress;
    private bool _isInProgress;
    private byte[] _rest = [];
    private int _restLength;
    private PendingSend? _inProgressSend;

    /// <summary>Goes on with what waits, oldest first.</summary>
    internal void Pump()
    {
        if (Failure is not null || !TryFinishInProgress())
        {
            return;
        }

        WantsToSend = false;
        while (_waiting.TryPeek(out var send))
        {
            if (!send.Task.IsCompleted && !TryStart(send))
            {
                WantsToSend = true;
                return;
            }

            _waiting.Dequeue();
        }

        WakeCaller();
        if (_endpoint is { Drain: true } endpoint && !_isInProgress && _waiting.Count == 0)
        {
            endpoint.Drained();
        }
    }

    private void WakeCaller()
    {
        if (!CanStart)
        {
            WantsToSend = _isInProgress || _callWhenSendable || _sendable is not null;
            return;
        }

        if (_sendable is { } sendable)
        {
            _sendable = null;
            sendable.TrySetResult();
        }

        if (_callWhenSendable)
        {
            _callWhenSendable = false;
            CallOnSendable();
        }
    }

    private void CallOnSendable()
    {
        try
        {
            _options.OnSendable?.Invoke(this);
        }
        catch (Exception e)
        {
            // This may be the timer's turn, or that of a thread which wanted something else.
            Connection.OnCallbackFailed(e);
        }
    }

    /// <summary>False: it has to wait. What is wrong with the message itself fails its task.</summary>
    private bool TryStart(PendingSend send)
    {
        if (!CanStart)
        {
            return false;
        }

        var buffer = Connection.Scratch;
        buffer.Clear();
        try
        {
            if (send.Unsettled is { } kept)
            {
                return TryStart(send.IsSettled ? default : kept.Encoded.Span, send.IsSettled, send.State, send, 0);
            }

            send.Message!.Write(new AmqpWriter(buffer));
            return TryStart(buffer.WrittenSpan, send.IsSettled, send.State, send, 0);
        }
        catch (Exception e) when (e is AmqpException or ArgumentException or InvalidOperationException)
        {
            send.Refuse(e);
            return true;
        }
    }

    private bool TryStart(ReadOnlySpan<byte> payload, bool settled, DeliveryState? state, PendingSend? send, long context)
    {
        if (!CanStart)
        {
            return false;
        }

        var slot = settled ? -1 : _slots.Take(send, context);
        var delivery = new OutgoingDelivery
        {
            Tag = send?.Unsettled is { } kept ? kept.DeliveryTag : settled ? default : DeliveryTag.FromUInt64(_nextTag++),
            IsResumed = send is { IsResumed: true },
            IsSettled = settled,
            State = state,
            Context = slot,
        };
        var result = _endpoint!.Send(ref delivery, payload, default, Connection.OutputRoom);
        if (result == SendResult.Sent)
        {
            CompleteIfSettled(settled, send);
            return true;
        }

        if (delivery.IsStarted)
        {
            KeepRest(in delivery, payload, send);
            return true;
        }

        if (slot >= 0)
        {
            _slots.Release(slot);
        }

        return result != SendResult.TooLarge
            ? false
            : throw ClientErrors.Make(
                ErrorCondition.MessageSizeExceeded,
                $"{What}: the message has {payload.Length} bytes, the broker takes {_endpoint.RemoteMaxMessageSize} at most; send less, or raise its limit",
                AmqpErrorScope.Link);
    }

    /// <summary>The callers' bytes are only theirs to lend for the call, so what is left is copied.</summary>
    private void KeepRest(in OutgoingDelivery delivery, ReadOnlySpan<byte> payload, PendingSend? send)
    {
        _rest = ArrayPool<byte>.Shared.Rent(payload.Length);
        payload.CopyTo(_rest);
        _restLength = payload.Length;
        _inProgress = delivery;
        _inProgressSend = send;
        _isInProgress = true;
        WantsToSend = true;
    }

    /// <summary>False: there is still something left of it.</summary>
    private bool TryFinishInProgress()
    {
        if (!_isInProgress)
        {
            return true;
        }

        if (!Connection.HasOutputRoom
            || _endpoint!.Send(ref _inProgress, _rest.AsSpan(0, _restLength), default, Connection.OutputRoom) != SendResult.Sent)
        {
            WantsToSend = true;
            return false;
        }

        var send = _inProgressSend;
        ReturnRest();
        CompleteIfSettled(_inProgress.IsSettled, send);
        return true;
    }

    private void ForgetInProgress(AmqpException cause)
    {
        if (!_isInProgress)
        {
            return;
        }

        if (_inProgressSend is { } send)
        {
            send.Fail(cause);
        }

        ReturnRest();
    }

    private void ReturnRest()
    {
        _isInProgress = false;
        _inProgressSend = null;
        ArrayPool<byte>.Shared.Return(_rest);
        _rest = [];
    }

    private static void CompleteIfSettled(bool settled, PendingSend? send)
    {
        if (settled)
        {
            send?.Conclude(send.State ?? Accepted.Instance);
        }
    }
}

/// <summary>One call of <see cref="AmqpSender.SendAsync"/> that has no outcome yet, or a message of an earlier link.</summary>
internal sealed class PendingSend(AmqpMessage? message, bool isSettled, DeliveryState? state)
    : TaskCompletionSource<DeliveryState>(TaskCreationOptions.RunContinuationsAsynchronously)
{
    private readonly UnsettledSends? _keeper;

    /// <summary>A message that is kept until it is settled.</summary>
    /// <param name="keeper">Where it is kept.</param>
    /// <param name="unsettled">The message.</param>
    /// <param name="isResumed">Whether both ends know it.</param>
    /// <param name="outcome">The outcome that the broker has reached: it is settled without data. Null: the message is sent.</param>
    public PendingSend(UnsettledSends keeper, UnsettledSend unsettled, bool isResumed, DeliveryState? outcome)
        : this(message: null, isSettled: outcome is not null, outcome)
    {
        _keeper = keeper;
        Unsettled = unsettled;
        IsResumed = isResumed;
    }

    public AmqpMessage? Message => message;

    /// <summary>Kept over links; null for all others.</summary>
    public UnsettledSend? Unsettled { get; }

    public bool IsResumed { get; }

    public bool IsSettled => isSettled;

    public DeliveryState? State => state;

    /// <summary>There is an outcome.</summary>
    public void Conclude(DeliveryState outcome)
    {
        if (Unsettled is null)
        {
            TrySetResult(outcome);
        }
        else
        {
            _keeper!.Conclude(Unsettled, outcome);
        }
    }

    /// <summary>The link ended: what is kept has not failed, it waits for the next one.</summary>
    public void Fail(Exception cause)
    {
        if (Unsettled is null)
        {
            AmqpTasks.Fail(this, cause);
        }
    }

    /// <summary>The message cannot be sent at all.</summary>
    public void Refuse(Exception cause)
    {
        if (Unsettled is null)
        {
            AmqpTasks.Fail(this, cause);
        }
        else
        {
            AmqpTasks.Fail(Unsettled.Completion, cause);
            _keeper!.Conclude(Unsettled, Released.Instance);
        }
    }
}

/// <summary>What is known of each message in flight, by a small number that goes to the engine and back. No allocation once grown.</summary>
internal sealed class SendSlots
{
    private (PendingSend? Send, long Context, int Next)[] _slots = [];
    private int _free = -1;

    public int InUse { get; private set; }

    public int Take(PendingSend? send, long context)
    {
        if (_free < 0)
        {
            Grow();
        }

        var index = _free;
        _free = _slots[index].Next;
        _slots[index] = (send, context, -1);
        InUse++;
        return index;
    }

    public (PendingSend? Send, long Context) Release(int index)
    {
        var (send, context, _) = _slots[index];
        _slots[index] = (null, 0, _free);
        _free = index;
        InUse--;
        return (send, context);
    }

    public void FailAll(Exception cause)
    {
        foreach (var (send, _, _) in _slots)
        {
            send?.Fail(cause);
        }
    }

    private void Grow()
    {
        var old = _slots.Length;
        Array.Resize(ref _slots, Math.Max(16, old * 2));
        for (var i = old; i < _slots.Length; i++)
        {
            _slots[i].Next = i + 1 < _slots.Length ? i + 1 : -1;
        }

        _free = old;
    }
}
