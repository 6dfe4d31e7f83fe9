using Mamba.Amqp.Codec;
using Mamba.Amqp.Transport;
using Mamba.Amqp.Types;
using Mamba.Broker.Engine;

namespace Mamba.Broker.Server.Messages;

/// <summary>
/// When a message is delivered, from its annotations: <c>x-opt-delivery-time</c> (Unix milliseconds; any number or a timestamp), else
/// <c>x-opt-delivery-delay</c> (milliseconds from arrival). And how often: <c>x-opt-delivery-period</c> (milliseconds),
/// <c>x-opt-delivery-repeat</c> (deliveries after the first, -1 = without end), <c>x-opt-delivery-cron</c> (five fields, UTC), as
/// ActiveMQ Classic reads them.
/// </summary>
internal static class DeliveryTime
{
    private const string Time = "x-opt-delivery-time";
    private const string Delay = "x-opt-delivery-delay";
    private const string Period = "x-opt-delivery-period";
    private const string Repeat = "x-opt-delivery-repeat";
    private const string Cron = "x-opt-delivery-cron";

    /// <summary>Longest delay and period: a hundred years.</summary>
    private const long MaxSpan = 3_155_760_000_000;

    /// <summary>What an instant's copy does not carry any more.</summary>
    internal static readonly Symbol[] Keys = [new(Time), new(Delay), new(Period), new(Repeat), new(Cron)];

    /// <summary>Sets when and how often a message is delivered.</summary>
    /// <param name="message">The message.</param>
    /// <param name="annotations">Its message-annotations, without their descriptor.</param>
    /// <param name="now">Unix milliseconds: delays count from arrival.</param>
    /// <exception cref="AmqpException">amqp:invalid-field: one of them cannot be; the text names it.</exception>
    public static void Apply(StoredMessage message, ReadOnlySpan<byte> annotations, long now)
    {
        var reader = new AmqpReader(annotations);
        var map = reader.ReadMap();
        var time = Number(map, Time);
        var delay = Bounded(Delay, Number(map, Delay) ?? 0, long.MinValue);
        var cron = map[new Symbol(Cron)] is { } entry ? Parse(entry) : null;
        var period = Number(map, Period) is { } given ? Bounded(Period, given, 1) : 0;
        var repeat = RepeatOf(map, cron, period);
        var first = time ?? (delay > 0 ? now + delay : 0);
        if (cron is not null || repeat != 0)
        {
            message.Schedule = new MessageSchedule
            {
                Cron = cron,
                FirstAt = Math.Max(first == 0 ? now + period : first, now),
                Delay = Math.Max(delay, 0),
                Period = period,
                Repeat = repeat,
            };
        }
        else
        {
            // A period alone says when the one delivery is, as it does for Classic.
            first = first == 0 && period > 0 ? now + period : first;
            message.DeliverAt = first > now ? first : 0;
        }
    }

    /// <summary>When annotations say that a message is to be delivered: Unix milliseconds, a time that passed for "at once"; 0 when they do not say.</summary>
    /// <exception cref="AmqpException">amqp:invalid-field: what they say cannot be, or is more than a hundred years away.</exception>
    public static long TimeIn(AmqpMap annotations, long now)
    {
        if (Number(annotations, Time) is { } time)
        {
            return Math.Max(time - now > MaxSpan ? throw Invalid(Time, $"is {time}, more than {MaxSpan} ms from now") : time, 1);
        }

        return Number(annotations, Delay) is { } delay ? now + Math.Max(Bounded(Delay, delay, long.MinValue), 0) : 0;
    }

    /// <summary>Whether a key is one that <see cref="TimeIn"/> reads.</summary>
    public static bool SaysWhen(Symbol key) => key.Value is Time or Delay;

    private static int RepeatOf(AmqpMap map, CronSchedule? cron, long period)
    {
        var repeat = Number(map, Repeat) ?? 0;
        if (repeat is < MessageSchedule.Forever or > int.MaxValue)
        {
            throw Invalid(Repeat, $"is {repeat}; it takes the number of deliveries after the first, or -1 for a series without end");
        }

        if (repeat != 0 && period == 0)
        {
            throw Invalid(Repeat, $"says how often, but there is no {Period} to say how far apart");
        }

        if (repeat == MessageSchedule.Forever && cron is not null)
        {
            throw Invalid(Repeat, $"is -1 beside {Cron}, so that every instant would begin another series without end");
        }

        return (int)repeat;
    }

    private static CronSchedule Parse(object entry)
    {
        var text = entry switch
        {
            string given => given,
            Symbol symbol => symbol.Value,
            _ => throw Invalid(Cron, "is no string"),
        };
        return CronSchedule.TryParse(text, out var cron, out var error)
            ? cron
            : throw Invalid(Cron, $"is \"{text}\", and {error}; write five fields, for example \"*/5 * * * *\" (UTC)");
    }

    private static long Bounded(string key, long value, long least) => value < least || value > MaxSpan
        ? throw Invalid(key, $"is {value} ms; it takes {Math.Max(least, 0)} to {MaxSpan} ms")
        : value;

    internal static long? Number(AmqpMap map, string key) => map[new Symbol(key)] switch
    {
        null => null,
        long number => number,
        int number => number,
        uint number => number,
        short number => number,
        ushort number => number,
        byte number => number,
        sbyte number => number,
        ulong number => (long)Math.Min(number, long.MaxValue),
        double number when Math.Abs(number) < long.MaxValue => (long)number,
        float number when Math.Abs(number) < long.MaxValue => (long)number,
        Timestamp timestamp => timestamp.Milliseconds,
        _ => throw Invalid(key, "is no number"),
    };

    internal static AmqpException Invalid(string key, string what) => new(ErrorCondition.InvalidField, $"The message annotation {key} {what}.");
}
