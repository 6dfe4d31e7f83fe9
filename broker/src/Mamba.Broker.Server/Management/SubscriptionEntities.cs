using Mamba.Amqp.Messaging;
using Mamba.Amqp.Types;
using Mamba.Broker.Engine;
using Mamba.Broker.Server.Links;

namespace Mamba.Broker.Server.Management;

/// <summary>
/// Named subscriptions of topics. A name is <c>client:subscription</c>, without the client for a global one (<c>:subscription</c>),
/// and ends in <c>|volatile</c> for one that ends with its last consumer. Of the parts, '%', ':' and '|' are written %25, %3A, %7C.
/// </summary>
internal sealed class SubscriptionEntities(MessageEngine engine, TimeProvider time) : EntityType("org.mamba.subscription", "subscription")
{
    private const string Topic = "topic";
    private const string ClientId = "clientId";
    private const string SubscriptionName = "subscriptionName";
    private const string Shared = "shared";
    private const string NoLocal = "noLocal";
    private const string Selector = "selector";
    private const string HeldBecause = "heldBecause";
    private const string Paused = "paused";
    private const string Blocked = "blocked";
    private const string VolatileSuffix = "|volatile";

    private static readonly Symbol SelectorKey = new("jms-selector");
    private static readonly Symbol NoLocalKey = new("no-local");

    public override IReadOnlyList<string> Attributes { get; } =
    [
        Attribute.Name, Attribute.Identity, Attribute.Type, Topic, ClientId, SubscriptionName, Attribute.Durable, Shared, NoLocal, Selector, HeldBecause,
        Paused, Blocked,
        .. Figures.Names,
        .. NodeSettings.Names,
    ];

    public override IReadOnlyList<string> Operations { get; } =
        [Operation.Create, Operation.Read, Operation.Update, Operation.Delete, Operation.Purge, Operation.Pause, Operation.Resume];

    public override IEnumerable<Entity> List()
    {
        foreach (var subscription in engine.ListSubscriptions())
        {
            yield return new Entity(this, NameOf(subscription.Key), subscription);
        }
    }

    public override Entity? Find(string name) =>
        KeyOf(name) is { } key && engine.FindSubscription(key) is { } found ? new Entity(this, name, found) : null;

    public override string? AddressOf(in Entity entity) => ((ISubscriptionNode)entity.Handle).TopicAddress;

    public override IEnumerable<string> AddressesOfNew(string name, AttributeBody attributes) =>
        attributes.Text(Topic) is { } topic ? [topic, .. NodeSettings.AddressesIn(attributes, topic)] : [ManagementNode.Address];

    public override IEnumerable<string> AddressesOfUpdate(Entity entity, AttributeBody attributes) =>
        NodeSettings.AddressesIn(attributes, ((ISubscriptionNode)entity.Handle).TopicAddress);

    public override async Task<Entity> CreateAsync(string name, AttributeBody attributes)
    {
        var key = KeyOf(name) is { Durable: true } parsed
            ? parsed
            : throw ManagementException.Bad(
                $"'{name}' cannot be the name of a subscription: write client:subscription, or :subscription for a global one; volatile ones are made by their consumers.");
        attributes.MustBe(ClientId, key.ClientId ?? "");
        attributes.MustBe(SubscriptionName, key.Name);
        var topic = attributes.Text(Topic) ?? throw ManagementException.Bad($"A subscription needs the attribute '{Topic}': the topic's address.");
        var shared = attributes.Flag(Shared) ?? key.ClientId is null;
        var filters = ReadFilters(attributes);
        if (attributes.Flag(Attribute.Durable) is false || (key.ClientId is null && !shared))
        {
            throw ManagementException.Bad("A subscription that is made by request is durable, and shared when it is global.");
        }

        var hasOwnSettings = NodeSettings.AreIn(attributes);
        _ = NodeSettings.Read(attributes, engine.OptionsFor(topic));
        attributes.RefuseOthers();
        if (engine.FindSubscription(key) is not null)
        {
            throw ManagementException.Conflict($"There is a subscription '{name}' already; delete it first, or use it as it is.");
        }

        var made = await engine.CreateOrFindSubscriptionAsync(key, topic, new SubscriptionOptions
        {
            Shared = shared,
            Filter = filters.Filter,
            FilterDefinition = filters.Definition,
            NoLocalOrigin = filters.NoLocal ? key.ClientId : null,
        });
        if (hasOwnSettings)
        {
            await engine.UpdateSubscriptionAsync(key, before => NodeSettings.Read(attributes, before));
        }

        return new Entity(this, name, made);
    }

