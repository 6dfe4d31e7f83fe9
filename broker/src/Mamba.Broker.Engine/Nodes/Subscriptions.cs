namespace Mamba.Broker.Engine;

/// <summary>How a consumer attaches.</summary>
public sealed record SubscribeOptions
{
    /// <summary>Read without taking (distribution-mode copy on a queue): messages stay where they are.</summary>
    public bool Browse { get; init; }

    /// <summary>Refuse other consumers while this one is attached, and be refused when there is one.</summary>
    public bool Exclusive { get; init; }

    /// <summary>Consumers with a higher number are served first while they ask for messages. Default 0.</summary>
    public int Priority { get; init; }

    /// <summary>Only messages that match; null = all.</summary>
    public IMessageFilter? Filter { get; init; }

    /// <summary>Topics only: messages whose <see cref="StoredMessage.Origin"/> equals this one are not delivered; null = all are.</summary>
    public object? NoLocalOrigin { get; init; }
}

/// <summary>
/// The receiving end. Both calls may come on any thread, also from inside the subscription's own
/// <see cref="ISubscription.Acquire"/> or <see cref="ISubscription.Settle"/>, with no engine lock held. They must be quick:
/// set a flag, wake a loop.
/// </summary>
public interface ISubscriber
{
    /// <summary>
    /// Messages may be there; edge-triggered. The subscriber answers by calling <see cref="ISubscription.Acquire"/> soon: with
    /// an empty span when it has no credit, which hands the turn to the next consumer.
    /// </summary>
    void OnReady();

    /// <summary>The node was deleted; the subscription is closed and its tokens are void.</summary>
    void OnNodeDeleted();
}

/// <summary>
/// One consumer of a queue (or of a topic subscription's queue). Pull model: the consumer calls <see cref="Acquire"/> up to its
/// credit; when it gets fewer than it asked for, it is woken by <see cref="ISubscriber.OnReady"/> once there may be more. When
/// it gets exactly as many as it asked for, it is not woken until it asks again. Thread-safe.
/// </summary>
public interface ISubscription
{
    /// <summary>
    /// Takes messages that are available: at most <paramref name="into"/>.Length, and at most a fair share when several consumers wait.
    /// For each the caller holds a reference on <see cref="AcquiredMessage.Message"/> when that is not null.
    /// One caller at a time. A filtered subscription may look at a bounded number of messages per call and return 0 while signalling itself again.
    /// </summary>
    /// <returns>Number of messages written to <paramref name="into"/>.</returns>
    int Acquire(Span<AcquiredMessage> into);

    /// <summary>
    /// Brings the body of a message that was paged out. Reads the disk: call it outside all locks. The caller releases the result.
    /// </summary>
    /// <returns>The message, or null when it is no longer there (a browsed message that was consumed meanwhile).</returns>
    /// <exception cref="EngineException"><see cref="EngineError.Damaged"/> when the stored bytes do not match their checksum.</exception>
    StoredMessage? LoadBody(in AcquiredMessage acquired);

    /// <summary>
    /// Applies outcomes to messages acquired here (AMQP 1.0 §3.4). With an <paramref name="observer"/> it is told once the
    /// outcome is on disk; without, durable removals are written without waiting. Tokens not held here are reported as
    /// <see cref="SettleStatus.Unknown"/> and otherwise ignored. A browser's settlements have no effect.
    /// </summary>
    void Settle(ReadOnlySpan<Settlement> settlements, ISettleObserver? observer);

    /// <summary>
    /// Ends the subscription: messages still acquired return to their original position. Messages enlisted in a transaction stay
    /// with it. Idempotent. A non-durable topic subscription is deleted with its messages when its last consumer closes.
    /// </summary>
    void Close(SettleOnClose mode);

    /// <summary>
    /// Ends the subscription as <see cref="Close"/> does, but messages still acquired stay so, for another subscription to take over.
    /// Those enlisted in a transaction go back with it.
    /// </summary>
    /// <returns>What was held; null when the subscription had ended before.</returns>
    HeldMessages? Suspend();

    /// <summary>Takes over what a subscription to the same queue held when it was suspended.</summary>
    /// <param name="held">What it held; nothing is left there.</param>
    /// <param name="into">Gets the messages in the order of the queue; the caller holds a reference on each body that is in memory.</param>
    /// <returns>False when it is another queue's, was released, or went with its queue.</returns>
    bool Adopt(HeldMessages held, List<AcquiredMessage> into);

