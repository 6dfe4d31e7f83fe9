namespace Mamba.Broker.Engine;

/// <summary>
/// Where the messages of one routing key go, as of one version of the <see cref="ExchangeDirectory"/>: fixed queues, or where headers
/// exchanges are among those that it passes, what to ask of each message. Immutable; thread-safe.
/// </summary>
internal sealed class RoutePlan
{
    private readonly QueueNode[] _all;
    private readonly Stop[] _stops;

    private RoutePlan(long version, Stop[] stops)
    {
        Version = version;
        _all = [.. stops.SelectMany(static stop => stop.Queues).Select(static to => to.Queue).Distinct()];
        _stops = Array.Exists(stops, static stop => stop.IsChoosy) ? stops : [];
    }

    public long Version { get; }

    /// <summary>All queues that a message may go to, each once.</summary>
    public QueueNode[] All => _all;

    /// <summary>Whether every message goes to <see cref="All"/>.</summary>
    public bool IsFixed => _stops.Length == 0;

    /// <summary>The queues of one message, each once.</summary>
    public IReadOnlyList<QueueNode> QueuesFor(StoredMessage message) => IsFixed ? _all : Choose(message);

    private List<QueueNode> Choose(StoredMessage message)
    {
        var chosen = new List<QueueNode>();
        var visited = new bool[_stops.Length];
        var open = new Stack<int>([0]);
        visited[0] = true;
        while (open.TryPop(out var at))
        {
            foreach (var (queue, filter) in _stops[at].Queues)
            {
                if (!chosen.Contains(queue) && filter?.Matches(message, deliveryCount: 0) != false)
                {
                    chosen.Add(queue);
                }
            }

            foreach (var (next, filter) in _stops[at].Exchanges)
            {
                if (!visited[next] && filter?.Matches(message, deliveryCount: 0) != false)
                {
                    visited[next] = true;
                    open.Push(next);
                }
            }
        }

        return chosen;
    }

    /// <summary>An exchange that messages come by, and where they go from there, on what condition.</summary>
    internal sealed record Stop(int Index, string Exchange)
    {
        public List<(QueueNode Queue, IMessageFilter? Filter)> Queues { get; } = [];

        public List<(int Stop, IMessageFilter? Filter)> Exchanges { get; } = [];

        public bool IsChoosy => Queues.Exists(static to => to.Filter is not null) || Exchanges.Exists(static to => to.Filter is not null);
    }

    /// <summary>Collects the exchanges that can be reached, each once, so that those bound in a circle come to an end.</summary>
    internal sealed class Builder
    {
        private readonly List<Stop> _stops = [];
        private int _done;

        public Stop StopOf(string exchange)
        {
            if (_stops.Find(stop => string.Equals(stop.Exchange, exchange, StringComparison.Ordinal)) is not { } found)
            {
                _stops.Add(found = new Stop(_stops.Count, exchange));
            }

            return found;
        }

        /// <summary>The next one whose bindings were not looked at; null when that was the last.</summary>
        public Stop? NextOpen() => ++_done < _stops.Count ? _stops[_done] : null;

        public RoutePlan Build(long version) => new(version, [.. _stops]);
    }
}
