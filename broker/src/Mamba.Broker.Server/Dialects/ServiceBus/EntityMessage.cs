using System.Globalization;
using Mamba.Amqp.Codec;
using Mamba.Amqp.Messaging;
using Mamba.Amqp.Types;
using Mamba.Broker.Engine;

namespace Mamba.Broker.Server.Dialects.ServiceBus;

/// <summary>
/// A stored message as clients of Service Bus are shown it: with its sequence number, which is the broker's number of the message, the
/// time its lock lasts to, and why it was dead-lettered, which they look for among the application properties. They cannot settle a
/// message without a message-id; one that has none is shown with its number in that place.
/// </summary>
internal static class EntityMessage
{
    private static readonly Symbol SequenceNumber = new("x-opt-sequence-number");
    private static readonly Symbol LockedUntil = new("x-opt-locked-until");
    private static readonly Symbol DeadLetterSource = new("x-opt-deadletter-source");
    private static readonly Symbol Reason = new("x-opt-dead-letter-reason");
    private static readonly Symbol Error = new("x-opt-dead-letter-error");
    private static readonly Symbol Description = new("x-opt-dead-letter-description");
    private static readonly Symbol OriginalAddress = new("x-opt-orig-address");

    /// <summary>Appends message-annotations, and what else differs from what is stored; the rest goes out as it is stored.</summary>
    /// <param name="output">What the delivery begins with.</param>
    /// <param name="number">The message's number.</param>
    /// <param name="stored">The message.</param>
    /// <param name="lockedUntil">Unix milliseconds; 0 for a message that is not locked.</param>
    /// <returns>How many of the stored bytes are not to be sent, since what was appended takes their place.</returns>
    public static int Write(ByteBuffer output, ulong number, StoredMessage stored, long lockedUntil)
    {
        var annotations = Annotations.Of(stored);
        annotations[SequenceNumber] = (long)number;
        if (lockedUntil != 0)
        {
            annotations[LockedUntil] = new Timestamp(lockedUntil);
        }

        AmqpMap? why = null;
        if (annotations[Reason] is string reason)
        {
            annotations[DeadLetterSource] = annotations[OriginalAddress];
            why = Explain(reason, annotations);
        }

        Annotations.Write(output, annotations);
        return stored.AnnotationsLength + WriteProperties(output, stored.Span[stored.AnnotationsLength..], number, why);
    }

    private static AmqpMap Explain(string reason, AmqpMap annotations)
    {
        var (name, text) = reason switch
        {
            "rejected" => (annotations[Error], annotations[Description]),
            "max-deliveries" or "max-acquires" => ("MaxDeliveryCountExceeded", "The message was delivered, and not completed, as often as it may be."),
            "expired" => ("TTLExpiredException", "The message was not received within its time to live."),
            _ => (reason, null),
        };
        return new AmqpMap { { "DeadLetterReason", name }, { "DeadLetterErrorDescription", text } };
    }

    /// <summary>Appends those of properties and application-properties that differ from what is stored, and what stands in front of them; how many bytes they stand for.</summary>
    private static int WriteProperties(ByteBuffer output, ReadOnlySpan<byte> bare, ulong number, AmqpMap? why)
    {
        SectionRange properties = default;
        SectionRange ofApplication = default;
        var scanner = new MessageScanner(bare);
        while (scanner.Next(out var section) && section.Kind <= MessageSection.ApplicationProperties)
        {
            if (section.Kind == MessageSection.Properties)
            {
                properties = section;
            }
            else
            {
                ofApplication = section;
            }
        }

        var hasId = properties.IsPresent && !new PropertiesView(properties.ValueIn(bare)).MessageIdEncoded.IsEmpty;
        if (hasId && why is null)
        {
            return 0;
        }

        var writer = new AmqpWriter(output);
        if (hasId)
        {
            output.Write(properties.In(bare));
        }
        else
        {
            Numbered(properties, bare, number).Write(writer);
        }

        if (why is null)
        {
            return properties.End;
        }

        AmqpMap merged = ofApplication.IsPresent ? new AmqpReader(ofApplication.ValueIn(bare)).ReadMap() : [];
        foreach (var (key, value) in why)
        {
            if (value is not null)
            {
                merged[key] = value;
            }
        }

        writer.WriteDescriptor((ulong)MessageSection.ApplicationProperties);
        writer.WriteMap(merged);
        return Math.Max(properties.End, ofApplication.End);
    }

    private static MessageProperties Numbered(in SectionRange properties, ReadOnlySpan<byte> bare, ulong number)
    {
        MessageProperties numbered;
        if (properties.IsPresent)
        {
            var reader = new AmqpReader(properties.ValueIn(bare));
            numbered = MessageProperties.ReadFields(ref reader);
        }
        else
        {
            numbered = new MessageProperties();
        }

        numbered.MessageId = number.ToString("x32", CultureInfo.InvariantCulture);
        return numbered;
    }
}
