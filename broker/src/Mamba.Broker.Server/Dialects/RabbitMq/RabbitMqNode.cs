using Mamba.Broker.Engine;
using Mamba.Broker.Server.Links;
using Mamba.Broker.Server.Management;
using Mamba.Broker.Server.Security;

namespace Mamba.Broker.Server.Dialects.RabbitMq;

/// <summary>
/// What RabbitMQ 4 clients ask at <c>/management</c>: queues, exchanges and bindings, by paths and methods as of HTTP. A few requests at a
/// time for the whole broker. Thread-safe.
/// </summary>
internal sealed class RabbitMqNode(ServerContext server)
{
    private const int Concurrency = 4;

    private readonly SemaphoreSlim _slots = new(Concurrency, Concurrency);
    private readonly QueueResource _queues = new(server);
    private readonly ExchangeResource _exchanges = new(server);
    private readonly BindingResource _bindings = new(server);

    /// <summary>Carries out a request. Never throws: whatever goes wrong is a response.</summary>
    public async Task<PairedResponse> ExecuteAsync(PairedRequest request, PairedCaller caller)
    {
        await _slots.WaitAsync();
        try
        {
            return await DispatchAsync(request, caller);
        }
        catch (PairedException e)
        {
            return new PairedResponse(e.Status, e.Message);
        }
        catch (EngineException e)
        {
            return new PairedResponse(StatusOf(e.Error), e.Message);
        }
        catch (Exception e)
        {
            ServerLog.ManagementFault(server.Logger, e);
            return new PairedResponse(500, "The request failed inside the broker; see its log.");
        }
        finally
        {
            _slots.Release();
        }
    }

    /// <summary>What an exchange is called in rules of security.permissions, apart from the queue of the same name.</summary>
    public static string PermissionName(string exchange) => ExchangeAddress.Prefix + exchange;

    /// <exception cref="PairedException">403.</exception>
    public static void Require(PairedCaller caller, AddressActions anyOf, string address)
    {
        if (caller.Access is { } access && !access.Allows(anyOf, new NodeAddress(address, NodeKind.Queue, IsTemporary: false)))
        {
            throw PairedException.Forbidden(access.Refused(anyOf.HasFlag(AddressActions.Manage) ? AddressActions.Manage : anyOf, address).Description!);
        }
    }

    /// <summary>Whether something may be declared under a name.</summary>
    /// <exception cref="PairedException">400: it is no name; 403: it is the broker's own.</exception>
    public static void CheckName(string what, string name)
    {
        if (new NodeAddress(name, NodeKind.Queue, IsTemporary: false).Fault() is { } fault)
        {
            throw PairedException.Bad($"'{name}' cannot be the name of a {what}: {fault}");
        }

        if (name.StartsWith("amq.", StringComparison.Ordinal) || name[0] == '$' || MessageEngine.IsTemporaryName(name))
        {
            throw PairedException.Forbidden($"{what} '{name}' cannot be declared: names that begin with 'amq.', '$' or 'temp-' are the broker's own; choose another");
        }
    }

    private Task<PairedResponse> DispatchAsync(PairedRequest request, PairedCaller caller) => request.Segments switch
    {
        ["queues", var name] => OnQueueAsync(request, NameIn(name), caller),
        ["queues", var name, "messages"] => request.Method == "DELETE" ? _queues.PurgeAsync(NameIn(name), caller) : throw NotAllowed(request, "DELETE"),
        ["exchanges", var name] => OnExchangeAsync(request, NameIn(name), caller),
        ["bindings"] => OnBindingsAsync(request, caller),
        ["bindings", var segment] => request.Method == "DELETE" ? _bindings.DeleteAsync(segment, caller) : throw NotAllowed(request, "DELETE"),
        ["auth", "tokens"] => throw NotImplemented("this broker knows no tokens: connect again with other credentials"),
        _ => throw PairedException.NotFound($"there is nothing at '{request.Target}': ask for /queues/NAME, /exchanges/NAME or /bindings"),
    };

    private Task<PairedResponse> OnQueueAsync(PairedRequest request, string name, PairedCaller caller) => request.Method switch
    {
        "GET" => Task.FromResult(_queues.Get(name, caller)),
        "PUT" => _queues.PutAsync(name, request.Body, caller),
        "DELETE" => _queues.DeleteAsync(name, caller),
        _ => throw NotAllowed(request, "GET, PUT, DELETE"),
    };

    private Task<PairedResponse> OnExchangeAsync(PairedRequest request, string name, PairedCaller caller) => request.Method switch
    {
        "PUT" => _exchanges.PutAsync(name, request.Body, caller),
        "DELETE" => _exchanges.DeleteAsync(name, caller),
        _ => throw NotAllowed(request, "PUT, DELETE"),
    };

    private Task<PairedResponse> OnBindingsAsync(PairedRequest request, PairedCaller caller) => request.Method switch
    {
        "GET" => Task.FromResult(_bindings.Get(request, caller)),
        "POST" => _bindings.PostAsync(request.Body, caller),
        _ => throw NotAllowed(request, "GET, POST"),
    };

    private static string NameIn(string segment) => PairedRequest.Decoded(segment, "the name");

    private static PairedException NotAllowed(PairedRequest request, string methods) =>
        new(405, $"the method '{request.Method}' is not allowed for '{request.Target}'; there is {methods}");

    private static PairedException NotImplemented(string text) => new(ManagementStatus.NotImplemented, text);

    private static int StatusOf(EngineError error) => error switch
    {
        EngineError.NotFound => 404,
        EngineError.Mismatch => 409,
        EngineError.LimitExceeded => 403,
        EngineError.ResourceLocked or EngineError.NotAllowed => 400,
        _ => 500,
    };
}
