using Mamba.Amqp.Types;

namespace Mamba.Broker.Server.Management;

/// <summary>
/// Entities of one kind and what can be done with them. Members may be called on any thread and may wait. An entity's identity is
/// the prefix of its type, a slash and its name, so that it is one of all entities and never changes.
/// </summary>
/// <param name="name">The type's name in requests.</param>
/// <param name="prefix">The first part of identities; no slash.</param>
internal abstract class EntityType(string name, string prefix)
{
    public string Name { get; } = name;

    /// <summary>The attributes that READ gives and QUERY can be asked for, in this order.</summary>
    public abstract IReadOnlyList<string> Attributes { get; }

    /// <summary>The operations it has, upper case.</summary>
    public abstract IReadOnlyList<string> Operations { get; }

    /// <summary>All entities there are, in no order.</summary>
    public abstract IEnumerable<Entity> List();

    /// <summary>A part of the entities in an order of the type's own, for QUERY; null where all are listed and sorted by name.</summary>
    /// <param name="request">The request: types may know filters of their own.</param>
    /// <param name="skip">Entities before the part, 0 or more.</param>
    /// <param name="count">Most that are wanted, 0 to <see cref="EntityCatalog.MaxRows"/>.</param>
    public virtual EntityPage? Page(ManagementRequest request, int skip, int count) => null;

    /// <summary>The entity of a name, or null.</summary>
    public abstract Entity? Find(string name);

    /// <summary>Every attribute of an entity.</summary>
    public AmqpMap Read(in Entity entity)
    {
        var map = new AmqpMap(Attributes.Count)
        {
            { Attribute.Name, entity.Name },
            { Attribute.Identity, IdentityOf(entity.Name) },
            { Attribute.Type, Name },
        };
        Describe(entity.Handle, map);
        return map;
    }

    public string IdentityOf(string entity) => $"{prefix}/{entity}";

    /// <summary>The name in an identity of this type, or null when it is of another.</summary>
    public string? NameIn(string identity) =>
        identity.Length > prefix.Length && identity[prefix.Length] == '/' && identity.StartsWith(prefix, StringComparison.Ordinal)
            ? identity[(prefix.Length + 1)..]
            : null;

    /// <summary>The address whose rules say who may do something to an entity; null for everybody.</summary>
    public virtual string? AddressOf(in Entity entity) => ManagementNode.Address;

    /// <summary>The addresses whose rules say who may make an entity.</summary>
    public virtual IEnumerable<string> AddressesOfNew(string name, AttributeBody attributes) => [ManagementNode.Address];

    /// <summary>The addresses, beside its own, whose rules say who may change an entity so.</summary>
    public virtual IEnumerable<string> AddressesOfUpdate(Entity entity, AttributeBody attributes) => [];

    /// <summary>Makes an entity and returns it; fails with 409 when it is there.</summary>
    public virtual Task<Entity> CreateAsync(string name, AttributeBody attributes) => throw Unsupported(Operation.Create);

    /// <summary>Changes attributes.</summary>
    public virtual Task UpdateAsync(Entity entity, AttributeBody attributes) => throw Unsupported(Operation.Update);

    /// <summary>Ends an entity.</summary>
    /// <param name="entity">The entity.</param>
    /// <param name="conditions">What the body says.</param>
    /// <param name="caller">The connection that the request came on.</param>
    public virtual Task DeleteAsync(Entity entity, AttributeBody conditions, long caller) => throw Unsupported(Operation.Delete);

    /// <summary>Removes the messages of an entity that nobody holds; how many.</summary>
    public virtual Task<long> PurgeAsync(Entity entity) => throw Unsupported(Operation.Purge);

    /// <summary>Stops deliveries from an entity, or lets them go on.</summary>
    public virtual Task SetPausedAsync(Entity entity, bool paused) => throw Unsupported(paused ? Operation.Pause : Operation.Resume);

    /// <summary>Adds the attributes other than name, identity and type.</summary>
    protected abstract void Describe(object handle, AmqpMap into);

    public ManagementException Unsupported(string operation) => new(
        ManagementStatus.NotImplemented,
        $"The type {Name} has no operation {operation}; it has {string.Join(", ", Operations)}.");
}

/// <summary>One entity: its type, its name within the type, and what stands behind it.</summary>
internal readonly record struct Entity(EntityType Type, string Name, object Handle);

/// <summary>Some entities, and how many there are in all.</summary>
internal sealed record EntityPage(IReadOnlyList<Entity> Entities, long Total);

/// <summary>Attributes that every entity has, and those that several types share.</summary>
internal static class Attribute
{
    public const string Name = "name";
    public const string Identity = "identity";
    public const string Type = "type";
    public const string Address = "address";
    public const string Durable = "durable";
}

/// <summary>The names of operations.</summary>
internal static class Operation
{
    public const string Create = "CREATE";
    public const string Read = "READ";
    public const string Update = "UPDATE";
    public const string Delete = "DELETE";
    public const string Purge = "PURGE";
    public const string Pause = "PAUSE";
    public const string Resume = "RESUME";
    public const string Query = "QUERY";
    public const string GetTypes = "GET-TYPES";
    public const string GetAttributes = "GET-ATTRIBUTES";
    public const string GetOperations = "GET-OPERATIONS";
    public const string GetManagementNodes = "GET-MGMT-NODES";
}
