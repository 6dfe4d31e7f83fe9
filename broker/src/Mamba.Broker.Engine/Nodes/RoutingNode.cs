namespace Mamba.Broker.Engine;

/// <summary>What this engine's nodes can do beyond <see cref="IMessageNode"/>: say which queues a message goes to.</summary>
internal interface IRoutingNode : IMessageNode
{
    /// <summary>
    /// Adds the queues a message goes to and reserves room on each. On any outcome but Accepted nothing is added or reserved.
    /// </summary>
    PublishOutcome Route(StoredMessage message, RouteList targets);

    /// <summary>Its repeating schedules; made when first needed.</summary>
    NodeSchedules Schedules { get; }

    /// <summary>Its repeating schedules if it ever had any since the start.</summary>
    NodeSchedules? KnownSchedules { get; }

    /// <summary>As <see cref="Route"/>, for a message with a schedule: it is put away, and its envelope takes its place.</summary>
    PublishOutcome Schedule(ref StoredMessage message, RouteList targets)
    {
        Schedules.Start();
        return Schedules.Route(ref message, targets);
    }
}

/// <summary>The queues that the messages of one batch go to, in the order of the messages. Not thread-safe; reused.</summary>
internal sealed class RouteList
{
    private QueueHost[] _hosts = new QueueHost[16];

    public int Count { get; private set; }

    /// <summary>How many it has room for.</summary>
    public int Capacity => _hosts.Length;

    public QueueHost this[int index] => _hosts[index];

    /// <summary>Adds a queue when it has room; otherwise takes back what was added from <paramref name="first"/> on.</summary>
    public bool TryAdd(QueueHost host, long bytes, int first)
    {
        if (!host.TryReserve(bytes))
        {
            TakeBack(first, bytes);
            return false;
        }

        Add(host);
        return true;
    }

    /// <summary>Adds a queue whose room is reserved already.</summary>
    public void Add(QueueHost host)
    {
        if (Count == _hosts.Length)
        {
            Array.Resize(ref _hosts, Count * 2);
        }

        _hosts[Count++] = host;
    }

    /// <summary>Whether a queue was added at or after <paramref name="first"/>.</summary>
    public bool Contains(QueueHost host, int first) => Array.IndexOf(_hosts, host, first, Count - first) >= 0;

    /// <summary>Gives up the room reserved from <paramref name="first"/> on.</summary>
    public void TakeBack(int first, long bytes)
    {
        while (Count > first)
        {
            _hosts[--Count].Unreserve(1, bytes);
        }
    }

    public void Clear()
    {
        Array.Clear(_hosts, 0, Count);
        Count = 0;
    }
}
