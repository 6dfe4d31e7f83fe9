using Mamba.Amqp.Codec;
using Mamba.Amqp.Types;

namespace Mamba.Amqp.Messaging;

/// <summary>
/// Looks single fields of a properties section up without decoding the others (AMQP 1.0 §3.2.4). Each look-up walks the fields in
/// front of the wanted one by their sizes. Meant for sections that <see cref="MessageScanner"/> has passed; on others the look-ups
/// throw amqp:decode-error where the bytes make no sense.
/// </summary>
public readonly ref struct PropertiesView
{
    private const int FieldCount = 13;
    private const int AbsoluteExpiryField = 8;
    private const int GroupIdField = 10;

    private readonly ReadOnlySpan<byte> _value;

    /// <summary>Creates a view.</summary>
    /// <param name="value">The list behind the section's descriptor (<see cref="SectionRange.ValueIn"/>); empty when there is no section.</param>
    public PropertiesView(ReadOnlySpan<byte> value) => _value = value;

    /// <summary>The message-id: <see cref="ulong"/>, <see cref="Guid"/>, byte[] or string; null when absent.</summary>
    public object? MessageId => Find(0, out var reader) ? MessageIdCodec.Read(ref reader) : null;

    /// <summary>The message-id as it is encoded, format code included; empty when absent.</summary>
    public ReadOnlySpan<byte> MessageIdEncoded => Find(0, out var reader) ? reader.ReadEncoded() : default;

    /// <summary>Whether the message names its user.</summary>
    public bool HasUserId => Find(1, out _);

    /// <summary>The user-id; empty when absent.</summary>
    public ReadOnlySpan<byte> UserId => Find(1, out var reader) ? reader.ReadBinarySpan() : default;

    public string? To => Text(2);

    /// <summary>The to address as UTF-8; empty when absent.</summary>
    public ReadOnlySpan<byte> ToUtf8 => Find(2, out var reader) ? reader.ReadStringUtf8() : default;

    public string? Subject => Text(3);

    public string? ReplyTo => Text(4);

    /// <summary>The correlation-id: <see cref="ulong"/>, <see cref="Guid"/>, byte[] or string; null when absent.</summary>
    public object? CorrelationId => Find(5, out var reader) ? MessageIdCodec.Read(ref reader) : null;

    public Symbol? ContentType => Find(6, out var reader) ? reader.ReadSymbol() : (Symbol?)null;

    public Timestamp? AbsoluteExpiryTime => Find(AbsoluteExpiryField, out var reader) ? reader.ReadTimestamp() : null;

    public Timestamp? CreationTime => Find(9, out var reader) ? reader.ReadTimestamp() : null;

    public string? GroupId => Text(GroupIdField);

    /// <summary>The group-id as UTF-8; empty when absent.</summary>
    public ReadOnlySpan<byte> GroupIdUtf8 => Find(GroupIdField, out var reader) ? reader.ReadStringUtf8() : default;

    public uint? GroupSequence => Find(11, out var reader) ? reader.ReadUInt() : null;

    /// <summary>Walks over a properties list behind its descriptor, and checks every field's type without allocating.</summary>
    /// <param name="reader">At the list.</param>
    /// <param name="hasGroupId">Whether there is a group-id, which is passed on the way.</param>
    /// <returns>The absolute-expiry-time, which is passed on the way and which a broker wants of every message; null when absent.</returns>
    internal static Timestamp? Check(ref AmqpReader reader, out bool hasGroupId)
    {
        Timestamp? absoluteExpiry = null;
        hasGroupId = false;
        var fields = reader.BeginFields("properties", FieldCount);
        for (var i = 0; i < FieldCount; i++)
        {
            if (!fields.Next(ref reader))
            {
                continue;
            }

            if (i == AbsoluteExpiryField)
            {
                absoluteExpiry = reader.ReadTimestamp();
            }
            else
            {
                hasGroupId |= i == GroupIdField;
                CheckField(ref reader, i);
            }
        }

        fields.End(ref reader);
        return absoluteExpiry;
    }

    private static void CheckField(ref AmqpReader reader, int field)
    {
        switch (field)
        {
            case 0 or 5 when reader.PeekCode() is FormatCode.ULong0 or FormatCode.SmallULong or FormatCode.ULong:
                reader.ReadULong();
                break;
            case 0 or 5 when reader.PeekCode() is FormatCode.Uuid:
                reader.ReadUuid();
                break;
            case 0 or 5 when reader.PeekCode() is FormatCode.Binary8 or FormatCode.Binary32:
            case 1:
                reader.ReadBinarySpan();
                break;
            case 6 or 7:
                reader.ReadSymbolAscii();
                break;
            case 9:
                reader.ReadTimestamp();
                break;
            case 11:
                reader.ReadUInt();
                break;
            default:
                reader.ReadStringUtf8();
                break;
        }
    }

    private string? Text(int field) => Find(field, out var reader) ? reader.ReadString() : null;

    /// <summary>A reader at the value of a field; false when the field is absent.</summary>
    private bool Find(int field, out AmqpReader reader)
    {
        reader = new AmqpReader(_value);
        if (_value.IsEmpty)
        {
            return false;
        }

        var count = reader.BeginList(out _);
        for (var i = 0; i < field && i < count; i++)
        {
            reader.SkipShallow();
        }

        return field < count && !reader.TryReadNull();
    }
}
