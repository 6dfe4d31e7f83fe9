using System.Collections.Concurrent;
using System.Security.Cryptography;
using Mamba.Broker.Journal;

namespace Mamba.Broker.Engine;

/// <content>Nodes by address, and their definitions in the journal.</content>
public sealed partial class MessageEngine
{
    /// <summary>Characters of whom a temporary node is for that go into its name.</summary>
    private const int MaxOrigin = 100;

    private readonly ConcurrentDictionary<string, IRoutingNode> _nodes = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<SubscriptionKey, SubscriptionNode> _subscriptions = new();
    private readonly Dictionary<uint, NodeDefinition> _nodeDefinitions = [];
    private readonly Dictionary<uint, SubscriptionDefinition> _subscriptionDefinitions = [];
    private readonly Dictionary<object, List<IRoutingNode>> _temporaryByOwner = new(ReferenceEqualityComparer.Instance);
    private readonly Lock _temporaryGate = new();

    /// <summary>One change of definitions at a time, its journal write included, so that journal order is definition order.</summary>
    private readonly SemaphoreSlim _definitionGate = new(1, 1);

    public partial IMessageNode? Find(string address) => _nodes.GetValueOrDefault(address);

    public partial async Task<IMessageNode> GetOrCreateAsync(string address, NodeKind kind, NodeOptions? options)
    {
        ArgumentException.ThrowIfNullOrEmpty(address);
        if (kind == NodeKind.Topic && AddressPattern.HasWildcards(address))
        {
            return PatternOf(address);
        }

        if (_nodes.TryGetValue(address, out var found))
        {
            return RequireKind(found, kind);
        }

        await _definitionGate.WaitAsync();
        try
        {
            if (_nodes.TryGetValue(address, out found))
            {
                return RequireKind(found, kind);
            }

            return await CreateAsync(new NodeDefinition(_context.TakeQueueId(), kind, address, options?.IsDeadLetter ?? false, options));
        }
        finally
        {
            _definitionGate.Release();
        }
    }

    public partial async Task<IMessageNode?> TryCreateAsync(string address, NodeKind kind, NodeOptions? options)
    {
        ArgumentException.ThrowIfNullOrEmpty(address);
        await _definitionGate.WaitAsync();
        try
        {
            return _nodes.ContainsKey(address)
                ? null
                : await CreateAsync(new NodeDefinition(_context.TakeQueueId(), kind, address, options?.IsDeadLetter ?? false, options));
        }
        finally
        {
            _definitionGate.Release();
        }
    }

    public partial Task<IMessageNode> CreateTemporaryAsync(NodeKind kind, LifetimePolicy policy, object owner, string? origin)
    {
        ArgumentNullException.ThrowIfNull(owner);
        var address = $"temp-{Legible(origin)}{Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(16))}";
        var template = _context.Options.OptionsFor(address);
        var options = template with
        {
            Durable = false,
            ExpiryAddress = string.Empty,
            DeadLetterAddress = template.DeadLetterAddress.Replace("{address}", "temporary", StringComparison.Ordinal),
        };
        var node = MakeNode(new NodeDefinition(_context.TakeQueueId(), kind, address, false, options), new TemporaryLifetime(policy, owner));
        Own(node, owner);
        _nodes[address] = node;
        _context.Events.NodeCreated(address, kind);
        return Task.FromResult<IMessageNode>(node);
    }

    public partial void CloseOwner(object owner)
    {
        ArgumentNullException.ThrowIfNull(owner);
        List<IRoutingNode>? owned;
        lock (_temporaryGate)
        {
            _temporaryByOwner.Remove(owner, out owned);
        }

        foreach (var node in owned ?? [])
        {
            LifetimeOf(node)!.CloseOwner();
            CheckLifetime(node);
        }
    }

    public partial async Task<bool> DeleteAsync(string address)
    {
        await _definitionGate.WaitAsync();
        try
        {
            RefuseWhenTarget(address);
            await UnbindQueueAsync(address);
            if (!_nodes.TryRemove(address, out var node))
            {
                return false;
            }

            Disown(node);
            var subscriptions = MarkDeleted(node);
            await ForgetAsync(IdOf(node), subscriptions);
            EndNode(node, subscriptions);
            return true;
        }
        finally
        {
            _definitionGate.Release();
        }
    }

