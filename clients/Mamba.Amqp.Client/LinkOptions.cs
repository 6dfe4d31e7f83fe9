using Mamba.Amqp.Messaging;
using Mamba.Amqp.Transport;
using Mamba.Amqp.Types;

namespace Mamba.Amqp.Client;

/// <summary>How a sender sends.</summary>
public sealed record SenderOptions
{
    /// <summary>The link's name; null makes one that no other link of the container has.</summary>
    public string? Name { get; init; }

    /// <summary>Messages that may be sent without an outcome yet; further ones wait.</summary>
    public int MaxInFlight { get; init; } = 1_000;

    /// <summary>What is agreed on settlement: Mixed lets each send choose.</summary>
    public SenderSettleMode SettleMode { get; init; } = SenderSettleMode.Mixed;

    /// <summary>
    /// Send exactly once: what is not settled when the link ends is kept here, and goes on with the next sender that is given the same
    /// object, <see cref="Name"/> (which is needed) and container-id. <see cref="AmqpSender.SendAsync"/> then does not fail with the link: its
    /// task ends when there is an outcome. The broker must keep unsettled state; if it does not, the link fails with amqp:not-implemented.
    /// </summary>
    public UnsettledSends? Unsettled { get; init; }

    /// <summary>How long the broker is to keep what is unsettled when the link is detached; null for ever. With <see cref="Unsettled"/>.</summary>
    public TimeSpan? KeepFor { get; init; }

    /// <summary>Ask the broker to make a node for this link; <see cref="AmqpLink.Address"/> then says its name.</summary>
    public bool Dynamic { get; init; }

    /// <summary>Node properties of a dynamic node, such as its lifetime-policy.</summary>
    public AmqpMap? DynamicNodeProperties { get; init; }

    /// <summary>Capabilities of the target, such as queue or topic.</summary>
    public IReadOnlyList<Symbol> Capabilities { get; init; } = [];

    /// <summary>
    /// Called once for each outcome of a message that was sent with <see cref="AmqpSender.TrySend"/> or
    /// <see cref="AmqpSender.SendBatch"/>, on the connection's own turn: it must not block, and may send on any link of
    /// this connection.
    /// </summary>
    public Action<AmqpSender, SendOutcome>? OnOutcome { get; init; }

    /// <summary>
    /// Called, on the connection's own turn, when <see cref="AmqpSender.TrySend"/> or <see cref="AmqpSender.SendBatch"/>
    /// was refused before and may succeed now. It must not block.
    /// </summary>
    public Action<AmqpSender>? OnSendable { get; init; }
}

/// <summary>What became of one message sent with a context.</summary>
/// <param name="Context">The sender's own number for it.</param>
/// <param name="State">The outcome; <see cref="Accepted"/> is the good one.</param>
public readonly record struct SendOutcome(long Context, DeliveryState State);

/// <summary>How a receiver receives.</summary>
public sealed record ReceiverOptions
{
    /// <summary>The link's name; null makes one. It names the subscription of a durable source.</summary>
    public string? Name { get; init; }

    /// <summary>
    /// Messages that the broker may send ahead; also the most that wait here for <see cref="AmqpReceiver.ReceiveAsync"/>.
    /// With <see cref="AutoReplenish"/> off, the first grant (0 grants nothing until <see cref="AmqpReceiver.Grant"/>).
    /// </summary>
    public int Credit { get; init; } = 100;

    /// <summary>Whether credit is granted again as messages are taken.</summary>
    public bool AutoReplenish { get; init; } = true;

    /// <summary>Settled asks for messages that need no acknowledgement.</summary>
    public SenderSettleMode SenderSettleMode { get; init; } = SenderSettleMode.Mixed;

    /// <summary>Second asks the broker to confirm each settlement (AMQP 1.0 §2.8.3).</summary>
    public ReceiverSettleMode SettleMode { get; init; } = ReceiverSettleMode.First;

    /// <summary>Filters by name, each a described value.</summary>
    public AmqpMap? Filters { get; init; }

    /// <summary>Capabilities of the source, such as queue, topic, shared.</summary>
    public IReadOnlyList<Symbol> Capabilities { get; init; } = [];

    /// <summary>Keep the subscription when the link is detached; close the link to end it.</summary>
    public bool Durable { get; init; }

    /// <summary>
    /// Receive exactly once: what the broker has not settled when the link ends is kept here, and goes on with the next receiver that is
    /// given the same object, <see cref="Name"/> (which is needed) and container-id. Meanwhile the broker gives those messages to nobody
    /// else. <see cref="AmqpReceiver.SettleAsync"/> then does not fail with the link: its task ends when the broker has confirmed. The
    /// broker must keep unsettled state; if it does not, the link fails with amqp:not-implemented.
    /// </summary>
    public UnsettledReceipts? Unsettled { get; init; }

    /// <summary>How long the broker is to keep what is unsettled when the link is detached; null for ever. With <see cref="Unsettled"/>.</summary>
    public TimeSpan? KeepFor { get; init; }

    /// <summary>copy browses a queue; move takes messages from it; null leaves it to the node.</summary>
    public Symbol? DistributionMode { get; init; }

    /// <summary>Ask the broker to make a node for this link; <see cref="AmqpLink.Address"/> then says its name.</summary>
    public bool Dynamic { get; init; }

    /// <summary>Node properties of a dynamic node, such as its lifetime-policy.</summary>
    public AmqpMap? DynamicNodeProperties { get; init; }

    /// <summary>What the broker is to apply when the link ends with messages unsettled; modified(delivery-failed) by default.</summary>
    public Outcome DefaultOutcome { get; init; } = new Modified { DeliveryFailed = true };

    /// <summary>
    /// Takes each message as it arrives instead of <see cref="AmqpReceiver.ReceiveAsync"/>, without a copy, on the
    /// connection's own turn.
    /// </summary>
    public RawDeliveryHandler? OnDelivery { get; init; }
}

/// <summary>
/// Takes one message straight from the receive buffer. It must not block; it may settle, and send on links of this
/// connection. What it returns is the outcome to settle the message with at once; null leaves it unsettled.
/// </summary>
public delegate DeliveryState? RawDeliveryHandler(AmqpReceiver receiver, in RawDelivery delivery);

/// <summary>A message as it arrived; valid only during the call.</summary>
public readonly ref struct RawDelivery
{
    internal RawDelivery(uint deliveryId, bool isSettled, ReadOnlySpan<byte> payload)
    {
        DeliveryId = deliveryId;
        IsSettled = isSettled;
        Payload = payload;
    }

    /// <summary>Its number in the session, to settle it with later.</summary>
    public uint DeliveryId { get; }

    /// <summary>Whether the sender settled it already.</summary>
    public bool IsSettled { get; }

    /// <summary>The encoded message, all its sections.</summary>
    public ReadOnlySpan<byte> Payload { get; }
}
