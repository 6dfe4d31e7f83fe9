using Mamba.Amqp.Messaging;
using Mamba.Amqp.Types;
using Mamba.Tools.Model.Modelling;

namespace Mamba.Tools.Model.Jms;

/// <summary>Messages as Qpid JMS writes them, and whether one that arrived is what was sent.</summary>
internal static class JmsMessages
{
    private static readonly Symbol DeliveryTime = new("x-opt-delivery-time");
    private static readonly Symbol MessageType = new("x-opt-jms-msg-type");
    private static readonly Symbol DestinationType = new("x-opt-jms-dest");

    public static AmqpMessage Encode(ModelMessage message, string address, bool topic, long now)
    {
        var annotations = new AmqpMap();
        annotations.Add(DestinationType, topic ? (sbyte)1 : (sbyte)0);
        annotations.Add(MessageType, (sbyte)3);
        if (message.DeliverAt > 0)
        {
            annotations.Add(DeliveryTime, message.DeliverAt);
        }

        uint? ttl = message.ExpiresAt > 0 ? (uint)(message.ExpiresAt - now) : null;
        return new AmqpMessage
        {
            Header = new MessageHeader(message.Durable, message.Priority, ttl, FirstAcquirer: false, DeliveryCount: 0),
            MessageAnnotations = annotations,
            Properties = Properties(message, address, now),
            ApplicationProperties = ApplicationProperties(message),
            Body = new DataBody(Body(message)),
        };
    }

    /// <summary>What is wrong with a message that arrived; null when nothing is.</summary>
    /// <param name="arrived">The message.</param>
    /// <param name="sent">As it was sent.</param>
    /// <param name="failures">Its failed deliveries.</param>
    /// <param name="firstAcquirer">Whether nobody had it before.</param>
    /// <param name="counts">Whether the broker counts deliveries.</param>
    /// <param name="written">When the broker may have written it, which its ttl tells; null where time passes by itself.</param>
    public static string? Fault(AmqpMessage arrived, ModelMessage sent, int failures, bool firstAcquirer, (long From, long To)? written, bool counts)
    {
        var header = arrived.Header ?? MessageHeader.Default;
        return true switch
        {
            _ when counts && header.DeliveryCount != failures => $"delivery-count is {header.DeliveryCount} and should be {failures} (JMSXDeliveryCount is one more)",
            _ when header.Durable != sent.Durable => $"durable is {header.Durable}",
            _ when header.Priority != sent.Priority => $"priority is {header.Priority} and was sent as {sent.Priority}",
            _ when counts && header.FirstAcquirer != firstAcquirer => $"first-acquirer is {header.FirstAcquirer}",
            _ when written is { } time && (header.Ttl is null) != (sent.ExpiresAt == 0) => $"ttl is {header.Ttl} and should be {TimeToLive(sent, time.To)}",
            _ when written is { } time && (header.Ttl < TimeToLive(sent, time.To) || header.Ttl > TimeToLive(sent, time.From)) =>
                $"ttl is {header.Ttl} and should be {TimeToLive(sent, time.To)} to {TimeToLive(sent, time.From)}",
            _ when !SameBare(arrived, sent) => "properties or body are not what was sent",
            _ => null,
        };
    }

    private static uint? TimeToLive(ModelMessage sent, long now) => sent.ExpiresAt == 0 ? null : (uint)Math.Max(0, sent.ExpiresAt - now);

    private static bool SameBare(AmqpMessage arrived, ModelMessage sent) =>
        arrived.Data is { } body && body.AsSpan().SequenceEqual(Body(sent))
        && arrived.Properties is { } properties
        && Equals(properties.MessageId, sent.Id) && properties.Subject == sent.Type && properties.GroupId == sent.Group && properties.ReplyTo == sent.ReplyTo
        && Equals(arrived.ApplicationProperties?["color"], sent.Color) && Equals(arrived.ApplicationProperties?["amount"], sent.Amount);

    private static MessageProperties Properties(ModelMessage message, string address, long now) => new()
    {
        MessageId = message.Id,
        To = address,
        Subject = message.Type,
        ReplyTo = message.ReplyTo,
        ContentType = new Symbol("application/octet-stream"),
        CreationTime = new Timestamp(now),
        AbsoluteExpiryTime = message.ExpiresAt > 0 ? new Timestamp(message.ExpiresAt) : null,
        GroupId = message.Group,
        GroupSequence = message.Group is null ? null : message.ClosesGroup ? uint.MaxValue : 1,
    };

    private static AmqpMap ApplicationProperties(ModelMessage message)
    {
        var map = new AmqpMap();
        map.Add("amount", message.Amount);
        if (message.Color is not null)
        {
            map.Add("color", message.Color);
        }

        return map;
    }

    /// <summary>Bytes that no other message of the sequence has.</summary>
    private static byte[] Body(ModelMessage message)
    {
        var body = new byte[message.BodyBytes];
        for (var i = 0; i < body.Length; i++)
        {
            body[i] = (byte)(message.Id[i % message.Id.Length] + i / message.Id.Length);
        }

        return body;
    }
}