    public partial Task<long> PurgeAsync(string address)
    {
        if (!_nodes.TryGetValue(address, out var node))
        {
            throw new EngineException(EngineError.NotFound, $"There is no queue or topic '{address}'.");
        }

        return Task.Run(() =>
        {
            var purged = 0L;
            foreach (var host in HostsOf(node))
            {
                purged += host.Purge();
            }

            return purged;
        });
    }

    public partial IReadOnlyList<IMessageNode> ListNodes() => [.. _nodes.Values];

    public partial async Task SetPausedAsync(string address, bool paused)
    {
        await _definitionGate.WaitAsync();
        try
        {
            if (!_nodes.TryGetValue(address, out var node))
            {
                throw new EngineException(EngineError.NotFound, $"There is no queue '{address}'.");
            }

            if (node is not QueueNode queue)
            {
                throw new EngineException(EngineError.NotAllowed, $"'{address}' is a topic; only queues can be paused.");
            }

            if (_nodeDefinitions.TryGetValue(queue.Host.Id, out var definition) && definition.IsPaused != paused)
            {
                definition = definition with { IsPaused = paused };
                await AppendDefinitionAsync(batch => DefinitionOperation.Write(batch, definition));
                _nodeDefinitions[definition.Id] = definition;
            }

            queue.Host.SetPaused(paused);
        }
        finally
        {
            _definitionGate.Release();
        }
    }

    public partial IReadOnlyList<NodeStatus> Describe()
    {
        var list = new List<NodeStatus>();
        foreach (var (_, node) in _nodes)
        {
            list.Add(node.Describe());
        }

        foreach (var pattern in _context.Topics.Nodes())
        {
            list.Add(pattern.Describe());
        }

        foreach (var (_, subscription) in _subscriptions)
        {
            list.Add(subscription.Describe());
        }

        return list;
    }

    /// <summary>
    /// What subscriptions to a pattern of topics are made on. Not journaled: their own definitions are enough to make it again, and
    /// without them it is nothing.
    /// </summary>
    private TopicNode PatternOf(string address) =>
        _context.Topics.Find(address)
        ?? new TopicNode(_context, id: 0, address, _context.Options.OptionsFor(address), lifetime: null, EndTemporary);

    private static IMessageNode RequireKind(IRoutingNode node, NodeKind kind) => node.Kind == kind
        ? node
        : throw new EngineException(EngineError.Mismatch, $"'{node.Address}' is a {node.Kind}, not a {kind}.");

    private static uint IdOf(IRoutingNode node) => node is QueueNode queue ? queue.Host.Id : ((TopicNode)node).Id;

    private static TemporaryLifetime? LifetimeOf(IRoutingNode node) => node is QueueNode queue ? queue.Lifetime : ((TopicNode)node).Lifetime;

    private static void CheckLifetime(IRoutingNode node)
    {
        if (node is QueueNode queue)
        {
            queue.CheckLifetime();
        }
        else
        {
            ((TopicNode)node).CheckLifetime();
        }
    }

    private static IEnumerable<QueueHost> HostsOf(IRoutingNode node)
    {
        if (node is QueueNode queue)
        {
            yield return queue.Host;
            yield break;
        }

        var topic = (TopicNode)node;
        foreach (var subscription in topic.Subscriptions)
        {
            yield return subscription.Host;
        }

        if (topic.Kept is not null)
        {
            yield return topic.Kept;
        }
    }

    private static SubscriptionNode[] MarkDeleted(IRoutingNode node)
    {
        if (node is TopicNode topic)
        {
            return topic.MarkDeleted();
        }

        ((QueueNode)node).MarkDeleted();
        return [];
    }

    /// <summary>Makes a node, journaling its definition first when it is durable. The definition gate is held.</summary>
    private async Task<IMessageNode> CreateAsync(NodeDefinition definition)
    {
        var options = OptionsOf(definition);
        if (options.Durable)
        {
            await AppendDefinitionAsync(batch => DefinitionOperation.Write(batch, definition));
            _nodeDefinitions[definition.Id] = definition;
        }

        var node = MakeNode(definition, lifetime: null);
        _nodes[definition.Address] = node;
        _context.Events.NodeCreated(definition.Address, definition.Kind);
        return node;
    }

    private NodeOptions OptionsOf(NodeDefinition definition)
    {
        var settings = _context.Options.OptionsFor(definition.Address);
        var options = definition.Options is null ? settings : definition.Options with { Retain = settings.Retain, RetainBytes = settings.RetainBytes, Duplicates = settings.Duplicates };
        return definition.IsDeadLetter ? options with { IsDeadLetter = true, MaxMessages = 0, MaxBytes = 0, Overflow = OverflowPolicy.Reject, LastValueKey = null, NonDestructive = false } : options;
    }

