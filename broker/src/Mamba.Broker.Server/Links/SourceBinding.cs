using Mamba.Amqp.Messaging;
using Mamba.Amqp.Transport;
using Mamba.Amqp.Types;
using Mamba.Broker.Engine;

namespace Mamba.Broker.Server.Links;

/// <summary>What a consumer's source comes to on its node: a queue, a browser, a subscription of its own, or a named one.</summary>
internal sealed class SourceBinding
{
    private static readonly Symbol NoLocalKey = new("no-local");
    private static readonly Symbol PriorityKey = new("priority");
    private static readonly Symbol PriorityAlias = new("rabbitmq:priority");

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

    public static async ValueTask<SourceBinding> MakeAsync(MessageEngine engine, string clientId, IMessageNode node, Attach attach)
    {
        var source = attach.Source!;
        var isCopy = source.DistributionMode == DistributionMode.Copy;
        var filters = FindNoLocal(source.Filter, node.Kind);
        var options = new SubscribeOptions
        {
            Browse = isCopy && node.Kind == NodeKind.Queue,
            Priority = ReadPriority(attach.Properties),
            NoLocalOrigin = filters is null ? null : clientId,
        };
        var wanted = TerminusCapabilities.Parse(source.Capabilities);
        var durable = source.Durable != TerminusDurability.None || source.ExpiryPolicy == TerminusExpiryPolicy.Never;
        if (node.Kind != NodeKind.Topic || (!durable && !wanted.Shared))
        {
            return new SourceBinding(node, named: null, options) { IsCopy = isCopy, FiltersInForce = filters };
        }

        var key = durable
            ? SubscriptionNames.Durable(clientId, attach.Name, wanted.Global)
            : SubscriptionNames.SharedVolatile(clientId, attach.Name, wanted.Global);
        var named = await engine.CreateOrFindSubscriptionAsync(key, node.Address, new SubscriptionOptions
        {
            Shared = wanted.Shared,
            NoLocalOrigin = filters is null ? null : clientId,
        });
        return new SourceBinding(node, named, options with { NoLocalOrigin = null })
        {
            IsDurable = durable,
            IsCopy = isCopy,
            FiltersInForce = filters,
            Capabilities = TerminusCapabilities.DescribeSubscription(wanted.Shared, wanted.Global),
            CloseTerminus = durable ? () => engine.DeleteSubscriptionAsync(key) : null,
        };
    }

    public ISubscription Subscribe(ISubscriber subscriber) =>
        _named is null ? _node.Subscribe(_options, subscriber) : _named.Subscribe(_options, subscriber);

    /// <summary>The filters in force on a subscription that exists, for a look-up; null for none.</summary>
    public static AmqpMap? FiltersOf(SubscriptionOptions options) => options.NoLocalOrigin is null
        ? null
        : new AmqpMap { { NoLocalKey, new DescribedValue(FilterDescriptors.NoLocalCode, new List<object?>()) } };

    /// <summary>The no-local entry, recognised by its descriptor whatever its key and content; it means something on topics only.</summary>
    private static AmqpMap? FindNoLocal(AmqpMap? filters, NodeKind kind)
    {
        if (kind != NodeKind.Topic || filters is null)
        {
            return null;
        }

        foreach (var (key, value) in filters)
        {
            if (FilterDescriptors.Is(value, FilterDescriptors.NoLocalCode))
            {
                return new AmqpMap { { key, value } };
            }
        }

        return null;
    }

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
}
