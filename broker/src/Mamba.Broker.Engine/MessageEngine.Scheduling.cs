namespace Mamba.Broker.Engine;

/// <content>Messages that wait for their time: delayed ones, repeating schedules, and failed deliveries.</content>
public sealed partial class MessageEngine
{
    /// <summary>
    /// What waits for its time, the earliest first. Reads what is needed from memory or disk: not for the way of a message.
    /// </summary>
    /// <param name="query">What is wanted.</param>
    /// <exception cref="EngineException"><see cref="EngineError.NotFound"/> when the query names an address that does not exist.</exception>
    public Task<IReadOnlyList<ScheduledMessage>> ListScheduledAsync(ScheduledQuery query)
    {
        ArgumentNullException.ThrowIfNull(query);
        var nodes = NodesOf(query.Address);
        return Task.Run(() => List(query, nodes));
    }

    /// <summary>
    /// Cancels a repeating schedule (with the series that its crontab entry began), or a delayed message. What was delivered already
    /// stays; a delivery that is under way is completed first. Completes once it is on disk.
    /// </summary>
    /// <param name="id">See <see cref="ScheduledMessage.Id"/>.</param>
    /// <param name="address">Where it is, when that is known; null looks everywhere.</param>
    /// <returns>False when there is no such schedule, or it is a failed delivery, which is not cancelled this way.</returns>
    /// <exception cref="EngineException"><see cref="EngineError.NotFound"/> when there is no such address;
    /// <see cref="EngineError.JournalFailed"/>.</exception>
    public Task<bool> CancelScheduledAsync(ulong id, string? address = null)
    {
        var nodes = NodesOf(address);
        return Task.Run(async () =>
        {
            var cancelled = false;
            foreach (var node in nodes)
            {
                cancelled |= node.KnownSchedules is { } schedules && await schedules.CancelAsync(id);
                foreach (var host in HostsOf(node))
                {
                    cancelled |= await host.CancelDelayedAsync(id);
                }
            }

            return cancelled;
        });
    }

    private static IReadOnlyList<ScheduledMessage> List(ScheduledQuery query, IEnumerable<IRoutingNode> nodes)
    {
        var found = new List<ScheduledMessage>();
        foreach (var node in nodes)
        {
            if (query.Kind is null or ScheduledKind.Repeating)
            {
                node.KnownSchedules?.List(found);
            }

            foreach (var host in HostsOf(node))
            {
                if (query.Kind is not ScheduledKind.Repeating)
                {
                    host.ListDelayed(found);
                }
            }
        }

        found.RemoveAll(item => item.DueAt >= query.DueBefore || (query.Kind is { } kind && item.Kind != kind));
        found.Sort(static (left, right) => left.DueAt != right.DueAt ? left.DueAt.CompareTo(right.DueAt) : left.Id.CompareTo(right.Id));
        return found.Count <= query.Max ? found : found[..query.Max];
    }

    private List<IRoutingNode> NodesOf(string? address)
    {
        if (address is null)
        {
            return [.. _nodes.Values];
        }

        return _nodes.TryGetValue(address, out var node)
            ? [node]
            : throw new EngineException(EngineError.NotFound, $"There is no queue or topic '{address}'.");
    }

    /// <summary>Begins to fire the schedules that recovery found.</summary>
    private void StartSchedules()
    {
        foreach (var (_, node) in _nodes)
        {
            node.KnownSchedules?.Start();
        }
    }
}
