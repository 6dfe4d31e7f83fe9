using Mamba.Amqp.Endpoints;
using Mamba.Amqp.Messaging;
using Mamba.Amqp.Transport;
using Mamba.Amqp.Types;
using Mamba.Broker.Engine;
using Mamba.Broker.Server.Connections;

namespace Mamba.Broker.Server.Links.Resumption;

/// <summary>
/// What a resumed link sends before anything new: the deliveries that both ends hold (AMQP 1.0 §3.4.6). We can send a message again from
/// wherever the receiver wants, so of the specification's table tags 1 to 4 are ours. The turn's own.
/// </summary>
internal sealed class OutboundResumption
{
    private readonly List<ResumedDelivery> _deliveries = [];
    private readonly List<Settlement> _unknown = [];
    private readonly List<Settlement> _takenOver = [];
    private int _next;

    /// <summary>Compares what we hold with the receiver's map.</summary>
    /// <param name="held">What we hold, in the order of the queue.</param>
    /// <param name="receiver">The receiver's map.</param>
    /// <param name="complete">Whether that is complete.</param>
    /// <param name="failed">Whether what the receiver does not know counts as a failed delivery.</param>
    /// <param name="connection">The link's connection.</param>
    public OutboundResumption(
        List<AcquiredMessage> held, Dictionary<DeliveryTag, DeliveryState?> receiver, bool complete, bool failed, AmqpConnection connection)
    {
        foreach (var message in held)
        {
            var tag = DeliveryTag.FromUInt64(message.MessageId);
            var known = receiver.TryGetValue(tag, out var state);
            Map.Add(tag.ToArray(), ResumedDelivery.Beginning);
            switch (DeliveryResumption.Decide(sender: null, known, state, complete))
            {
                case ResumptionStep.Resume:
                    _deliveries.Add(new ResumedDelivery(message, tag, state ?? ResumedDelivery.Beginning, isReady: true));
                    continue;
                case ResumptionStep.TakeOver:
                    _deliveries.Add(new ResumedDelivery(message, tag, state!, isReady: false));
                    _takenOver.Add(ToSettlement(message.Token, (Outcome)state!, connection));
                    break;
                case ResumptionStep.SendAnew:
                    // Back in its place: this link is the first to come for it, and sends it as a new delivery.
                    _unknown.Add(new Settlement(message.Token, failed ? OutcomeKind.Modified : OutcomeKind.Released, failed));
                    break;
                default:
                    break;
            }

            message.Message?.Release();
        }
    }

    /// <summary>The unsettled map of our attach.</summary>
    public AmqpMap Map { get; } = new();

    /// <summary>Whether everything that is resumed has been sent.</summary>
    public bool IsDone => _next == _deliveries.Count;

    /// <summary>Gives back what the receiver does not know, and applies the outcomes it has reached.</summary>
    public void Begin(ISubscription subscription, ISettleObserver observer)
    {
        if (_unknown.Count > 0)
        {
            subscription.Settle([.. _unknown], observer: null);
        }

        if (_takenOver.Count > 0)
        {
            subscription.Settle([.. _takenOver], observer);
        }
    }

    /// <summary>An outcome of the receiver's is in force: its delivery may be settled. False when it is none of these.</summary>
    public bool OnSettled(long token)
    {
        foreach (var delivery in _deliveries)
        {
            if (delivery.Message.Token == token)
            {
                delivery.IsReady = true;
                return true;
            }
        }

        return false;
    }

    /// <summary>The next delivery to send; null while it has to wait for its outcome to be stored.</summary>
    public ResumedDelivery? TakeNext() => !IsDone && _deliveries[_next].IsReady ? _deliveries[_next++] : null;

    /// <summary>An outcome that cannot be is none: the message goes back.</summary>
    private static Settlement ToSettlement(long token, Outcome outcome, AmqpConnection connection)
    {
        try
        {
            return SettlementQueue.ToSettlement(token, outcome, connection);
        }
        catch (AmqpException)
        {
            return new Settlement(token, OutcomeKind.Released);
        }
    }

    /// <summary>Lets go of what was not sent; it stays held.</summary>
    public void Drop()
    {
        for (; _next < _deliveries.Count; _next++)
        {
            if (_deliveries[_next].State is not Outcome)
            {
                _deliveries[_next].Message.Message?.Release();
            }
        }
    }
}

/// <summary>A delivery to be resumed.</summary>
internal sealed class ResumedDelivery(AcquiredMessage message, DeliveryTag tag, DeliveryState state, bool isReady)
{
    public static readonly Received Beginning = new();

    public AcquiredMessage Message { get; } = message;

    public DeliveryTag Tag { get; } = tag;

    /// <summary>What the receiver says: which outcome it has reached, or how far it has got.</summary>
    public DeliveryState State { get; } = state;

    public bool IsReady { get; set; } = isReady;

    /// <summary>
    /// Where the receiver wants to go on. A header of which it has a part only may read otherwise by now: then, and when its position is none
    /// of this message, it gets all of it.
    /// </summary>
    /// <param name="body">The message as stored: all sections but the header.</param>
    /// <param name="offset">Bytes of the body that the receiver has; 0 when it is to get the header too, as it does at the very beginning.</param>
    /// <returns>The position, for the transfer to state.</returns>
    public Received FindPosition(StoredMessage body, out int offset)
    {
        if (State is Received { SectionNumber: > 0 } position
            && MessagePosition.TryFind(body.Span, new Received { SectionNumber = position.SectionNumber - 1, SectionOffset = position.SectionOffset }, out offset)
            && offset > 0)
        {
            return position;
        }

        offset = 0;
        return Beginning;
    }
}
