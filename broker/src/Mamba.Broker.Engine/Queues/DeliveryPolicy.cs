namespace Mamba.Broker.Engine;

/// <summary>What becomes of a delivery that failed.</summary>
/// <param name="IsExhausted">It has had its chances.</param>
/// <param name="DueAt">Unix milliseconds of its next try; 0 = at once.</param>
internal readonly record struct RetryVerdict(bool IsExhausted, long DueAt);

/// <summary>What a node's settings say about failed, rejected and expired messages. Immutable, thread-safe.</summary>
/// <param name="options">The settings.</param>
/// <param name="jitter">Gives numbers from 0 up to 1; thread-safe.</param>
internal sealed class DeliveryPolicy(NodeOptions options, Func<double> jitter)
{
    private readonly bool _deadLetters = !options.IsDeadLetter && options.DeadLetterAddress.Length > 0;

    /// <summary>Whether messages wait behind a failed delivery of their group.</summary>
    public bool KeepsGroups { get; } = options.Retry is { Order: RetryOrder.Group };

    /// <summary>True when a message may be moved to the dead-letter address.</summary>
    public bool CanDeadLetter(in QueueEntry entry) => _deadLetters && !entry.IsDeadLettered;

    /// <summary>True when the message may expire here.</summary>
    public bool Expires(in QueueEntry entry) => entry.ExpiresAt != 0 && !entry.IsDeadLettered && !options.IsDeadLetter;

    public bool IsExpired(in QueueEntry entry, long now) => Expires(entry) && entry.IsExpiredAt(now);

    /// <summary>False for a message that has a word of its own about it: only <see cref="Judge"/> knows then.</summary>
    public bool DeliveriesExhausted(in QueueEntry entry) =>
        options.MaxDeliveries > 0 && entry.DeliveryCount >= options.MaxDeliveries && CanDeadLetter(entry) && !entry.HasOwnRetry;

    public bool AcquiresExhausted(in QueueEntry entry) =>
        options.MaxAcquires > 0 && entry.AcquireCount >= options.MaxAcquires && CanDeadLetter(entry);

    /// <summary>When a delivery that failed is tried again: unix milliseconds, 0 = at once.</summary>
    public long DueAfterFailure(int failures, in MessageRetry own, long now)
    {
        var delay = options.Retry is { } retry ? retry.DelayOf(failures, jitter(), own.Delay) : own.Delay ?? 0;
        return delay > 0 ? now + delay : 0;
    }

    /// <summary>What becomes of a message that was given back and looked at.</summary>
    /// <param name="merge">The message, as it was given back.</param>
    /// <param name="own">What it says itself.</param>
    /// <param name="isDeadLettered">A dead-letter move brought it here.</param>
    /// <param name="now">Unix milliseconds.</param>
    public RetryVerdict Judge(in MessageMerge merge, in MessageRetry own, bool isDeadLettered, long now)
    {
        var most = own.MaxDeliveries ?? options.MaxDeliveries;
        if (merge.Failed && most > 0 && merge.DeliveryCount >= most && _deadLetters && !isDeadLettered)
        {
            return new RetryVerdict(IsExhausted: true, 0);
        }

        var due = merge.RetryAt != 0 ? merge.RetryAt : merge.Failed ? DueAfterFailure(merge.DeliveryCount, own, now) : 0;
        return new RetryVerdict(IsExhausted: false, due > now ? due : 0);
    }
}
