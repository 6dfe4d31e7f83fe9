using Mamba.Amqp.Endpoints;
using Mamba.Amqp.Messaging;
using Mamba.Amqp.Transport;

namespace Mamba.Amqp.Client;

/// <content>Messages that outlive the link: see <see cref="ReceiverOptions.Unsettled"/>.</content>
public sealed partial class AmqpReceiver
{
    private readonly Dictionary<uint, DeliveryTag> _deciding = [];

    internal UnsettledReceipts? Unsettled => _options.Unsettled;

    /// <summary>
    /// Decides on a message and has the broker told by the receiver that has it then, now if its link lives, otherwise by the one that
    /// resumes it: a decision and a resumption that meet see each other (<see cref="UnsettledReceipts"/>). The task ends when the broker
    /// has confirmed.
    /// </summary>
    private Task DecideAsync(ReceivedMessage message, Outcome outcome, CancellationToken ct)
    {
        if (message.IsSettled)
        {
            return Task.CompletedTask;
        }

        if (Unsettled!.TryDecide(message, outcome) is not { } decision)
        {
            return Task.FromException(ClientErrors.Make(
                ErrorCondition.IllegalState, $"{What}: the broker does not hold the message for us any more; it was kept for too long, or its queue is gone", AmqpErrorScope.Link));
        }

        decision.Receiver.TellDecided(message, decision.Outcome);
        return decision.Settled.WaitAsync(ct);
    }

    private void TellDecided(ReceivedMessage message, Outcome outcome)
    {
        using (Connection.BeginTurn(writeInline: false))
        {
            if (Failure is null && IsAttached && ReferenceEquals(message.Receiver, this))
            {
                Tell(message.DeliveryId, message.Tag, outcome);
            }
        }
    }

    private void Tell(uint deliveryId, in DeliveryTag tag, Outcome outcome)
    {
        if (_deciding.TryAdd(deliveryId, tag))
        {
            _endpoint!.Disposition(deliveryId, deliveryId, outcome, settled: false);
        }
    }

    /// <summary>The broker says of a message that we hold what has become of it, or sends it once more.</summary>
    private void OnResumed(in IncomingDelivery delivery)
    {
        if (Unsettled!.Find(delivery.Tag) is not { } receipt)
        {
            // Settled by what the two lists said.
            _endpoint!.Disposition(delivery.DeliveryId, delivery.DeliveryId, delivery.State ?? Released.Instance, settled: true);
        }
        else if (delivery.IsSettled || delivery.State is Outcome)
        {
            if (!delivery.IsSettled)
            {
                _endpoint!.Disposition(delivery.DeliveryId, delivery.DeliveryId, delivery.State!, settled: true);
            }

            Unsettled.Conclude(delivery.Tag);
        }
        else
        {
            if (Unsettled.Move(receipt, this, delivery.DeliveryId) is { } outcome)
            {
                Tell(delivery.DeliveryId, delivery.Tag, outcome);
            }
        }

        Replenish();
    }
}
