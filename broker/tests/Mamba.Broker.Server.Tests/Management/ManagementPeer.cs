using System.Globalization;
using System.Net;
using Mamba.Amqp.Messaging;
using Mamba.Amqp.Transport;
using Mamba.Amqp.Types;
using Mamba.Broker.Server.Tests.Peers;

namespace Mamba.Broker.Server.Tests.Management;

/// <summary>A connection with a link to the management node and one from it; asks one thing at a time.</summary>
internal sealed class ManagementPeer : IAsyncDisposable
{
    public const uint Out = 20;
    public const uint In = 21;
    public const string ReplyTo = "answers";

    private uint _sent;

    private ManagementPeer(RawPeer raw) => Raw = raw;

    public RawPeer Raw { get; }

    public static async Task<ManagementPeer> ConnectAsync(IPEndPoint endpoint, string? container = null)
    {
        var peer = await RawPeer.BeginAsync(endpoint, container);
        await peer.SendAsync(Replies(In, ReplyTo));
        Assert.That((await peer.NextAsync<Attach>()).Source?.Address, Is.EqualTo("$management"), () => peer.Trace);
        await peer.SendAsync(Frames.Credit(In, 1_000));
        await peer.AttachSenderAsync(Out, "$management");
        return new ManagementPeer(peer);
    }

    /// <summary>Attach of a receiver from the node whose own address is named.</summary>
    public static byte[] Replies(uint handle, string? own, ulong? maxMessageSize = null) => Frames.Of(new Attach
    {
        Name = string.Create(CultureInfo.InvariantCulture, $"replies-{handle}"),
        Handle = handle,
        Role = Role.Receiver,
        Source = new Source { Address = "$management" },
        Target = new Target { Address = own },
        MaxMessageSize = maxMessageSize,
    });

    /// <summary>A request's bytes.</summary>
    public static byte[] Request(string operation, string? type = null, string? name = null, object? body = null, object? id = null, string? replyTo = ReplyTo, AmqpMap? more = null)
    {
        var properties = new AmqpMap { { "operation", operation } };
        if (type is not null)
        {
            properties.Add("type", type);
        }

        if (name is not null)
        {
            properties.Add("name", name);
        }

        foreach (var (key, value) in more ?? [])
        {
            properties.Add(key, value);
        }

        return new AmqpMessage
        {
            Properties = new MessageProperties { MessageId = id, ReplyTo = replyTo },
            ApplicationProperties = properties,
            Body = body is null ? null : new ValueBody(body),
        }.Encode();
    }

    /// <summary>Asks and waits for the answer.</summary>
    public async Task<Answer> AskAsync(string operation, string? type = null, string? name = null, AmqpMap? body = null, AmqpMap? more = null)
    {
        var id = (ulong)_sent;
        await Raw.SendAsync(Frames.Transfer(Out, _sent++, Request(operation, type, name, body, id, more: more), settled: true));
        var received = await Raw.ReceiveAsync();
        Assert.That(received.Message.Properties!.CorrelationId, Is.EqualTo(id), () => Raw.Trace);
        return Answer.Of(received.Message);
    }

    /// <summary>One attribute of an entity.</summary>
    public async Task<object?> ReadAsync(string type, string name, string attribute)
    {
        var answer = await AskAsync("READ", type, name);
        Assert.That(answer.Status, Is.EqualTo(200), answer.Description);
        return answer.Map[attribute];
    }

    /// <summary>The rows of a query: of each entity that fits the filters, so many attributes.</summary>
    public async Task<List<List<object?>>> QueryAsync(string type, AmqpMap? filters, params string[] attributes)
    {
        var more = filters?.Clone() ?? [];
        more.Add("entityType", type);
        var answer = await AskAsync("QUERY", body: new AmqpMap { { "attributeNames", new List<object?>(attributes) } }, more: more);
        Assert.That(answer.Status, Is.EqualTo(200), answer.Description);
        return [.. ((List<object?>)answer.Map["results"]!).Cast<List<object?>>()];
    }

    public ValueTask DisposeAsync() => Raw.DisposeAsync();
}

/// <summary>What a response says.</summary>
internal sealed record Answer(int Status, string Description, object? Body)
{
    public AmqpMap Map => (AmqpMap)Body!;

    public static Answer Of(AmqpMessage message) => new(
        (int)message.ApplicationProperties!["statusCode"]!, (string)message.ApplicationProperties["statusDescription"]!, message.Value);
}
