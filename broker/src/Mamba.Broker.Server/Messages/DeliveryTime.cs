using Mamba.Amqp.Codec;
using Mamba.Amqp.Types;

namespace Mamba.Broker.Server.Messages;

/// <summary>
/// When a message may be delivered at the earliest: the annotation <c>x-opt-delivery-time</c> (Unix milliseconds; any number or a
/// timestamp), else <c>x-opt-delivery-delay</c> (milliseconds from arrival).
/// </summary>
internal static class DeliveryTime
{
    /// <summary>Unix milliseconds, or 0 for at once.</summary>
    public static long Read(ReadOnlySpan<byte> annotations, long now)
    {
        // Most messages have annotations of other kinds: a search of the bytes is cheaper than a walk.
        if (annotations.IndexOf("x-opt-delivery-"u8) < 0)
        {
            return 0;
        }

        var reader = new AmqpReader(annotations);
        var map = reader.ReadMap();
        if (Number(map[new Symbol("x-opt-delivery-time")]) is { } time)
        {
            return time > now ? time : 0;
        }

        return Number(map[new Symbol("x-opt-delivery-delay")]) is > 0 and var delay ? now + delay : 0;
    }

    private static long? Number(object? value) => value switch
    {
        long number => number,
        int number => number,
        uint number => number,
        short number => number,
        ushort number => number,
        byte number => number,
        sbyte number => number,
        ulong number => (long)Math.Min(number, long.MaxValue),
        Timestamp timestamp => timestamp.Milliseconds,
        _ => null,
    };
}
