namespace Mamba.Broker.Engine;

/// <summary>
/// One group of a queue: its messages go to one consumer, until that leaves, or the group is closed or given to another. It is
/// given only when none of its messages is held, so that the order in it holds. Guarded by the queue's lock.
/// </summary>
internal sealed class MessageGroup(uint key)
{
    public uint Key => key;

    /// <summary>The consumer it belongs to; null = the next that takes one of its messages.</summary>
    public QueueConsumer? Owner { get; set; }

    /// <summary>It leaves its owner as soon as nothing of it is held; until then nobody gets any of it.</summary>
    public bool IsMoving { get; set; }

    /// <summary>The consumer it moves to; null = whoever comes first.</summary>
    public QueueConsumer? Heir { get; set; }

    /// <summary>A consumer that must not have one of its messages, and so leaves the group to others if there are any.</summary>
    public QueueConsumer? Avoids { get; set; }

    /// <summary>Its messages on the queue.</summary>
    public int Messages { get; set; }

    /// <summary>Of them, those that a consumer, a transaction or a move holds.</summary>
    public int Held { get; set; }

    /// <summary>Messages set aside while it moves, or while one before them is held up.</summary>
    public List<long>? Waiting { get; set; }

    /// <summary>Order keys of failed deliveries that hold up what is behind them; null when there are none, as there are without a retry policy.</summary>
    public SortedSet<long>? HeldUp { get; set; }

    /// <summary>Whether a failed delivery of the group stands before a message and waits for its next try.</summary>
    public bool HoldsUp(long token) => HeldUp is not null && HeldUp.Min < OrderOf(token);

    /// <summary>Where a message stands in its queue: higher levels first, then by sequence.</summary>
    public static long OrderOf(long token) =>
        QueueIndex.TokenOf(QueueIndex.Levels - 1 - QueueIndex.LevelOf(token), QueueIndex.SequenceOf(token));

    /// <summary>Its place among the groups without messages, when it is one.</summary>
    public LinkedListNode<MessageGroup>? Idle { get; set; }
}

/// <summary>What one consumer has of a queue's groups. Guarded by the queue's lock.</summary>
internal sealed class GroupLane
{
    private readonly PriorityQueue<long, long> _tokens = new();

    /// <summary>Groups that belong to the consumer.</summary>
    public int Groups { get; set; }

    /// <summary>True when messages may be reserved for it.</summary>
    public bool HasMessages => _tokens.Count > 0;

    /// <summary>Adds a reserved message.</summary>
    public void Add(long token) => _tokens.Enqueue(token, MessageGroup.OrderOf(token));

    /// <summary>The first of the highest level; it may have gone from the queue meanwhile.</summary>
    public bool TryPeek(out long token) => _tokens.TryPeek(out token, out _);

    public void RemoveFirst() => _tokens.Dequeue();
}
