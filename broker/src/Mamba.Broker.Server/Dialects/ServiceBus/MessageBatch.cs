using Mamba.Amqp.Codec;
using Mamba.Amqp.Messaging;
using Mamba.Amqp.Transport;
using Mamba.Broker.Engine;
using Mamba.Broker.Server.Messages;

namespace Mamba.Broker.Server.Dialects.ServiceBus;

/// <summary>
/// Messages that came in one transfer, of message-format 0x80013700: each data section of the transfer's message is one message with
/// all its sections. What stands in front of them is for the transfer, and means nothing here.
/// </summary>
internal static class MessageBatch
{
    public const uint Format = 0x80013700;

    /// <summary>Messages in one batch, at most.</summary>
    public const int MaxMessages = 5_000;

    private static readonly DecodeLimits Limits = new() { MaxSections = MaxMessages + 8 };

    /// <summary>Takes a batch apart.</summary>
    /// <param name="payload">The transfer's message.</param>
    /// <param name="now">Unix milliseconds.</param>
    /// <param name="origin">Who published them.</param>
    /// <param name="into">Gets the messages, each with one reference for the caller; empty after a failure.</param>
    /// <returns>What is wrong with it, or null.</returns>
    public static AmqpError? Read(ReadOnlySpan<byte> payload, long now, object origin, List<StoredMessage> into)
    {
        var fault = ReadAll(payload, now, origin, into);
        if (fault is not null)
        {
            into.ForEach(static message => message.Release());
            into.Clear();
        }

        return fault;
    }

    private static AmqpError? ReadAll(ReadOnlySpan<byte> payload, long now, object origin, List<StoredMessage> into)
    {
        try
        {
            var scanner = new MessageScanner(payload, Limits);
            while (scanner.Next(out var section))
            {
                if (section.Kind is MessageSection.AmqpValue or MessageSection.AmqpSequence)
                {
                    return new AmqpError(ErrorCondition.InvalidField, $"A batch consists of data sections; this one has the section {section.Kind}.");
                }

                if (section.Kind != MessageSection.Data)
                {
                    continue;
                }

                var reader = new AmqpReader(section.ValueIn(payload));
                if (MessageIngress.Read(reader.ReadBinarySpan(), now, wantTo: false, out _, out var fault) is not { } message)
                {
                    return new AmqpError(fault!.Condition, $"Message {into.Count + 1} of the batch: {fault.Description}");
                }

                message = MessageStamp.Stamp(message, now);
                message.Origin = origin;
                into.Add(message);
            }
        }
        catch (AmqpException e)
        {
            return e.Error;
        }

        return into.Count == 0 ? new AmqpError(ErrorCondition.InvalidField, "The batch has no messages.") : null;
    }
}
