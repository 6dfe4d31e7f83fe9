using Mamba.Amqp.Codec;
using Mamba.Amqp.Messaging;
using Mamba.Amqp.Transport;
using Mamba.Amqp.Types;
using Mamba.Broker.Engine;
using Mamba.Broker.Selectors;
using Mamba.Broker.Selectors.Filters;

namespace Mamba.Broker.Server.Messages;

/// <summary>
/// Writes message-annotations: why and from where a message was moved, and what a consumer asked to add. The bare message behind
/// them stays byte for byte. Thread-safe.
/// </summary>
public sealed class MessageAnnotator(TimeProvider? time = null) : IMessageAnnotator
{
    private static readonly Symbol Reason = new("x-opt-dead-letter-reason");
    private static readonly Symbol Error = new("x-opt-dead-letter-error");
    private static readonly Symbol Description = new("x-opt-dead-letter-description");
    private static readonly Symbol OriginalAddress = new("x-opt-orig-address");
    private static readonly Symbol OriginalSubscription = new("x-opt-orig-subscription");
    private static readonly Symbol OriginalExpiry = new("x-opt-orig-expiry");
    private static readonly Symbol DeathTime = new("x-opt-death-time");
    private static readonly Symbol ScheduleId = new("x-opt-schedule-id");
    private static readonly Symbol DeliverAt = new("x-opt-delivery-time");
    private static readonly Symbol DeliveryCount = new("x-opt-delivery-count");

    public StoredMessage DeadLetter(StoredMessage original, in DeadLetterInfo info)
    {
        var annotations = ReadAnnotations(original);
        annotations[Reason] = NameOf(info.Reason);
        Set(annotations, Error, info.ErrorCondition);
        Set(annotations, Description, info.ErrorDescription);
        annotations[OriginalAddress] = info.OriginalAddress;
        Set(annotations, OriginalSubscription, info.SubscriptionName);
        annotations[DeathTime] = new Timestamp(info.Time);
        annotations[DeliveryCount] = info.DeliveryCount;
        if (info.OriginalExpiresAt != 0)
        {
            annotations[OriginalExpiry] = new Timestamp(info.OriginalExpiresAt);
        }

        return Rewrite(original, annotations);
    }

    /// <summary>Only keys that begin with x- are a consumer's to set (AMQP 1.0 §3.4.5 and §3.2.10 leave the others to the standard).</summary>
    public StoredMessage MergeAnnotations(StoredMessage original, ReadOnlySpan<byte> annotations)
    {
        var merged = ReadAnnotations(original);
        foreach (var (key, value) in Decode(annotations))
        {
            if (key is Symbol symbol && symbol.Value.StartsWith("x-", StringComparison.Ordinal))
            {
                merged[key] = value;
            }
        }

        var copy = Rewrite(original, merged);
        copy.HasOwnRetry = !original.DeadLettered && RetryAnnotations.Of(merged) != default;
        return copy;
    }

    public MessageRetry RetryOf(StoredMessage message) => RetryAnnotations.Of(ReadAnnotations(message));

    public StoredMessage Scheduled(StoredMessage original, ulong scheduleId, long instant)
    {
        var annotations = ReadAnnotations(original);
        foreach (var key in DeliveryTime.Keys)
        {
            annotations.Remove(key);
        }

        annotations[ScheduleId] = scheduleId;
        annotations[DeliverAt] = instant;
        return Rewrite(original, annotations);
    }

    public string? LastValueKey(StoredMessage message, string name) => ValueKey.Read(message, name);

    public StoredMessage Diverted(StoredMessage original, string address)
    {
        var annotations = ReadAnnotations(original);
        annotations[OriginalAddress] = address;
        return Rewrite(original, annotations);
    }

    public IMessageFilter MakeFilter(string selector)
    {
        try
        {
            return new SelectorFilter(Selector.Parse(selector), time ?? TimeProvider.System);
        }
        catch (SelectorException e)
        {
            throw new EngineException(EngineError.NotAllowed, $"The selector \"{selector}\" cannot be used: {e.Message}", e);
        }
    }

    public IMessageFilter? RestoreFilter(ReadOnlyMemory<byte> definition)
    {
        try
        {
            return FilterSet.Restore(definition).Selector is { } selector ? new SelectorFilter(selector, time ?? TimeProvider.System) : null;
        }
        catch (Exception cause) when (cause is SelectorException or AmqpException)
        {
            throw new EngineException(EngineError.Mismatch, cause.Message.TrimEnd('.'), cause);
        }
    }

    private static string NameOf(DeadLetterReason reason) => reason switch
    {
        DeadLetterReason.Rejected => "rejected",
        DeadLetterReason.MaxDeliveries => "max-deliveries",
        DeadLetterReason.MaxAcquires => "max-acquires",
        DeadLetterReason.Expired => "expired",
        DeadLetterReason.MaxLength => "max-length",
        DeadLetterReason.Cancelled => "cancelled",
        _ => "undeliverable",
    };

    private static void Set(AmqpMap annotations, Symbol key, string? value)
    {
        if (value is null)
        {
            annotations.Remove(key);
        }
        else
        {
            annotations[key] = value;
        }
    }

    private static AmqpMap ReadAnnotations(StoredMessage message)
    {
        if (message.AnnotationsLength == 0)
        {
            return new AmqpMap();
        }

        var reader = new AmqpReader(message.Span[..message.AnnotationsLength]);
        reader.ReadDescriptor();
        return reader.ReadMap();
    }

    private static AmqpMap Decode(ReadOnlySpan<byte> encoded)
    {
        var reader = new AmqpReader(encoded);
        return reader.ReadMap();
    }

    private static StoredMessage Rewrite(StoredMessage original, AmqpMap annotations)
    {
        using var section = new ByteBuffer();
        var writer = new AmqpWriter(section);
        writer.WriteDescriptor((ulong)MessageSection.MessageAnnotations);
        writer.WriteMap(annotations);
        var bare = original.Span[original.AnnotationsLength..];
        var copy = original.RentSimilar(section.Length + bare.Length);
        section.WrittenSpan.CopyTo(copy.Buffer);
        bare.CopyTo(copy.Buffer.AsSpan(section.Length));
        copy.AnnotationsLength = section.Length;
        return copy;
    }
}
