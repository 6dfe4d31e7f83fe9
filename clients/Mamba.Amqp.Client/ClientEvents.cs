using Mamba.Amqp.Endpoints;
using Mamba.Amqp.Messaging;
using Mamba.Amqp.Sasl;
using Mamba.Amqp.Transport;

namespace Mamba.Amqp.Client;

/// <summary>Takes what the engine tells and hands it to the session or link it is about. Always within a turn.</summary>
internal sealed class ClientEvents(AmqpConnection connection) : IConnectionHandler
{
    public void OnSaslInit(string mechanism, ReadOnlySpan<byte> initialResponse, string? hostname) => throw NotAServer();

    public void OnSaslResponse(ReadOnlySpan<byte> response) => throw NotAServer();

    public void OnSaslOutcome(SaslCode code)
    {
        if (code != SaslCode.Ok)
        {
            connection.OnAuthenticationFailed($"it answered {code}");
        }
    }

    public void OnOpen(Open remote) => connection.OnOpened(remote);

    public void OnClose(AmqpError? error) => connection.OnClosed(error);

    public void OnBegin(SessionEndpoint session, Begin remote)
    {
        if (session.Tag is AmqpSession ours)
        {
            ours.OnBegun();
            return;
        }

        session.End(new AmqpError(ErrorCondition.NotAllowed, "this client begins its sessions itself"));
    }

    public void OnEnd(SessionEndpoint session, AmqpError? error) => (session.Tag as AmqpSession)?.OnEnded(error);

    public void OnSessionFailed(SessionEndpoint session, AmqpError error) =>
        (session.Tag as AmqpSession)?.Fail(ClientErrors.FromPeer("the peer broke a rule of the session", error, AmqpErrorScope.Session));

    public void OnAttach(LinkEndpoint link, Attach remote)
    {
        if (link.Tag is AmqpLink ours)
        {
            ours.OnAttached(remote);
            return;
        }

        link.Refuse(new AmqpError(ErrorCondition.NotAllowed, "this client attaches its links itself"));
    }

    public void OnDetach(LinkEndpoint link, bool closed, AmqpError? error)
    {
        if (link.Tag is AmqpLink ours)
        {
            ours.OnDetached(closed, error);
        }
        else
        {
            link.Detach(closed);
        }
    }

    public void OnLinkFailed(LinkEndpoint link, AmqpError error)
    {
        if (link.Tag is AmqpLink ours)
        {
            ours.Fail(ClientErrors.FromPeer($"{ours.What}: the peer broke a rule of the link", error, AmqpErrorScope.Link));
        }
    }

    public void OnLinkFlow(SenderEndpoint link) => (link.Tag as AmqpSender)?.OnFlow();

    public void OnReceiverFlow(ReceiverEndpoint link) => (link.Tag as AmqpReceiver)?.OnFlow();

    public void OnSessionWindowOpen(SessionEndpoint session)
    {
        // Senders that wait go on at the end of every turn.
    }

    public void OnDelivery(ReceiverEndpoint link, in IncomingDelivery delivery, ReadOnlySpan<byte> payload) =>
        (link.Tag as AmqpReceiver)?.OnDelivery(in delivery, payload);

    public void OnDeliveryAborted(ReceiverEndpoint link, in IncomingDelivery delivery) => (link.Tag as AmqpReceiver)?.OnAborted();

    public void OnDisposition(SenderEndpoint link, uint deliveryId, long context, DeliveryState? state, bool settled) =>
        (link.Tag as AmqpSender)?.OnDisposition(deliveryId, context, state, settled);

    public void OnSenderSettled(ReceiverEndpoint link, uint deliveryId, DeliveryState? state) => (link.Tag as AmqpReceiver)?.OnSenderSettled(deliveryId);

    public void OnFailed(AmqpException cause) => connection.OnEngineFailed(cause);

    private static InvalidOperationException NotAServer() => new("a server's event on the client's side");
}
