namespace Mamba.Broker.Engine;

/// <summary>
/// Picks what a query asks for, the earliest first, out of any number of messages. Keeps no more of them than the page and what is
/// skipped before it. Not thread-safe.
/// </summary>
internal sealed class ScheduledSelection(ScheduledQuery query)
{
    private static readonly Comparer<ScheduledMessage> ByTime = Comparer<ScheduledMessage>.Create(Compare);

    private readonly long _room = Math.Max(0, (long)query.Skip) + Math.Max(0, query.Max);

    /// <summary>What is kept, the latest on top.</summary>
    private readonly PriorityQueue<ScheduledMessage, ScheduledMessage> _earliest = new(Comparer<ScheduledMessage>.Create(static (a, b) => Compare(b, a)));
    private long _total;

    public bool WantsRepeating => query.Kind is null or ScheduledKind.Repeating;

    public bool WantsSingle => query.Kind is not ScheduledKind.Repeating;

    /// <summary>Whether a message of this id can be wanted: asked before it is read.</summary>
    public bool WantsId(ulong id) => query.Id is not { } wanted || wanted == id;

    /// <summary>Whether one that is due then, for this reason, can be wanted.</summary>
    public bool Wants(ScheduledKind kind, long dueAt) =>
        dueAt >= query.DueFrom && dueAt < query.DueBefore && (query.Kind is not { } wanted || wanted == kind) && !(query.WithoutParked && kind == ScheduledKind.Parked);

    /// <summary>Takes one in, if it is wanted.</summary>
    public void Add(ScheduledMessage item)
    {
        if (!WantsId(item.Id) || !Wants(item.Kind, item.DueAt))
        {
            return;
        }

        _total++;
        if (_earliest.Count < _room)
        {
            _earliest.Enqueue(item, item);
        }
        else if (_room > 0)
        {
            _earliest.EnqueueDequeue(item, item);
        }
    }

    public ScheduledPage ToPage()
    {
        ScheduledMessage[] items = [.. _earliest.UnorderedItems.Select(static item => item.Element)];
        Array.Sort(items, ByTime);
        return new ScheduledPage(items[Math.Min(query.Skip, items.Length)..], _total);
    }

    private static int Compare(ScheduledMessage left, ScheduledMessage right) =>
        left.DueAt != right.DueAt ? left.DueAt.CompareTo(right.DueAt)
        : left.Id != right.Id ? left.Id.CompareTo(right.Id)
        : string.CompareOrdinal(left.SubscriptionName, right.SubscriptionName);
}
