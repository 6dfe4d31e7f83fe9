using System.Text;
using Mamba.Amqp.Endpoints;
using Mamba.Amqp.Messaging;
using Mamba.Amqp.Sasl;
using Mamba.Amqp.Transport;

namespace Mamba.Amqp.Tests.Endpoints;

/// <summary>
/// Writes down what the engine tells its owner, one line per call, and answers as a simple owner does unless a test sets
/// another answer.
/// </summary>
internal sealed class RecordingHandler : IConnectionHandler
{
    public List<string> Events { get; } = [];

    public List<(uint Id, byte[] Payload, IncomingDelivery Delivery)> Deliveries { get; } = [];

    public List<SessionEndpoint> Sessions { get; } = [];

    public List<LinkEndpoint> Links { get; } = [];

    public Action<Open>? WhenOpen { get; set; }

    public Action<SessionEndpoint>? WhenBegin { get; set; }

    public Action<LinkEndpoint, Attach>? WhenAttach { get; set; }

    public Action<LinkEndpoint, bool>? WhenDetach { get; set; }

    public Action<SenderEndpoint>? WhenLinkFlow { get; set; }

    public Action<ReceiverEndpoint, IncomingDelivery>? WhenDelivery { get; set; }

    public Action<SenderEndpoint, uint, DeliveryState?, bool>? WhenDisposition { get; set; }

    public Action<string, byte[]>? WhenSaslInit { get; set; }

    public Action<byte[]>? WhenSaslResponse { get; set; }

    public Action<SessionEndpoint>? WhenEnd { get; set; }

    public AmqpException? Failure { get; private set; }

    public void OnSaslInit(string mechanism, ReadOnlySpan<byte> initialResponse, string? hostname)
    {
        Events.Add($"sasl-init {mechanism} {Encoding.UTF8.GetString(initialResponse).Replace('\0', '|')} {hostname}".TrimEnd());
        WhenSaslInit?.Invoke(mechanism, initialResponse.ToArray());
    }

    public void OnSaslResponse(ReadOnlySpan<byte> response)
    {
        Events.Add($"sasl-response {Encoding.UTF8.GetString(response)}".TrimEnd());
        WhenSaslResponse?.Invoke(response.ToArray());
    }

    public void OnSaslOutcome(SaslCode code) => Events.Add($"sasl-outcome {code}");

    public void OnOpen(Open remote)
    {
        Events.Add($"open {remote.ContainerId}");
        WhenOpen?.Invoke(remote);
    }

    public void OnClose(AmqpError? error) => Events.Add($"close {error?.Condition}".TrimEnd());

    public void OnBegin(SessionEndpoint session, Begin remote)
    {
        Events.Add($"begin {session.RemoteChannel}");
        Sessions.Add(session);
        WhenBegin?.Invoke(session);
    }

    public void OnEnd(SessionEndpoint session, AmqpError? error)
    {
        Events.Add($"end {session.RemoteChannel} {error?.Condition}".TrimEnd());
        WhenEnd?.Invoke(session);
    }

    public void OnSessionFailed(SessionEndpoint session, AmqpError error) =>
        Events.Add($"session-failed {session.RemoteChannel} {error.Condition}");

    public void OnAttach(LinkEndpoint link, Attach remote)
    {
        Events.Add($"attach {link.Name} {link.Role}");
        Links.Add(link);
        WhenAttach?.Invoke(link, remote);
    }

    public void OnDetach(LinkEndpoint link, bool closed, AmqpError? error)
    {
        Events.Add($"detach {link.Name} closed={closed} {error?.Condition}".TrimEnd());
        WhenDetach?.Invoke(link, closed);
    }

    public void OnLinkFailed(LinkEndpoint link, AmqpError error) => Events.Add($"link-failed {link.Name} {error.Condition}");

    public void OnLinkFlow(SenderEndpoint link)
    {
        Events.Add($"flow {link.Name} credit={link.Credit} drain={link.Drain}");
        WhenLinkFlow?.Invoke(link);
    }

    public void OnReceiverFlow(ReceiverEndpoint link) =>
        Events.Add($"receiver-flow {link.Name} credit={link.Credit} draining={link.IsDraining} available={link.Available}");

    public void OnSessionWindowOpen(SessionEndpoint session) => Events.Add($"window-open {session.RemoteIncomingWindow}");

    public void OnDelivery(ReceiverEndpoint link, in IncomingDelivery delivery, ReadOnlySpan<byte> payload)
    {
        Events.Add($"delivery {delivery.DeliveryId} {payload.Length} bytes settled={delivery.IsSettled}");
        Deliveries.Add((delivery.DeliveryId, payload.ToArray(), delivery));
        WhenDelivery?.Invoke(link, delivery);
    }

    public void OnDeliveryAborted(ReceiverEndpoint link, in IncomingDelivery delivery) => Events.Add($"aborted {delivery.DeliveryId}");

    public void OnDisposition(SenderEndpoint link, uint deliveryId, long context, DeliveryState? state, bool settled)
    {
        Events.Add($"disposition {deliveryId} context={context} {state?.GetType().Name} settled={settled}");
        WhenDisposition?.Invoke(link, deliveryId, state, settled);
    }

    public void OnSenderSettled(ReceiverEndpoint link, uint deliveryId, DeliveryState? state) =>
        Events.Add($"sender-settled {deliveryId} {state?.GetType().Name}");

    public void OnFailed(AmqpException cause)
    {
        Events.Add($"failed {cause.Condition}");
        Failure = cause;
    }

    /// <summary>The last link of the session a test talks on, as a sender.</summary>
    public SenderEndpoint Sender => (SenderEndpoint)Links[^1];

    /// <summary>The last link of the session a test talks on, as a receiver.</summary>
    public ReceiverEndpoint Receiver => (ReceiverEndpoint)Links[^1];

    /// <summary>Forgets what is written down so far.</summary>
    public void Clear() => Events.Clear();
}
