namespace Mamba.Broker.Engine;

/// <content>Named topic subscriptions.</content>
public sealed partial class MessageEngine
{
    public partial ISubscriptionNode? FindSubscription(SubscriptionKey key) => _subscriptions.GetValueOrDefault(key);

    public partial async Task<ISubscriptionNode> CreateOrFindSubscriptionAsync(SubscriptionKey key, string topic, SubscriptionOptions options)
    {
        ArgumentException.ThrowIfNullOrEmpty(key.Name, nameof(key));
        ArgumentNullException.ThrowIfNull(options);
        await _definitionGate.WaitAsync();
        try
        {
            var topicNode = FindTopic(topic);
            if (_subscriptions.TryGetValue(key, out var found) && !found.IsDeleted)
            {
                found.RefuseIfHeld();
                if (found.IsSame(topic, options))
                {
                    return found;
                }

                if (found.Options.Shared != options.Shared)
                {
                    // Both kinds share one namespace (JMS 2.0): whoever asks for the other kind must not destroy what is there.
                    throw new EngineException(
                        EngineError.ResourceLocked,
                        $"'{key.Name}' is a {(found.Options.Shared ? "shared" : "unshared")} subscription; use another name, or unsubscribe it first.");
                }

                await RemoveSubscriptionAsync(found);
            }

            return await AddSubscriptionAsync(key, topicNode, options);
        }
        finally
        {
            _definitionGate.Release();
        }
    }

    public partial IReadOnlyList<ISubscriptionNode> ListSubscriptions() => [.. _subscriptions.Values];

    public partial Task<long> PurgeSubscriptionAsync(SubscriptionKey key) => _subscriptions.TryGetValue(key, out var found)
        ? Task.Run(found.Host.Purge)
        : throw new EngineException(EngineError.NotFound, $"There is no subscription '{key.Name}'.");

    public partial async Task<bool> DeleteSubscriptionAsync(SubscriptionKey key)
    {
        await _definitionGate.WaitAsync();
        try
        {
            if (!_subscriptions.TryGetValue(key, out var found))
            {
                return false;
            }

            await RemoveSubscriptionAsync(found);
            return true;
        }
        finally
        {
            _definitionGate.Release();
        }
    }

    private TopicNode FindTopic(string address)
    {
        if (AddressPattern.HasWildcards(address))
        {
            return PatternOf(address);
        }

        return _nodes.GetValueOrDefault(address) switch
        {
            TopicNode topic => topic,
            null => throw new EngineException(EngineError.NotFound, $"There is no topic '{address}'."),
            _ => throw new EngineException(EngineError.NotAllowed, $"'{address}' is a queue; only topics have subscriptions."),
        };
    }

    private async Task<SubscriptionNode> AddSubscriptionAsync(SubscriptionKey key, TopicNode topic, SubscriptionOptions options)
    {
        var id = _context.TakeQueueId();
        var definition = key.Durable && topic.Options.Durable
            ? new SubscriptionDefinition(
                id, topic.Address, key.ClientId, key.Name, options.Shared, options.NoLocalOrigin, options.FilterDefinition.ToArray())
            : null;
        if (_context.Retention.Concerns(topic))
        {
            return await AddReplayedAsync(key, topic, options, id, definition);
        }

        if (definition is not null)
        {
            await AppendDefinitionAsync(batch => DefinitionOperation.Write(batch, definition));
            _subscriptionDefinitions[id] = definition;
        }

        return LinkSubscription(key, topic, options, id);
    }

    /// <summary>
    /// A subscription that begins with what its topics have kept. Messages may go to it before its definition is on disk: as long as
    /// that is not there, what the journal says of its queue means nothing, and nobody was told that it exists.
    /// </summary>
    private async Task<SubscriptionNode> AddReplayedAsync(
        SubscriptionKey key, TopicNode topic, SubscriptionOptions options, uint id, SubscriptionDefinition? definition)
    {
        var node = new SubscriptionNode(_context, topic, key, options, id, topic.NodeOptionsFor(key.Durable), EndVolatile);
        using var replay = _context.Retention.Link(node);
        try
        {
            await (replay?.Done ?? Task.CompletedTask);
            if (definition is not null)
            {
                await (replay?.StoreAsync(definition) ?? AppendDefinitionAsync(batch => DefinitionOperation.Write(batch, definition)));
                _subscriptionDefinitions[id] = definition;
            }
        }
        catch (EngineException)
        {
            topic.Unlink(node);
            throw;
        }

        _subscriptions[key] = node;
        return node;
    }

    private SubscriptionNode LinkSubscription(SubscriptionKey key, TopicNode topic, SubscriptionOptions options, uint id, NodeOptions? own = null)
    {
        var node = new SubscriptionNode(_context, topic, key, options, id, own ?? topic.NodeOptionsFor(key.Durable), EndVolatile) { HasOwnOptions = own is not null };
        topic.Link(node);
        _subscriptions[key] = node;
        return node;
    }

    /// <summary>Deletes a subscription nobody is attached to. The definition gate is held.</summary>
    private async Task RemoveSubscriptionAsync(SubscriptionNode subscription)
    {
        if (subscription.ConsumerCount > 0)
        {
            throw new EngineException(EngineError.ResourceLocked, $"Subscription '{subscription.Key.Name}' has {subscription.ConsumerCount} active consumers.");
        }

        _subscriptions.TryRemove(subscription.Key, out _);
        if (_subscriptionDefinitions.Remove(subscription.Host.Id))
        {
            var id = subscription.Host.Id;
            await AppendDefinitionAsync(batch => DefinitionOperation.WriteDelete(batch, id));
        }

        subscription.Topic.Unlink(subscription);
    }

    /// <summary>The last consumer of a volatile subscription closed.</summary>
    private void EndVolatile(SubscriptionNode subscription)
    {
        _subscriptions.TryRemove(new KeyValuePair<SubscriptionKey, SubscriptionNode>(subscription.Key, subscription));
        subscription.Topic.Unlink(subscription);
    }
}
