using Mamba.Amqp.Client;
using Mamba.Amqp.Messaging;
using Mamba.Amqp.Types;
using Mamba.Tools.Model.Modelling;

namespace Mamba.Tools.Model.Jms;

/// <summary>What an operator does, over <c>$management</c>. One request at a time.</summary>
internal sealed class ManagementClient : IAsyncDisposable
{
    private const string Node = "$management";

    private readonly AmqpConnection _connection;
    private readonly AmqpSender _requests;
    private readonly AmqpReceiver _responses;

    private ManagementClient(AmqpConnection connection, AmqpSender requests, AmqpReceiver responses)
    {
        _connection = connection;
        _requests = requests;
        _responses = responses;
    }

    public static async Task<ManagementClient> ConnectAsync(AmqpConnectionOptions broker)
    {
        var connection = await AmqpConnection.ConnectAsync(broker with { IdleTimeout = TimeSpan.Zero });
        var session = await connection.CreateSessionAsync();
        return new ManagementClient(connection, await session.CreateSenderAsync(Node), await session.CreateReceiverAsync(Node));
    }

    /// <summary>Removes what nobody holds from a queue; how many messages that was.</summary>
    public async Task<long> PurgeAsync(string queue)
    {
        var body = await AskAsync(new AmqpMap { ["operation"] = "PURGE", ["type"] = "org.mamba.queue", ["name"] = queue }, null);
        return Convert.ToInt64(((AmqpMap)body!)["purged"], System.Globalization.CultureInfo.InvariantCulture);
    }

    /// <summary>Deletes a queue with all that is in it.</summary>
    public Task DeleteAsync(string queue) => AskAsync(new AmqpMap { ["operation"] = "DELETE", ["type"] = "org.mamba.queue", ["name"] = queue }, null);

    /// <summary>Messages on a queue, those that somebody holds and those on their way elsewhere included.</summary>
    public async Task<long> DepthAsync(string queue)
    {
        var body = await AskAsync(new AmqpMap { ["operation"] = "READ", ["type"] = "org.mamba.queue", ["name"] = queue }, null);
        return Convert.ToInt64(((AmqpMap)body!)["depth"], System.Globalization.CultureInfo.InvariantCulture);
    }

    /// <summary>Makes a queue that treats its messages in a way of its own.</summary>
    public Task CreateQueueAsync(string name, QueueKind kind, int retryDelay) => AskAsync(new AmqpMap { ["operation"] = "CREATE", ["type"] = "org.mamba.queue", ["name"] = name }, kind switch
    {
        QueueKind.LastValue => new AmqpMap { ["lastValueKey"] = "color" },
        _ => new AmqpMap
        {
            ["retryDelay"] = (long)retryDelay,
            ["retryMaxDelay"] = (long)TimeSpan.FromDays(100).TotalMilliseconds,
            ["retryMultiplier"] = (double)RetrySchedule.Multiplier,
            ["retryJitter"] = 0.0,
            ["retryOrder"] = kind == QueueKind.RetryInOrder ? "group" : "free",
        },
    });

    /// <summary>Whether a connection with that client id exists.</summary>
    public async Task<bool> IsConnectedAsync(string clientId)
    {
        var wanted = new AmqpMap { ["attributeNames"] = new List<object?> { "containerId" } };
        var body = (AmqpMap)(await AskAsync(new AmqpMap { ["operation"] = "QUERY", ["entityType"] = "org.mamba.connection" }, wanted))!;
        return ((List<object?>)body["results"]!).Exists(row => Equals(((List<object?>)row!)[0], clientId));
    }

    public ValueTask DisposeAsync() => _connection.DisposeAsync();

    private async Task<object?> AskAsync(AmqpMap properties, AmqpMap? body)
    {
        var request = new AmqpMessage
        {
            Properties = new MessageProperties { MessageId = "request", ReplyTo = _connection.ContainerId },
            ApplicationProperties = properties,
            Body = body is null ? null : new ValueBody(body),
        };
        (await _requests.SendAsync(request)).ThrowIfNotAccepted();
        var response = await _responses.ReceiveAsync();
        await _responses.AcceptAsync(response);
        var status = response.Message.ApplicationProperties!["statusCode"];
        return status is int and < 300
            ? response.Message.Value
            : throw new InvalidOperationException($"{properties["operation"]}: {status} {response.Message.ApplicationProperties["statusDescription"]}");
    }
}
