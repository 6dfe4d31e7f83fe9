namespace Mamba.Broker.Engine;

/// <summary>What an address stands for.</summary>
public enum NodeKind
{
    /// <summary>Each message goes to one consumer.</summary>
    Queue = 0,

    /// <summary>Each message goes to every subscription.</summary>
    Topic = 1,
}

/// <summary>When a temporary node is deleted (AMQP 1.0 §3.5.10 to §3.5.13).</summary>
public enum LifetimePolicy
{
    /// <summary>When its owner closes: <see cref="MessageEngine.CloseOwner"/>.</summary>
    DeleteOnClose,

    /// <summary>When the owner closed and no subscription or producer is left on it.</summary>
    DeleteOnNoLinks,

    /// <summary>When the owner closed and no message is left on it.</summary>
    DeleteOnNoMessages,

    /// <summary>When the owner closed and neither links nor messages are left.</summary>
    DeleteOnNoLinksOrMessages,
}

/// <summary>A link that sends to a node.</summary>
public interface IProducer
{
    /// <summary>The node was deleted: what is published to it from now on is refused. Any thread; set a flag, wake a loop.</summary>
    void OnNodeDeleted();

    /// <summary>
    /// Nothing more finds room (<see cref="OverflowPolicy.Block"/>): it asks <see cref="IMessageNode.CreditFor"/>, and what it may still
    /// send is taken back when that is 0. Any thread; set a flag, wake a loop.
    /// </summary>
    void OnFull();

    /// <summary>It was told that there is no room, and there may be now: it asks <see cref="IMessageNode.CreditFor"/> again. Any thread; set a flag, wake a loop.</summary>
    void OnRoom();
}

/// <summary>
/// A queue or topic: the seam between links and what stores messages. All members are thread-safe.
/// Messages are published through <see cref="MessageEngine.Publish"/>.
/// </summary>
public interface IMessageNode
{
    /// <summary>The node's address.</summary>
    string Address { get; }

    /// <summary>Queue or topic.</summary>
    NodeKind Kind { get; }

    /// <summary>The settings in force.</summary>
    NodeOptions Options { get; }

    /// <summary>The ids of the last messages, which those that come in are held against; null when nothing is.</summary>
    DuplicateWindow? Duplicates { get; }

    /// <summary>True for nodes made by <see cref="MessageEngine.CreateTemporaryAsync"/>.</summary>
    bool IsTemporary { get; }

    /// <summary>Owner of a temporary node (the connection that created it), null for others.</summary>
    object? Owner { get; }

    /// <summary>True once the node was deleted. Publishing to it yields <see cref="PublishOutcome.NotFound"/>.</summary>
    bool IsDeleted { get; }

    /// <summary>
    /// Attaches a consumer. On a topic this is a non-durable, unshared subscription that lives until it is closed.
    /// </summary>
    /// <exception cref="EngineException"><see cref="EngineError.ResourceLocked"/> when an exclusive consumer is in the way,
    /// <see cref="EngineError.NotFound"/> when the node is deleted, <see cref="EngineError.NotAllowed"/> for a browser on a topic.</exception>
    ISubscription Subscribe(SubscribeOptions options, ISubscriber subscriber);

    /// <summary>A producer link came; matters to delete-on-no-links. Pair with <see cref="RemoveProducer"/>.</summary>
    void AddProducer(IProducer producer);

    /// <summary>
    /// How many messages a producer of the node may be about to send at most: its share of the room there is. <see cref="long.MaxValue"/>
    /// where nobody has to wait; 0 while senders wait (<see cref="OverflowPolicy.Block"/>): then <see cref="IProducer.OnRoom"/> is called once.
    /// Of a topic, the least of its subscriptions.
    /// </summary>
    long CreditFor(IProducer producer);

    /// <summary>Whether senders wait for room; for those whose credit is not for one node.</summary>
    bool IsBlocked { get; }

    /// <summary>The producer link is gone.</summary>
    void RemoveProducer(IProducer producer);

    /// <summary>A snapshot of the node's figures.</summary>
    NodeStatus Describe();
}

/// <summary>Figures of a node at one moment. Counters start at zero with the process.</summary>
/// <param name="Address">Address of the node; for a subscription its topic's address.</param>
/// <param name="Kind">Queue or topic.</param>
/// <param name="SubscriptionName">Name of the subscription, or null.</param>
/// <param name="IsTemporary">Temporary node.</param>
/// <param name="Durable">Survives a restart.</param>
/// <param name="Depth">Messages on the queue: available, acquired, scheduled or being moved.</param>
/// <param name="Bytes">Their body bytes.</param>
/// <param name="Acquired">Messages a consumer or a transaction holds.</param>
/// <param name="Consumers">Subscriptions; for a topic: all consumers of all subscriptions.</param>
/// <param name="Producers">Producer links.</param>
/// <param name="Enqueued">Messages stored since the process started.</param>
/// <param name="Dequeued">Messages consumed (accepted).</param>
/// <param name="DeadLettered">Messages moved to a dead-letter address.</param>
/// <param name="Expired">Messages that expired.</param>
/// <param name="Redelivered">Messages given back and available again.</param>
/// <param name="Rejected">Publishes refused because the queue was full.</param>
/// <param name="InMemoryBytes">Bytes of bodies held in memory.</param>
public readonly record struct NodeStatus(
    string Address,
    NodeKind Kind,
    string? SubscriptionName,
    bool IsTemporary,
    bool Durable,
    long Depth,
    long Bytes,
    long Acquired,
    int Consumers,
    int Producers,
    long Enqueued,
    long Dequeued,
    long DeadLettered,
    long Expired,
    long Redelivered,
    long Rejected,
    long InMemoryBytes)
{
    /// <summary>Deliveries are stopped.</summary>
    public bool Paused { get; init; }

    /// <summary>Failed deliveries that wait for their next try; part of <see cref="Depth"/>.</summary>
    public long Parked { get; init; }

    /// <summary>Senders wait for room.</summary>
    public bool Blocked { get; init; }

    /// <summary>Messages that made room for newer ones since the process started.</summary>
    public long Dropped { get; init; }

    /// <summary>Publishes left out since the process started, because a message with the same id was stored before.</summary>
    public long Duplicates { get; init; }
}
