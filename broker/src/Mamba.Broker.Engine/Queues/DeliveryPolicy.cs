namespace Mamba.Broker.Engine;

/// <summary>What a node's settings say about failed, rejected and expired messages. Immutable.</summary>
internal sealed class DeliveryPolicy(NodeOptions options)
{
    private readonly bool _deadLetters = !options.IsDeadLetter && options.DeadLetterAddress.Length > 0;

    /// <summary>True when a message may be moved to the dead-letter address.</summary>
    public bool CanDeadLetter(in QueueEntry entry) => _deadLetters && !entry.IsDeadLettered;

    /// <summary>True when the message may expire here.</summary>
    public bool Expires(in QueueEntry entry) => entry.ExpiresAt != 0 && !entry.IsDeadLettered && !options.IsDeadLetter;

    public bool IsExpired(in QueueEntry entry, long now) => Expires(entry) && entry.IsExpiredAt(now);

    public bool DeliveriesExhausted(in QueueEntry entry) =>
        options.MaxDeliveries > 0 && entry.DeliveryCount >= options.MaxDeliveries && CanDeadLetter(entry);

    public bool AcquiresExhausted(in QueueEntry entry) =>
        options.MaxAcquires > 0 && entry.AcquireCount >= options.MaxAcquires && CanDeadLetter(entry);
}
