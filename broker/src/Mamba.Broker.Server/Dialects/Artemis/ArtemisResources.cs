using System.Text.Json;
using System.Text.Json.Nodes;
using Mamba.Amqp.Types;
using Mamba.Broker.Server.Management;
using Mamba.Broker.Server.Security;

namespace Mamba.Broker.Server.Dialects.Artemis;

/// <summary>
/// The attributes and operations of Artemis' controls for the broker, its queues and its addresses, as far as Mamba has what they are
/// about; each is one or two requests to the <see cref="ManagementNode"/>, which so decides what may be. Names of attributes count
/// without regard to case, and also as operations: <c>MessageCount</c>, <c>messageCount</c>, <c>getMessageCount</c>.
/// </summary>
/// <param name="management">Who carries requests out.</param>
/// <param name="caller">The id of the connection that asks.</param>
/// <param name="access">What its user may do; null for everything.</param>
internal sealed class ArtemisResources(ManagementNode management, long caller, AddressAccess? access)
{
    private const string Queue = "org.mamba.queue";
    private const string Topic = "org.mamba.topic";
    private const string Broker = "org.mamba.broker";
    private const string Connection = "org.mamba.connection";
    private const string Anycast = "ANYCAST";
    private const string Multicast = "MULTICAST";

    /// <summary>Attributes of Artemis' queue control, and ours.</summary>
    private static readonly Dictionary<string, string> QueueAttributes = new(StringComparer.OrdinalIgnoreCase)
    {
        ["name"] = "name",
        ["address"] = "address",
        ["messageCount"] = "depth",
        ["persistentSize"] = "bytes",
        ["consumerCount"] = "consumers",
        ["deliveringCount"] = "acquired",
        ["messagesAdded"] = "enqueued",
        ["messagesAcknowledged"] = "dequeued",
        ["messagesExpired"] = "expired",
        ["messagesKilled"] = "deadLettered",
        ["paused"] = "paused",
        ["durable"] = "durable",
        ["temporary"] = "temporary",
        ["deadLetterAddress"] = "deadLetterAddress",
        ["expiryAddress"] = "expiryAddress",
    };

    /// <summary>Attributes of Artemis' address control, and ours of the queue or topic of that address.</summary>
    private static readonly Dictionary<string, string> AddressAttributes = new(StringComparer.OrdinalIgnoreCase)
    {
        ["address"] = "address",
        ["messageCount"] = "depth",
        ["numberOfMessages"] = "depth",
        ["routedMessageCount"] = "enqueued",
        ["addressSize"] = "bytes",
        ["paused"] = "paused",
        ["temporary"] = "temporary",
    };

    /// <summary>The result as JSON; null for an operation without one.</summary>
    /// <exception cref="ManagementException">Why it is not carried out.</exception>
    public Task<JsonNode?> ExecuteAsync(ArtemisRequest request)
    {
        var dot = request.Resource.IndexOf('.', StringComparison.Ordinal);
        var name = request.Resource[(dot + 1)..];
        return (dot < 0 ? request.Resource : request.Resource[..dot]) switch
        {
            "broker" when dot < 0 => AboutBrokerAsync(request),
            "queue" when dot > 0 => AboutQueueAsync(request, name),
            "address" when dot > 0 => AboutAddressAsync(request, name),
            _ => throw ManagementException.NotFound($"There is no resource '{request.Resource}'; there are 'broker', 'queue.NAME' and 'address.NAME'."),
        };
    }

