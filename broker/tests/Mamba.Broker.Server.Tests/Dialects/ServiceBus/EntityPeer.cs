using System.Net;
using Mamba.Amqp.Messaging;
using Mamba.Amqp.Transport;
using Mamba.Amqp.Types;
using Mamba.Broker.Server.Tests.Peers;
using Mamba.Broker.Server.Tests.Security;

namespace Mamba.Broker.Server.Tests.Dialects.ServiceBus;

/// <summary>A connection of a Service Bus client that has shown a token for everything.</summary>
internal sealed class EntityPeer : IAsyncDisposable
{
    public const uint BatchFormat = 0x80013700;

    private const uint Out = 40;
    private const uint In = 41;

    private uint _sent = 1;

    private EntityPeer(RawPeer raw) => Raw = raw;

    public RawPeer Raw { get; }

    public static async Task<EntityPeer> ConnectAsync(IPEndPoint endpoint)
    {
        var peer = await ClaimsPeer.ConnectAsync(endpoint);
        Assert.That((await peer.PutAsync("sb://broker.example/")).Status, Is.EqualTo(202));
        return new EntityPeer(peer.Raw);
    }

    /// <summary>Sends a message and waits for its outcome.</summary>
    public Task<DeliveryState?> PublishAsync(uint handle, byte[] message) => Raw.PublishAsync(handle, _sent++, message);

    /// <summary>Sends messages in one transfer.</summary>
    public async Task<DeliveryState?> PublishBatchAsync(uint handle, params byte[][] messages)
    {
        await SendBatchAsync(handle, settled: false, messages);
        return (await Raw.NextAsync<Disposition>()).State;
    }

    public Task SendBatchAsync(uint handle, bool settled, params byte[][] messages)
    {
        var transfer = new Transfer
        {
            Handle = handle, DeliveryId = _sent, DeliveryTag = DeliveryTag.FromUInt64(_sent++), MessageFormat = BatchFormat, Settled = settled,
        };
        return Raw.SendAsync(Frames.Of(transfer, payload: new AmqpMessage { Body = new DataBody(messages) }.Encode()));
    }

    /// <summary>Attaches to the management node of an entity.</summary>
    public async Task ManageAsync(string entity, uint credit = 100)
    {
        await Raw.AttachSenderAsync(Out, $"{entity}/$management");
        await Raw.SendAsync(Frames.Of(new Attach
        {
            Name = "answers", Handle = In, Role = Role.Receiver, Source = new Source { Address = $"{entity}/$management" }, Target = new Target { Address = "answers" },
        }));
        await Raw.NextAsync<Attach>();
        await Raw.SendAsync(Frames.Credit(In, credit));
    }

    /// <summary>Asks the management node, in as many frames as it takes.</summary>
    public async Task RequestAsync(string? operation, AmqpMap? body = null, AmqpMap? more = null)
    {
        const int frame = 500_000;
        AmqpMap properties = more ?? [];
        if (operation is not null)
        {
            properties.Add("operation", operation);
        }

        var request = new AmqpMessage
        {
            Properties = new MessageProperties { MessageId = (ulong)_sent, ReplyTo = "answers" },
            ApplicationProperties = properties,
            Body = new ValueBody(body),
        }.Encode();
        var id = _sent++;
        for (var at = 0; at < request.Length; at += frame)
        {
            var end = Math.Min(at + frame, request.Length);
            await Raw.SendAsync(Frames.Transfer(Out, id, request[at..end], settled: true, more: end < request.Length));
        }
    }

    /// <summary>Asks the management node and waits for its answer.</summary>
    public async Task<EntityAnswer> AskAsync(string? operation, AmqpMap? body = null, AmqpMap? more = null)
    {
        await RequestAsync(operation, body, more);
        var answer = (await Raw.ReceiveAsync()).Message;
        var told = answer.ApplicationProperties!;
        return new EntityAnswer((int)told["statusCode"]!, (string)told["statusDescription"]!, (told["errorCondition"] as Symbol?)?.Value, answer.Value as AmqpMap);
    }

    public ValueTask DisposeAsync() => Raw.DisposeAsync();
}

/// <summary>What a management node of an entity says.</summary>
internal sealed record EntityAnswer(int Status, string Description, string? Condition, AmqpMap? Body);
