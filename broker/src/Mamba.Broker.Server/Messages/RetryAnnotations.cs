using Mamba.Amqp.Codec;
using Mamba.Amqp.Transport;
using Mamba.Amqp.Types;
using Mamba.Broker.Engine;

namespace Mamba.Broker.Server.Messages;

/// <summary>
/// What a message says itself about its retries: <c>x-opt-retry-delay</c> (milliseconds of the wait after the first failed delivery,
/// 0 = none) and <c>x-opt-max-deliveries</c> (failed deliveries at which it is dead-lettered). And what a consumer says that gives a
/// message back (modified, AMQP 1.0 §3.4.5): <c>x-opt-delivery-time</c> or <c>x-opt-delivery-delay</c>, for this one time.
/// </summary>
internal static class RetryAnnotations
{
    public const int MostDeliveries = 1_000;

    private const string DelayKey = "x-opt-retry-delay";
    private const string MaxKey = "x-opt-max-deliveries";

    private static readonly Symbol Delay = new(DelayKey);
    private static readonly Symbol Max = new(MaxKey);

    /// <summary>Longest <c>x-opt-retry-delay</c>, in milliseconds.</summary>
    private static readonly long LongestDelay = (long)RetryPolicy.LongestDelay.TotalMilliseconds;

    /// <summary>Notes on a message that comes in whether it has a word of its own, which must be one that can be.</summary>
    /// <param name="message">The message.</param>
    /// <param name="annotations">Its message-annotations, without their descriptor.</param>
    /// <exception cref="AmqpException">amqp:invalid-field: one of them cannot be; the text names it.</exception>
    public static void Apply(StoredMessage message, ReadOnlySpan<byte> annotations) =>
        message.HasOwnRetry = Read(new AmqpReader(annotations).ReadMap()) != default;

    /// <summary>The message's own word; nothing where it has none, or one that was never checked.</summary>
    public static MessageRetry Of(AmqpMap annotations)
    {
        try
        {
            return Read(annotations);
        }
        catch (AmqpException)
        {
            // Put there before this version looked at it, or by no publisher: it counts as absent.
            return default;
        }
    }

    /// <summary>When a consumer wants the message it gives back again; takes what says so out of the annotations to be merged.</summary>
    /// <param name="annotations">modified.message-annotations; replaced when something is taken out.</param>
    /// <param name="now">Unix milliseconds.</param>
    /// <returns>Unix milliseconds, a time that passed for "at once"; 0 when it does not say.</returns>
    /// <exception cref="AmqpException">amqp:invalid-field: the time, or a word about retries among the others, cannot be.</exception>
    public static long TakeRetryAt(ref AmqpMap annotations, long now)
    {
        Read(annotations);
        var at = DeliveryTime.TimeIn(annotations, now);
        if (at == 0)
        {
            return 0;
        }

        var rest = new AmqpMap(annotations.Count);
        foreach (var (key, value) in annotations)
        {
            if (key is not Symbol symbol || !DeliveryTime.SaysWhen(symbol))
            {
                rest.Add(key, value);
            }
        }

        annotations = rest;
        return at;
    }

    private static MessageRetry Read(AmqpMap map)
    {
        var delay = DeliveryTime.Number(map, DelayKey);
        if (delay is < 0 || delay > LongestDelay)
        {
            throw DeliveryTime.Invalid(DelayKey, $"is {delay} ms; it takes 0 to {LongestDelay} ms");
        }

        var most = DeliveryTime.Number(map, MaxKey);
        if (most is < 1 or > MostDeliveries)
        {
            throw DeliveryTime.Invalid(MaxKey, $"is {most}; it takes 1 to {MostDeliveries}");
        }

        return new MessageRetry(delay, (int?)most);
    }
}
