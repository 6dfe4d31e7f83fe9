namespace Mamba.Broker.Engine;

/// <summary>Identity of a named topic subscription (JMS 2.0 §8.3).</summary>
/// <param name="ClientId">Container-id it belongs to; null for a global (shared, no client id) one.</param>
/// <param name="Name">Subscription name.</param>
/// <param name="Durable">Durable and volatile shared subscriptions of one name are different ones.</param>
public readonly record struct SubscriptionKey(string? ClientId, string Name, bool Durable);

/// <summary>How a named subscription is made.</summary>
public sealed record SubscriptionOptions
{
    /// <summary>Several consumers may share it; each message goes to one of them.</summary>
    public bool Shared { get; init; }

    /// <summary>Only matching messages are stored; null = all.</summary>
    public IMessageFilter? Filter { get; init; }

    /// <summary>The filter in a form <see cref="IMessageAnnotator.RestoreFilter"/> understands after a restart; compared on re-attach.</summary>
    public ReadOnlyMemory<byte> FilterDefinition { get; init; }

    /// <summary>
    /// Why nobody can attach to a subscription that came back from disk: its filter is not understood, so that what it asked for is
    /// not known. All messages are kept for it. Null for others.
    /// </summary>
    public string? HeldBecause { get; init; }

    /// <summary>Messages from this container-id are not stored; null = all are. Persisted for durable subscriptions when it is a string.</summary>
    public string? NoLocalOrigin { get; init; }
}

/// <summary>A named subscription of a topic: a queue of its own. Thread-safe.</summary>
public interface ISubscriptionNode
{
    /// <summary>Its identity.</summary>
    SubscriptionKey Key { get; }

    /// <summary>Address of the topic.</summary>
    string TopicAddress { get; }

    /// <summary>How it was made.</summary>
    SubscriptionOptions Options { get; }

    /// <summary>The settings of its queue that are in force.</summary>
    NodeOptions Settings { get; }

    /// <summary>Attached consumers.</summary>
    int ConsumerCount { get; }

    /// <summary>True once it was deleted.</summary>
    bool IsDeleted { get; }

    /// <summary>True when these ask for the subscription as it is, so that attaching would not make another one in its place.</summary>
    bool IsSame(string topic, SubscriptionOptions options);

    /// <summary>Attaches a consumer.</summary>
    /// <exception cref="EngineException"><see cref="EngineError.ResourceLocked"/> when it is unshared and has a consumer;
    /// <see cref="EngineError.NotFound"/> when it was deleted; <see cref="EngineError.Mismatch"/> when it is held.</exception>
    ISubscription Subscribe(SubscribeOptions options, ISubscriber subscriber);

    /// <summary>A snapshot of its figures.</summary>
    NodeStatus Describe();
}
