using System.Globalization;
using Mamba.Amqp.Codec;
using Mamba.Amqp.Messaging;
using Mamba.Amqp.Transport;
using Mamba.Amqp.Types;
using Mamba.Broker.Engine;

namespace Mamba.Broker.Server.Messages;

/// <summary>
/// The key of a message on a queue of last values: the message annotation of the queue's <c>lastValueKey</c>, else the application
/// property of that name, else what clients of other brokers send, whatever the queue's key is called: the annotation
/// <c>x-opt-last-value-key</c>, the property <c>_AMQ_LVQ_NAME</c>. Compared as text: a string, symbol, number, boolean, uuid,
/// timestamp (Unix milliseconds) or character; binary as hexadecimal. Other values, and the empty text, are no key.
/// </summary>
internal static class ValueKey
{
    private static ReadOnlySpan<byte> Annotation => "x-opt-last-value-key"u8;

    private static ReadOnlySpan<byte> Property => "_AMQ_LVQ_NAME"u8;

    /// <summary>The key, or null when the message has none.</summary>
    public static string? Read(StoredMessage message, string name)
    {
        try
        {
            var annotations = AnnotationsOf(message);
            var properties = PropertiesOf(message);
            Span<byte> wanted = stackalloc byte[256];
            var length = System.Text.Encoding.UTF8.TryGetBytes(name, wanted, out var written) ? written : 0;
            wanted = wanted[..length];
            return Find(annotations, wanted) ?? Find(properties, wanted) ?? Find(annotations, Annotation) ?? Find(properties, Property);
        }
        catch (AmqpException)
        {
            // Stored before it was checked as it is now: it is delivered as it is, and replaces nothing.
            return null;
        }
    }

    private static ReadOnlySpan<byte> AnnotationsOf(StoredMessage message)
    {
        if (message.AnnotationsLength == 0)
        {
            return default;
        }

        var reader = new AmqpReader(message.Span[..message.AnnotationsLength]);
        reader.ReadDescriptor();
        return reader.Rest;
    }

    private static ReadOnlySpan<byte> PropertiesOf(StoredMessage message)
    {
        var bare = message.Span[message.AnnotationsLength..];
        var scanner = new MessageScanner(bare);
        while (scanner.Next(out var section) && section.Kind <= MessageSection.ApplicationProperties)
        {
            if (section.Kind == MessageSection.ApplicationProperties)
            {
                return section.ValueIn(bare);
            }
        }

        return default;
    }

    private static string? Find(ReadOnlySpan<byte> map, ReadOnlySpan<byte> name)
    {
        if (map.IsEmpty || name.IsEmpty)
        {
            return null;
        }

        var reader = new AmqpReader(map);
        for (var left = reader.BeginMap(out _); left > 0; left--)
        {
            var code = reader.PeekCode();
            var found = code switch
            {
                FormatCode.Symbol8 or FormatCode.Symbol32 => reader.ReadSymbolAscii().SequenceEqual(name),
                FormatCode.String8 or FormatCode.String32 => reader.ReadStringUtf8().SequenceEqual(name),
                _ => reader.ReadEncoded().IsEmpty,
            };
            if (found)
            {
                return TextOf(ref reader);
            }

            reader.Skip();
        }

        return null;
    }

    private static string? TextOf(ref AmqpReader reader)
    {
        var text = reader.ReadValue() switch
        {
            string value => value,
            Symbol symbol => symbol.Value,
            bool flag => flag ? "true" : "false",
            byte[] binary => Convert.ToHexStringLower(binary),
            Timestamp timestamp => timestamp.Milliseconds.ToString(CultureInfo.InvariantCulture),
            Guid uuid => uuid.ToString("D"),
            System.Text.Rune character => character.ToString(),
            IFormattable number and (sbyte or byte or short or ushort or int or uint or long or ulong or float or double) =>
                number.ToString(null, CultureInfo.InvariantCulture),
            _ => null,
        };
        return string.IsNullOrEmpty(text) ? null : text;
    }
}
