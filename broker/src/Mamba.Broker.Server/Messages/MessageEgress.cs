using Mamba.Amqp.Codec;
using Mamba.Amqp.Messaging;
using Mamba.Broker.Engine;
using Mamba.Broker.Server.Connections;

namespace Mamba.Broker.Server.Messages;

/// <summary>The part of a delivery that the broker writes anew: the header. Everything behind it goes out as it is stored.</summary>
internal static class MessageEgress
{
    /// <summary>
    /// Appends the header section for one delivery; nothing where every field has its default, unless it is to be there <paramref name="always"/>:
    /// on links that can be resumed it is counted as section 0.
    /// </summary>
    public static void WriteHeader(ByteBuffer output, in AcquiredMessage message, AmqpConnection connection, bool always = false) =>
        WriteHeader(output, message, message.ExpiresAt == 0 ? 0 : connection.Now, always);

    /// <summary>The same, for a time that is known.</summary>
    public static void WriteHeader(ByteBuffer output, in AcquiredMessage message, long now, bool always = false)
    {
        uint? ttl = null;
        if (message.ExpiresAt != 0)
        {
            // What is left of the time to live; the receiver counts from its own arrival (AMQP 1.0 §3.2.1).
            var left = message.ExpiresAt - now;
            ttl = (uint)Math.Clamp(left, 0, uint.MaxValue);
        }

        var header = new MessageHeader(message.Durable, message.Priority, ttl, message.FirstAcquirer, message.DeliveryCount);
        if (always || !header.IsDefault)
        {
            header.Write(new AmqpWriter(output));
        }
    }
}
