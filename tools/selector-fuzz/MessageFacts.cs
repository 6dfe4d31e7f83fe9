using Mamba.Amqp.Messaging;
using Mamba.Amqp.Types;
using Mamba.Broker.Selectors;

namespace Mamba.Tools.SelectorFuzz;

/// <summary>A message for the two evaluators: its bytes as the broker stores them, decoded, and what stands beside them.</summary>
public sealed record MessageFacts(byte[] Bytes, int AnnotationsLength, AmqpMessage Decoded)
{
    /// <summary>The value of what is there and comparable with nothing.</summary>
    private static readonly object Other = new();

    public bool Durable { get; init; }

    public byte Priority { get; init; } = 4;

    public uint Ttl { get; init; }

    public long ExpiresAt { get; init; }

    public uint DeliveryCount { get; init; }

    public long Now { get; init; }

    /// <summary>The message as the broker's evaluator gets it.</summary>
    public SelectorInput Input => new(Bytes, AnnotationsLength)
    {
        Durable = Durable,
        Priority = Priority,
        Ttl = Ttl,
        ExpiresAt = ExpiresAt,
        DeliveryCount = DeliveryCount,
        Now = Now,
    };

    /// <summary>The value of an identifier: null, bool, long, double, string, byte[], or something comparable with nothing.</summary>
    public object? ValueOf(string name, bool sql) => sql ? ValueInSql(name) : ValueInSelector(name);

    private object? ValueInSelector(string name)
    {
        var properties = Decoded.Properties;
        switch (name)
        {
            case "JMSMessageID": return IdText(properties?.MessageId, isMessageId: true);
            case "JMSCorrelationID": return IdText(properties?.CorrelationId, isMessageId: false);
            case "JMSPriority": return (long)Math.Min(Priority, (byte)9);
            case "JMSDeliveryMode": return Durable ? "PERSISTENT" : "NON_PERSISTENT";
            case "JMSTimestamp": return properties?.CreationTime?.Milliseconds;
            case "JMSType": return properties?.Subject;
            case "JMSDestination": return properties?.To;
            case "JMSReplyTo": return properties?.ReplyTo;
            case "JMSRedelivered": return DeliveryCount > 0;
            case "JMSExpiration": return ExpiresAt;
            case "JMSXGroupID": return properties?.GroupId;
            case "JMSXGroupSeq": return properties?.GroupSequence is { } sequence ? (long)unchecked((int)sequence) : null;
            case "JMSXUserID": return UserId;
            case "JMSXDeliveryCount": return DeliveryCount + 1L;
        }

        if (name.StartsWith("JMS_AMQP_", StringComparison.Ordinal))
        {
            return null;
        }

        if (name.StartsWith("amqp.", StringComparison.Ordinal))
        {
            return Section("p", name["amqp.".Length..]);
        }

        return name.StartsWith("m.", StringComparison.Ordinal) ? Annotation(name[2..]) : ApplicationProperty(name);
    }

    private object? ValueInSql(string name)
    {
        var dot = name.IndexOf('.');
        return dot < 0 ? ApplicationProperty(name) : Section(name[..dot], name[(dot + 1)..]);
    }

    private object? Section(string section, string field) => (section, field.Replace('-', '_')) switch
    {
        ("a" or "application_properties", _) => ApplicationProperty(field),
        ("m" or "message_annotations", _) => Annotation(field),
        (_, "message_id") => Plain(Decoded.Properties?.MessageId),
        (_, "user_id") => UserId,
        (_, "to") => Decoded.Properties?.To,
        (_, "subject") => Decoded.Properties?.Subject,
        (_, "reply_to") => Decoded.Properties?.ReplyTo,
        (_, "correlation_id") => Plain(Decoded.Properties?.CorrelationId),
        (_, "content_type") => Plain(Decoded.Properties?.ContentType),
        (_, "content_encoding") => Plain(Decoded.Properties?.ContentEncoding),
        (_, "absolute_expiry_time") => Plain(Decoded.Properties?.AbsoluteExpiryTime),
        (_, "creation_time") => Plain(Decoded.Properties?.CreationTime),
        (_, "group_id") => Decoded.Properties?.GroupId,
        (_, "group_sequence") => Plain(Decoded.Properties?.GroupSequence),
        (_, "reply_to_group_id") => Decoded.Properties?.ReplyToGroupId,
        (_, "priority") => (long)Math.Min(Priority, (byte)9),
        (_, "durable") => Durable,
        (_, "delivery_count") => (long)DeliveryCount,
        (_, "ttl") => Ttl == 0 ? null : (long)Ttl,
        _ => throw new ArgumentException($"{section}.{field}", nameof(field)),
    };

    private string? UserId => Decoded.Properties?.UserId is { } bytes ? System.Text.Encoding.UTF8.GetString(bytes) : null;

    private object? ApplicationProperty(string name) => Plain(Decoded.ApplicationProperties?[name]);

    private object? Annotation(string name) => Plain(Decoded.MessageAnnotations?[new Symbol(name)]);

    private static object? Plain(object? value) => value switch
    {
        null => null,
        bool flag => flag,
        sbyte or byte or short or ushort or int or uint or long => Convert.ToInt64(value),
        ulong number => number > long.MaxValue ? (double)number : (object)(long)number,
        float number => (double)number,
        double number => number,
        Decimal32 number => number.TryToDecimal(out var d) ? (double)d : null,
        Decimal64 number => number.TryToDecimal(out var d) ? (double)d : null,
        Decimal128 number => number.TryToDecimal(out var d) ? (double)d : null,
        Timestamp time => time.Milliseconds,
        System.Text.Rune character => character.ToString(),
        string text => text,
        Symbol symbol => symbol.Value,
        byte[] bytes => bytes,
        Guid id => id.ToByteArray(bigEndian: true),
        _ => Other,
    };

    private static string? IdText(object? id, bool isMessageId)
    {
        string[] marks = ["AMQP_STRING:", "AMQP_UUID:", "AMQP_ULONG:", "AMQP_BINARY:", "AMQP_NO_PREFIX:"];
        return id switch
        {
            null => null,
            ulong number => $"ID:AMQP_ULONG:{number}",
            Guid uuid => $"ID:AMQP_UUID:{uuid}",
            byte[] bytes => $"ID:AMQP_BINARY:{Convert.ToHexString(bytes)}",
            string text when !text.StartsWith("ID:", StringComparison.Ordinal) => isMessageId ? $"ID:AMQP_NO_PREFIX:{text}" : text,
            string text when marks.Any(m => text[3..].StartsWith(m, StringComparison.Ordinal)) => $"ID:AMQP_STRING:{text}",
            var text => (string)text,
        };
    }
}
