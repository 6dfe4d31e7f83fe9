namespace Mamba.Broker.Engine;

/// <summary>The end of a message on a queue.</summary>
internal readonly record struct RemovedMessage(ulong MessageId, MessageLocation Location, bool Persistent, long Token);

/// <summary>A delivery-count to journal, and until when the message is away: unix milliseconds, 0 = it is not.</summary>
internal readonly record struct CountedMessage(ulong MessageId, MessageLocation Location, ushort DeliveryCount, long DueAt);

/// <summary>
/// A message to move to a dead-letter or expiry address, with the annotations that its last consumer gave it back with. Its entry stays, in
/// state Moving, until the move is done.
/// </summary>
internal readonly record struct MessageMove(
    long Token,
    ulong MessageId,
    MessageLocation Location,
    StoredMessage? Message,
    bool Persistent,
    ushort DeliveryCount,
    DeadLetterReason Reason,
    string? ErrorCondition = null,
    string? ErrorDescription = null,
    ReadOnlyMemory<byte> Annotations = default);

/// <summary>
/// A message whose annotations are to be merged, or whose own word about its retries is to be read. Its entry stays, in state Moving,
/// until that is done. With <see cref="Failed"/> the count is raised and not journaled yet; <see cref="RetryAt"/> is as in
/// <see cref="Settlement"/>.
/// </summary>
internal readonly record struct MessageMerge(
    long Token,
    ulong MessageId,
    MessageLocation Location,
    StoredMessage? Message,
    bool Persistent,
    ushort DeliveryCount,
    ReadOnlyMemory<byte> Annotations,
    bool Failed,
    long RetryAt);

/// <summary>
/// What a queue's state machine wants done once its lock is released. Messages in moves and merges carry a reference. Pooled.
/// </summary>
internal sealed class QueueEffects
{
    private const int KeepCapacity = 8192;

    private static readonly IdlePool<QueueEffects> Idle = new(256);

    /// <summary>Consumers to wake.</summary>
    public List<QueueConsumer> Signals { get; } = [];

    /// <summary>References to give back.</summary>
    public List<StoredMessage> Releases { get; } = [];

    public List<RemovedMessage> Removed { get; } = [];

    public List<CountedMessage> Counted { get; } = [];

    /// <summary>Messages that a durable terminus does not hold any more, though they are still there.</summary>
    public List<HoldMark> Unheld { get; } = [];

    public List<MessageMove> Moves { get; } = [];

    public List<MessageMerge> Merges { get; } = [];

    /// <summary>Segments whose records say something about a message in another, which they have to outlive.</summary>
    public List<(int Segment, int On)> Mentions { get; } = [];

    /// <summary>The queue became empty.</summary>
    public bool BecameEmpty { get; set; }

    /// <summary>Room given back to the queue's limits.</summary>
    public int FreedMessages { get; set; }

    public long FreedBytes { get; set; }

    public static QueueEffects Rent() => Idle.TryTake(out var effects) ? effects : new QueueEffects();

    public void Return()
    {
        Signals.Clear();
        Releases.Clear();
        Counted.Clear();
        Unheld.Clear();
        Moves.Clear();
        Merges.Clear();
        Mentions.Clear();
        BecameEmpty = false;
        FreedMessages = 0;
        FreedBytes = 0;
        if (Removed.Capacity > KeepCapacity)
        {
            return;
        }

        Removed.Clear();
        Idle.TryGive(this);
    }
}
