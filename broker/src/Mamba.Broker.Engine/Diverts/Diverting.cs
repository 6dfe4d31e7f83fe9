namespace Mamba.Broker.Engine;

/// <summary>
/// Applies diverts to what is published. A message that a rule applies to is stored by a transaction of its own: on all its addresses,
/// by one journal record, or on none. Thread-safe.
/// </summary>
internal sealed class Diverting(EngineContext context)
{
    private DivertTable _table = DivertTable.Empty;

    /// <summary>Finds a node by its address; set when there are nodes.</summary>
    public Func<string, IRoutingNode?> Find { get; set; } = static _ => null;

    /// <summary>The rules; replaced as a whole.</summary>
    public DivertTable Table
    {
        get => Volatile.Read(ref _table);
        set => Volatile.Write(ref _table, value);
    }

    /// <summary>Nobody made a rule: publishing looks no further.</summary>
    public bool IsEmpty => Volatile.Read(ref _table).IsEmpty;

    /// <summary>What the rules say of a message; null when none applies to it.</summary>
    public DivertPlan? PlanFor(IMessageNode node, StoredMessage message)
    {
        var table = Table;
        if (node.IsTemporary || table.For(node.Address).Length == 0)
        {
            return null;
        }

        var plan = new DivertPlan();
        plan.Keeps = Follow(table, node.Address, node.Address, message, plan);
        return plan.Applied.Count == 0 ? null : plan;
    }

    /// <summary>Adds where a message at an address goes from there; whether it also stays.</summary>
    private static bool Follow(DivertTable table, string origin, string address, StoredMessage message, DivertPlan plan)
    {
        foreach (var divert in table.For(address))
        {
            if (!divert.Selects(message))
            {
                continue;
            }

            plan.Applied.Add(divert);
            var target = divert.Options.Target;
            if (!string.Equals(target, origin, StringComparison.Ordinal) && plan.Visited.Add(target) && Follow(table, origin, target, message, plan))
            {
                plan.Targets.Add(target);
            }

            if (divert.Options.Move)
            {
                return false;
            }
        }

        return true;
    }

    /// <summary>Publishes one message that rules apply to.</summary>
    public void Publish(IMessageNode node, StoredMessage message, IPublishObserver? observer, long token, DuplicateId id)
    {
        var unit = new UnitOfWork(context);
        var outcome = unit.AddOnce(node, message, id);
        if (outcome == PublishOutcome.Accepted)
        {
            unit.Commit(new Commitment(context, observer, token));
            return;
        }

        unit.Rollback();
        observer?.OnPublished([new PublishResult(token, outcome)]);
    }

    /// <summary>Follows the rules without storing anything, and says at every step what it saw.</summary>
    public RouteTrace Trace(string address, StoredMessage message)
    {
        var table = Table;
        var stops = new List<RouteStop>();
        var visited = new HashSet<string>(StringComparer.Ordinal) { address };
        Visit(address, via: null);
        return new RouteTrace(address, stops);

        void Visit(string at, string? via)
        {
            var place = stops.Count;
            stops.Add(null!);
            var node = Find(at) ?? ExchangeAt(at);
            var seen = new List<RouteDivert>();
            var follow = new List<DivertOptions>();
            var stays = true;
            foreach (var divert in node is { IsTemporary: true } ? [] : table.For(at))
            {
                var selected = divert.Selects(message);
                var repeated = selected && stays && !visited.Add(divert.Options.Target);
                seen.Add(new RouteDivert(divert.Options, selected, stays, repeated));
                if (selected && stays)
                {
                    if (!repeated)
                    {
                        follow.Add(divert.Options);
                    }

                    stays = !divert.Options.Move;
                }
            }

            var queues = stays ? QueuesOf(node, message) : [];
            stops[place] = new RouteStop(at, node?.Kind, via, stays && queues.Any(static queue => queue.Wants), seen, queues);
            foreach (var next in follow)
            {
                Visit(next.Target, next.Name);
            }
        }
    }

    private static List<RouteQueue> QueuesOf(IRoutingNode? node, StoredMessage message) => node switch
    {
        QueueNode queue => [new RouteQueue(queue.Address, Wants: true, queue.Host.IsFullFor(message))],
        TopicNode topic => topic.Explain(message),
        ExchangeNode exchange => exchange.Explain(message),
        _ => [],
    };

    private ExchangeNode? ExchangeAt(string address) =>
        ExchangeAddress.Parse(address) is { } at && context.Exchanges.Find(at.Exchange) is not null ? new ExchangeNode(context, at.Exchange, at.Key) : null;

    /// <summary>Tells the sender how the transaction of his message ended.</summary>
    private sealed class Commitment(EngineContext context, IPublishObserver? observer, long token) : ICommitObserver
    {
        public void OnCommitted(UnitOfWork unitOfWork, CommitOutcome outcome, string? reason) => observer?.OnPublished(
            [new PublishResult(token, outcome == CommitOutcome.Committed
                ? unitOfWork.LeftDuplicatesOut ? PublishOutcome.Duplicate : PublishOutcome.Accepted
                : context.Journal.Inner.HasFailed ? PublishOutcome.JournalFailed : PublishOutcome.RejectedFull)]);
    }
}

/// <summary>Where a message goes by the rules.</summary>
internal sealed class DivertPlan
{
    /// <summary>Whether it also goes where it was sent.</summary>
    public bool Keeps { get; set; }

    /// <summary>Other addresses, each once.</summary>
    public List<string> Targets { get; } = [];

    /// <summary>The rules that applied.</summary>
    public List<Divert> Applied { get; } = [];

    public HashSet<string> Visited { get; } = new(StringComparer.Ordinal);
}
