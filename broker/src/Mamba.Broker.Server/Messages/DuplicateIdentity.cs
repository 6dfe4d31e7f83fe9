using System.Buffers.Binary;
using System.Text;
using Mamba.Amqp.Codec;
using Mamba.Amqp.Messaging;
using Mamba.Broker.Engine;

namespace Mamba.Broker.Server.Messages;

/// <summary>
/// The id by which an address tells that a message was sent before: properties.message-id, or the value of a message-annotation or,
/// where there is none of that name, of an application property. Types are kept apart: the string "7", the ulong 7 and the symbol 7
/// are three ids, however many bytes they were encoded in. A message without the id, or with null or the empty text for it, has none.
/// </summary>
internal static class DuplicateIdentity
{
    private const int KindSigned = FormatCode.Long;
    private const int KindOther = 0;

    public static DuplicateId Read(StoredMessage message, DuplicateWindow window)
    {
        var bare = message.Span[message.AnnotationsLength..];
        if (string.Equals(window.By, DuplicateOptions.MessageId, StringComparison.Ordinal))
        {
            return Of(window, new PropertiesView(SectionOf(ref bare, MessageSection.Properties)).MessageIdEncoded);
        }

        Span<byte> name = stackalloc byte[Encoding.UTF8.GetMaxByteCount(window.By.Length)];
        name = name[..Encoding.UTF8.GetBytes(window.By, name)];
        var annotations = message.Span[..message.AnnotationsLength];
        var value = Find(SectionOf(ref annotations, MessageSection.MessageAnnotations), name);
        if (value.IsEmpty)
        {
            SectionOf(ref bare, MessageSection.Properties);
            value = Find(SectionOf(ref bare, MessageSection.ApplicationProperties), name);
        }

        return Of(window, value);
    }

    /// <summary>The value of the section in front, and the rest behind it; empty, and all left as it is, when another is there.</summary>
    private static ReadOnlySpan<byte> SectionOf(ref ReadOnlySpan<byte> sections, MessageSection wanted)
    {
        var reader = new AmqpReader(sections);
        if (reader.AtEnd || reader.PeekCode() != FormatCode.Described || reader.ReadDescriptor() != (ulong)wanted)
        {
            return default;
        }

        var value = reader.ReadEncoded();
        sections = reader.Rest;
        return value;
    }

    /// <summary>The encoded value of a key, a string or symbol, in a map; empty when it is not there.</summary>
    private static ReadOnlySpan<byte> Find(ReadOnlySpan<byte> map, ReadOnlySpan<byte> name)
    {
        if (map.IsEmpty)
        {
            return default;
        }

        var reader = new AmqpReader(map);
        for (var left = reader.BeginMap(out _); left > 0; left--)
        {
            var isKey = KeyIs(ref reader, name);
            var value = reader.ReadEncoded();
            if (isKey)
            {
                return value;
            }
        }

        return default;
    }

    private static bool KeyIs(ref AmqpReader reader, ReadOnlySpan<byte> name)
    {
        switch (reader.PeekCode())
        {
            case FormatCode.Symbol8 or FormatCode.Symbol32:
                return reader.ReadSymbolAscii().SequenceEqual(name);
            case FormatCode.String8 or FormatCode.String32:
                return reader.ReadStringUtf8().SequenceEqual(name);
            default:
                reader.Skip();
                return false;
        }
    }

    private static DuplicateId Of(DuplicateWindow window, ReadOnlySpan<byte> encoded)
    {
        if (encoded.IsEmpty)
        {
            return default;
        }

        var reader = new AmqpReader(encoded);
        switch (reader.PeekCode())
        {
            case FormatCode.Null:
                return default;
            case FormatCode.String8 or FormatCode.String32:
                return OfText(window, FormatCode.String8, reader.ReadStringUtf8());
            case FormatCode.Symbol8 or FormatCode.Symbol32:
                return OfText(window, FormatCode.Symbol8, reader.ReadSymbolAscii());
            case FormatCode.Binary8 or FormatCode.Binary32:
                return OfText(window, FormatCode.Binary8, reader.ReadBinarySpan());
            case FormatCode.Uuid:
                return window.IdOf(FormatCode.Uuid, encoded[1..]);
            case FormatCode.ULong or FormatCode.SmallULong or FormatCode.ULong0:
                return OfNumber(window, FormatCode.ULong, reader.ReadULong());
            case FormatCode.UInt or FormatCode.SmallUInt or FormatCode.UInt0:
                return OfNumber(window, FormatCode.ULong, reader.ReadUInt());
            case FormatCode.Long or FormatCode.SmallLong:
                return OfNumber(window, KindSigned, unchecked((ulong)reader.ReadLong()));
            case FormatCode.Int or FormatCode.SmallInt:
                return OfNumber(window, KindSigned, unchecked((ulong)reader.ReadInt()));
            default:
                return window.IdOf(KindOther, encoded);
        }
    }

    private static DuplicateId OfText(DuplicateWindow window, byte kind, ReadOnlySpan<byte> text) =>
        text.IsEmpty ? default : window.IdOf(kind, text);

    private static DuplicateId OfNumber(DuplicateWindow window, byte kind, ulong number)
    {
        Span<byte> bytes = stackalloc byte[sizeof(ulong)];
        BinaryPrimitives.WriteUInt64LittleEndian(bytes, number);
        return window.IdOf(kind, bytes);
    }
}
