using Mamba.Amqp.Types;
using Mamba.Broker.Engine;
using Mamba.Broker.Server.Links;

namespace Mamba.Broker.Server.Management;

/// <summary>Diverts: rules by which messages go to another address as well, or instead.</summary>
internal sealed class DivertEntities(MessageEngine engine, AddressDirectory addresses) : EntityType("org.mamba.divert", "divert")
{
    private const string Pattern = "pattern";
    private const string Target = "target";
    private const string TargetType = "targetType";
    private const string Move = "move";
    private const string Priority = "priority";
    private const string Selector = "selector";
    private const int MaxPriority = 1_000_000;

    public override IReadOnlyList<string> Attributes { get; } =
        [Attribute.Name, Attribute.Identity, Attribute.Type, Pattern, Target, TargetType, Move, Priority, Selector, "configured", "diverted"];

    public override IReadOnlyList<string> Operations { get; } = [Operation.Create, Operation.Read, Operation.Delete];

    public override IEnumerable<Entity> List()
    {
        foreach (var divert in engine.ListDiverts())
        {
            yield return new Entity(this, divert.Options.Name, divert);
        }
    }

    public override Entity? Find(string name)
    {
        foreach (var divert in engine.ListDiverts())
        {
            if (string.Equals(divert.Options.Name, name, StringComparison.Ordinal))
            {
                return new Entity(this, name, divert);
            }
        }

        return null;
    }

    public override async Task<Entity> CreateAsync(string name, AttributeBody attributes)
    {
        var target = attributes.Text(Target) ?? throw ManagementException.Bad($"A divert needs the attribute '{Target}': the address that messages go to.");
        var pattern = attributes.Text(Pattern) ?? throw ManagementException.Bad($"A divert needs the attribute '{Pattern}': the addresses it applies to, such as \"orders.#\".");
        if (new NodeAddress(target, Kind: null, IsTemporary: false).Fault() is { } fault)
        {
            throw ManagementException.Bad($"'{target}' cannot be a target: {fault}.");
        }

        if (target[0] == '$')
        {
            throw new ManagementException(ManagementStatus.Forbidden, $"'{target}' cannot be a target: names that begin with '$' are the broker's own.");
        }

        var options = new DivertOptions
        {
            Name = name,
            Pattern = pattern,
            Target = target,
            TargetKind = KindOf(attributes.Text(TargetType), target),
            Move = attributes.Flag(Move) ?? false,
            Priority = (int?)attributes.Number(Priority, MaxPriority) ?? 0,
            Selector = attributes.Text(Selector),
        };
        attributes.RefuseOthers();
        await engine.CreateDivertAsync(options);
        return Find(name) ?? throw ManagementException.NotFound($"The divert '{name}' was deleted by somebody else just now.");
    }

    public override async Task DeleteAsync(Entity entity, AttributeBody conditions, long caller)
    {
        conditions.RefuseOthers();
        if (!await engine.DeleteDivertAsync(entity.Name))
        {
            throw ManagementException.NotFound($"The divert '{entity.Name}' was deleted by somebody else just now.");
        }
    }

    protected override void Describe(object handle, AmqpMap into)
    {
        var divert = (DivertStatus)handle;
        into.Add(Pattern, divert.Options.Pattern);
        into.Add(Target, divert.Options.Target);
        into.Add(TargetType, NameOf(engine.Find(divert.Options.Target)?.Kind ?? divert.Options.TargetKind));
        into.Add(Move, divert.Options.Move);
        into.Add(Priority, (long)divert.Options.Priority);
        into.Add(Selector, divert.Options.Selector);
        into.Add("configured", divert.IsConfigured);
        into.Add("diverted", divert.Diverted);
    }

    internal static string NameOf(NodeKind kind) => kind == NodeKind.Topic ? "topic" : "queue";

    private NodeKind KindOf(string? given, string target)
    {
        var kind = given switch
        {
            null => engine.Find(target)?.Kind ?? addresses.KindOf(target),
            "queue" => NodeKind.Queue,
            "topic" => NodeKind.Topic,
            _ => throw ManagementException.Bad($"The attribute '{TargetType}' is queue or topic; it is '{given}'."),
        };
        return engine.Find(target) is not { } node || node.Kind == kind
            ? kind
            : throw ManagementException.Conflict($"'{target}' is a {NameOf(node.Kind)}, and the divert asks for a {NameOf(kind)}.");
    }
}