    private async Task<JsonNode?> AboutBrokerAsync(ArtemisRequest request) => Word(request) switch
    {
        "version" => Json((await ReadAsync(Broker, "broker"))["version"]),
        "started" => true,
        "uptimemillis" => Json((await ReadAsync(Broker, "broker"))["uptimeMilliseconds"]),
        "connectioncount" => Json((await ReadAsync(Broker, "broker"))["connections"]),
        "queuenames" => await QueueNamesAsync(request),
        "addressnames" => Names([.. await NamesAsync(Queue), .. await NamesAsync(Topic)]),
        "queuecount" => (await NamesAsync(Queue)).Count,
        "addresscount" => (await NamesAsync(Queue)).Count + (await NamesAsync(Topic)).Count,
        "totalmessagecount" => await SumAsync("depth"),
        "totalconsumercount" => await SumAsync("consumers"),
        "totalmessagesadded" => await SumAsync("enqueued"),
        "totalmessagesacknowledged" => await SumAsync("dequeued"),
        "listconnectionids" => Names(await NamesAsync(Connection)),
        "closeconnectionwithid" => await CloseConnectionAsync(request.Text(0)),
        "createqueue" => await CreateQueueAsync(request),
        "destroyqueue" => await DoneAsync(Operation.Delete, Queue, request.Text(0)),
        "createaddress" => await CreateAddressAsync(request.Text(0), request.Text(1)),
        "deleteaddress" => await DoneAsync(Operation.Delete, await TypeOfAsync(request.Text(0)), request.Text(0)),
        _ => throw Unknown(request, "the broker"),
    };

    private async Task<JsonNode?> AboutQueueAsync(ArtemisRequest request, string name)
    {
        var word = Word(request);
        if (QueueAttributes.TryGetValue(word, out var attribute))
        {
            return Json((await ReadAsync(Queue, name))[attribute]);
        }

        return word switch
        {
            "routingtype" => (await ReadAsync(Queue, name)).Count > 0 ? Anycast : null,
            "countmessages" when request.Arguments.Count == 0 => Json((await ReadAsync(Queue, name))["depth"]),
            "pause" => await DoneAsync(Operation.Pause, Queue, name),
            "resume" => await DoneAsync(Operation.Resume, Queue, name),
            "removeallmessages" => Json(((AmqpMap)(await DoAsync(Operation.Purge, Queue, name))!)["purged"]),
            _ => throw Unknown(request, "a queue"),
        };
    }

    private async Task<JsonNode?> AboutAddressAsync(ArtemisRequest request, string name)
    {
        var word = Word(request);
        var type = await TypeOfAsync(name);
        if (AddressAttributes.TryGetValue(word, out var attribute))
        {
            return Json((await ReadAsync(type, name))[attribute]);
        }

        return word switch
        {
            "routingtypes" => Names([type == Queue ? Anycast : Multicast]),
            "queuenames" => Names(type == Queue ? [name] : []),
            "pause" => await DoneAsync(Operation.Pause, type, name),
            "resume" => await DoneAsync(Operation.Resume, type, name),
            _ => throw Unknown(request, "an address"),
        };
    }

    /// <summary>createQueue with Artemis' queue configuration as JSON, or with address, name and more as arguments.</summary>
    private async Task<JsonNode?> CreateQueueAsync(ArtemisRequest request)
    {
        var first = request.Text(0);
        var (name, address, routing) = first.StartsWith('{') ? Configured(first) : (TextOr(request, 1, first), first, TextOr(request, 2, Anycast));
        if (!string.Equals(name, address, StringComparison.Ordinal) || string.Equals(routing, Multicast, StringComparison.OrdinalIgnoreCase))
        {
            throw ManagementException.Bad(
                $"The queue '{name}' of the address '{address}', {routing}, cannot be made: a queue has the name of its address here, and subscriptions of a topic "
                + "are made by who subscribes. Ask for one ANYCAST queue with the address as its name.");
        }

        return await DoneAsync(Operation.Create, Queue, name);
    }

    private static (string Name, string Address, string Routing) Configured(string json)
    {
        try
        {
            using var document = JsonDocument.Parse(json);
            var root = document.RootElement;
            var name = Member(root, "name") ?? Member(root, "address");
            return name is null
                ? throw ManagementException.Bad("The configuration of the new queue has no 'name'.")
                : (name, Member(root, "address") ?? name, Member(root, "routing-type") ?? Anycast);
        }
        catch (JsonException e)
        {
            throw ManagementException.Bad($"The configuration of the new queue is no JSON object: {e.Message}");
        }
    }

    private static string? Member(JsonElement element, string name)
    {
        try
        {
            return element.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String ? ArtemisRequest.TextOf(value) : null;
        }
        catch (InvalidOperationException)
        {
            throw ManagementException.Bad("The configuration of the new queue has a name that is no text: half of a surrogate pair stands for no character.");
        }
    }

