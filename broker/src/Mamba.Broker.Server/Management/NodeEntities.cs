using Mamba.Amqp.Types;
using Mamba.Broker.Engine;
using Mamba.Broker.Server.Links;

namespace Mamba.Broker.Server.Management;

/// <summary>Queues, or topics: the nodes of one kind.</summary>
internal sealed class NodeEntities(MessageEngine engine, NodeKind kind, string name, string prefix) : EntityType(name, prefix)
{
    private const string Temporary = "temporary";
    private const string DeadLetter = "deadLetter";
    private const string Paused = "paused";
    private const string Blocked = "blocked";
    private const string Producers = "producers";
    private const string IfUnused = "ifUnused";
    private const string IfEmpty = "ifEmpty";

    public override IReadOnlyList<string> Attributes { get; } =
    [
        Attribute.Name, Attribute.Identity, Attribute.Type, Attribute.Address, Attribute.Durable, Temporary, DeadLetter, Paused, Blocked,
        .. Figures.Names,
        Producers, "duplicates",
        .. NodeSettings.Names,
    ];

    public override IReadOnlyList<string> Operations { get; } = kind == NodeKind.Queue
        ? [Operation.Create, Operation.Read, Operation.Update, Operation.Delete, Operation.Purge, Operation.Pause, Operation.Resume]
        : [Operation.Create, Operation.Read, Operation.Update, Operation.Delete, Operation.Purge];

    private string What => kind == NodeKind.Topic ? "topic" : "queue";

    public override IEnumerable<Entity> List()
    {
        foreach (var node in engine.ListNodes())
        {
            if (node.Kind == kind)
            {
                yield return new Entity(this, node.Address, node);
            }
        }
    }

    public override Entity? Find(string name) =>
        engine.Find(name) is { } node && node.Kind == kind ? new Entity(this, name, node) : null;

    public override string? AddressOf(in Entity entity) => entity.Name;

    /// <summary>Also those that its messages would go to: nobody is to reach an address by way of another one's dead letters.</summary>
    public override IEnumerable<string> AddressesOfNew(string name, AttributeBody attributes) => [name, .. NodeSettings.AddressesIn(attributes, name)];

    public override IEnumerable<string> AddressesOfUpdate(Entity entity, AttributeBody attributes) => NodeSettings.AddressesIn(attributes, entity.Name);

    public override async Task<Entity> CreateAsync(string name, AttributeBody attributes)
    {
        if (new NodeAddress(name, kind, IsTemporary: false).Fault() is { } fault)
        {
            throw ManagementException.Bad($"'{name}' cannot be the name of a {What}: {fault}.");
        }

        if (name[0] == '$' || MessageEngine.IsTemporaryName(name))
        {
            throw new ManagementException(
                ManagementStatus.Forbidden, $"'{name}' cannot be made: names that begin with '$' or 'temp-' are the broker's own; choose another.");
        }

        attributes.MustBe(Attribute.Address, name);
        var options = ReadOptions(name, attributes);
        var node = await engine.TryCreateAsync(name, kind, options)
            ?? throw ManagementException.Conflict($"There is a {Describe(engine.Find(name))} '{name}' already; delete it first, or use it as it is.");
        return new Entity(this, name, node);
    }

    public override async Task UpdateAsync(Entity entity, AttributeBody attributes)
    {
        var node = (IMessageNode)entity.Handle;
        if (node.IsTemporary)
        {
            throw new ManagementException(
                ManagementStatus.Forbidden, $"'{entity.Name}' is a temporary {What}, whose settings are those of its pattern in the broker's configuration.");
        }

        attributes.MustBe(Read(entity), Attribute.Name, Attribute.Identity, Attribute.Type, Attribute.Address, Attribute.Durable, Temporary, DeadLetter);
        attributes.Ignore([Paused, Blocked, Producers, "duplicates", .. Figures.Names]);

        // Everything is read before anything is changed.
        _ = NodeSettings.Read(attributes, node.Options);
        attributes.RefuseOthers();
        await engine.UpdateAsync(entity.Name, before => NodeSettings.Read(attributes, before));
    }

