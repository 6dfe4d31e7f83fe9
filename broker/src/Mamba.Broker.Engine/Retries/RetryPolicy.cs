namespace Mamba.Broker.Engine;

/// <summary>What the other messages of its group do while a failed delivery waits.</summary>
public enum RetryOrder
{
    /// <summary>They flow on: only the failed delivery waits.</summary>
    Free,

    /// <summary>
    /// Those behind it in its group wait too; other groups, and messages without one, flow on. What a consumer holds already it holds.
    /// </summary>
    Group,
}

/// <summary>
/// How long a failed delivery waits for its next try: <see cref="InitialDelay"/> after the first failure, <see cref="Multiplier"/> times
/// as long after each further one, spread by <see cref="Jitter"/>, never longer than <see cref="MaxDelay"/>. Immutable.
/// </summary>
public sealed record RetryPolicy
{
    /// <summary>Longest <see cref="InitialDelay"/> and <see cref="MaxDelay"/>: a year.</summary>
    public static readonly TimeSpan LongestDelay = TimeSpan.FromDays(365);

    private readonly TimeSpan _initialDelay = TimeSpan.FromSeconds(1);
    private readonly TimeSpan _maxDelay = TimeSpan.FromMinutes(5);
    private readonly double _multiplier = 2;
    private readonly double _jitter = 0.2;

    /// <summary>The wait after the first failure, 0 to <see cref="LongestDelay"/>; 0 = none, also after the later ones. Default 1 s.</summary>
    /// <exception cref="ArgumentOutOfRangeException">It is out of this range.</exception>
    public TimeSpan InitialDelay
    {
        get => _initialDelay;
        init => _initialDelay = Checked(value);
    }

    /// <summary>By how much the wait grows with each failure, 1 to 1,000. Default 2.</summary>
    /// <exception cref="ArgumentOutOfRangeException">It is out of this range.</exception>
    public double Multiplier
    {
        get => _multiplier;
        init => _multiplier = value is >= 1 and <= 1_000 ? value : throw new ArgumentOutOfRangeException(nameof(value), value, "A multiplier is 1 to 1,000.");
    }

    /// <summary>
    /// By which share of itself a wait is made shorter or longer at random, 0 to 1, so that what failed together is not tried again
    /// together. Default 0.2.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">It is out of this range.</exception>
    public double Jitter
    {
        get => _jitter;
        init => _jitter = value is >= 0 and <= 1 ? value : throw new ArgumentOutOfRangeException(nameof(value), value, "A jitter is 0 to 1.");
    }

    /// <summary>The longest wait, jitter included, 0 to <see cref="LongestDelay"/>. Default 5 min.</summary>
    /// <exception cref="ArgumentOutOfRangeException">It is out of this range.</exception>
    public TimeSpan MaxDelay
    {
        get => _maxDelay;
        init => _maxDelay = Checked(value);
    }

    /// <summary>What the rest of a group does meanwhile. Default: it flows on.</summary>
    public RetryOrder Order { get; init; }

    /// <summary>The wait, in milliseconds, after a number of failures.</summary>
    /// <param name="failures">Failed deliveries so far, 1 or more.</param>
    /// <param name="random">0 (shortest) up to 1 (longest): where in the spread of the jitter it is.</param>
    /// <param name="initialDelay">Milliseconds that take the place of <see cref="InitialDelay"/>, or null.</param>
    public long DelayOf(int failures, double random, long? initialDelay = null)
    {
        var cap = (double)(long)_maxDelay.TotalMilliseconds;
        double initial = initialDelay ?? (long)_initialDelay.TotalMilliseconds;
        if (initial <= 0)
        {
            return 0;
        }

        // Beyond the range of a double this is infinite, and the cap is less than that.
        var nominal = Math.Min(initial * Math.Pow(_multiplier, Math.Max(failures, 1) - 1), cap);
        return (long)Math.Min(nominal * (1 + (_jitter * ((2 * random) - 1))), cap);
    }

    private static TimeSpan Checked(TimeSpan value) => value >= TimeSpan.Zero && value <= LongestDelay
        ? value
        : throw new ArgumentOutOfRangeException(nameof(value), value, "A delay is 0 to 365 days.");
}

/// <summary>What a message says itself about its retries, in place of what its queue says.</summary>
/// <param name="Delay">Milliseconds of the wait after the first failure, 0 = none; null = as the queue says.</param>
/// <param name="MaxDeliveries">Failed deliveries at which it is dead-lettered, 1 or more; null = as the queue says.</param>
public readonly record struct MessageRetry(long? Delay, int? MaxDeliveries);
