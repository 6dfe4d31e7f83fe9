using Mamba.Amqp.Messaging;
using Mamba.Amqp.Sasl;
using Mamba.Amqp.Transport;

namespace Mamba.Amqp.Endpoints;

/// <summary>
/// What a <see cref="ConnectionEngine"/> tells its owner. Every method is called synchronously, from inside
/// <see cref="ConnectionEngine.Receive"/>, <see cref="ConnectionEngine.Tick"/> or (where it says so) a call of the owner's
/// own, on the caller's thread; it may call back into the engine. An <see cref="AmqpException"/> thrown here ends what its
/// scope says, with its error; any other exception passes through to the caller of the engine.
/// </summary>
public interface IConnectionHandler
{
    /// <summary>
    /// Server: the client chose one of the offered mechanisms. Answer with <see cref="ConnectionEngine.SaslChallenge"/> or
    /// <see cref="ConnectionEngine.SaslOutcome"/>, now or later; until then the engine consumes nothing more.
    /// </summary>
    void OnSaslInit(string mechanism, ReadOnlySpan<byte> initialResponse, string? hostname);

    /// <summary>Server: the client answered a challenge. Answer as for <see cref="OnSaslInit"/>.</summary>
    void OnSaslResponse(ReadOnlySpan<byte> response);

    /// <summary>Client: the server ended the SASL exchange. After another code than ok the engine is closed.</summary>
    void OnSaslOutcome(SaslCode code);

    /// <summary>
    /// The peer's Open. A server answers <see cref="ConnectionEngine.Open"/> or <see cref="ConnectionEngine.RefuseOpen"/>, now
    /// or later; until then the engine consumes nothing more.
    /// </summary>
    void OnOpen(Open remote);

    /// <summary>The peer closed the connection. The answering Close is in the output already; flush it and close the socket.</summary>
    void OnClose(AmqpError? error);

    /// <summary>
    /// A session the peer began, to be answered with <see cref="SessionEndpoint.Begin"/>; or, when we began it
    /// (<see cref="SessionEndpoint.IsLocallyInitiated"/>), the peer's answer.
    /// </summary>
    void OnBegin(SessionEndpoint session, Begin remote);

    /// <summary>
    /// The peer ended a session, or answered our End. Our End follows in the output as soon as this returns; nothing but it
    /// may be written, and all links of the session are gone. What they had unsettled is still to be had from
    /// <see cref="SenderEndpoint.TakeUnsettled"/>.
    /// </summary>
    void OnEnd(SessionEndpoint session, AmqpError? error);

    /// <summary>
    /// The session broke a rule, or something it did threw: the engine has written End with this error. Free the session's
    /// links; <see cref="OnEnd"/> follows when the peer answers, if it does.
    /// </summary>
    void OnSessionFailed(SessionEndpoint session, AmqpError error);

    /// <summary>
    /// A link the peer attached (<see cref="SenderEndpoint"/> when we send), to be answered, at once or later, with
    /// <see cref="LinkEndpoint.Attach"/> or <see cref="LinkEndpoint.Refuse"/>; or, when we attached it
    /// (<see cref="LinkEndpoint.IsLocallyInitiated"/>), the peer's answer, whose terminus is null if it refuses.
    /// </summary>
    void OnAttach(LinkEndpoint link, Attach remote);

    /// <summary>
    /// The peer detached a link, or answered our Detach (<see cref="LinkEndpoint.IsDetachSent"/>). Unless ours was sent, answer
    /// <see cref="LinkEndpoint.Detach"/> with the same flag, at once or later.
    /// </summary>
    void OnDetach(LinkEndpoint link, bool closed, AmqpError? error);

    /// <summary>
    /// The link broke a rule: the engine has written Detach(closed) with this error. <see cref="OnDetach"/> follows when the
    /// peer answers, if it does.
    /// </summary>
    void OnLinkFailed(LinkEndpoint link, AmqpError error);

    /// <summary>
    /// Credit or drain of a link on which we send changed. Flow that came before our Attach is told of from inside
    /// <see cref="LinkEndpoint.Attach"/>. An echo is answered by the engine when this returns, unless the owner has written
    /// a flow; a drain with no credit left likewise.
    /// </summary>
    void OnLinkFlow(SenderEndpoint link);

    /// <summary>A Flow for a link on which we receive: the sender's available count changed, or it has drained.</summary>
    void OnReceiverFlow(ReceiverEndpoint link);

    /// <summary>The peer's incoming window was shut and is open again: links of the session that hold messages may send.</summary>
    void OnSessionWindowOpen(SessionEndpoint session);

    /// <summary>
    /// A complete message. The payload is only valid during the call: the receive buffer itself for a delivery of one frame,
    /// a pooled buffer for one of several.
    /// </summary>
    void OnDelivery(ReceiverEndpoint link, in IncomingDelivery delivery, ReadOnlySpan<byte> payload);

    /// <summary>The sender took a message back half-way. It is settled, and has used up one credit.</summary>
    void OnDeliveryAborted(ReceiverEndpoint link, in IncomingDelivery delivery);

    /// <summary>
    /// The peer's disposition of one of our deliveries, once for each delivery of its range. When settled, the delivery is
    /// forgotten already. When not and the state is an outcome, answer <see cref="SenderEndpoint.Settle"/>.
    /// </summary>
    void OnDisposition(SenderEndpoint link, uint deliveryId, long context, DeliveryState? state, bool settled);

    /// <summary>The peer settled a delivery it had sent us, which we had not settled yet.</summary>
    void OnSenderSettled(ReceiverEndpoint link, uint deliveryId, DeliveryState? state);

    /// <summary>
    /// The connection is over by our own decision: the peer broke the protocol, fell silent, or failed in SASL. Whatever
    /// there was to say to it is in the output: flush that and close the socket. Told once; the first cause wins.
    /// </summary>
    void OnFailed(AmqpException cause);
}
