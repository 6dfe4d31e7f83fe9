using System.Collections.ObjectModel;
using System.Text;

namespace Mamba.Broker.Selectors.Evaluation;

/// <summary>Where the value of an identifier is found.</summary>
internal enum FieldKind : byte
{
    /// <summary>An application property, by <see cref="Field.Name"/>.</summary>
    ApplicationProperty,

    /// <summary>A message annotation, by <see cref="Field.Name"/>.</summary>
    Annotation,

    /// <summary>A field of the properties section as it is encoded, by <see cref="Field.Index"/>.</summary>
    Property,

    /// <summary>A binary field of the properties section read as text: user-id.</summary>
    TextProperty,

    /// <summary>message-id as JMSMessageID shows it.</summary>
    JmsMessageId,

    /// <summary>correlation-id as JMSCorrelationID shows it.</summary>
    JmsCorrelationId,

    /// <summary>group-sequence as the int that JMSXGroupSeq is.</summary>
    JmsGroupSequence,

    /// <summary>'PERSISTENT' or 'NON_PERSISTENT'.</summary>
    JmsDeliveryMode,

    /// <summary>delivery-count plus one.</summary>
    JmsDeliveryCount,

    /// <summary>Whether a delivery failed before.</summary>
    JmsRedelivered,

    /// <summary>Unix milliseconds, 0 = never.</summary>
    JmsExpiration,

    /// <summary>header.durable.</summary>
    Durable,

    /// <summary>header.priority.</summary>
    Priority,

    /// <summary>header.ttl.</summary>
    Ttl,

    /// <summary>header.delivery-count.</summary>
    DeliveryCount,

    /// <summary>Never there.</summary>
    Absent,
}

/// <summary>What an identifier stands for.</summary>
/// <param name="Kind">Where it is.</param>
/// <param name="Index">Index in the properties list.</param>
/// <param name="Name">Key in a map.</param>
internal readonly record struct Field(FieldKind Kind, int Index = 0, string? Name = null)
{
    public static Field ApplicationProperty(string name) => new(FieldKind.ApplicationProperty, 0, name);

    public static Field Property(int index) => new(FieldKind.Property, index);

    public byte[] NameUtf8() => Encoding.UTF8.GetBytes(Name!);
}

/// <summary>Indexes in the properties list (AMQP 1.0 §3.2.4).</summary>
internal static class PropertyIndex
{
    public const int MessageId = 0;
    public const int UserId = 1;
    public const int To = 2;
    public const int Subject = 3;
    public const int ReplyTo = 4;
    public const int CorrelationId = 5;
    public const int ContentType = 6;
    public const int ContentEncoding = 7;
    public const int AbsoluteExpiryTime = 8;
    public const int CreationTime = 9;
    public const int GroupId = 10;
    public const int GroupSequence = 11;
    public const int ReplyToGroupId = 12;

    private static readonly string[] Names =
    [
        "message-id", "user-id", "to", "subject", "reply-to", "correlation-id", "content-type", "content-encoding",
        "absolute-expiry-time", "creation-time", "group-id", "group-sequence", "reply-to-group-id",
    ];

    /// <summary>The fields' names in the specification, by index.</summary>
    public static ReadOnlyCollection<string> All { get; } = new(Names);

    /// <summary>The index of a field by its name in the specification; -1 when there is none.</summary>
    public static int Of(string name) => Array.IndexOf(Names, name);
}
