using Mamba.Amqp.Types;
using Mamba.Broker.Engine;
using Mamba.Broker.Server.Management;

namespace Mamba.Broker.Server.Dialects.RabbitMq;

/// <summary>
/// RabbitMQ's arguments of a queue, and the settings they come to here. What has no counterpart is refused by name: a queue that
/// silently does less than its declaration says is worse than none.
/// </summary>
internal static class QueueArguments
{
    private const string Type = "x-queue-type";
    private const string MaxLength = "x-max-length";
    private const string MaxBytes = "x-max-length-bytes";
    private const string Overflow = "x-overflow";
    private const string SingleActive = "x-single-active-consumer";
    private const string DeliveryLimit = "x-delivery-limit";
    private const string DeadLetterExchange = "x-dead-letter-exchange";
    private const string DeadLetterKey = "x-dead-letter-routing-key";
    private const string MaxPriority = "x-max-priority";
    private const string DropHead = "drop-head";
    private const string RejectPublish = "reject-publish";

    /// <summary>Above these, priorities are all the same here.</summary>
    private const int Priorities = 9;

    private const int MostDeliveries = 1_000;

    /// <summary>About where a queue lives in a cluster and how it is stored: true of any queue here, or nothing to choose.</summary>
    private static readonly HashSet<string> WithoutEffect = new(StringComparer.Ordinal)
    {
        "x-queue-leader-locator", "x-queue-master-locator", "x-quorum-initial-group-size", "x-quorum-target-group-size", "x-queue-mode", "x-queue-version",
        "x-dead-letter-strategy",
    };

    /// <summary>The settings that arguments leave of others.</summary>
    /// <param name="arguments">By name.</param>
    /// <param name="plain">Those of a queue of this name without arguments.</param>
    /// <param name="durable">Whether the queue is to be durable.</param>
    /// <param name="find">Finds an exchange by its name.</param>
    /// <exception cref="PairedException">400: an argument cannot be met; the text names it.</exception>
    public static NodeOptions Apply(AmqpMap arguments, NodeOptions plain, bool durable, Func<string, ExchangeOptions?> find)
    {
        var options = plain with { Durable = durable };
        foreach (var (key, value) in arguments)
        {
            options = Apply((string)key, value!, options);
        }

        if ((arguments.ContainsKey(MaxLength) || arguments.ContainsKey(MaxBytes)) && !arguments.ContainsKey(Overflow))
        {
            // RabbitMQ's default, which its applications count on.
            options = options with { Overflow = OverflowPolicy.DropHead };
        }

        return ApplyDeadLetters(arguments, options, find);
    }

    /// <summary>The settings of a queue as arguments.</summary>
    public static AmqpMap Describe(NodeOptions options)
    {
        var map = new AmqpMap { { Type, TypeOf(options) } };
        if (options.MaxMessages > 0)
        {
            map.Add(MaxLength, options.MaxMessages);
        }

        if (options.MaxBytes > 0)
        {
            map.Add(MaxBytes, options.MaxBytes);
        }

        if (options.MaxMessages > 0 || options.MaxBytes > 0)
        {
            map.Add(Overflow, options.Overflow switch { OverflowPolicy.DropHead => DropHead, OverflowPolicy.Reject => RejectPublish, var own => own.ToString() });
        }

        if (options.SingleActiveConsumer)
        {
            map.Add(SingleActive, true);
        }

        if (options.MaxDeliveries > 0)
        {
            map.Add(DeliveryLimit, (long)options.MaxDeliveries - 1);
        }

        if (options.DeadLetterAddress.Length > 0 && !options.DeadLetterAddress.Contains('{', StringComparison.Ordinal))
        {
            var (exchange, routingKey) = ExchangeAddress.Parse(options.DeadLetterAddress) ?? (string.Empty, options.DeadLetterAddress);
            map.Add(DeadLetterExchange, exchange);
            map.Add(DeadLetterKey, routingKey);
        }

        return map;
    }

    /// <summary>The type by which RabbitMQ's clients know a queue.</summary>
    public static string TypeOf(NodeOptions options) => options.Durable ? "quorum" : "classic";

