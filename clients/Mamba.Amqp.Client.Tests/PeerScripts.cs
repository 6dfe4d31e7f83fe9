using Mamba.Amqp.Messaging;
using Mamba.Amqp.Transport;
using Mamba.Broker.Testing;

namespace Mamba.Amqp.Client.Tests;

/// <summary>The openings that most scripts share.</summary>
internal static class PeerScripts
{
    /// <summary>Answers the client up to an open connection, and returns it.</summary>
    public static async Task<AmqpConnection> ConnectAsync(this ScriptedPeer peer, uint maxFrameSize = 65_536)
    {
        peer.ExpectSaslAnonymous();
        peer.Expect<Open>().Respond(_ => new Open { ContainerId = "peer", MaxFrameSize = maxFrameSize });
        return await AmqpConnection.ConnectAsync(peer.Uri);
    }

    /// <summary>Goes on to an open session.</summary>
    public static async Task<AmqpSession> BeginAsync(this ScriptedPeer peer, uint window = 1000, uint maxFrameSize = 65_536)
    {
        var connection = await peer.ConnectAsync(maxFrameSize);
        peer.Expect<Begin>().Respond(_ => new Begin { RemoteChannel = 0, NextOutgoingId = 0, IncomingWindow = window, OutgoingWindow = 1000 });
        return await connection.CreateSessionAsync();
    }

    /// <summary>Answers the attach of a sender, and grants credit.</summary>
    public static void AcceptSender(this ScriptedPeer peer, uint credit = 100, uint window = 1000)
    {
        peer.Expect<Attach>(attach => Assert.That(attach.Role, Is.EqualTo(Role.Sender))).Respond(attach => Answer(attach));
        peer.Grant(credit, window);
    }

    public static void Grant(this ScriptedPeer peer, uint credit, uint window = 1000, uint deliveryCount = 0, uint nextIncomingId = 0, bool drain = false) =>
        peer.Send(new Flow
        {
            NextIncomingId = nextIncomingId,
            IncomingWindow = window,
            NextOutgoingId = 0,
            OutgoingWindow = 1000,
            Handle = 0,
            DeliveryCount = deliveryCount,
            LinkCredit = credit,
            Drain = drain,
        });

    /// <summary>Answers the attach of a receiver.</summary>
    public static void AcceptReceiver(this ScriptedPeer peer) =>
        peer.Expect<Attach>(attach => Assert.That(attach.Role, Is.EqualTo(Role.Receiver))).Respond(attach => Answer(attach));

    /// <summary>Sends a message in one frame.</summary>
    public static void Deliver(this ScriptedPeer peer, uint id, string text, bool settled = false) => peer.Send(
        new Transfer { Handle = 0, DeliveryId = id, DeliveryTag = DeliveryTag.FromUInt64(id), MessageFormat = 0, Settled = settled },
        payload: AmqpMessage.FromValue(text).Encode());

    /// <summary>The attach that grants what was asked for.</summary>
    public static Attach Answer(Attach attach) => new()
    {
        Name = attach.Name,
        Handle = attach.Handle,
        Role = attach.Role == Role.Sender ? Role.Receiver : Role.Sender,
        SndSettleMode = attach.SndSettleMode,
        RcvSettleMode = attach.RcvSettleMode,
        Source = attach.Source,
        Target = attach.Target,
        InitialDeliveryCount = attach.Role == Role.Receiver ? 0 : null,
    };

    /// <summary>Settles one delivery of the client.</summary>
    public static Disposition Settle(uint first, uint last, DeliveryState state, bool settled = true) =>
        new() { Role = Role.Receiver, First = first, Last = last, Settled = settled, State = state };
}
