using Mamba.Amqp.Types;

namespace Mamba.Broker.Server.Management;

/// <summary>The broker as a whole; there is one, and its name is "broker".</summary>
internal sealed class BrokerEntities(ServerContext server) : EntityType("org.mamba.broker", "broker")
{
    private const string Only = "broker";

    private static readonly Symbol Product = new("product");
    private static readonly Symbol Version = new("version");
    private static readonly Symbol Platform = new("platform");

    public override IReadOnlyList<string> Attributes { get; } =
    [
        Attribute.Name, Attribute.Identity, Attribute.Type, "containerId", "product", "version", "platform", "uptimeMilliseconds", "connections",
        "suspendedLinks", "nodes", "subscriptions", "journalBytes", "journalSegments", "bodyMemoryBytes", "takesDurableMessages", "keptTemporaryNodes", "lateReplies",
    ];

    public override IReadOnlyList<string> Operations { get; } = [Operation.Read];

    public override IEnumerable<Entity> List() => [new Entity(this, Only, server)];

    public override Entity? Find(string name) => string.Equals(name, Only, StringComparison.Ordinal) ? new Entity(this, Only, server) : null;

    protected override void Describe(object handle, AmqpMap into)
    {
        var engine = server.Engine;
        into.Add("containerId", server.Options.ContainerId);
        into.Add("product", Identity.Own[Product]);
        into.Add("version", Identity.Own[Version]);
        into.Add("platform", Identity.Own[Platform]);
        into.Add("uptimeMilliseconds", server.NowMilliseconds);
        into.Add("connections", (long)server.Connections.All.Count);
        into.Add("suspendedLinks", (long)server.Termini.SuspendedCount);
        into.Add("nodes", (long)engine.ListNodes().Count);
        into.Add("subscriptions", (long)engine.ListSubscriptions().Count);
        into.Add("journalBytes", engine.DiskBytes);
        into.Add("journalSegments", (long)engine.SegmentCount);
        into.Add("bodyMemoryBytes", engine.BodyMemoryBytes);
        into.Add("takesDurableMessages", !engine.HasFailed);
        into.Add("keptTemporaryNodes", (long)server.Kept.Count);
        into.Add("lateReplies", server.LateReplies.Count);
    }
}

/// <summary>The management node itself, as the draft has it: type org.amqp.management, name "self".</summary>
internal sealed class SelfEntities() : EntityType(ManagementNode.SelfType, ManagementNode.SelfType)
{
    public const string Self = "self";

    public override IReadOnlyList<string> Attributes { get; } = [Attribute.Name, Attribute.Identity, Attribute.Type];

    public override IReadOnlyList<string> Operations { get; } = [Operation.Read, .. EntityCatalog.Operations, RouteInspector.Operation];

    public override IEnumerable<Entity> List() => [new Entity(this, Self, this)];

    public override string? AddressOf(in Entity entity) => null;

    public override Entity? Find(string name) => string.Equals(name, Self, StringComparison.Ordinal) ? new Entity(this, Self, this) : null;

    protected override void Describe(object handle, AmqpMap into)
    {
        // It has its name and nothing else.
    }
}
