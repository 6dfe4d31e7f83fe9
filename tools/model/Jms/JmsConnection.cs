using Mamba.Amqp.Client;
using Mamba.Amqp.Messaging;
using Mamba.Amqp.Types;
using Mamba.Tools.Model.Sequences;

namespace Mamba.Tools.Model.Jms;

/// <summary>A JMS connection with a client id, and what its sessions share.</summary>
internal sealed class JmsConnection
{
    private readonly Dictionary<Destination, int> _subscribers = [];
    private readonly AmqpSender _barrier;

    private JmsConnection(string clientId, AmqpConnection amqp, AmqpSession session, AmqpSender barrier)
    {
        ClientId = clientId;
        Amqp = amqp;
        Own = session;
        _barrier = barrier;
    }

    public string ClientId { get; }

    public AmqpConnection Amqp { get; }

    /// <summary>The connection's own session, as Qpid JMS has one.</summary>
    public AmqpSession Own { get; }

    public List<JmsSession> Sessions { get; } = [];

    public static async Task<JmsConnection> OpenAsync(AmqpConnectionOptions broker, string clientId)
    {
        var amqp = await AmqpConnection.ConnectAsync(broker with { ContainerId = clientId, IdleTimeout = TimeSpan.Zero });
        var session = await amqp.CreateSessionAsync();
        var barrier = await session.CreateSenderAsync("model.barrier", new SenderOptions { Capabilities = [new Symbol("topic")] });
        return new JmsConnection(clientId, amqp, session, barrier);
    }

    /// <summary>Ends when the broker has done all that was asked of it on this connection before, and all it sent before has arrived.</summary>
    public async Task BarrierAsync() =>
        (await _barrier.SendAsync(new AmqpMessage { Header = MessageHeader.Default, Body = new ValueBody(null) })).ThrowIfNotAccepted();

    /// <summary>JMS clients count the subscribers of a name, those that have gone included.</summary>
    public int NextSubscriber(Destination target) => _subscribers[target] = _subscribers.GetValueOrDefault(target) + 1;
}
