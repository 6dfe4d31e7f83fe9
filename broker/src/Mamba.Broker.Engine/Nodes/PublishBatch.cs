namespace Mamba.Broker.Engine;

/// <summary>What became of a published message.</summary>
public enum PublishOutcome : byte
{
    /// <summary>Stored; on disk when message and node are durable. For a topic also when nobody subscribes.</summary>
    Accepted,

    /// <summary>The queue (or a subscription's queue) is at its limit.</summary>
    RejectedFull,

    /// <summary>The node was deleted.</summary>
    NotFound,

    /// <summary>The journal cannot be written; the engine takes no more durable messages.</summary>
    JournalFailed,

    /// <summary>The message is larger than the journal can hold.</summary>
    TooLarge,

    /// <summary>The transaction has reached its limit of operations or bytes.</summary>
    LimitExceeded,

    /// <summary>The address has as many repeating schedules as it may: <see cref="EngineOptions.MaxSchedulesPerAddress"/>.</summary>
    TooManySchedules,

    /// <summary>The message's key is longer than <see cref="NodeOptions.MaxKeyLength"/>.</summary>
    KeyTooLong,

    /// <summary>A message with the same id is stored already (<see cref="NodeOptions.Duplicates"/>): this one is left out, which is success.</summary>
    Duplicate,

    /// <summary>A divert leads to a queue that is full or gone: the message is stored nowhere.</summary>
    DivertRefused,

    /// <summary>No binding of the exchange leads the message to a queue.</summary>
    Unroutable,

    /// <summary>A message with a repeating schedule would go to several queues by an exchange.</summary>
    NotSchedulable,
}

/// <summary>Answer to one published message.</summary>
/// <param name="Token">The token given with the message.</param>
/// <param name="Outcome">What became of it.</param>
public readonly record struct PublishResult(long Token, PublishOutcome Outcome);

/// <summary>Told about published messages; any thread, no engine lock held, possibly before Publish returns.</summary>
public interface IPublishObserver
{
    /// <summary>Results in the order of publishing; several calls may cover one batch. The span is valid during the call only.</summary>
    void OnPublished(ReadOnlySpan<PublishResult> results);
}

/// <summary>
/// Messages one connection turn publishes together: any nodes, durable and not. Not thread-safe while it is filled; after
/// <see cref="MessageEngine.Publish"/> it belongs to the engine, which resets it and returns it to the pool.
/// </summary>
public sealed partial class PublishBatch
{
    /// <summary>Number of messages added.</summary>
    public int Count => _count;

    /// <summary>Body bytes of the messages added.</summary>
    public long Bytes => _bytes;

    /// <summary>Where to note the numbers that the messages get; null, as for almost all batches, where nobody wants to know.</summary>
    public MessageNumbers? Numbers { get; set; }

    /// <summary>Takes an empty batch from the pool.</summary>
    public static PublishBatch Rent() => PublishBatchPool.Take();

    /// <summary>
    /// Adds a message; the batch takes over one reference on it. The outcome goes to <paramref name="observer"/> (null: nobody
    /// wants to know, a settled transfer) with <paramref name="token"/>.
    /// </summary>
    public void Add(IMessageNode node, StoredMessage message, IPublishObserver? observer, long token)
    {
        ArgumentNullException.ThrowIfNull(node);
        ArgumentNullException.ThrowIfNull(message);
        AddCore(node, message, observer, token);
    }

    /// <summary>As <see cref="Add(IMessageNode, StoredMessage, IPublishObserver?, long)"/>, for a message that is stored only once.</summary>
    /// <param name="node">Where it goes.</param>
    /// <param name="message">The message.</param>
    /// <param name="observer">Hears the outcome, or null.</param>
    /// <param name="token">Given with the outcome.</param>
    /// <param name="id">Its id, as the window of <see cref="IMessageNode.Duplicates"/> reads it; none: it is not checked.</param>
    public void Add(IMessageNode node, StoredMessage message, IPublishObserver? observer, long token, DuplicateId id)
    {
        Add(node, message, observer, token);
        if (!id.IsNone && node.Duplicates is { } window)
        {
            AddId(window, id);
        }
    }
}

/// <summary>The numbers of a batch's messages. For one batch.</summary>
public sealed class MessageNumbers
{
    /// <summary>
    /// The number of the first message; those of the others follow it. Known when an observer is told of a message; 0 before, and for
    /// good where a divert applies to one of them.
    /// </summary>
    public ulong First { get; internal set; }
}
