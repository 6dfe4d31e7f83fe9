using Mamba.Broker.Selectors.Evaluation;

namespace Mamba.Broker.Selectors.Parsing;

/// <summary>
/// From an identifier to what it stands for. Selectors know the JMS headers, <c>amqp.field</c> as AMQP clients write it, <c>m.key</c>
/// for message annotations, and application properties; SQL filters know sections by name or initial, and application properties.
/// </summary>
internal static class FieldNames
{
    private const string AmqpPrefix = "amqp.";
    private const string AnnotationPrefix = "m.";

    /// <summary>Longest first: one is the beginning of another.</summary>
    private static readonly string[] Hyphenated =
        [.. PropertyIndex.All.Where(n => n.Contains('-')).Append("first-acquirer").Append("delivery-count").OrderByDescending(n => n.Length)];

    /// <summary>
    /// The length of the field's name at the start of a text that follows a section and a dot, when it is one with a hyphen; else 0. A
    /// hyphen behind anything else is a minus.
    /// </summary>
    public static int HyphenatedLength(ReadOnlySpan<char> section, ReadOnlySpan<char> text)
    {
        if (section is not ("properties." or "p." or "header." or "h."))
        {
            return 0;
        }

        foreach (var name in Hyphenated)
        {
            if (text.StartsWith(name) && (text.Length == name.Length || !(char.IsLetterOrDigit(text[name.Length]) || text[name.Length] is '_' or '$')))
            {
                return name.Length;
            }
        }

        return 0;
    }

    public static Field Resolve(string name, SelectorDialect dialect, bool isDelimited, int position)
    {
        if (dialect == SelectorDialect.Jms)
        {
            return ResolveJms(name);
        }

        return isDelimited ? Field.ApplicationProperty(name) : ResolveSql(name, position);
    }

    private static Field ResolveJms(string name) => name switch
    {
        "JMSMessageID" => new Field(FieldKind.JmsMessageId),
        "JMSCorrelationID" => new Field(FieldKind.JmsCorrelationId),
        "JMSPriority" => new Field(FieldKind.Priority),
        "JMSDeliveryMode" => new Field(FieldKind.JmsDeliveryMode),
        "JMSTimestamp" => Field.Property(PropertyIndex.CreationTime),
        "JMSType" => Field.Property(PropertyIndex.Subject),
        "JMSDestination" => Field.Property(PropertyIndex.To),
        "JMSReplyTo" => Field.Property(PropertyIndex.ReplyTo),
        "JMSRedelivered" => new Field(FieldKind.JmsRedelivered),
        "JMSExpiration" => new Field(FieldKind.JmsExpiration),
        "JMSDeliveryTime" => new Field(FieldKind.Annotation, 0, "x-opt-delivery-time"),
        "JMSXGroupID" => Field.Property(PropertyIndex.GroupId),
        "JMSXGroupSeq" => new Field(FieldKind.JmsGroupSequence),
        "JMSXUserID" => new Field(FieldKind.TextProperty, PropertyIndex.UserId),
        "JMSXDeliveryCount" => new Field(FieldKind.JmsDeliveryCount),
        _ when name.StartsWith("JMS_AMQP_", StringComparison.Ordinal) => new Field(FieldKind.Absent),
        _ when name.StartsWith(AmqpPrefix, StringComparison.Ordinal) => ResolveAmqp(name),
        _ when name.StartsWith(AnnotationPrefix, StringComparison.Ordinal) && name.Length > AnnotationPrefix.Length =>
            new Field(FieldKind.Annotation, 0, name[AnnotationPrefix.Length..]),
        _ => Field.ApplicationProperty(name),
    };

    private static Field ResolveAmqp(string name)
    {
        var field = name[AmqpPrefix.Length..].Replace('_', '-');
        return Property(field) ?? Header(field) ?? Field.ApplicationProperty(name);
    }

    private static Field ResolveSql(string name, int position)
    {
        var dot = name.IndexOf('.');
        if (dot < 0)
        {
            return Field.ApplicationProperty(name);
        }

        var field = name[(dot + 1)..];
        switch (name[..dot])
        {
            case "properties" or "p":
                return Property(field.Replace('_', '-')) ?? throw new SelectorException(position, $"the properties section has no field '{field}'");
            case "header" or "h":
                return Header(field.Replace('_', '-')) ?? throw new SelectorException(position, $"'{field}' is no field of the header that filters can use");
            case "application_properties" or "a":
                return Field.ApplicationProperty(field);
            case "message_annotations" or "m":
                return new Field(FieldKind.Annotation, 0, field);
            case "delivery_annotations" or "d" or "footer" or "f":
                throw new SelectorException(position, $"the section '{name[..dot]}' is not available to filters");
            default:
                return Field.ApplicationProperty(name);
        }
    }

    private static Field? Property(string field) => PropertyIndex.Of(field) switch
    {
        -1 => null,
        PropertyIndex.UserId => new Field(FieldKind.TextProperty, PropertyIndex.UserId),
        var index => Field.Property(index),
    };

    private static Field? Header(string field) => field switch
    {
        "durable" => new Field(FieldKind.Durable),
        "priority" => new Field(FieldKind.Priority),
        "ttl" => new Field(FieldKind.Ttl),
        "first-acquirer" => new Field(FieldKind.Absent),
        "delivery-count" => new Field(FieldKind.DeliveryCount),
        _ => null,
    };
}