    /// <summary>
    /// For a subscription with a durable terminus: journals that the terminus holds these messages, so that nobody else gets them
    /// after a restart. To be done before they are sent.
    /// </summary>
    /// <param name="tokens">Messages acquired here.</param>
    /// <param name="done">Told, on any thread, possibly before this returns, whether it is on disk.</param>
    void Hold(ReadOnlySpan<long> tokens, Action<bool> done);

    /// <summary>
    /// True when the last <see cref="Acquire"/> of a filtered subscription stopped before it had looked at every message: that it got
    /// few or none does not mean that there are none. It has signalled itself.
    /// </summary>
    bool IsLooking { get; }

    /// <summary>Whether it looks at messages only: acquiring keeps nothing from others, and gives nothing twice.</summary>
    bool IsBrowser { get; }

    /// <summary>Messages that could be acquired now; best effort, for flow.available.</summary>
    long Available { get; }
}

/// <summary>What happens to acquired messages when a subscription closes.</summary>
public enum SettleOnClose
{
    /// <summary>Clean detach: back in line, delivery-count unchanged.</summary>
    Released,

    /// <summary>Connection lost: back in line, delivery-count plus one.</summary>
    Failed,
}

/// <summary>A message handed to a consumer.</summary>
public struct AcquiredMessage
{
    /// <summary>Names the message within its queue until it is settled.</summary>
    public long Token;

    /// <summary>The message, or null when it is paged out: then call <see cref="ISubscription.LoadBody"/>.</summary>
    public StoredMessage? Message;

    /// <summary>Failed deliveries before this one (header.delivery-count).</summary>
    public uint DeliveryCount;

    /// <summary>True when nobody acquired it before (header.first-acquirer).</summary>
    public bool FirstAcquirer;

    /// <summary>Unix milliseconds, 0 = never.</summary>
    public long ExpiresAt;

    /// <summary>0 to 9.</summary>
    public byte Priority;

    /// <summary>header.durable as it was published.</summary>
    public bool Durable;

    /// <summary>Bytes of the stored message.</summary>
    public int Length;

    /// <summary>The message's number: rising, never used twice, the same after a restart.</summary>
    public ulong MessageId;

    internal MessageLocation Location;
}

/// <summary>Terminal outcomes (AMQP 1.0 §3.4).</summary>
public enum OutcomeKind : byte
{
    /// <summary>Consumed: removed.</summary>
    Accepted,

    /// <summary>Invalid: to the dead-letter address.</summary>
    Rejected,

    /// <summary>Not processed: back in line.</summary>
    Released,

    /// <summary>Back in line with changes; see <see cref="Settlement.DeliveryFailed"/> and <see cref="Settlement.UndeliverableHere"/>.</summary>
    Modified,
}

/// <summary>One outcome for one acquired message.</summary>
/// <param name="Token">The message's <see cref="AcquiredMessage.Token"/>.</param>
/// <param name="Outcome">The outcome.</param>
/// <param name="DeliveryFailed">modified.delivery-failed: delivery-count plus one.</param>
/// <param name="UndeliverableHere">modified.undeliverable-here: not again to this subscription.</param>
/// <param name="MessageAnnotations">modified.message-annotations as an encoded map, or empty.</param>
/// <param name="ErrorCondition">rejected.error.condition, or null.</param>
/// <param name="ErrorDescription">rejected.error.description, or null.</param>
/// <param name="RetryAt">Modified: when it is to be delivered again, unix milliseconds (a time that passed: at once); 0 = as the retry
/// policy says.</param>
public readonly record struct Settlement(
    long Token,
    OutcomeKind Outcome,
    bool DeliveryFailed = false,
    bool UndeliverableHere = false,
    ReadOnlyMemory<byte> MessageAnnotations = default,
    string? ErrorCondition = null,
    string? ErrorDescription = null,
    long RetryAt = 0)
{
    /// <summary>The accepted outcome for <paramref name="token"/>.</summary>
    public static Settlement Accept(long token) => new(token, OutcomeKind.Accepted);
}

/// <summary>What became of a settlement.</summary>
public enum SettleStatus : byte
{
    /// <summary>In force, and on disk when the message is durable.</summary>
    Settled,

    /// <summary>The token is not held by this subscription.</summary>
    Unknown,

    /// <summary>The journal failed; the outcome may not survive a restart.</summary>
    JournalFailed,
}

/// <summary>Answer to one settlement.</summary>
public readonly record struct SettleResult(long Token, SettleStatus Status);

/// <summary>Told about settlements; any thread, no engine lock held, possibly before <see cref="ISubscription.Settle"/> returns.</summary>
public interface ISettleObserver
{
    /// <summary>One or more calls cover every settlement of the call to <see cref="ISubscription.Settle"/> exactly once.</summary>
    void OnSettled(ReadOnlySpan<SettleResult> results);
}
