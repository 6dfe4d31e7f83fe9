using Mamba.Amqp.Messaging;
using Mamba.Amqp.Transactions;
using Mamba.Amqp.Transport;

namespace Mamba.Amqp.Endpoints;

/// <content>Deliveries of earlier attachments that go on here (AMQP 1.0 §2.6.13).</content>
public sealed partial class ReceiverEndpoint
{
    private Dictionary<DeliveryTag, ReadOnlyMemory<byte>>? _retained;

    /// <summary>
    /// Whether the owner takes over what has arrived of an incomplete delivery when the link is suspended:
    /// <see cref="TryTakePartial"/> has it then, and otherwise it is dropped with the link.
    /// </summary>
    public bool KeepsPartial { get; set; }

    /// <summary>
    /// Names a delivery that the unsettled map of our Attach has, before the Attach is written. When the sender resumes it, it is
    /// told of as a delivery that is resumed; all others it resumes are ignored.
    /// </summary>
    /// <param name="tag">Its tag.</param>
    /// <param name="received">The beginning of the message when it had not arrived completely: the sender goes on from a position it
    /// states, and the message is told of as a whole.</param>
    public void Retain(in DeliveryTag tag, ReadOnlyMemory<byte> received = default) => (_retained ??= [])[tag] = received;

    /// <summary>Takes over what has arrived of an incomplete delivery; false when there is none. For use when the link is suspended.</summary>
    public bool TryTakePartial(out DeliveryTag tag, out byte[] received)
    {
        tag = _partial.Delivery.Tag;
        received = [];
        if (!_partial.IsActive || _isDelivering)
        {
            return false;
        }

        // What belongs to a transaction has to be sent in one again: a resumed transfer states a position in place of it.
        var wanted = _partial.Delivery is { IsSettled: false, State: not TransactionalState } && (!_partial.Delivery.IsResumed || _retained?.ContainsKey(tag) == true);
        received = wanted ? _partial.Bytes.ToArray() : [];
        DropPartial();
        return wanted;
    }

    private bool TryFindRetained(in IncomingDelivery delivery, out ReadOnlyMemory<byte> received)
    {
        received = default;
        return delivery.IsResumed && _retained?.TryGetValue(delivery.Tag, out received) == true;
    }

    /// <summary>Goes on with a delivery: of what is there, the part before the position that the sender states stays.</summary>
    private void BeginResumed(IncomingDelivery delivery, ReadOnlySpan<byte> received, bool more, ReadOnlySpan<byte> payload)
    {
        var kept = 0;
        if (delivery.State is Received position)
        {
            if (!MessagePosition.TryFind(received, position, out kept))
            {
                throw EndpointErrors.Link(
                    ErrorCondition.InvalidField,
                    $"Delivery {delivery.DeliveryId} is resumed at section {position.SectionNumber}, offset {position.SectionOffset}, which lies "
                    + "behind what has arrived; resume it where the unsettled map says, or before.");
            }

            delivery = delivery with { State = null };
        }

        _partial.Begin(in delivery);
        Append(received[..kept]);
        if (_partial.IsActive)
        {
            Append(payload);
        }

        if (!more && _partial.IsActive)
        {
            CompletePartial();
        }
    }

    private void RequireResumedIfIncomplete(in Transfer transfer, uint id)
    {
        if (LocalAttach is { IncompleteUnsettled: true } && !transfer.Resume)
        {
            throw EndpointErrors.Link(
                ErrorCondition.IllegalState,
                $"Delivery {id} is a new one, but our unsettled map was incomplete: settle what is resumed, then detach and resume the link once more.");
        }
    }
}