    /// <summary>What of the settings of a queue is not as asked for, or null.</summary>
    public static string? Difference(NodeOptions there, NodeOptions wanted)
    {
        var (current, received) = (Describe(there), Describe(wanted));
        foreach (var name in current.Concat(received).Select(static entry => (string)entry.Key))
        {
            if (!AmqpValue.Equals(current[name], received[name]))
            {
                return $"inequivalent arg '{name}': received {Show(received[name])} but current is {Show(current[name])}";
            }
        }

        return null;
    }

    private static string Show(object? value) => value is null ? "none" : $"'{(value is string text ? text : AmqpValue.ToString(value))}'";

    private static NodeOptions Apply(string name, object value, NodeOptions options) => name switch
    {
        Type => Checked(options, TextOf(name, value)),
        MaxLength => options with { MaxMessages = NumberOf(name, value, 1, long.MaxValue) },
        MaxBytes => options with { MaxBytes = NumberOf(name, value, 1, long.MaxValue) },
        Overflow => options with { Overflow = OverflowOf(TextOf(name, value)) },
        SingleActive => options with { SingleActiveConsumer = value as bool? ?? throw Invalid(name, "must be a boolean") },
        DeliveryLimit => options with { MaxDeliveries = value is -1 or -1L or (short)-1 or (sbyte)-1 ? 0 : (int)NumberOf(name, value, 0, MostDeliveries - 1) + 1 },
        MaxPriority => NumberOf(name, value, 1, Priorities) > 0 ? options : throw Invalid(name, "must be positive"),
        DeadLetterExchange or DeadLetterKey => options,
        _ when WithoutEffect.Contains(name) => options,
        _ => throw Invalid(name, "is not supported by this broker; leave it out"),
    };

    private static NodeOptions Checked(NodeOptions options, string type) => type switch
    {
        "classic" => options,
        "quorum" when options.Durable => options,
        "quorum" => throw Invalid(Type, "says 'quorum', which is for durable queues"),
        "stream" => throw Invalid(Type, "says 'stream', which is not supported: messages leave a queue of this broker when they are consumed; use a durable subscription, or an address rule with 'retain'"),
        _ => throw Invalid(Type, $"has the unsupported queue type '{type}'; there are classic and quorum"),
    };

    private static OverflowPolicy OverflowOf(string text) => text switch
    {
        DropHead => OverflowPolicy.DropHead,
        RejectPublish => OverflowPolicy.Reject,
        _ => throw Invalid(Overflow, $"is {DropHead} or {RejectPublish} here, not '{text}'"),
    };

    private static NodeOptions ApplyDeadLetters(AmqpMap arguments, NodeOptions options, Func<string, ExchangeOptions?> find)
    {
        var key = arguments[DeadLetterKey] is { } given ? TextOf(DeadLetterKey, given) : null;
        if (arguments[DeadLetterExchange] is not { } exchange)
        {
            return key is null ? options : throw Invalid(DeadLetterKey, $"needs {DeadLetterExchange}");
        }

        var name = TextOf(DeadLetterExchange, exchange);
        if (key is null && find(name) is not { Type: ExchangeType.Fanout })
        {
            throw Invalid(DeadLetterExchange, $"needs {DeadLetterKey} unless it is a fanout exchange: this broker does not keep the routing key that a message was sent with");
        }

        key ??= string.Empty;
        return options with { DeadLetterAddress = name.Length == 0 ? key : ExchangeAddress.Format(name, key), ExpiryAddress = null, DeadLetterDropped = true };
    }

    private static string TextOf(string name, object value) => value switch
    {
        string text => text,
        Symbol symbol => symbol.Value,
        _ => throw Invalid(name, "must be a string"),
    };

    private static long NumberOf(string name, object value, long min, long max) =>
        Whole.Read(value) is { } number && number >= min && number <= max
            ? number
            : throw Invalid(name, $"must be a whole number from {min} to {max}, and is {AmqpValue.ToString(value)}");

    private static PairedException Invalid(string name, string why) => PairedException.Bad($"invalid arg '{name}': it {why}");
}
