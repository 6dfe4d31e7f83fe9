namespace Mamba.Broker.Engine;

/// <summary>
/// Queues, topics, subscriptions, transactions and dead letters on one journal. All members are thread-safe.
/// Callbacks (<see cref="IPublishObserver"/>, <see cref="ISubscriber"/>, <see cref="ISettleObserver"/>,
/// <see cref="ICommitObserver"/>) come on any thread with no engine lock held; some come on the journal's thread, where time is
/// precious: set a flag and wake a loop. <see cref="Publish"/> must not be called from inside a callback.
/// </summary>
/// <remarks>
/// A durable message on a durable node is on disk before it is accepted or visible. A durable message on a temporary or
/// non-durable node is kept in memory only, as the node would not survive either.
/// </remarks>
public sealed partial class MessageEngine : IAsyncDisposable
{
    /// <summary>Opens the journal in <see cref="EngineOptions.Directory"/>, recovers what it holds and starts the background work.</summary>
    /// <exception cref="EngineException"><see cref="EngineError.Damaged"/> when recovery found damage: the message says what and where.</exception>
    public static MessageEngine Open(EngineOptions options, IMessageAnnotator annotator, TimeProvider time, IEngineEvents events)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(annotator);
        ArgumentNullException.ThrowIfNull(time);
        ArgumentNullException.ThrowIfNull(events);
        return OpenCore(options, annotator, time, events);
    }

    /// <summary>The node at <paramref name="address"/>, or null.</summary>
    public partial IMessageNode? Find(string address);

    /// <summary>
    /// The queue or topic at <paramref name="address"/>; makes it when missing. A durable definition is on disk before the task
    /// completes. A topic address with wildcards (see <see cref="AddressPattern"/>) gives a node to subscribe on, not one to publish
    /// to: its subscriptions get what is published to every topic that matches, now or later. In a queue's address they mean nothing.
    /// </summary>
    /// <param name="address">Address; case-sensitive.</param>
    /// <param name="kind">Queue or topic.</param>
    /// <param name="options">Settings for a new node; null = <see cref="EngineOptions.OptionsFor"/>.</param>
    /// <exception cref="EngineException"><see cref="EngineError.Mismatch"/> when the node exists with another kind.</exception>
    public partial Task<IMessageNode> GetOrCreateAsync(string address, NodeKind kind, NodeOptions? options = null);

    /// <summary>Makes a queue or topic, unless there is a node at the address already. A durable definition is on disk before the task completes.</summary>
    /// <param name="address">Address; case-sensitive.</param>
    /// <param name="kind">Queue or topic.</param>
    /// <param name="options">Its own settings; null = <see cref="EngineOptions.OptionsFor"/>, now and after each start.</param>
    /// <returns>The new node, or null when the address is taken.</returns>
    public partial Task<IMessageNode?> TryCreateAsync(string address, NodeKind kind, NodeOptions? options);

    /// <summary>
    /// Makes a temporary node named "temp-", whom it is for, and 128 random bits. It is not journaled and does not outlive the process.
    /// </summary>
    /// <param name="kind">Queue or topic.</param>
    /// <param name="policy">When it is deleted.</param>
    /// <param name="owner">Whose <see cref="CloseOwner"/> starts the policy: the creating link or connection.</param>
    /// <param name="origin">For people who trace the node (AMQP 1.0 §3.5.3): put into the name, as far as its characters are harmless there; null for none.</param>
    public partial Task<IMessageNode> CreateTemporaryAsync(NodeKind kind, LifetimePolicy policy, object owner, string? origin = null);

    /// <summary>Whether an address is one of those that <see cref="CreateTemporaryAsync"/> makes: such a node is never made by naming it.</summary>
    public static bool IsTemporaryName(string address) => address.StartsWith("temp-", StringComparison.Ordinal);

    /// <summary>The owner of temporary nodes is gone: deletes them as their lifetime policy says, now or when it first applies.</summary>
    public partial void CloseOwner(object owner);

    /// <summary>Deletes a node and its messages; consumers are told by <see cref="ISubscriber.OnNodeDeleted"/>. For a topic its subscriptions go too.</summary>
    /// <returns>False when there was no such node.</returns>
    public partial Task<bool> DeleteAsync(string address);

    /// <summary>Removes the messages of a queue (or of all subscriptions of a topic) that nobody holds.</summary>
    /// <returns>How many were removed.</returns>
    /// <exception cref="EngineException"><see cref="EngineError.NotFound"/>.</exception>
    public partial Task<long> PurgeAsync(string address);

    /// <summary>Removes the messages of a named subscription that nobody holds; how many.</summary>
    /// <exception cref="EngineException"><see cref="EngineError.NotFound"/>.</exception>
    public partial Task<long> PurgeSubscriptionAsync(SubscriptionKey key);

    /// <summary>All queues and topics at this moment, in no order.</summary>
    public partial IReadOnlyList<IMessageNode> ListNodes();

    /// <summary>All named subscriptions at this moment, in no order.</summary>
    public partial IReadOnlyList<ISubscriptionNode> ListSubscriptions();

    /// <summary>The settings a node at this address has when it is made without its own.</summary>
    public NodeOptions OptionsFor(string address) => _context.Options.OptionsFor(address);

    /// <summary>
    /// Pauses a queue, or resumes it: while it is paused its consumers get nothing; publishing, browsing, expiry and settling go on.
    /// Of a durable queue this is on disk before the task completes, and holds after a restart.
    /// </summary>
    /// <exception cref="EngineException"><see cref="EngineError.NotFound"/>; <see cref="EngineError.NotAllowed"/> for a topic.</exception>
    public partial Task SetPausedAsync(string address, bool paused);

    /// <summary>Figures of all nodes and named subscriptions.</summary>
    public partial IReadOnlyList<NodeStatus> Describe();

    /// <summary>
    /// The named subscription; makes it when missing. When topic, filter or sharing differ and nobody is attached, the old one is
    /// deleted with its messages and made anew (JMS 2.0 §8.3.3). A durable definition is on disk before the task completes.
    /// </summary>
    /// <param name="key">Identity.</param>
    /// <param name="topic">The topic, or a pattern of topics.</param>
    /// <param name="options">Sharing and filter.</param>
    /// <exception cref="EngineException"><see cref="EngineError.ResourceLocked"/> when it differs and has consumers;
    /// <see cref="EngineError.NotAllowed"/> when the address is a queue; <see cref="EngineError.NotFound"/> when it is missing.</exception>
    public partial Task<ISubscriptionNode> CreateOrFindSubscriptionAsync(SubscriptionKey key, string topic, SubscriptionOptions options);

    /// <summary>The named subscription, or null.</summary>
    public partial ISubscriptionNode? FindSubscription(SubscriptionKey key);

    /// <summary>Deletes a named subscription and its messages (JMS unsubscribe).</summary>
    /// <returns>False when there is none.</returns>
    /// <exception cref="EngineException"><see cref="EngineError.ResourceLocked"/> when it has consumers.</exception>
    public partial Task<bool> DeleteSubscriptionAsync(SubscriptionKey key);

    /// <summary>
    /// Publishes a batch, which then belongs to the engine. Messages of one caller stay in order per queue and priority. May wait
    /// for the journal when more bytes are pending there than it allows.
    /// </summary>
    public partial void Publish(PublishBatch batch);

    /// <summary>Starts a transaction.</summary>
    public partial UnitOfWork BeginTransaction();

    /// <summary>Stops background work and closes the journal after what is pending is written. Idempotent.</summary>
    public partial ValueTask DisposeAsync();
}
