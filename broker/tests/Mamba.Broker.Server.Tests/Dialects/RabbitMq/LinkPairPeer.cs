using System.Net;
using Mamba.Amqp.Messaging;
using Mamba.Amqp.Transport;
using Mamba.Amqp.Types;
using Mamba.Broker.Server.Tests.Peers;

namespace Mamba.Broker.Server.Tests.Dialects.RabbitMq;

/// <summary>A connection with a link pair to <c>/management</c>, as RabbitMQ's clients open it; asks one thing at a time.</summary>
internal sealed class LinkPairPeer : IAsyncDisposable
{
    public const uint Out = 30;
    public const uint In = 31;
    public const string Own = "$me";

    private uint _sent;

    private LinkPairPeer(RawPeer raw) => Raw = raw;

    public RawPeer Raw { get; }

    public static async Task<LinkPairPeer> ConnectAsync(IPEndPoint endpoint, string? container = null)
    {
        var peer = await RawPeer.BeginAsync(endpoint, container);
        await peer.SendAsync(Requests());
        Assert.That(((Target?)(await peer.NextAsync<Attach>()).Target)?.Address, Is.EqualTo("/management"), () => peer.Trace);
        await peer.CreditAsync(Out);
        await peer.SendAsync(Responses());
        Assert.That((await peer.NextAsync<Attach>()).Source?.Address, Is.EqualTo("/management"), () => peer.Trace);
        await peer.SendAsync(Frames.Credit(In, 1_000));
        return new LinkPairPeer(peer);
    }

    /// <summary>Attach of the half that requests go out on.</summary>
    public static byte[] Requests(string name = "pair", string own = Own, object? paired = null, uint handle = Out) => Frames.Of(new Attach
    {
        Name = name,
        Handle = handle,
        Role = Role.Sender,
        SndSettleMode = SenderSettleMode.Settled,
        Source = new Source { Address = own },
        Target = new Target { Address = "/management" },
        InitialDeliveryCount = 0,
        Properties = new AmqpMap { { new Symbol("paired"), paired ?? true } },
    });

    /// <summary>Attach of the half that responses come in on.</summary>
    public static byte[] Responses(string name = "pair", string own = Own, object? paired = null, uint handle = In, ulong? maxMessageSize = null) => Frames.Of(new Attach
    {
        Name = name,
        Handle = handle,
        Role = Role.Receiver,
        SndSettleMode = SenderSettleMode.Settled,
        Source = new Source { Address = "/management" },
        Target = new Target { Address = own },
        MaxMessageSize = maxMessageSize,
        Properties = new AmqpMap { { new Symbol("paired"), paired ?? true } },
    });

    /// <summary>A request's bytes.</summary>
    public static byte[] Request(object? id, string method, string target, object? body = null) => new AmqpMessage
    {
        Properties = new MessageProperties { MessageId = id, To = target, Subject = method, ReplyTo = Own },
        Body = new ValueBody(body),
    }.Encode();

    /// <summary>Asks and waits for the answer.</summary>
    public async Task<PairedAnswer> AskAsync(string method, string target, object? body = null)
    {
        var id = Guid.NewGuid();
        await Raw.SendAsync(Frames.Transfer(Out, _sent++, Request(id, method, target, body), settled: true));
        var message = (await Raw.ReceiveAsync()).Message;
        Assert.That(message.Properties!.CorrelationId, Is.EqualTo(id), () => Raw.Trace);
        Assert.That(message.ApplicationProperties!["http:response"], Is.EqualTo("1.1"));
        Assert.That(message.Body, Is.InstanceOf<ValueBody>());
        return new PairedAnswer(message.Properties.Subject!, message.Value);
    }

    /// <summary>Asks, and insists on a status.</summary>
    public async Task<PairedAnswer> AskAsync(string status, string method, string target, object? body = null)
    {
        var answer = await AskAsync(method, target, body);
        Assert.That(answer.Status, Is.EqualTo(status), () => $"{method} {target}: {AmqpValue.ToString(answer.Body)}");
        return answer;
    }

    public ValueTask DisposeAsync() => Raw.DisposeAsync();
}

/// <summary>What a response says.</summary>
internal sealed record PairedAnswer(string Status, object? Body)
{
    public AmqpMap Map => (AmqpMap)Body!;

    /// <summary>Why it failed.</summary>
    public string Text => (string)Body!;
}
