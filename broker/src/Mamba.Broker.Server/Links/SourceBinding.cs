using Mamba.Amqp.Messaging;
using Mamba.Amqp.Transport;
using Mamba.Amqp.Types;
using Mamba.Broker.Engine;
using Mamba.Broker.Server.Connections;
using Mamba.Broker.Server.Security;

namespace Mamba.Broker.Server.Links;

/// <summary>What a consumer's source comes to on its node: a queue, a browser, a subscription of its own, or a named one.</summary>
internal sealed class SourceBinding
{
    private static readonly Symbol PriorityKey = new("priority");
    private static readonly Symbol PriorityAlias = new("rabbitmq:priority");
    private static readonly Symbol ExclusiveKey = new("exclusive");

    private readonly IMessageNode _node;
    private readonly ISubscriptionNode? _named;
    private readonly SubscribeOptions _options;

    private SourceBinding(IMessageNode node, ISubscriptionNode? named, SubscribeOptions options)
    {
        _node = node;
        _named = named;
        _options = options;
    }

    public bool IsDurable { get; private init; }

    public bool IsCopy { get; private init; }

    /// <summary>Capabilities to state for a named subscription; null: the node's.</summary>
    public Symbol[]? Capabilities { get; private init; }

    /// <summary>The filters the peer asked for that are applied, as it wrote them; null for none.</summary>
    public AmqpMap? FiltersInForce { get; private init; }

    /// <summary>Deletes the subscription (the peer closed the link, which for a durable one means unsubscribe), or null.</summary>
    public Func<Task>? CloseTerminus { get; private init; }

    /// <summary>A consumer of the node itself.</summary>
    public static SourceBinding To(IMessageNode node, SubscribeOptions options) => new(node, named: null, options);

    /// <summary>A consumer of a subscription, which closing the link does not delete.</summary>
    public static SourceBinding To(IMessageNode node, ISubscriptionNode subscription) =>
        new(node, subscription, new SubscribeOptions()) { IsDurable = true, Capabilities = TerminusCapabilities.DescribeSubscription(shared: true, global: true) };

    /// <exception cref="LinkRefusedException">A filter cannot be used, or a subscription has no name.</exception>
    public static async ValueTask<SourceBinding> MakeAsync(AmqpConnection connection, IMessageNode node, Attach attach)
    {
        var engine = connection.Server.Engine;
        var clientId = connection.ContainerId;
        var source = attach.Source!;
        var isCopy = source.DistributionMode == DistributionMode.Copy;
        var filters = SourceFilters.Read(source.Filter, node.Kind, connection.Server.Time);
        var options = new SubscribeOptions
        {
            Browse = isCopy && node.Kind == NodeKind.Queue,
            Exclusive = !isCopy && node.Kind == NodeKind.Queue && IsSet(attach.Properties, ExclusiveKey),
            Priority = ReadPriority(attach.Properties),
            Filter = filters.Filter,
            NoLocalOrigin = filters.NoLocal ? clientId : null,
        };
        var wanted = TerminusCapabilities.Parse(source.Capabilities);
        var durable = source.Durable != TerminusDurability.None || source.ExpiryPolicy == TerminusExpiryPolicy.Never;
        if (node.Kind != NodeKind.Topic || (!durable && !wanted.Shared))
        {
            return new SourceBinding(node, named: null, options) { IsCopy = isCopy || node.Options.NonDestructive, FiltersInForce = filters.InForce };
        }

        var key = durable
            ? SubscriptionNames.Durable(clientId, attach.Name, wanted.Shared, wanted.Global)
            : SubscriptionNames.SharedVolatile(clientId, attach.Name, wanted.Global);
        var subscription = new SubscriptionOptions
        {
            Shared = wanted.Shared,
            Filter = filters.Filter,
            FilterDefinition = filters.Definition,
            NoLocalOrigin = filters.NoLocal ? clientId : null,
        };
        if (durable)
        {
            CheckCreation(connection, key, node.Address, subscription);
        }

        var named = await engine.CreateOrFindSubscriptionAsync(key, node.Address, subscription);
        return new SourceBinding(node, named, options with { Filter = null, NoLocalOrigin = null })
        {
            IsDurable = durable,
            IsCopy = isCopy,
            FiltersInForce = filters.InForce,
            Capabilities = TerminusCapabilities.DescribeSubscription(wanted.Shared, wanted.Global),
            CloseTerminus = durable ? () => UnsubscribeAsync(connection, named) : null,
        };
    }

    /// <summary>Deletes a durable subscription, which whoever may make it may do.</summary>
    /// <exception cref="LinkRefusedException">amqp:unauthorized-access.</exception>
    public static Task UnsubscribeAsync(AmqpConnection connection, ISubscriptionNode subscription)
    {
        connection.Access?.Require(AddressActions.Create, subscription.TopicAddress, NodeKind.Topic);
        return connection.Server.Engine.DeleteSubscriptionAsync(subscription.Key);
    }

    public ISubscription Subscribe(ISubscriber subscriber) =>
        _named is null ? _node.Subscribe(_options, subscriber) : _named.Subscribe(_options, subscriber);

    /// <summary>
    /// The attach came to nothing: a subscription that lives as long as its links must not stay because of one that never was.
    /// </summary>
    public void Abandon()
    {
        if (_named is { Key.Durable: false, IsDeleted: false })
        {
            _named.Subscribe(_options, NoSubscriber.Instance).Close(SettleOnClose.Released);
        }
    }

    /// <summary>Whether a failure to subscribe only means that the subscription ended meanwhile: its last link left, or it was unsubscribed.</summary>
    public bool IsOvertaken(EngineException failure) => failure.Error == EngineError.NotFound && _named is not null;

    /// <summary>Making a durable subscription, or another one in its place, needs more than receiving from one that is there.</summary>
    public static void CheckCreation(AmqpConnection connection, SubscriptionKey key, string topic, SubscriptionOptions wanted)
    {
        if (connection.Access is not { } access)
        {
            return;
        }

        var found = connection.Server.Engine.FindSubscription(key);
        if (found is null || !found.IsSame(topic, wanted))
        {
            access.Require(AddressActions.Create, topic, NodeKind.Topic);
        }

        if (found is not null && !string.Equals(found.TopicAddress, topic, StringComparison.Ordinal))
        {
            access.Require(AddressActions.Create, found.TopicAddress, NodeKind.Topic);
        }
    }

    private static bool IsSet(AmqpMap? properties, Symbol key) => properties?[key] is true or "true";

    private static int ReadPriority(AmqpMap? properties) => (properties?[PriorityKey] ?? properties?[PriorityAlias]) switch
    {
        int number => number,
        long number => (int)Math.Clamp(number, int.MinValue, int.MaxValue),
        uint number => (int)Math.Min(number, int.MaxValue),
        short number => number,
        byte number => number,
        sbyte number => number,
        string text when int.TryParse(text, out var number) => number,
        _ => 0,
    };

    /// <summary>Wants nothing, and is gone at once.</summary>
    private sealed class NoSubscriber : ISubscriber
    {
        public static readonly NoSubscriber Instance = new();

        public void OnReady()
        {
            // It closes in a moment, and the next consumer is woken then.
        }

        public void OnNodeDeleted()
        {
            // Nothing is left to end.
        }
    }
}
