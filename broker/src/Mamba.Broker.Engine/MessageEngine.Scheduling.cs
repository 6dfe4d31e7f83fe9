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
        return Task.Run(() => Query(query, nodes).Items);
    }

    /// <summary>As <see cref="ListScheduledAsync"/>, on the caller's thread, and with how many there are in all.</summary>
    /// <param name="query">What is wanted.</param>
    /// <exception cref="EngineException"><see cref="EngineError.NotFound"/> when the query names an address that does not exist.</exception>
    public ScheduledPage QueryScheduled(ScheduledQuery query)
    {
        ArgumentNullException.ThrowIfNull(query);
        return Query(query, NodesOf(query.Address));
    }

    /// <summary>
    /// The message of something that was listed, as it was published, with one reference for the caller; null when it is there no
    /// more, or in another place: a schedule moves with every instant.
    /// </summary>
    /// <exception cref="EngineException"><see cref="EngineError.Damaged"/> when it cannot be read back.</exception>
    public StoredMessage? ReadScheduled(ScheduledMessage item)
    {
        ArgumentNullException.ThrowIfNull(item);
        var stored = item.Host?.Read(item.Token, item.MessageId);
        if (stored is null || item.Kind != ScheduledKind.Repeating)
        {
            return stored;
        }

        try
        {
            return ScheduleState.Read(stored.Span).Unwrap(stored, _context.Now);
        }
        finally
        {
            stored.Release();
        }
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

    /// <summary>
    /// Gives up a failed delivery that waits for its next try: it goes to the dead-letter address with the reason
    /// <see cref="DeadLetterReason.Cancelled"/>, or is removed where there is none for it. Completes once that is on disk.
    /// </summary>
    /// <param name="id">See <see cref="ScheduledMessage.Id"/>; on a topic it is given up for every subscription that waits for it.</param>
    /// <returns>False when none of that id waits for its next try.</returns>
    /// <exception cref="EngineException"><see cref="EngineError.JournalFailed"/>.</exception>
    public async Task<bool> CancelParkedAsync(ulong id)
    {
        var cancelled = false;
        foreach (var node in NodesOf(address: null))
        {
            foreach (var host in HostsOf(node))
            {
                cancelled |= await host.CancelParkedAsync(id);
            }
        }

        return cancelled;
    }

    private static ScheduledPage Query(ScheduledQuery query, IEnumerable<IRoutingNode> nodes)
    {
        var selection = new ScheduledSelection(query);
        foreach (var node in nodes)
        {
            if (selection.WantsRepeating)
            {
                node.KnownSchedules?.List(selection);
            }

            foreach (var host in HostsOf(node))
            {
                if (selection.WantsSingle)
                {
                    host.ListDelayed(selection);
                }
            }
        }

        return selection.ToPage();
    }

    /// <summary>The node of an address, or all. What is delayed for a wildcard subscription lies on its pattern's node.</summary>
    private List<IRoutingNode> NodesOf(string? address)
    {
        if (address is null)
        {
            return [.. _nodes.Values, .. _context.Topics.Nodes()];
        }

        return (_nodes.GetValueOrDefault(address) ?? _context.Topics.Find(address)) is { } node
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
