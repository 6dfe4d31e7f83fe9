namespace Mamba.Broker.Engine;

/// <content>Queues that end with a connection or with their last consumer, under names that clients chose.</content>
public sealed partial class MessageEngine
{
    /// <summary>
    /// Makes a queue that ends when its owner closes (<see cref="CloseOwner"/>), or earlier when <see cref="NodeOptions.AutoDelete"/> says so.
    /// It is temporary but for its name: not journaled, and its owner's alone to consume from.
    /// </summary>
    /// <returns>The new queue, or null when the address is taken.</returns>
    public async Task<IMessageNode?> TryCreateExclusiveAsync(string address, NodeOptions options, object owner)
    {
        ArgumentException.ThrowIfNullOrEmpty(address);
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(owner);
        await _definitionGate.WaitAsync();
        try
        {
            if (_nodes.ContainsKey(address))
            {
                return null;
            }

            var definition = new NodeDefinition(_context.TakeQueueId(), NodeKind.Queue, address, IsDeadLetter: false, options with { Durable = false });
            var node = MakeNode(definition, new TemporaryLifetime(LifetimePolicy.DeleteOnClose, owner));
            Own(node, owner);
            _nodes[address] = node;
            _context.Events.NodeCreated(address, NodeKind.Queue);
            return node;
        }
        finally
        {
            _definitionGate.Release();
        }
    }

    private void Own(IRoutingNode node, object owner)
    {
        lock (_temporaryGate)
        {
            if (!_temporaryByOwner.TryGetValue(owner, out var owned))
            {
                _temporaryByOwner[owner] = owned = [];
            }

            owned.Add(node);
        }
    }

    private void Disown(IRoutingNode node)
    {
        if (node.Owner is not { } owner)
        {
            return;
        }

        lock (_temporaryGate)
        {
            if (_temporaryByOwner.TryGetValue(owner, out var owned))
            {
                owned.Remove(node);
            }
        }
    }

    /// <summary>The last consumer of a queue with <see cref="NodeOptions.AutoDelete"/> has gone.</summary>
    private async Task DeleteUnusedAsync(IRoutingNode node)
    {
        try
        {
            if (ReferenceEquals(_nodes.GetValueOrDefault(node.Address), node))
            {
                await DeleteAsync(node.Address);
            }
        }
        catch (Exception cause) when (cause is EngineException or Journal.JournalException or ObjectDisposedException)
        {
            _context.Events.BackgroundFailure($"Deleting '{node.Address}', which nobody consumes from any more,", cause);
        }
    }
}
