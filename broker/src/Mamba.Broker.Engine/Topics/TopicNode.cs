namespace Mamba.Broker.Engine;

/// <summary>
/// A topic: hands each message to the queues of all its subscriptions, and of the wildcard subscriptions whose pattern takes it in.
/// With a wildcard in its address it is what those subscriptions are made on: not a topic but all that match, those to come
/// included. It is in no directory of nodes, exists as long as its subscriptions, and takes no messages. Thread-safe.
/// </summary>
internal sealed class TopicNode : IRoutingNode
{
    private readonly EngineContext _context;
    private readonly Action<IRoutingNode> _delete;
    private readonly Lock _gate = new();

    /// <summary>Its own; replaced as a whole under the lock, read without it.</summary>
    private SubscriptionNode[] _subscriptions = [];

    /// <summary>Its own and those of patterns; replaced as a whole under the lock, read without it.</summary>
    private Resolved _audience = Resolved.Unknown;

    private readonly ProducerSet _producers = new();
    private NodeSchedules? _schedules;
    private object? _schedulesGate;
    private int _deleted;
    private long _published;

    public TopicNode(EngineContext context, uint id, string address, NodeOptions options, TemporaryLifetime? lifetime, Action<IRoutingNode> delete)
    {
        _context = context;
        _delete = delete;
        Id = id;
        Address = address;
        Options = options;
        Lifetime = lifetime;
        IsPattern = AddressPattern.HasWildcards(address);
        Duplicates = IsPattern ? null : context.Duplicates.Open(id, options, durable: lifetime is null);
        if (options.Retain > 0 && lifetime is null && !IsPattern)
        {
            Kept = MakeKept(context, id, address, options);
            context.Hosts[id] = Kept;
            context.Retention.Add(this);
        }
    }

    public uint Id { get; }

    public DuplicateWindow? Duplicates { get; }

    public NodeSchedules Schedules => LazyInitializer.EnsureInitialized(ref _schedules, ref _schedulesGate, () => new NodeSchedules(_context, this, Id));

    public NodeSchedules? KnownSchedules => Volatile.Read(ref _schedules);

    public string Address { get; }

    public NodeKind Kind => NodeKind.Topic;

    public NodeOptions Options { get; private set; }

    /// <summary>The address has wildcards: subscriptions are for all topics that match.</summary>
    public bool IsPattern { get; }

    /// <summary>The queue of its last messages, under the topic's own id; null when it keeps none.</summary>
    public QueueHost? Kept { get; }

    public TemporaryLifetime? Lifetime { get; }

    public bool IsTemporary => Lifetime is not null;

    public object? Owner => Lifetime?.Owner;

    public bool IsDeleted => Volatile.Read(ref _deleted) == 1;

    public IReadOnlyList<SubscriptionNode> Subscriptions => Volatile.Read(ref _subscriptions);

    /// <summary>A non-durable, unshared subscription that ends with its consumer (JMS createConsumer on a topic).</summary>
    public ISubscription Subscribe(SubscribeOptions options, ISubscriber subscriber)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(subscriber);
        if (options.Browse)
        {
            throw new EngineException(EngineError.NotAllowed, $"'{Address}' is a topic; only queues can be browsed.");
        }

