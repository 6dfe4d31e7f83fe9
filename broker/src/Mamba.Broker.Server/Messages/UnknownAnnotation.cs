using System.Text;
using Mamba.Amqp.Codec;
using Mamba.Amqp.Messaging;
using Mamba.Amqp.Transport;
using Mamba.Broker.Engine;

namespace Mamba.Broker.Server.Messages;

/// <summary>
/// Annotations that a container has to understand, and this one does not: those whose key does not begin with <c>x-opt-</c>
/// (AMQP 1.0 §3.2.10) and that no setting of the address names. Looked for only where <see cref="ServerOptions.RefuseUnknownAnnotations"/>
/// says so.
/// </summary>
internal static class UnknownAnnotation
{
    private const int LongestShown = 64;

    private static ReadOnlySpan<byte> Optional => "x-opt-"u8;

    /// <summary>Looks through the annotations of a message.</summary>
    /// <param name="sections">The message from its beginning.</param>
    /// <param name="options">Settings of the address, which may name annotations; null where there is none.</param>
    /// <param name="last">The last section to look at: delivery- or message-annotations.</param>
    /// <returns>What the link is to be detached with; null when all is understood, or the bytes are no message.</returns>
    public static AmqpError? Find(ReadOnlySpan<byte> sections, NodeOptions? options, MessageSection last = MessageSection.MessageAnnotations)
    {
        try
        {
            var scanner = new MessageScanner(sections);
            while (scanner.Next(out var section) && section.Kind <= last)
            {
                if (section.Kind != MessageSection.Header && FindKey(section.ValueIn(sections), options) is { } key)
                {
                    return Error(section.Kind, key);
                }
            }
        }
        catch (AmqpException)
        {
            // Whoever reads the message says what is wrong with it.
        }

        return null;
    }

    private static string? FindKey(ReadOnlySpan<byte> map, NodeOptions? options)
    {
        var reader = new AmqpReader(map);
        for (var left = reader.BeginMap(out _); left > 0; left--)
        {
            var code = reader.PeekCode();
            var isText = code is FormatCode.Symbol8 or FormatCode.Symbol32 or FormatCode.String8 or FormatCode.String32;
            var key = code is FormatCode.Symbol8 or FormatCode.Symbol32 ? reader.ReadSymbolAscii()
                : isText ? reader.ReadStringUtf8()
                : reader.ReadEncoded();
            if (!isText)
            {
                return "a key that is no symbol";
            }

            if (!key.StartsWith(Optional) && !IsNamed(Encoding.UTF8.GetString(key), options))
            {
                return $"'{Encoding.UTF8.GetString(key[..Math.Min(key.Length, LongestShown)])}'";
            }

            reader.Skip();
        }

        return null;
    }

    private static bool IsNamed(string key, NodeOptions? options) =>
        options is not null && (key == options.LastValueKey || key == options.Duplicates?.By);

    private static AmqpError Error(MessageSection section, string key) => new(
        ErrorCondition.NotImplemented,
        $"The {(section == MessageSection.DeliveryAnnotations ? "delivery" : "message")}-annotations have {key}, which the broker does not know, and which does "
        + "not begin with x-opt-; leave it out, or set links.unknownAnnotations to forward.");
}
