namespace Mamba.Broker.Engine;

/// <summary>
/// A message that is to be delivered again and again. Without <see cref="Cron"/>: first at <see cref="FirstAt"/>, then
/// <see cref="Repeat"/> more times, <see cref="Period"/> apart. With it: at each of its instants, or, when there is a repeat, a series
/// that begins at each of them after <see cref="Delay"/> (or one period) and has repeat + 1 deliveries. Immutable.
/// </summary>
public sealed record MessageSchedule
{
    /// <summary>A series without end.</summary>
    public const int Forever = -1;

    /// <summary>The instants, in UTC; null for a plain series.</summary>
    public CronSchedule? Cron { get; init; }

    /// <summary>Unix milliseconds of the first delivery of a plain series.</summary>
    public long FirstAt { get; init; }

    /// <summary>Milliseconds between an instant of the cron entry and the first delivery of its series; 0 = one period.</summary>
    public long Delay { get; init; }

    /// <summary>Milliseconds between deliveries of a series, 1 or more; 0 when nothing repeats.</summary>
    public long Period { get; init; }

    /// <summary>Deliveries after the first, or <see cref="Forever"/> (not with a cron entry).</summary>
    public int Repeat { get; init; }
}

/// <summary>What is done about instants that passed while the broker was not running.</summary>
public enum MissedInstants
{
    /// <summary>All that a schedule missed are made up for with one delivery.</summary>
    DeliverOnce,

    /// <summary>They are left out.</summary>
    Skip,
}

/// <summary>Why a message waits for its time.</summary>
public enum ScheduledKind
{
    /// <summary>Published with a delivery time or delay.</summary>
    Delayed,

    /// <summary>Delivered again and again.</summary>
    Repeating,

    /// <summary>A failed delivery that waits for its next try.</summary>
    Parked,
}

/// <summary>A message that waits for its time.</summary>
/// <param name="Id">Names it for <see cref="MessageEngine.CancelScheduledAsync"/>; keeps its value over deliveries and restarts.</param>
/// <param name="Kind">Why it waits.</param>
/// <param name="Address">Queue or topic it was published to.</param>
/// <param name="SubscriptionName">Subscription whose queue it is on, or null.</param>
/// <param name="DueAt">Unix milliseconds of its next delivery.</param>
/// <param name="Cron">Crontab entry, or null.</param>
/// <param name="Period">Milliseconds between deliveries; 0 = none.</param>
/// <param name="Repeats">Deliveries after the next one, -1 = without end. With a crontab entry: of each of its series.</param>
/// <param name="Parent">The schedule with the crontab entry that began this series; 0 = none.</param>
/// <param name="CreatedAt">Unix milliseconds at which a repeating schedule was published; 0 for others.</param>
/// <param name="DeliveryCount">Failed deliveries.</param>
/// <param name="Durable">header.durable.</param>
/// <param name="Length">Bytes stored.</param>
public sealed record ScheduledMessage(
    ulong Id,
    ScheduledKind Kind,
    string Address,
    string? SubscriptionName,
    long DueAt,
    string? Cron,
    long Period,
    int Repeats,
    ulong Parent,
    long CreatedAt,
    uint DeliveryCount,
    bool Durable,
    int Length)
{
    /// <summary>Where it lies.</summary>
    internal QueueHost? Host { get; init; }

    internal long Token { get; init; }

    internal ulong MessageId { get; init; }
}

/// <summary>Which scheduled messages are wanted.</summary>
public sealed record ScheduledQuery
{
    /// <summary>Only of this queue or topic; null = of all.</summary>
    public string? Address { get; init; }

    /// <summary>Only of this kind; null = all.</summary>
    public ScheduledKind? Kind { get; init; }

    /// <summary>Only what falls due at or after this time in unix milliseconds.</summary>
    public long DueFrom { get; init; } = long.MinValue;

    /// <summary>Only what falls due before this time in unix milliseconds.</summary>
    public long DueBefore { get; init; } = long.MaxValue;

    /// <summary>Only the one of this id: on a topic, its copy for each subscription. Null = all.</summary>
    public ulong? Id { get; init; }

    /// <summary>Without failed deliveries that wait for their next try, which are no schedules.</summary>
    public bool WithoutParked { get; init; }

    /// <summary>Without so many of the earliest.</summary>
    public int Skip { get; init; }

    /// <summary>At most so many, the earliest first. Default 1,000.</summary>
    public int Max { get; init; } = 1_000;
}

/// <summary>Some of what waits for its time.</summary>
/// <param name="Items">The part that was asked for, the earliest first.</param>
/// <param name="Total">How many there are that fit the query.</param>
public sealed record ScheduledPage(IReadOnlyList<ScheduledMessage> Items, long Total);