    public override async Task DeleteAsync(Entity entity, AttributeBody conditions, long caller)
    {
        var node = (IMessageNode)entity.Handle;
        if (node.IsTemporary)
        {
            throw new ManagementException(
                ManagementStatus.Forbidden, $"'{entity.Name}' is a temporary {What}; it goes when the connection that made it closes.");
        }

        var unused = conditions.Flag(IfUnused) ?? false;
        var empty = conditions.Flag(IfEmpty) ?? false;
        conditions.RefuseOthers();
        var status = node.Describe();
        if (unused && status.Consumers + status.Producers > 0)
        {
            throw ManagementException.Conflict($"'{entity.Name}' has {status.Consumers} consumers and {status.Producers} producers, and is kept as {IfUnused} asks.");
        }

        if (empty && status.Depth > 0)
        {
            throw ManagementException.Conflict($"'{entity.Name}' has {status.Depth} messages, and is kept as {IfEmpty} asks.");
        }

        if (!await engine.DeleteAsync(entity.Name))
        {
            throw ManagementException.NotFound($"'{entity.Name}' was deleted by somebody else just now.");
        }
    }

    public override Task<long> PurgeAsync(Entity entity) => engine.PurgeAsync(entity.Name);

    public override Task SetPausedAsync(Entity entity, bool paused) =>
        kind == NodeKind.Queue ? engine.SetPausedAsync(entity.Name, paused) : base.SetPausedAsync(entity, paused);

    protected override void Describe(object handle, AmqpMap into)
    {
        var node = (IMessageNode)handle;
        var options = node.Options;
        var status = node.Describe();
        into.Add(Attribute.Address, node.Address);
        into.Add(Attribute.Durable, options.Durable && !node.IsTemporary);
        into.Add(Temporary, node.IsTemporary);
        into.Add(DeadLetter, options.IsDeadLetter);
        into.Add(Paused, status.Paused);
        into.Add(Blocked, node.IsBlocked);
        Figures.Write(status, into);
        into.Add(Producers, (long)status.Producers);
        into.Add("duplicates", status.Duplicates);
        NodeSettings.Write(options, into);
    }

    /// <summary>The settings of a new node; null when the body has none, so that the broker's configuration holds.</summary>
    private NodeOptions? ReadOptions(string name, AttributeBody attributes)
    {
        var plain = engine.OptionsFor(name);
        var options = NodeSettings.Read(attributes, plain with { Durable = attributes.Flag(Attribute.Durable) ?? plain.Durable });
        attributes.RefuseOthers();
        return options == plain ? null : options;
    }

    private static string Describe(IMessageNode? node) => node?.Kind == NodeKind.Topic ? "topic" : "queue";
}

/// <summary>The figures of a queue, and of a topic or subscription by the queues that it fills. Counters begin at zero with the process.</summary>
internal static class Figures
{
    public static readonly string[] Names =
    [
        "depth", "bytes", "acquired", "consumers", "enqueued", "dequeued", "deadLettered", "expired", "redelivered", "parked", "rejected", "dropped", "memoryBytes",
    ];

    public static void Write(in NodeStatus status, AmqpMap into)
    {
        into.Add("depth", status.Depth);
        into.Add("bytes", status.Bytes);
        into.Add("acquired", status.Acquired);
        into.Add("consumers", (long)status.Consumers);
        into.Add("enqueued", status.Enqueued);
        into.Add("dequeued", status.Dequeued);
        into.Add("deadLettered", status.DeadLettered);
        into.Add("expired", status.Expired);
        into.Add("redelivered", status.Redelivered);
        into.Add("parked", status.Parked);
        into.Add("rejected", status.Rejected);
        into.Add("dropped", status.Dropped);
        into.Add("memoryBytes", status.InMemoryBytes);
    }
}
