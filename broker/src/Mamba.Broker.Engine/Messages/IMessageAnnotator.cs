namespace Mamba.Broker.Engine;

/// <summary>Why a message was moved to a dead-letter or expiry address.</summary>
public enum DeadLetterReason
{
    /// <summary>A consumer answered rejected (AMQP 1.0 §3.4.3).</summary>
    Rejected,

    /// <summary>The delivery-count reached the node's maximum.</summary>
    MaxDeliveries,

    /// <summary>A consumer answered modified{delivery-failed, undeliverable-here} (AMQP 1.0 §3.4.5).</summary>
    Undeliverable,

    /// <summary>The time to live passed.</summary>
    Expired,

    /// <summary>The message was acquired and given back more often than the node allows.</summary>
    MaxAcquires,

    /// <summary>It made room for newer messages: <see cref="OverflowPolicy.DropHead"/>.</summary>
    MaxLength,

    /// <summary>Somebody cancelled it while it waited for its next try: <see cref="MessageEngine.CancelParkedAsync"/>.</summary>
    Cancelled,
}

/// <summary>What travels with a message that is moved away.</summary>
/// <param name="Reason">Why.</param>
/// <param name="OriginalAddress">Address it was published to: the queue, or the topic of a subscription.</param>
/// <param name="Queue">Name of the queue it was taken from; for a subscription the subscription's name.</param>
/// <param name="SubscriptionName">Subscription name, null when it was on a plain queue.</param>
/// <param name="DeliveryCount">Failed deliveries so far.</param>
/// <param name="Time">Unix milliseconds of the move.</param>
/// <param name="OriginalExpiresAt">Expiry it had, unix milliseconds, 0 none.</param>
/// <param name="ErrorCondition">Condition of the consumer's rejected outcome, or null.</param>
/// <param name="ErrorDescription">Description of the consumer's rejected outcome, or null.</param>
public readonly record struct DeadLetterInfo(
    DeadLetterReason Reason,
    string OriginalAddress,
    string Queue,
    string? SubscriptionName,
    uint DeliveryCount,
    long Time,
    long OriginalExpiresAt,
    string? ErrorCondition,
    string? ErrorDescription);

/// <summary>
/// Knows the message format; the engine does not. Called with no lock held, on any thread. Implementations return a new
/// message (from <see cref="StoredMessage.RentSimilar"/>) on which the caller holds one reference, and leave the original
/// and its references alone. They must not fail for a message that was accepted before: when the bytes cannot be
/// understood, return a plain copy.
/// </summary>
public interface IMessageAnnotator
{
    /// <summary>The message to store at the dead-letter address, with <paramref name="info"/> in its message-annotations.</summary>
    StoredMessage DeadLetter(StoredMessage original, in DeadLetterInfo info);

    /// <summary>The message with the encoded annotations map merged over its own (AMQP 1.0 §3.4.5 message-annotations).</summary>
    StoredMessage MergeAnnotations(StoredMessage original, ReadOnlySpan<byte> annotations);

    /// <summary>What a message with <see cref="StoredMessage.HasOwnRetry"/> says about its retries.</summary>
    MessageRetry RetryOf(StoredMessage message) => default;

    /// <summary>The message as one instant of a schedule delivers it: with the schedule's id and the instant, and no schedule of its own.</summary>
    /// <param name="original">The message as it was published.</param>
    /// <param name="scheduleId">Names the schedule; see <see cref="ScheduledMessage.Id"/>.</param>
    /// <param name="instant">Unix milliseconds.</param>
    StoredMessage Scheduled(StoredMessage original, ulong scheduleId, long instant);

    /// <summary>
    /// The key of a message on a queue of last values, compared exactly; null when it has none. What a property of another type comes
    /// to as text is its key.
    /// </summary>
    /// <param name="message">The message.</param>
    /// <param name="name">The annotation or application property; see <see cref="NodeOptions.LastValueKey"/>.</param>
    string? LastValueKey(StoredMessage message, string name);

    /// <summary>The message as a divert stores it elsewhere: with the address it was sent to.</summary>
    /// <param name="original">The message as it was published.</param>
    /// <param name="address">The address.</param>
    StoredMessage Diverted(StoredMessage original, string address);

    /// <summary>Compiles the selector of a divert.</summary>
    /// <exception cref="EngineException"><see cref="EngineError.NotAllowed"/>: it cannot be understood; the text says where.</exception>
    IMessageFilter MakeFilter(string selector);

    /// <summary>
    /// Makes the filter of a durable subscription again after a restart, from the bytes in
    /// <see cref="SubscriptionOptions.FilterDefinition"/>; null when they ask for no filter of messages.
    /// </summary>
    /// <exception cref="EngineException"><see cref="EngineError.Mismatch"/> when they are not understood; the message says why. The
    /// subscription is then held: see <see cref="SubscriptionOptions.HeldBecause"/>.</exception>
    IMessageFilter? RestoreFilter(ReadOnlyMemory<byte> definition);
}

/// <summary>A selector. Called outside all locks; thread-safe; must not throw.</summary>
public interface IMessageFilter
{
    /// <summary>True when the message is to be delivered to the subscription.</summary>
    /// <param name="message">The message.</param>
    /// <param name="deliveryCount">Failed deliveries so far: the header.delivery-count that the coming delivery will carry.</param>
    bool Matches(StoredMessage message, uint deliveryCount);
}
