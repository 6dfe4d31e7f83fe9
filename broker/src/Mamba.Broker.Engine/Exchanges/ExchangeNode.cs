namespace Mamba.Broker.Engine;

/// <summary>
/// An exchange and a routing key as a place to publish to. It is in no directory of nodes and keeps nothing: whoever sends there has one of
/// its own. A message goes to all queues that the bindings lead to or to none, in one journal record; when there are none it is unroutable.
/// Thread-safe.
/// </summary>
internal sealed class ExchangeNode(EngineContext context, string exchange, string key) : IRoutingNode
{
    private RoutePlan? _plan;

    public string Address { get; } = ExchangeAddress.Format(exchange, key);

    public NodeKind Kind => NodeKind.Topic;

    public NodeOptions Options => context.Options.DefaultNodeOptions;

    public DuplicateWindow? Duplicates => null;

    public bool IsTemporary => false;

    public object? Owner => null;

    public bool IsDeleted => Plan() is null;

    public NodeSchedules Schedules => throw new InvalidOperationException($"'{Address}' is an exchange, which keeps no schedules.");

    public NodeSchedules? KnownSchedules => null;

    public bool IsBlocked => Array.Exists(Queues, static queue => queue.IsBlocked);

    private QueueNode[] Queues => Plan()?.All ?? [];

    public ISubscription Subscribe(SubscribeOptions options, ISubscriber subscriber) =>
        throw new EngineException(EngineError.NotAllowed, $"'{exchange}' is an exchange, which keeps no messages; bind a queue to it and consume from that.");

    public PublishOutcome Route(StoredMessage message, RouteList targets)
    {
        if (Plan() is not { } plan)
        {
            return PublishOutcome.NotFound;
        }

        var first = targets.Count;
        var queues = plan.QueuesFor(message);
        for (var i = 0; i < queues.Count; i++)
        {
            var outcome = queues[i].Route(message, targets);
            if (outcome is not (PublishOutcome.Accepted or PublishOutcome.NotFound))
            {
                targets.TakeBack(first, message.Length);
                return outcome;
            }
        }

        return targets.Count == first ? PublishOutcome.Unroutable : PublishOutcome.Accepted;
    }

    /// <summary>Which queues a message would go to, of those that the key leads to.</summary>
    public List<RouteQueue> Explain(StoredMessage message)
    {
        var chosen = Plan()?.QueuesFor(message) ?? [];
        return [.. Queues.Select(queue => new RouteQueue(queue.Address, chosen.Contains(queue), queue.Host.IsFullFor(message)))];
    }

    /// <summary>A repeating schedule is kept by a queue: by the only one that the message would go to.</summary>
    PublishOutcome IRoutingNode.Schedule(ref StoredMessage message, RouteList targets)
    {
        if (Plan() is not { } plan)
        {
            return PublishOutcome.NotFound;
        }

        return plan.QueuesFor(message) switch
        {
            [] => PublishOutcome.Unroutable,
            [IRoutingNode only] => only.Schedule(ref message, targets),
            _ => PublishOutcome.NotSchedulable,
        };
    }

    public void AddProducer(IProducer producer)
    {
        // What happens to its queues is seen in the plan, with the next message.
    }

    public long CreditFor(IProducer producer)
    {
        var least = long.MaxValue;
        foreach (var queue in Queues)
        {
            least = Math.Min(least, queue.CreditFor(producer));
        }

        return least;
    }

    public void RemoveProducer(IProducer producer)
    {
        foreach (var queue in Queues)
        {
            queue.Host.Admission.Forget(producer);
        }
    }

    public NodeStatus Describe() => new(Address, Kind, null, false, Durable: true, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);

    private RoutePlan? Plan()
    {
        var plan = Volatile.Read(ref _plan);
        if (plan is null || plan.Version != context.Exchanges.Version)
        {
            Volatile.Write(ref _plan, plan = context.Exchanges.PlanFor(exchange, key));
        }

        return plan;
    }
}
