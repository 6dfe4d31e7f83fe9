using Mamba.Amqp.Types;
using Mamba.Broker.Engine;

namespace Mamba.Broker.Server.Management;

/// <summary>The retry policy of a queue or topic as attributes; all are null where there is none. Any of them given to CREATE makes one.</summary>
internal static class RetryAttributes
{
    public static readonly string[] Names = [Delay, Multiplier, Jitter, MaxDelay, Order];

    private const string Delay = "retryDelay";
    private const string Multiplier = "retryMultiplier";
    private const string Jitter = "retryJitter";
    private const string MaxDelay = "retryMaxDelay";
    private const string Order = "retryOrder";
    private const string Free = "free";
    private const string Group = "group";

    private static readonly long LongestDelay = (long)RetryPolicy.LongestDelay.TotalMilliseconds;

    public static void Write(RetryPolicy? retry, AmqpMap into)
    {
        into.Add(Delay, retry is null ? null : (long)retry.InitialDelay.TotalMilliseconds);
        into.Add(Multiplier, retry?.Multiplier);
        into.Add(Jitter, retry?.Jitter);
        into.Add(MaxDelay, retry is null ? null : (long)retry.MaxDelay.TotalMilliseconds);
        into.Add(Order, retry is null ? null : retry.Order == RetryOrder.Group ? Group : Free);
    }

    /// <summary>The policy with what is given in place of what is <paramref name="plain"/>, which stands where nothing is.</summary>
    public static RetryPolicy? Read(AttributeBody attributes, RetryPolicy? plain)
    {
        var delay = attributes.Number(Delay, LongestDelay);
        var multiplier = attributes.Real(Multiplier, 1, 1_000);
        var jitter = attributes.Real(Jitter, 0, 1);
        var maxDelay = attributes.Number(MaxDelay, LongestDelay);
        var order = attributes.Text(Order);
        if (delay is null && multiplier is null && jitter is null && maxDelay is null && order is null)
        {
            return plain;
        }

        var from = plain ?? new RetryPolicy();
        var retry = new RetryPolicy
        {
            InitialDelay = delay is { } first ? TimeSpan.FromMilliseconds(first) : from.InitialDelay,
            Multiplier = multiplier ?? from.Multiplier,
            Jitter = jitter ?? from.Jitter,
            MaxDelay = maxDelay is { } most ? TimeSpan.FromMilliseconds(most) : from.MaxDelay,
            Order = order switch
            {
                null => from.Order,
                Free => RetryOrder.Free,
                Group => RetryOrder.Group,
                _ => throw ManagementException.Bad($"The attribute '{Order}' must be '{Free}' or '{Group}'; it is '{order}'."),
            },
        };
        return retry.MaxDelay >= retry.InitialDelay ? retry : throw ManagementException.Bad(
            $"The attribute '{MaxDelay}' is {retry.MaxDelay.TotalMilliseconds} ms, shorter than '{Delay}' ({retry.InitialDelay.TotalMilliseconds} ms).");
    }
}
