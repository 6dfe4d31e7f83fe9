using Mamba.Amqp.Types;
using Mamba.Broker.Server.Links;
using Mamba.Broker.Server.Security;

namespace Mamba.Broker.Server.Management;

/// <summary>
/// What the management node says about itself and its entities: QUERY, GET-TYPES, GET-ATTRIBUTES, GET-OPERATIONS and
/// GET-MGMT-NODES (AMQP Management 1.0, working draft). Thread-safe.
/// </summary>
internal sealed class EntityCatalog(IReadOnlyList<EntityType> types)
{
    /// <summary>Entities in one answer to QUERY: what is beyond has to be asked for by offset.</summary>
    public const int MaxRows = 1_000;

    private const int MaxNames = 128;
    private const string EntityTypeKey = "entityType";
    private const string AttributeNames = "attributeNames";

    public static readonly string[] Operations =
        [Operation.Query, Operation.GetTypes, Operation.GetAttributes, Operation.GetOperations, Operation.GetManagementNodes];

    public IReadOnlyList<EntityType> Types => types;

    /// <summary>The type of a name.</summary>
    /// <exception cref="ManagementException">404.</exception>
    public EntityType TypeOf(string name)
    {
        foreach (var type in types)
        {
            if (string.Equals(type.Name, name, StringComparison.Ordinal))
            {
                return type;
            }
        }

        throw ManagementException.NotFound($"There is no entity type '{name}'; GET-TYPES lists them.");
    }

    public ManagementResponse Execute(string operation, ManagementRequest request, AddressAccess? access) => operation switch
    {
        Operation.Query => Query(request, access),
        Operation.GetTypes => ByType(request, static _ => new List<object?>()),
        Operation.GetAttributes => ByType(request, static type => new List<object?>(type.Attributes)),
        Operation.GetOperations => ByType(request, static type => new List<object?>(type.Operations)),
        _ => ManagementResponse.Ok(new List<object?>()),
    };

    private ManagementResponse ByType(ManagementRequest request, Func<EntityType, List<object?>> about)
    {
        var map = new AmqpMap();
        foreach (var type in Asked(request))
        {
            map.Add(type.Name, about(type));
        }

        return ManagementResponse.Ok(map);
    }

    private IReadOnlyList<EntityType> Asked(ManagementRequest request) =>
        request.Text(EntityTypeKey) is { } name ? [TypeOf(name)] : types;

    private ManagementResponse Query(ManagementRequest request, AddressAccess? access)
    {
        var asked = Asked(request);
        var names = NamesIn(request.Attributes()) ?? [.. asked.SelectMany(static type => type.Attributes).Distinct(StringComparer.Ordinal)];
        var offset = request.Count("offset") ?? 0;
        var wanted = Math.Min(request.Count("count") ?? MaxRows, MaxRows);
        var results = new List<object?>();
        long total = 0;
        foreach (var type in asked)
        {
            var skip = (int)Math.Clamp(offset - total, 0, int.MaxValue);
            var page = type.Page(request, skip, wanted - results.Count) ?? PageOf(type, access, skip, wanted - results.Count);
            foreach (var entity in page.Entities)
            {
                if (MayManage(access, entity))
                {
                    results.Add(Row(entity, names));
                }
            }

            total += page.Total;
        }

        return ManagementResponse.Ok(new AmqpMap
        {
            { AttributeNames, new List<object?>(names) },
            { "results", results },
            { "total", total },
        });
    }

    private static bool MayManage(AddressAccess? access, in Entity entity) =>
        access is null || entity.Type.AddressOf(entity) is not { } address || access.Allows(AddressActions.Manage, NodeAddress.Of(address));

    /// <summary>Of the entities that the user may do something to, by name.</summary>
    private static EntityPage PageOf(EntityType type, AddressAccess? access, int skip, int count)
    {
        Entity[] entities = [.. type.List().Where(entity => MayManage(access, entity))];
        Array.Sort(entities, static (a, b) => string.CompareOrdinal(a.Name, b.Name));
        var first = Math.Min(skip, entities.Length);
        return new EntityPage(entities[first..Math.Min(entities.Length, first + count)], entities.Length);
    }

    private static List<object?> Row(in Entity entity, List<string> names)
    {
        var attributes = entity.Type.Read(entity);
        var row = new List<object?>(names.Count);
        foreach (var name in names)
        {
            row.Add(attributes[name]);
        }

        return row;
    }

    /// <summary>The attributes asked for: a list, an array, or a text with commas between them; null for all.</summary>
    private static List<string>? NamesIn(AmqpMap body)
    {
        var names = new List<string>();
        switch (body[AttributeNames] ?? body[new Symbol(AttributeNames)])
        {
            case null:
                return null;
            case string text:
                names.AddRange(text.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries));
                break;
            case System.Collections.IEnumerable list:
                foreach (var item in list)
                {
                    names.Add(item as string ?? (item as Symbol?)?.Value ?? throw NoList());
                }

                break;
            default:
                throw NoList();
        }

        // Once each: an answer is not to be made large by asking for the same again and again.
        return names.Count <= MaxNames
            ? names.Count == 0 ? null : [.. names.Distinct(StringComparer.Ordinal)]
            : throw ManagementException.Bad($"'{AttributeNames}' has {names.Count} names; at most {MaxNames} are allowed.");
    }

    private static ManagementException NoList() =>
        ManagementException.Bad($"'{AttributeNames}' in the body must be a list of strings; leave it out, or leave it empty, for all attributes.");
}
