namespace Mamba.Broker.Engine;

/// <content>Changes of nodes and subscriptions while they are in use.</content>
public sealed partial class MessageEngine
{
    /// <summary>
    /// Changes the settings of a queue or topic: in force at once, for what comes and for what is there, and of a durable one on disk before
    /// the task completes. From then on it has all its settings of its own. A topic's subscriptions follow it, but for those that have settings
    /// of their own.
    /// </summary>
    /// <param name="address">The node.</param>
    /// <param name="change">From the settings there are to those that are wanted; called once.</param>
    /// <exception cref="EngineException"><see cref="EngineError.NotFound"/>; <see cref="EngineError.NotAllowed"/> for a temporary node, and for a
    /// setting that only a new node can have: durable, non-destructive, dead-letter queue, what a topic keeps.</exception>
    public async Task UpdateAsync(string address, Func<NodeOptions, NodeOptions> change)
    {
        ArgumentNullException.ThrowIfNull(change);
        await _definitionGate.WaitAsync();
        try
        {
            var node = _nodes.GetValueOrDefault(address) ?? throw new EngineException(EngineError.NotFound, $"There is no queue or topic '{address}'.");
            if (node.IsTemporary)
            {
                throw new EngineException(EngineError.NotAllowed, $"'{address}' is temporary; its settings are those of its pattern.");
            }

            var next = Changed(node.Options, change, address);
            if (_nodeDefinitions.TryGetValue(IdOf(node), out var definition) && next != definition.Options)
            {
                definition = definition with { Options = next };
                await AppendDefinitionAsync(batch => DefinitionOperation.Write(batch, definition));
                _nodeDefinitions[definition.Id] = definition;
            }

            if (node is QueueNode queue)
            {
                queue.Host.Configure(next);
            }
            else
            {
                ((TopicNode)node).Configure(next);
            }
        }
        finally
        {
            _definitionGate.Release();
        }
    }

    /// <summary>As <see cref="UpdateAsync"/>, for a named subscription, which has settings of its own from then on.</summary>
    /// <exception cref="EngineException"><see cref="EngineError.NotFound"/>; <see cref="EngineError.NotAllowed"/>.</exception>
    public async Task UpdateSubscriptionAsync(SubscriptionKey key, Func<NodeOptions, NodeOptions> change)
    {
        ArgumentNullException.ThrowIfNull(change);
        await _definitionGate.WaitAsync();
        try
        {
            var subscription = Existing(key);
            var next = Changed(subscription.Host.Options, change, key.Name);
            await RedefineAsync(subscription, definition => definition with { Options = next });
            subscription.HasOwnOptions = true;
            subscription.Host.Configure(next);
        }
        finally
        {
            _definitionGate.Release();
        }
    }

    /// <summary>Pauses a named subscription, or resumes it, as <see cref="SetPausedAsync"/> does a queue.</summary>
    /// <exception cref="EngineException"><see cref="EngineError.NotFound"/>.</exception>
    public async Task SetSubscriptionPausedAsync(SubscriptionKey key, bool paused)
    {
        await _definitionGate.WaitAsync();
        try
        {
            var subscription = Existing(key);
            await RedefineAsync(subscription, definition => definition with { IsPaused = paused });
            subscription.Host.SetPaused(paused);
        }
        finally
        {
            _definitionGate.Release();
        }
    }

    private static NodeOptions Changed(NodeOptions before, Func<NodeOptions, NodeOptions> change, string name)
    {
        var next = change(before);
        var fixedOnes = next with
        {
            Durable = before.Durable, NonDestructive = before.NonDestructive, IsDeadLetter = before.IsDeadLetter, Retain = before.Retain, RetainBytes = before.RetainBytes,
        };
        if (fixedOnes != next)
        {
            throw new EngineException(
                EngineError.NotAllowed, $"'{name}' cannot be made durable or not, non-destructive or not, or keep other messages for subscriptions to come; make another one.");
        }

        if (before.IsDeadLetter && (next.MaxMessages != 0 || next.MaxBytes != 0 || next.LastValueKey is not null || next.Overflow != OverflowPolicy.Reject))
        {
            throw new EngineException(EngineError.NotAllowed, $"'{name}' is a dead-letter queue: it takes what others cannot keep, and has no limits and no keys.");
        }

        return next;
    }

    private SubscriptionNode Existing(SubscriptionKey key) =>
        _subscriptions.GetValueOrDefault(key) ?? throw new EngineException(EngineError.NotFound, $"There is no subscription '{key.Name}'.");

    /// <summary>Journals a change of a durable subscription's definition, if it is one. The definition gate is held.</summary>
    private async Task RedefineAsync(SubscriptionNode subscription, Func<SubscriptionDefinition, SubscriptionDefinition> change)
    {
        if (_subscriptionDefinitions.TryGetValue(subscription.Host.Id, out var definition) && change(definition) is var changed && changed != definition)
        {
            await AppendDefinitionAsync(batch => DefinitionOperation.Write(batch, changed));
            _subscriptionDefinitions[changed.Id] = changed;
        }
    }
}
