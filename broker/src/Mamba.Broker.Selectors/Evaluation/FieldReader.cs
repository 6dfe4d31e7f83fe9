using System.Buffers.Binary;
using System.Globalization;
using Mamba.Amqp.Codec;

namespace Mamba.Broker.Selectors.Evaluation;

/// <summary>Reads the fields that are not keys of a map: of the header and the properties section, and what JMS makes of them.</summary>
internal static class FieldReader
{
    public static void Read(ref Evaluation evaluation, in Field field, in SelectorInput input, out Value value)
    {
        switch (field.Kind)
        {
            case FieldKind.Property:
                EncodedValues.Read(ref evaluation, evaluation.FindProperty(field.Index), out value);
                break;
            case FieldKind.TextProperty:
                EncodedValues.Read(ref evaluation, evaluation.FindProperty(field.Index), out value);
                value.Kind = value.Kind == ValueKind.Binary ? ValueKind.Text : value.Kind;
                break;
            case FieldKind.JmsMessageId or FieldKind.JmsCorrelationId:
                value = JmsIds.Read(ref evaluation, field.Kind == FieldKind.JmsMessageId);
                break;
            case FieldKind.JmsGroupSequence:
                EncodedValues.Read(ref evaluation, evaluation.FindProperty(PropertyIndex.GroupSequence), out value);
                value.Bits = value.Kind == ValueKind.Exact ? (int)value.Bits : value.Bits;
                break;
            case FieldKind.JmsDeliveryMode:
                value = evaluation.MakeText(default, input.Durable ? "PERSISTENT"u8 : "NON_PERSISTENT"u8);
                break;
            default:
                value = ReadHeader(field.Kind, input);
                break;
        }
    }

    private static Value ReadHeader(FieldKind kind, in SelectorInput input) => kind switch
    {
        FieldKind.JmsDeliveryCount => Value.Of(input.DeliveryCount + 1L),
        FieldKind.JmsRedelivered => Value.Of(input.DeliveryCount > 0),
        FieldKind.JmsExpiration => Value.Of(input.ExpiresAt),
        FieldKind.Durable => Value.Of(input.Durable),
        FieldKind.Priority => Value.Of((long)Math.Min(input.Priority, (byte)9)),
        FieldKind.Ttl => input.Ttl == 0 ? Value.Null : Value.Of((long)input.Ttl),
        FieldKind.DeliveryCount => Value.Of((long)input.DeliveryCount),
        _ => Value.Null,
    };
}

/// <summary>
/// Message ids as JMS applications see them. They are strings that begin with <c>ID:</c>; ids of other types, and strings that would
/// be taken for something else on their way back, are marked by what follows it.
/// </summary>
internal static class JmsIds
{
    public static Value Read(ref Evaluation evaluation, bool isMessageId)
    {
        var position = evaluation.FindProperty(isMessageId ? PropertyIndex.MessageId : PropertyIndex.CorrelationId);
        if (position < 0 || EncodedValues.Skip(evaluation.Message, position) is var end && end < 0)
        {
            return Value.Null;
        }

        var data = evaluation.Message[position..end];
        switch (data[0])
        {
            case FormatCode.String8 or FormatCode.String32:
                return OfText(ref evaluation, position, isMessageId);
            case FormatCode.ULong0 or FormatCode.SmallULong or FormatCode.ULong:
                Span<byte> digits = stackalloc byte[20];
                OfULong(data).TryFormat(digits, out var length, provider: CultureInfo.InvariantCulture);
                return evaluation.MakeText("ID:AMQP_ULONG:"u8, digits[..length]);
            case FormatCode.Uuid:
                Span<byte> text = stackalloc byte[36];
                new Guid(data[1..], bigEndian: true).TryFormat(text, out _);
                return evaluation.MakeText("ID:AMQP_UUID:"u8, text);
            case FormatCode.Binary8:
                return evaluation.MakeHexadecimal("ID:AMQP_BINARY:"u8, data[2..]);
            case FormatCode.Binary32:
                return evaluation.MakeHexadecimal("ID:AMQP_BINARY:"u8, data[5..]);
            default:
                return Value.Null;
        }
    }

    private static Value OfText(ref Evaluation evaluation, int position, bool isMessageId)
    {
        EncodedValues.Read(ref evaluation, position, out var value);
        var text = evaluation.BytesOf(value);
        if (!text.StartsWith("ID:"u8))
        {
            return isMessageId ? evaluation.MakeText("ID:AMQP_NO_PREFIX:"u8, text) : value;
        }

        return IsMarked(text[3..]) ? evaluation.MakeText("ID:AMQP_STRING:"u8, text) : value;
    }

    private static bool IsMarked(ReadOnlySpan<byte> text) =>
        text.StartsWith("AMQP_STRING:"u8) || text.StartsWith("AMQP_UUID:"u8) || text.StartsWith("AMQP_ULONG:"u8)
        || text.StartsWith("AMQP_BINARY:"u8) || text.StartsWith("AMQP_NO_PREFIX:"u8);

    private static ulong OfULong(ReadOnlySpan<byte> data) => data[0] switch
    {
        FormatCode.ULong0 => 0,
        FormatCode.SmallULong => data[1],
        _ => BinaryPrimitives.ReadUInt64BigEndian(data[1..]),
    };
}
