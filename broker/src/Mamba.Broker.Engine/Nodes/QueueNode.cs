namespace Mamba.Broker.Engine;

/// <summary>A queue with an address. Thread-safe.</summary>
internal sealed class QueueNode : IRoutingNode, IQueueOwner
{
    private const long Deleted = -1;

    private readonly Action<IRoutingNode> _delete;
    private readonly ProducerSet _producers = new();
    private NodeSchedules? _schedules;
    private object? _schedulesGate;

    /// <summary>Bytes it may hold while nobody is there to consume from it; <see cref="Deleted"/>; or 0, as for most queues all the time.</summary>
    private long _unattended;

    public QueueNode(QueueHost host, TemporaryLifetime? lifetime, Action<IRoutingNode> delete)
    {
        Host = host;
        Lifetime = lifetime;
        _delete = delete;
        host.Owner = lifetime is null && !host.Options.AutoDelete ? null : this;
        host.Admission.Filled = _producers.Filled;
        Duplicates = host.Context.Duplicates.Open(host.Id, host.Options, durable: lifetime is null);
    }

    public QueueHost Host { get; }

    public DuplicateWindow? Duplicates { get; }

    public NodeSchedules Schedules => LazyInitializer.EnsureInitialized(ref _schedules, ref _schedulesGate, () => new NodeSchedules(Host.Context, this, Host.Id));

    public NodeSchedules? KnownSchedules => Volatile.Read(ref _schedules);

    public TemporaryLifetime? Lifetime { get; }

    public string Address => Host.Naming.Address;

    public NodeKind Kind => NodeKind.Queue;

    public NodeOptions Options => Host.Options;

    public bool IsTemporary => Lifetime is not null;

    public object? Owner => Lifetime?.Owner;

    public bool IsDeleted => Volatile.Read(ref _unattended) == Deleted;

    public ISubscription Subscribe(SubscribeOptions options, ISubscriber subscriber)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(subscriber);
        return Host.Subscribe(options, subscriber);
    }

    public void AddProducer(IProducer producer) => _producers.Add(producer);

    public long CreditFor(IProducer producer) => Host.Admission.CreditFor(producer, _producers.Count);

    public bool IsBlocked => Host.Admission.IsBlocked;

    public void RemoveProducer(IProducer producer)
    {
        _producers.Remove(producer);
        Host.Admission.Forget(producer);
        CheckLifetime();
    }

    public NodeStatus Describe() => Host.Describe(Address, Kind, IsTemporary, _producers.Count) with { Duplicates = Duplicates?.Found ?? 0 };

    public PublishOutcome Route(StoredMessage message, RouteList targets)
    {
        if (Volatile.Read(ref _unattended) is not 0 and var limit && (limit == Deleted || Host.Bytes >= limit))
        {
            return limit == Deleted ? PublishOutcome.NotFound : PublishOutcome.RejectedFull;
        }

        var outcome = Host.Admit(message);
        if (outcome == PublishOutcome.Accepted)
        {
            targets.Add(Host);
        }

        return outcome;
    }

    public void MarkDeleted()
    {
        Volatile.Write(ref _unattended, Deleted);
        _producers.NodeDeleted();
    }

    /// <summary>Sets how many bytes it may hold while its owner is away; 0: the owner is there. Without effect on a deleted queue.</summary>
    public void SetUnattended(long maxBytes)
    {
        var known = Volatile.Read(ref _unattended);
        while (known != Deleted && Interlocked.CompareExchange(ref _unattended, maxBytes, known) is var found && found != known)
        {
            known = found;
        }
    }

    public void OnQueueEmpty() => CheckLifetime();

    public void OnConsumerDetached(int left)
    {
        if (left == 0 && Options.AutoDelete)
        {
            Lifetime?.CloseOwner();
            _delete(this);
        }

        CheckLifetime();
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
}