    public override async Task DeleteAsync(Entity entity, AttributeBody conditions, long caller)
    {
        conditions.RefuseOthers();
        var subscription = (ISubscriptionNode)entity.Handle;
        if (!await engine.DeleteSubscriptionAsync(subscription.Key))
        {
            throw ManagementException.NotFound($"The subscription '{entity.Name}' was deleted by somebody else just now.");
        }
    }

    public override async Task UpdateAsync(Entity entity, AttributeBody attributes)
    {
        var subscription = (ISubscriptionNode)entity.Handle;
        attributes.MustBe(Read(entity), Attribute.Name, Attribute.Identity, Attribute.Type, Topic, ClientId, SubscriptionName, Attribute.Durable, Shared, NoLocal, Selector);
        attributes.Ignore([HeldBecause, Paused, Blocked, .. Figures.Names]);

        // Everything is read before anything is changed.
        _ = NodeSettings.Read(attributes, subscription.Settings);
        attributes.RefuseOthers();
        await engine.UpdateSubscriptionAsync(subscription.Key, before => NodeSettings.Read(attributes, before));
    }

    public override Task SetPausedAsync(Entity entity, bool paused) => engine.SetSubscriptionPausedAsync(((ISubscriptionNode)entity.Handle).Key, paused);

    public override Task<long> PurgeAsync(Entity entity) => engine.PurgeSubscriptionAsync(((ISubscriptionNode)entity.Handle).Key);

    protected override void Describe(object handle, AmqpMap into)
    {
        var subscription = (ISubscriptionNode)handle;
        into.Add(Topic, subscription.TopicAddress);
        into.Add(ClientId, subscription.Key.ClientId);
        into.Add(SubscriptionName, subscription.Key.Name);
        into.Add(Attribute.Durable, subscription.Key.Durable);
        into.Add(Shared, subscription.Options.Shared);
        into.Add(NoLocal, subscription.Options.NoLocalOrigin is not null);
        into.Add(Selector, (SourceFilters.Describe(subscription.Options)?[SelectorKey] as DescribedValue)?.Value);
        into.Add(HeldBecause, subscription.Options.HeldBecause);
        var status = subscription.Describe();
        into.Add(Paused, status.Paused);
        into.Add(Blocked, status.Blocked);
        Figures.Write(status, into);
        NodeSettings.Write(subscription.Settings, into);
    }

    internal static string NameOf(SubscriptionKey key) =>
        $"{Escape(key.ClientId ?? "")}:{Escape(key.Name)}{(key.Durable ? "" : VolatileSuffix)}";

    /// <summary>The key a name stands for, or null when it is no name.</summary>
    internal static SubscriptionKey? KeyOf(string name)
    {
        var isVolatile = name.EndsWith(VolatileSuffix, StringComparison.Ordinal);
        var parts = (isVolatile ? name[..^VolatileSuffix.Length] : name).Split(':');
        if (parts.Length != 2 || parts[1].Length == 0 || parts[1].Contains('|', StringComparison.Ordinal))
        {
            return null;
        }

        return new SubscriptionKey(parts[0].Length == 0 ? null : Unescape(parts[0]), Unescape(parts[1]), !isVolatile);
    }

    private SourceFilters ReadFilters(AttributeBody attributes)
    {
        var filters = new AmqpMap();
        if (attributes.Text(Selector) is { } selector)
        {
            filters.Add(SelectorKey, new DescribedValue(FilterDescriptors.SelectorCode, selector));
        }

        if (attributes.Flag(NoLocal) is true)
        {
            filters.Add(NoLocalKey, new DescribedValue(FilterDescriptors.NoLocalCode, new List<object?>()));
        }

        try
        {
            return SourceFilters.Read(filters, NodeKind.Topic, time);
        }
        catch (LinkRefusedException e)
        {
            throw ManagementException.Bad(e.Message);
        }
    }

    private static string Escape(string part) => part
        .Replace("%", "%25", StringComparison.Ordinal).Replace(":", "%3A", StringComparison.Ordinal).Replace("|", "%7C", StringComparison.Ordinal);

    private static string Unescape(string part) => part
        .Replace("%7C", "|", StringComparison.OrdinalIgnoreCase).Replace("%3A", ":", StringComparison.OrdinalIgnoreCase)
        .Replace("%25", "%", StringComparison.Ordinal);
}