    private static string TextOr(ArtemisRequest request, int index, string otherwise) =>
        index < request.Arguments.Count && request.Arguments[index].ValueKind == JsonValueKind.String ? request.Text(index) : otherwise;

    private async Task<JsonNode?> CreateAddressAsync(string name, string routing) => routing.ToUpperInvariant() switch
    {
        Anycast => await DoneAsync(Operation.Create, Queue, name),
        Multicast => await DoneAsync(Operation.Create, Topic, name),
        _ => throw ManagementException.Bad($"An address is either {Anycast}, a queue, or {Multicast}, a topic; it is asked to be '{routing}'."),
    };

    /// <summary>Whether there was such a connection.</summary>
    private async Task<JsonNode> CloseConnectionAsync(string id)
    {
        try
        {
            await DoAsync(Operation.Delete, Connection, id);
            return true;
        }
        catch (ManagementException e) when (e.Status == ManagementStatus.NotFound)
        {
            return false;
        }
    }

    private async Task<JsonNode> QueueNamesAsync(ArtemisRequest request) =>
        string.Equals(TextOr(request, 0, Anycast), Multicast, StringComparison.OrdinalIgnoreCase) ? new JsonArray() : Names(await NamesAsync(Queue));

    private async Task<string> TypeOfAsync(string address)
    {
        var found = await management.ExecuteAsync(ManagementRequest.Of(Operation.Read, Topic, address), caller, access);
        return found.Status == ManagementStatus.NotFound ? Queue : Topic;
    }

    private async Task<AmqpMap> ReadAsync(string type, string name) => (AmqpMap)(await DoAsync(Operation.Read, type, name))!;

    private async Task<List<string>> NamesAsync(string type) => [.. (await ColumnAsync(type, "name")).OfType<string>()];

    private async Task<JsonNode> SumAsync(string attribute) =>
        (await ColumnAsync(Queue, attribute)).Sum(static value => Whole.Read(value) ?? 0) + (await ColumnAsync(Topic, attribute)).Sum(static value => Whole.Read(value) ?? 0);

    /// <summary>One attribute of everything of a type, a part at a time.</summary>
    private async Task<List<object?>> ColumnAsync(string type, string attribute)
    {
        var column = new List<object?>();
        long total;
        do
        {
            var page = (AmqpMap)(await SucceedAsync(ManagementRequest.OfQuery(type, [attribute], column.Count)))!;
            var rows = (List<object?>)page["results"]!;
            column.AddRange(rows.Select(static row => ((List<object?>)row!)[0]));
            total = rows.Count == 0 ? 0 : (long)page["total"]!;
        }
        while (column.Count < total);

        return column;
    }

    private async Task<JsonNode?> DoneAsync(string operation, string type, string name)
    {
        await DoAsync(operation, type, name);
        return null;
    }

    private Task<object?> DoAsync(string operation, string type, string name) => SucceedAsync(ManagementRequest.Of(operation, type, name));

    private async Task<object?> SucceedAsync(ManagementRequest request)
    {
        var response = await management.ExecuteAsync(request, caller, access);
        return response.Status < ManagementStatus.BadRequest ? response.Body : throw new ManagementException(response.Status, response.Description);
    }

    /// <summary>The name as it is compared: an operation that only reads an attribute is that attribute.</summary>
    private static string Word(ArtemisRequest request)
    {
        var word = request.Name.ToLowerInvariant();
        return request.IsAttribute ? word
            : word.StartsWith("get", StringComparison.Ordinal) ? word[3..]
            : word.StartsWith("is", StringComparison.Ordinal) ? word[2..]
            : word;
    }

    private static JsonArray Names(IEnumerable<string> names) => [.. names.Select(static name => (JsonNode)name)];

    private static JsonNode? Json(object? value) => value switch
    {
        null => null,
        bool flag => flag,
        string text => text,
        _ => Whole.Read(value) is { } number ? number : value.ToString(),
    };

    private static ManagementException Unknown(ArtemisRequest request, string what) => new(
        ManagementStatus.NotImplemented,
        $"The {(request.IsAttribute ? "attribute" : "operation")} '{request.Name}' of {what} is not known here; see broker/docs/management.md for those that are, "
        + "and $management for everything else.");
}
