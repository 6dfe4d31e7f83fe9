namespace Mamba.Broker.Engine;

/// <summary>
/// A topic subscription: a queue that the topic fills. Durable and shared volatile ones have a key; that of a plain topic
/// consumer is default. A volatile one ends when its last consumer closes. Thread-safe.
/// </summary>
internal sealed class SubscriptionNode : ISubscriptionNode, IQueueOwner
{
    private readonly Action<SubscriptionNode> _end;

    /// <summary>Of a wildcard subscription: who asked for credit to send to a topic that it takes in. Null on a topic, which knows who sends to it.</summary>
    private readonly ProducerSet? _feeders;
    private int _deleted;

    public SubscriptionNode(
        EngineContext context, TopicNode topic, SubscriptionKey key, SubscriptionOptions options, uint id, NodeOptions queueOptions, Action<SubscriptionNode> end)
    {
        _end = end;
        Topic = topic;
        Key = key;
        Options = options;
        NoLocal = options.NoLocalOrigin;
        var name = key.Name is null ? null : key.ClientId is null ? key.Name : $"{key.ClientId}:{key.Name}";
        Host = new QueueHost(context, id, new QueueNaming(topic.Address, name ?? topic.Address, name), queueOptions) { Owner = this };
        _feeders = topic.IsPattern ? new ProducerSet() : null;
        Host.Admission.Filled = _feeders is null ? topic.OnFilled : _feeders.Filled;
    }

    public QueueHost Host { get; }

    /// <summary>Whether it keeps its settings when its topic gets others.</summary>
    public bool HasOwnOptions { get; set; }

    public NodeOptions Settings => Host.Options;

    public TopicNode Topic { get; }

    public SubscriptionKey Key { get; }

    public string TopicAddress => Topic.Address;

    public SubscriptionOptions Options { get; }

    /// <summary>Origin whose messages are not for this subscription, or null.</summary>
    public object? NoLocal { get; init; }

    public int ConsumerCount => Host.ConsumerCount;

    public bool IsDeleted => Volatile.Read(ref _deleted) == 1;

    /// <summary>True when a message published to the topic belongs on this subscription.</summary>
    public bool Wants(StoredMessage message) =>
        (NoLocal is null || !NoLocal.Equals(message.Origin)) && (Options.Filter is null || Options.Filter.Matches(message, deliveryCount: 0));

    public ISubscription Subscribe(SubscribeOptions options, ISubscriber subscriber)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(subscriber);
        RefuseIfHeld();
        return Host.Subscribe(Options.Shared ? options : options with { Exclusive = true }, subscriber);
    }

    /// <summary>Nobody joins a held subscription, nor puts another one in its place: whether its messages may go is for a person to say.</summary>
    /// <exception cref="EngineException"><see cref="EngineError.Mismatch"/>.</exception>
    public void RefuseIfHeld()
    {
        if (Options.HeldBecause is { } reason)
        {
            throw new EngineException(
                EngineError.Mismatch,
                $"Subscription '{Key.Name}' is held: its stored filter is not understood ({reason}). Run the broker version that made it, or give "
                + "its messages up by unsubscribing it.");
        }
    }

    /// <summary>See <see cref="QueueAdmission.CreditFor"/>.</summary>
    public long CreditFor(IProducer producer, int producers)
    {
        _feeders?.Add(producer);
        return Host.Admission.CreditFor(producer, producers);
    }

    /// <summary>A producer of one of its topics is gone.</summary>
    public void Forget(IProducer producer)
    {
        _feeders?.Remove(producer);
        Host.Admission.Forget(producer);
    }

    public NodeStatus Describe() => Host.Describe(Topic.Address, NodeKind.Queue, !Key.Durable, 0);

    public void OnQueueEmpty() => Topic.CheckLifetime();

    public void OnConsumerDetached(int left)
    {
        if (left == 0 && !Key.Durable && EndUnused())
        {
            Volatile.Write(ref _deleted, 1);
            _end(this);
        }

        Topic.CheckLifetime();
    }

    /// <summary>Ends the queue unless a consumer came meanwhile; whether this call ended it. Nobody can attach to it any more then.</summary>
    private bool EndUnused() => Host.Run(
        new List<QueueConsumer>(),
        static (core, none, effects) =>
        {
            if (core.IsDeleted || core.Consumers.Count > 0)
            {
                return false;
            }

            core.Delete(none, effects);
            return true;
        },
        journaled: true);

    /// <summary>True when the options ask for the same subscription.</summary>
    public bool IsSame(string topic, SubscriptionOptions options) =>
        string.Equals(topic, Topic.Address, StringComparison.Ordinal)
        && options.Shared == Options.Shared
        && string.Equals(options.NoLocalOrigin, Options.NoLocalOrigin, StringComparison.Ordinal)
        && options.FilterDefinition.Span.SequenceEqual(Options.FilterDefinition.Span);

    public long DeleteQueue()
    {
        Volatile.Write(ref _deleted, 1);
        return Host.Delete();
    }
}