        var node = new SubscriptionNode(
            _context, this, default, new SubscriptionOptions { Filter = options.Filter }, _context.TakeQueueId(), NodeOptionsFor(durable: false), Unlink)
        {
            NoLocal = options.NoLocalOrigin,
        };
        _context.Retention.Link(node);
        return node.Subscribe(options with { Filter = null }, subscriber);
    }

    /// <summary>Settings of a subscription's queue: the topic's, durable or not as the subscription is.</summary>
    public NodeOptions NodeOptionsFor(bool durable) => Options with { Durable = durable && Options.Durable, Retain = 0 };

    /// <summary>Other settings hold from now on, for subscriptions too that have none of their own.</summary>
    public void Configure(NodeOptions next)
    {
        Options = next;
        foreach (var subscription in Subscriptions)
        {
            if (!subscription.HasOwnOptions)
            {
                subscription.Host.Configure(NodeOptionsFor(subscription.Key.Durable));
            }
        }
    }

    public void Link(SubscriptionNode subscription)
    {
        lock (_gate)
        {
            if (IsDeleted)
            {
                throw new EngineException(EngineError.NotFound, $"Topic '{Address}' was deleted.");
            }

            _subscriptions = [.. _subscriptions, subscription];
            _audience = Resolved.Unknown;
        }

        _context.Hosts[subscription.Host.Id] = subscription.Host;
        if (IsPattern)
        {
            _context.Topics.Add(Address, subscription);
        }
    }

    public void Unlink(SubscriptionNode subscription)
    {
        lock (_gate)
        {
            _subscriptions = Array.FindAll(_subscriptions, other => !ReferenceEquals(other, subscription));
            _audience = Resolved.Unknown;
        }

        if (IsPattern)
        {
            _context.Topics.Remove(Address, subscription);
        }

        subscription.DeleteQueue();
        CheckLifetime();
    }

    public void AddProducer(IProducer producer) => _producers.Add(producer);

    /// <summary>A subscription has no room any more.</summary>
    public void OnFilled() => _producers.Filled();

    public long CreditFor(IProducer producer)
    {
        var least = long.MaxValue;
        foreach (var subscription in Audience())
        {
            if (subscription.Host.Admission.Blocks)
            {
                least = Math.Min(least, subscription.CreditFor(producer, _producers.Count));
            }
        }

        return least;
    }

    public bool IsBlocked => Array.Exists(Audience(), static subscription => subscription.Host.Admission.IsBlocked);

    public void RemoveProducer(IProducer producer)
    {
        _producers.Remove(producer);
        foreach (var subscription in Audience())
        {
            subscription.Forget(producer);
        }

        CheckLifetime();
    }

    public PublishOutcome Route(StoredMessage message, RouteList targets)
    {
        if (IsDeleted || IsPattern)
        {
            return PublishOutcome.NotFound;
        }

        Interlocked.Increment(ref _published);
        var first = targets.Count;
        if (Kept is not null)
        {
            targets.TryAdd(Kept, message.Length, first);
        }

        foreach (var subscription in Audience())
        {
            if (!subscription.Wants(message))
            {
                continue;
            }

            var outcome = subscription.Host.Admit(message);
            if (outcome != PublishOutcome.Accepted)
            {
                targets.TakeBack(first, message.Length);
                return outcome;
            }

            targets.Add(subscription.Host);
        }

        return PublishOutcome.Accepted;
    }

    /// <summary>Which subscriptions a message would go to.</summary>
    public List<RouteQueue> Explain(StoredMessage message) =>
        [.. Audience().Select(subscription => new RouteQueue(subscription.Key.Name ?? string.Empty, subscription.Wants(message), subscription.Host.IsFullFor(message)))];

    /// <summary>
    /// Adds the subscriptions that came since the message was routed: they did not find it among what is kept. Room is neither asked for nor
    /// reserved.
    /// </summary>
    public void RouteLate(StoredMessage message, RouteList targets, int first)
    {
        if (KnownSchedules is { } schedules && targets.Contains(schedules.Host, first))
        {
            // It is put away: subscriptions come into it when it fires.
            return;
        }

        foreach (var subscription in Audience())
        {
            if (!targets.Contains(subscription.Host, first) && subscription.Wants(message))
            {
                targets.Add(subscription.Host);
            }
        }
    }

    /// <summary>A queue that nobody consumes: what expires on it is dropped, what is too old gives way.</summary>
    public static QueueHost MakeKept(EngineContext context, uint id, string address, NodeOptions options) =>
        new(context, id, new QueueNaming(address, address, null), options with
        {
            MaxMessages = 0, MaxBytes = 0, DeadLetterAddress = string.Empty, ExpiryAddress = string.Empty, LastValueKey = null,
        })
        {
            Keep = new KeepLimit(options.Retain, options.RetainBytes),
        };

    /// <summary>Marks the topic deleted and returns what subscriptions it had.</summary>
    public SubscriptionNode[] MarkDeleted()
    {
        SubscriptionNode[] subscriptions;
        lock (_gate)
        {
            Volatile.Write(ref _deleted, 1);
            subscriptions = _subscriptions;
            _subscriptions = [];
            _audience = Resolved.Unknown;
        }

        _context.Retention.Remove(this);
        _producers.NodeDeleted();
        return subscriptions;
    }

    /// <summary>The sum over its subscriptions; Enqueued counts messages published to the topic.</summary>
    public NodeStatus Describe()
    {
        var sum = new NodeStatus(
            Address, NodeKind.Topic, null, IsTemporary, Options.Durable, 0, 0, 0, 0, _producers.Count,
            Interlocked.Read(ref _published), 0, 0, 0, 0, 0, 0) { Duplicates = Duplicates?.Found ?? 0 };
        foreach (var subscription in Volatile.Read(ref _subscriptions))
        {
            var one = subscription.Describe();
            sum = sum with
            {
                Depth = sum.Depth + one.Depth,
                Bytes = sum.Bytes + one.Bytes,
                Acquired = sum.Acquired + one.Acquired,
                Consumers = sum.Consumers + one.Consumers,
                Dequeued = sum.Dequeued + one.Dequeued,
                DeadLettered = sum.DeadLettered + one.DeadLettered,
                Expired = sum.Expired + one.Expired,
                Redelivered = sum.Redelivered + one.Redelivered,
                Parked = sum.Parked + one.Parked,
                Rejected = sum.Rejected + one.Rejected,
                Dropped = sum.Dropped + one.Dropped,
                Blocked = sum.Blocked || one.Blocked,
                InMemoryBytes = sum.InMemoryBytes + one.InMemoryBytes,
            };
        }

        return sum;
    }

    public void CheckLifetime()
    {
        if (Lifetime is null)
        {
            return;
        }

        var status = Describe();
        if (Lifetime.IsOver(status.Consumers + status.Producers, status.Depth))
        {
            _delete(this);
        }
    }

    private SubscriptionNode[] Audience()
    {
        var audience = Volatile.Read(ref _audience);
        return (audience.Version == _context.Topics.Version ? audience : Resolve()).Subscriptions;
    }

    /// <summary>
    /// Who gets what is published from now on. The version is read first: a change that comes in between makes the answer old at once.
    /// A temporary topic is its owner's: no pattern takes it in.
    /// </summary>
    private Resolved Resolve()
    {
        var version = _context.Topics.Version;
        var others = IsTemporary ? [] : _context.Topics.Match(Address);
        lock (_gate)
        {
            var audience = new Resolved(version, [.. _subscriptions, .. others]);
            Volatile.Write(ref _audience, audience);
            return audience;
        }
    }

    /// <summary>The subscriptions that a message goes to, as of one version of the directory.</summary>
    private sealed record Resolved(long Version, SubscriptionNode[] Subscriptions)
    {
        /// <summary>No version: it is to be found out.</summary>
        public static Resolved Unknown { get; } = new(-1, []);
    }
}
