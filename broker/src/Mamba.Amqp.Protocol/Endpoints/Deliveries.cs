using Mamba.Amqp.Messaging;
using Mamba.Amqp.Transport;

namespace Mamba.Amqp.Endpoints;

/// <summary>What is known of a message that arrived, apart from its payload. Valid as long as one likes.</summary>
/// <param name="DeliveryId">Its number in the session; the one to give to <see cref="ReceiverEndpoint.Disposition"/>.</param>
/// <param name="Tag">The sender's name for it, unique among what the link has unsettled; may be empty when settled.</param>
/// <param name="MessageFormat">0 for AMQP messages (AMQP 1.0 §2.8.11).</param>
/// <param name="IsSettled">Whether the sender wants no disposition: true if any frame of the delivery said so.</param>
/// <param name="State">The state the sender gave it, for example the transaction it belongs to; null for none.</param>
/// <param name="SettleMode">The receiver-settle-mode of this delivery: the transfer's own, or the link's.</param>
/// <param name="IsResumed">Whether it resumes a delivery that <see cref="ReceiverEndpoint.Retain"/> named. Resumed deliveries that we do
/// not know are not told of, but as aborted.</param>
public readonly record struct IncomingDelivery(
    uint DeliveryId,
    DeliveryTag Tag,
    uint MessageFormat,
    bool IsSettled,
    DeliveryState? State,
    ReceiverSettleMode SettleMode,
    bool IsResumed);

/// <summary>
/// A message on its way out, and how far it has got. The caller keeps it from the first call of
/// <see cref="SenderEndpoint.Send"/> to the one that returns <see cref="SendResult.Sent"/>.
/// </summary>
public record struct OutgoingDelivery
{
    /// <summary>Our name for it, unique among what the link has unsettled.</summary>
    public DeliveryTag Tag { get; init; }

    /// <summary>0 for AMQP messages.</summary>
    public uint MessageFormat { get; init; }

    /// <summary>Whether it is forgotten as soon as it is written.</summary>
    public bool IsSettled { get; init; }

    /// <summary>The state to state with it, for example the transaction it belongs to; null for none.</summary>
    public DeliveryState? State { get; init; }

    /// <summary>Whether it resumes a delivery of an earlier attachment, which both unsettled maps have (AMQP 1.0 §2.6.13).</summary>
    public bool IsResumed { get; init; }

    /// <summary>The owner's own number for it, handed back with its disposition.</summary>
    public long Context { get; init; }

    /// <summary>Its number in the session. Only meaningful once <see cref="IsStarted"/>.</summary>
    public uint DeliveryId { get; internal set; }

    /// <summary>Whether its first frame has been written.</summary>
    public bool IsStarted { get; internal set; }

    /// <summary>How many bytes of prefix and body have been written.</summary>
    public int BytesWritten { get; internal set; }
}

/// <summary>One of our deliveries that the peer has not settled.</summary>
/// <param name="DeliveryId">Its number in the session.</param>
/// <param name="Context">The owner's own number for it.</param>
public readonly record struct UnsettledDelivery(uint DeliveryId, long Context);

/// <summary>How far <see cref="SenderEndpoint.Send"/> got.</summary>
public enum SendResult
{
    /// <summary>The delivery is written to its end.</summary>
    Sent,

    /// <summary>Part of it is written, up to the caller's byte limit. Call again with the same delivery when there is room.</summary>
    Partial,

    /// <summary>The peer's session window is shut. Call again with the same delivery after OnSessionWindowOpen.</summary>
    WindowClosed,

    /// <summary>Nothing was written: the link has no credit.</summary>
    NoCredit,

    /// <summary>Nothing was written: too many deliveries of the link or the connection are unsettled.</summary>
    UnsettledLimit,

    /// <summary>Nothing was written: the message is larger than the peer's max-message-size, and never fits this link.</summary>
    TooLarge,

    /// <summary>
    /// Nothing was written: an unsettled map of the link was incomplete, so it is for resumed deliveries only until it is suspended
    /// and resumed once more.
    /// </summary>
    MapIncomplete,

    /// <summary>Nothing was written: the link is not attached on both sides, or it is detached.</summary>
    NotAttached,
}