    private IRoutingNode MakeNode(NodeDefinition definition, TemporaryLifetime? lifetime)
    {
        var options = OptionsOf(definition);
        if (definition.Kind == NodeKind.Topic)
        {
            return new TopicNode(_context, definition.Id, definition.Address, options, lifetime, EndTemporary);
        }

        var host = new QueueHost(_context, definition.Id, new QueueNaming(definition.Address, definition.Address, null), options);
        host.SetPaused(definition.IsPaused);
        _context.Hosts[definition.Id] = host;
        return new QueueNode(host, lifetime, EndTemporary);
    }

    /// <summary>Journals that a node and its durable subscriptions are gone. The definition gate is held.</summary>
    private async Task ForgetAsync(uint id, SubscriptionNode[] subscriptions)
    {
        var ids = new List<uint>();
        if (_nodeDefinitions.Remove(id))
        {
            ids.Add(id);
        }

        foreach (var subscription in subscriptions)
        {
            if (_subscriptionDefinitions.Remove(subscription.Host.Id))
            {
                ids.Add(subscription.Host.Id);
            }
        }

        if (ids.Count > 0)
        {
            await AppendDefinitionAsync(batch =>
            {
                foreach (var gone in ids)
                {
                    DefinitionOperation.WriteDelete(batch, gone);
                }
            });
        }
    }

    private void EndTemporary(IRoutingNode node)
    {
        if (!node.IsTemporary)
        {
            _ = DeleteUnusedAsync(node);
        }
        else if (_nodes.TryRemove(KeyValuePair.Create(node.Address, node)))
        {
            Disown(node);
            UnbindTemporary(node.Address);
            EndNode(node, MarkDeleted(node));
        }
    }

    private void EndNode(IRoutingNode node, SubscriptionNode[] subscriptions)
    {
        var discarded = node is QueueNode queue ? queue.Host.Delete() : 0;
        discarded += node.KnownSchedules?.Host.Delete() ?? 0;
        foreach (var subscription in subscriptions)
        {
            _subscriptions.TryRemove(new KeyValuePair<SubscriptionKey, SubscriptionNode>(subscription.Key, subscription));
            discarded += subscription.DeleteQueue();
        }

        _context.Duplicates.Close(node.Duplicates);
        (node as TopicNode)?.Kept?.Delete();
        _context.Events.NodeDeleted(node.Address, discarded);
    }

    private async Task AppendDefinitionAsync(Action<JournalBatch> write)
    {
        var batch = _context.Journal.RentBatch();
        batch.BeginRecord();
        write(batch);
        batch.EndRecord();
        var completion = new AppendTask(batch);
        _context.Journal.Append(batch, sync: true, completion);
        await completion.Task;
    }

    private async ValueTask<QueueHost?> ResolveDeadLetterQueueAsync(string address)
    {
        if (_nodes.TryGetValue(address, out var found))
        {
            return (found as QueueNode)?.Host;
        }

        if (ExchangeAddress.Parse(address) is { } exchange)
        {
            // One message comes to one place: where an exchange leads to several queues, or to none, it is not chosen among them.
            return _context.Exchanges.PlanFor(exchange.Exchange, exchange.Key) is { IsFixed: true, All: [var only] } ? only.Host : null;
        }

        await _definitionGate.WaitAsync();
        try
        {
            if (!_nodes.TryGetValue(address, out found))
            {
                await CreateAsync(new NodeDefinition(_context.TakeQueueId(), NodeKind.Queue, address, IsDeadLetter: true, null));
                found = _nodes.GetValueOrDefault(address);
            }

            return (found as QueueNode)?.Host;
        }
        finally
        {
            _definitionGate.Release();
        }
    }

    /// <summary>What of an origin can stand in an address: wildcards, separators of levels and whatever else has a meaning become "_".</summary>
    private static string Legible(string? origin) => string.IsNullOrEmpty(origin)
        ? ""
        : string.Create(Math.Min(origin.Length, MaxOrigin) + 1, origin, static (name, from) =>
        {
            for (var i = 0; i < name.Length - 1; i++)
            {
                name[i] = char.IsAsciiLetterOrDigit(from[i]) || from[i] == '-' ? from[i] : '_';
            }

            name[^1] = '-';
        });
}
