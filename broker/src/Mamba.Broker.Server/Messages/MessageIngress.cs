using Mamba.Amqp.Codec;
using Mamba.Amqp.Messaging;
using Mamba.Amqp.Transport;
using Mamba.Amqp.Types;
using Mamba.Broker.Engine;

namespace Mamba.Broker.Server.Messages;

/// <summary>
/// From a transfer's payload to what the engine stores: <c>[message-annotations section]?[bare message]</c> in one copy, with
/// the header's fields beside it. Delivery-annotations end here, as they are for this hop only (AMQP 1.0 §3.2.2).
/// </summary>
internal static class MessageIngress
{
    /// <summary>Takes a message in, or says what is wrong with it.</summary>
    /// <param name="payload">All bytes of the message.</param>
    /// <param name="now">Unix milliseconds: expiry and delays count from arrival.</param>
    /// <param name="wantTo">Whether the message's own address is needed (anonymous terminus).</param>
    /// <param name="to">properties.to where wanted.</param>
    /// <param name="fault">Why there is no message.</param>
    public static StoredMessage? Read(ReadOnlySpan<byte> payload, long now, bool wantTo, out string? to, out AmqpError? fault)
    {
        to = null;
        StoredMessage? message = null;
        try
        {
            var layout = MessageScanner.Scan(payload);
            if (wantTo && layout.Properties.IsPresent)
            {
                to = new PropertiesView(layout.Properties.ValueIn(payload)).To;
            }

            message = Copy(payload, layout);
            ApplyHeader(message, layout, now);
            if (message.AnnotationsLength > 0)
            {
                ApplyAnnotations(message, layout.MessageAnnotations.ValueIn(payload), now);
            }

            if (layout.HasGroupId)
            {
                GroupIdentity.Apply(message, layout.Properties.ValueIn(payload));
            }

            fault = null;
            return message;
        }
        catch (AmqpException e)
        {
            message?.Release();
            fault = e.Error;
            return null;
        }
    }

    private static StoredMessage Copy(ReadOnlySpan<byte> payload, in MessageLayout layout)
    {
        var annotations = layout.MessageAnnotations.IsPresent ? layout.MessageAnnotations.In(payload) : default;
        var bare = payload[layout.BareMessageOffset..];
        var message = StoredMessage.Rent(annotations.Length + bare.Length);
        annotations.CopyTo(message.Buffer);
        bare.CopyTo(message.Buffer.AsSpan(annotations.Length));
        message.AnnotationsLength = annotations.Length;
        return message;
    }

    private static void ApplyAnnotations(StoredMessage message, ReadOnlySpan<byte> annotations, long now)
    {
        var keys = OwnAnnotations.Find(annotations);
        if ((keys & OwnKeys.Delivery) != OwnKeys.None)
        {
            DeliveryTime.Apply(message, annotations, now);
        }

        if ((keys & OwnKeys.Retry) != OwnKeys.None)
        {
            RetryAnnotations.Apply(message, annotations);
        }
    }

    private static void ApplyHeader(StoredMessage message, in MessageLayout layout, long now)
    {
        var header = layout.HeaderFields;
        message.Durable = header.Durable;
        message.Priority = header.Priority;
        message.Ttl = header.Ttl ?? 0;
        if (header.Ttl is > 0 and var ttl)
        {
            // From arrival, so that the sender's clock does not matter.
            message.ExpiresAt = now + ttl;
        }
        else if (layout.AbsoluteExpiryTime is { Milliseconds: > 0 } expiry)
        {
            message.ExpiresAt = expiry.Milliseconds;
        }
    }
}
