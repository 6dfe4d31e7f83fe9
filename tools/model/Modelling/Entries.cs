namespace Mamba.Tools.Model.Modelling;

/// <summary>A message as it was sent. Times are Unix milliseconds; 0 means never, or at once.</summary>
internal sealed record ModelMessage
{
    public required string Id { get; init; }

    public bool Durable { get; init; }

    public byte Priority { get; init; } = 4;

    public long ExpiresAt { get; init; }

    public long DeliverAt { get; init; }

    public string? Group { get; init; }

    /// <summary>The last of its group (JMSXGroupSeq -1).</summary>
    public bool ClosesGroup { get; init; }

    public string? Color { get; init; }

    public int Amount { get; init; }

    public string Type { get; init; } = "";

    public string? ReplyTo { get; init; }

    /// <summary>The client id it was sent with: no-local keeps it from subscriptions of the same.</summary>
    public string Origin { get; init; } = "";

    public int BodyBytes { get; init; }
}

/// <summary>Where an entry of a queue is.</summary>
internal enum Place
{
    /// <summary>In line.</summary>
    Available,

    /// <summary>Not due yet.</summary>
    Scheduled,

    /// <summary>Delivered to a consumer and not settled.</summary>
    Held,

    /// <summary>Settled in a transaction that is open.</summary>
    Enlisted,

    /// <summary>Gone from the queue.</summary>
    Gone,
}

/// <summary>One message on one queue.</summary>
internal sealed class ModelEntry(ModelMessage message, ModelQueue queue, long sequence)
{
    public ModelMessage Message => message;

    public ModelQueue Queue => queue;

    public Place Place { get; set; }

    /// <summary>Earlier deliveries that failed.</summary>
    public int Failures { get; set; }

    /// <summary>Somebody had it before.</summary>
    public bool WasDelivered { get; set; }

    /// <summary>Who holds it, or held it when it was enlisted.</summary>
    public ModelConsumer? Holder { get; set; }

    public HashSet<ModelConsumer> Excluded { get; } = [];

    /// <summary>True when this one comes before <paramref name="other"/> in line.</summary>
    public bool IsBefore(ModelEntry other) =>
        message.Priority != other.Message.Priority ? message.Priority > other.Message.Priority : Sequence < other.Sequence;

    /// <summary>Its place in line, which one that replaces another takes over.</summary>
    public long Sequence { get; set; } = sequence;

    /// <summary>When it came to the queue.</summary>
    public long Arrival { get; } = sequence;

    /// <summary>Unix milliseconds until which it waits after a failed delivery; 0 when none failed.</summary>
    public long RetryAt { get; set; }

    /// <summary>There is a newer one with its key; this one is held.</summary>
    public bool IsReplaced { get; set; }

    /// <summary>It is no longer on disk, though it is held.</summary>
    public bool IsErased { get; set; }

    public bool IsParked(long now) => Place == Place.Scheduled && RetryAt > now;

    public bool IsExpired(long now) => message.ExpiresAt != 0 && message.ExpiresAt <= now;

    public override string ToString() => $"{message.Id} on {queue.Name}";
}

/// <summary>How a queue treats messages.</summary>
internal enum QueueKind
{
    Ordinary,

    /// <summary>Failed deliveries wait.</summary>
    Retry,

    /// <summary>Failed deliveries wait, and what is behind them in their group.</summary>
    RetryInOrder,

    /// <summary>Of messages with one key, the color, there is only the newest.</summary>
    LastValue,
}

/// <summary>A queue, or the queue of a subscription.</summary>
internal sealed class ModelQueue(string name, string address, bool durable)
{
    public string Name => name;

    /// <summary>The queue's or the topic's.</summary>
    public string Address => address;

    /// <summary>It is there after a restart.</summary>
    public bool Durable => durable;

    public bool IsDeadLetter { get; init; }

    public QueueKind Kind { get; init; }

    /// <summary>It is there without consumers, too, but not after a restart.</summary>
    public bool IsTemporary { get; init; }

    /// <summary>What expires is gone without a dead letter, as on temporary queues and the subscriptions of temporary topics.</summary>
    public bool DropsExpired { get; init; }

    /// <summary>A subscription's own selector: what does not match does not come in.</summary>
    public Selector? Selector { get; init; }

    /// <summary>The client id whose messages do not come in.</summary>
    public string? NoLocal { get; init; }

    public List<ModelEntry> Entries { get; } = [];

    public List<ModelConsumer> Consumers { get; } = [];

    public GroupBook Groups { get; } = new();

    public bool Wants(ModelMessage message) =>
        (NoLocal is null || NoLocal != message.Origin) && (Selector is null || Selector.Matches(message));
}

/// <summary>A consumer's link.</summary>
internal sealed class ModelConsumer(string name, ModelQueue queue, Selector? selector)
{
    public string Name => name;

    public ModelQueue Queue => queue;

    /// <summary>The consumer's own; a subscription's is the queue's.</summary>
    public Selector? Selector => selector;

    public int Credit { get; set; }
}

/// <summary>What a transaction has in hand.</summary>
internal sealed class ModelTransaction
{
    public List<(string Address, ModelMessage Message, IReadOnlyList<ModelQueue> Queues)> Sends { get; } = [];

    /// <summary>It can only be rolled back: something in it was refused, or is gone.</summary>
    public bool IsDoomed { get; set; }

    public List<(ModelEntry Entry, ModelOutcome Outcome)> Settled { get; } = [];
}

/// <summary>What a consumer says of a message.</summary>
internal enum ModelOutcome
{
    Accepted,
    Rejected,
    Released,

    /// <summary>modified(delivery-failed).</summary>
    Failed,

    /// <summary>modified(delivery-failed, undeliverable-here).</summary>
    Undeliverable,

    /// <summary>modified(undeliverable-here).</summary>
    NotHere,
}

/// <summary>A dead letter, as the dead-letter queue must have it.</summary>
internal sealed record DeadLetter(ModelMessage Message, string Address, string Reason, int Failures)
{
    /// <summary>Where it expired while somebody held it. It is moved when time moves or somebody looks at it, unless that queue ends before.</summary>
    public ModelQueue? LateOn { get; set; }

    /// <summary>Unix milliseconds, at the end of the second in which it became one.</summary>
    public long Since { get; init; }

    /// <summary>It may be missing.</summary>
    public bool IsOptional { get; set; }

    public override string ToString() => $"{Message.Id} ({Reason} after {Failures} failures)";
}
