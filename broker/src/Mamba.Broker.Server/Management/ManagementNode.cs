using Mamba.Broker.Engine;
using Mamba.Broker.Server.Links;
using Mamba.Broker.Server.Security;
using Microsoft.Extensions.Logging;

namespace Mamba.Broker.Server.Management;

/// <summary>
/// The node at <c>$management</c>: finds what a request is about and carries it out. A few requests are under way at a time, over
/// all connections; the others wait, each connection's in order. Thread-safe.
/// </summary>
internal sealed class ManagementNode(EntityCatalog catalog, ILogger logger, RouteInspector? routes = null)
{
    public const string Address = "$management";

    /// <summary>The type of the node itself, whose name is "self".</summary>
    public const string SelfType = "org.amqp.management";

    /// <summary>The largest request, in bytes.</summary>
    public const int MaxRequestBytes = 64 * 1024;

    /// <summary>Enough that one that waits for the disk holds up nobody, few enough that messages go on.</summary>
    private const int Concurrency = 4;

    private readonly SemaphoreSlim _slots = new(Concurrency, Concurrency);

    /// <summary>Carries out a request. Never throws: whatever goes wrong is a response.</summary>
    /// <param name="request">The request.</param>
    /// <param name="caller">The id of the connection that it came on.</param>
    /// <param name="access">What its user may do; null for everything.</param>
    public async Task<ManagementResponse> ExecuteAsync(ManagementRequest request, long caller, AddressAccess? access)
    {
        await _slots.WaitAsync();
        try
        {
            return await DispatchAsync(request, caller, access);
        }
        catch (ManagementException e)
        {
            return ManagementResponse.Failed(e);
        }
        catch (EngineException e)
        {
            return new ManagementResponse(StatusOf(e.Error), e.Message);
        }
        catch (Exception e)
        {
            ServerLog.ManagementFault(logger, e);
            return new ManagementResponse(ManagementStatus.InternalError, "The request failed inside the broker; see its log.");
        }
        finally
        {
            _slots.Release();
        }
    }

    private static int StatusOf(EngineError error) => error switch
    {
        EngineError.NotFound => ManagementStatus.NotFound,
        EngineError.ResourceLocked or EngineError.Mismatch or EngineError.LimitExceeded => ManagementStatus.Conflict,
        EngineError.NotAllowed => ManagementStatus.BadRequest,
        _ => ManagementStatus.InternalError,
    };

    private async Task<ManagementResponse> DispatchAsync(ManagementRequest request, long caller, AddressAccess? access)
    {
        var operation = request.Text("operation")?.ToUpperInvariant()
            ?? throw ManagementException.Bad("The request has no application property 'operation', such as READ or QUERY.");
        var typeName = request.Text("type");
        if (routes is not null && operation == RouteInspector.Operation && typeName is null or SelfType)
        {
            Require(access, Address);
            return routes.Execute(request);
        }

        if (Array.IndexOf(EntityCatalog.Operations, operation) >= 0 && (typeName is null || string.Equals(typeName, SelfType, StringComparison.Ordinal)))
        {
            return AboutSelf(operation, request, access);
        }

        if (string.Equals(operation, Operation.Create, StringComparison.Ordinal))
        {
            return await CreateAsync(request, typeName, access);
        }

        var entity = Locate(request, typeName);
        var type = entity.Type;
        Require(access, type.AddressOf(entity));
        if (!type.Operations.Contains(operation, StringComparer.Ordinal))
        {
            throw type.Unsupported(operation);
        }

        switch (operation)
        {
            case Operation.Read:
                return ManagementResponse.Ok(type.Read(entity));
            case Operation.Update:
                var changes = new AttributeBody(request.Attributes());
                foreach (var address in type.AddressesOfUpdate(entity, changes))
                {
                    Require(access, address);
                }

                await type.UpdateAsync(entity, changes);
                return ManagementResponse.Ok(type.Read(type.Find(entity.Name) ?? entity));
            case Operation.Delete:
                await type.DeleteAsync(entity, new AttributeBody(request.Attributes()), caller);
                return ManagementResponse.NoContent();
            case Operation.Purge:
                return ManagementResponse.Ok(new Mamba.Amqp.Types.AmqpMap { { "purged", await type.PurgeAsync(entity) } });
            case Operation.Pause or Operation.Resume:
                await type.SetPausedAsync(entity, operation == Operation.Pause);
                return ManagementResponse.Ok(type.Read(entity));
            default:
                throw type.Unsupported(operation);
        }
    }

    private static void Require(AddressAccess? access, string? address)
    {
        if (access is not null && address is not null && !access.Allows(AddressActions.Manage, NodeAddress.Of(address)))
        {
            throw new ManagementException(ManagementStatus.Forbidden, access.Refused(AddressActions.Manage, address).Description!);
        }
    }

    private ManagementResponse AboutSelf(string operation, ManagementRequest request, AddressAccess? access)
    {
        var name = request.Text(Attribute.Identity) ?? request.Text(Attribute.Name);
        return name is null or SelfEntities.Self or SelfType + "/" + SelfEntities.Self
            ? catalog.Execute(operation, request, access)
            : throw ManagementException.NotFound(
                $"{operation} is an operation of the management node, whose name is '{SelfEntities.Self}'; there is none named '{name}'.");
    }

    private async Task<ManagementResponse> CreateAsync(ManagementRequest request, string? typeName, AddressAccess? access)
    {
        var type = catalog.TypeOf(typeName ?? throw ManagementException.Bad("CREATE needs the application property 'type', such as org.mamba.queue."));
        if (!type.Operations.Contains(Operation.Create, StringComparer.Ordinal))
        {
            throw type.Unsupported(Operation.Create);
        }

        var attributes = new AttributeBody(request.Attributes());
        var name = request.Text(Attribute.Name) ?? attributes.Text(Attribute.Name)
            ?? throw ManagementException.Bad("CREATE needs the application property 'name': what the new entity is called.");
        attributes.MustBe(Attribute.Name, name);
        attributes.MustBe(Attribute.Type, type.Name);
        foreach (var address in type.AddressesOfNew(name, attributes))
        {
            Require(access, address);
        }

        return ManagementResponse.Created(type.Read(await type.CreateAsync(name, attributes)));
    }

    /// <summary>The entity of the identity, or of the type and name.</summary>
    private Entity Locate(ManagementRequest request, string? typeName)
    {
        var type = typeName is null ? null : catalog.TypeOf(typeName);
        var name = request.Text(Attribute.Name);
        if (request.Text(Attribute.Identity) is { } identity)
        {
            type = TypeIn(identity, type);
            name = type.NameIn(identity);
        }

        if (type is null || name is null)
        {
            throw ManagementException.Bad("Say which entity is meant: by the application property 'identity', or by 'type' and 'name'.");
        }

        return type.Find(name) ?? throw ManagementException.NotFound($"There is no {type.Name} '{name}'.");
    }

    private EntityType TypeIn(string identity, EntityType? wanted)
    {
        foreach (var type in catalog.Types)
        {
            if ((wanted is null || type == wanted) && type.NameIn(identity) is not null)
            {
                return type;
            }
        }

        throw ManagementException.NotFound($"There is no entity '{identity}'{(wanted is null ? "" : $" of the type {wanted.Name}")}.");
    }
}
