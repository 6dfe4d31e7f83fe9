using Mamba.Amqp.Endpoints;
using Mamba.Amqp.Messaging;
using Mamba.Amqp.Transport;

namespace Mamba.Amqp.Client;

/// <summary>
/// A message that arrived on a receiver, to be settled there unless the sender settled it. Decoded at first use. Settling is
/// thread-safe, decoding is not.
/// </summary>
public sealed class ReceivedMessage
{
    private AmqpMessage? _message;

    internal ReceivedMessage(AmqpReceiver receiver, in IncomingDelivery delivery, ReadOnlySpan<byte> payload)
    {
        Receiver = receiver;
        DeliveryId = delivery.DeliveryId;
        Tag = delivery.Tag;
        MessageFormat = delivery.MessageFormat;
        IsSettled = delivery.IsSettled;
        Encoded = payload.ToArray();
    }

    /// <summary>Where it arrived, or was resumed last.</summary>
    public AmqpReceiver Receiver { get; internal set; }

    /// <summary>Its number in the session.</summary>
    public uint DeliveryId { get; internal set; }

    /// <summary>The sender's name for it.</summary>
    public DeliveryTag Tag { get; }

    /// <summary>0 for AMQP messages.</summary>
    public uint MessageFormat { get; }

    /// <summary>Whether there is nothing left to settle: the sender settled it, or we did.</summary>
    public bool IsSettled { get; internal set; }

    /// <summary>The bytes that arrived.</summary>
    public ReadOnlyMemory<byte> Encoded { get; }

    /// <summary>The message.</summary>
    /// <exception cref="AmqpException">The bytes are no message; reject it, and go on.</exception>
    public AmqpMessage Message => _message ??= AmqpMessage.Decode(Encoded.Span);

    internal TaskCompletionSource? Settling { get; set; }
}
