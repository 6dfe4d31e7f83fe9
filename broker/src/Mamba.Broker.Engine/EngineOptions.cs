using Mamba.Broker.Journal;

namespace Mamba.Broker.Engine;

/// <summary>Settings of the engine. Read once at <see cref="MessageEngine.Open"/>.</summary>
public sealed record EngineOptions
{
    /// <summary>Directory of the journal; created when missing.</summary>
    public required string Directory { get; init; }

    /// <summary>Bytes of message bodies kept in memory over all queues; beyond it bodies stay in the journal. Default 64 MiB.</summary>
    public long BodyMemoryBytes { get; init; } = 64L * 1024 * 1024;

    /// <summary>Settings of nodes created without their own, by address pattern; the first match wins.</summary>
    public IReadOnlyList<NodePattern> Patterns { get; init; } = [];

    /// <summary>Settings of nodes no pattern matches.</summary>
    public NodeOptions DefaultNodeOptions { get; init; } = new();

    /// <summary>Rules by which messages go to other addresses, beside those that are made while it runs.</summary>
    public IReadOnlyList<DivertOptions> Diverts { get; init; } = [];

    /// <summary>Most operations in one transaction. Default 10,000.</summary>
    public int MaxTransactionOperations { get; init; } = 10_000;

    /// <summary>Most bytes of messages in one transaction. Default 64 MiB.</summary>
    public long MaxTransactionBytes { get; init; } = 64L * 1024 * 1024;

    /// <summary>Most repeating schedules of one address. Default 10,000.</summary>
    public int MaxSchedulesPerAddress { get; init; } = 10_000;

    /// <summary>What becomes of the instants of schedules that passed while the broker was not running. Default: one delivery makes up for them.</summary>
    public MissedInstants MissedInstants { get; init; }

    /// <summary>Segment size of the journal in bytes. Default 64 MiB.</summary>
    public long SegmentBytes { get; init; } = 64L * 1024 * 1024;

    /// <summary>False skips every fdatasync: a power cut then loses what was accepted. See <see cref="JournalOptions.Sync"/>.</summary>
    public bool Sync { get; init; } = true;

    /// <summary>Start without records that are damaged, instead of refusing to. See <see cref="JournalOptions.AcceptDamage"/>.</summary>
    public bool AcceptDamage { get; init; }

    /// <summary>Compaction starts only when more than this many segments exist. Default 4.</summary>
    public int CompactionMinSegments { get; init; } = 4;

    /// <summary>Compaction starts when less than this share of the journal is live, 0 to 1. Default 0.5.</summary>
    public double CompactionLiveRatio { get; init; } = 0.5;

    /// <summary>Gives numbers from 0 up to 1, which spread retries; thread-safe. A seam for tests.</summary>
    internal Func<double> Jitter { get; init; } = Random.Shared.NextDouble;

    /// <summary>The largest window that any address has; 0 when none has one.</summary>
    internal int LargestDuplicateWindow
    {
        get
        {
            var largest = DefaultNodeOptions.Duplicates?.Window ?? 0;
            foreach (var pattern in Patterns)
            {
                largest = Math.Max(largest, pattern.Options.Duplicates?.Window ?? 0);
            }

            return largest;
        }
    }

    /// <summary>The journal's file system; a seam for tests. Null is the machine's.</summary>
    internal IJournalFiles? Files { get; init; }

    /// <summary>Settings for an address: the first matching pattern's, or the default.</summary>
    public NodeOptions OptionsFor(string address)
    {
        foreach (var pattern in Patterns)
        {
            if (pattern.Matches(address))
            {
                return pattern.Options;
            }
        }

        return DefaultNodeOptions;
    }
}

/// <summary>Settings for all addresses that match a pattern.</summary>
/// <param name="Pattern">See <see cref="AddressPattern"/>.</param>
/// <param name="Options">The settings.</param>
public sealed record NodePattern(string Pattern, NodeOptions Options)
{
    private readonly AddressPattern _pattern = new(Pattern);

    /// <summary>True when <paramref name="address"/> matches.</summary>
    public bool Matches(string address) => _pattern.Matches(address);
}

/// <summary>Settings of one queue or topic (for a topic: of its subscriptions' queues).</summary>
public sealed record NodeOptions
{
    /// <summary>Most characters of a message's key; see <see cref="LastValueKey"/>.</summary>
    public const int MaxKeyLength = 1_024;

    /// <summary>Durable nodes survive a restart, and so do durable messages on them. Default true.</summary>
    public bool Durable { get; init; } = true;

    /// <summary>Most messages on the queue; 0 = no limit. <see cref="Overflow"/> says what happens beyond it.</summary>
    public long MaxMessages { get; init; }

    /// <summary>Most bytes of messages on the queue; 0 = no limit.</summary>
    public long MaxBytes { get; init; }

    /// <summary>What happens to messages beyond the limits. Default: the publisher is refused.</summary>
    public OverflowPolicy Overflow { get; init; }

    /// <summary>Whether messages that <see cref="OverflowPolicy.DropHead"/> drops go to the dead-letter address. Default false: they are discarded.</summary>
    public bool DeadLetterDropped { get; init; }

    /// <summary>Whether one consumer gets all messages while the others wait to take over from it. Default false.</summary>
    public bool SingleActiveConsumer { get; init; }

    /// <summary>
    /// Which annotation or application property a message's key stands in: a newer message with the same key takes the place of an older
    /// one that nobody holds. Null (default) = messages never replace each other. See <see cref="IMessageAnnotator.LastValueKey"/>.
    /// </summary>
    public string? LastValueKey { get; init; }

    /// <summary>Whether consumers get copies, as browsers that follow: messages leave by being replaced, dropped, purged or expired. Default false.</summary>
    public bool NonDestructive { get; init; }

    /// <summary>Failed deliveries (delivery-count) at which a message is dead-lettered; 0 = never. Default 10.</summary>
    public int MaxDeliveries { get; init; } = 10;

    /// <summary>How long a failed delivery waits for its next try; null (default) = it goes back to its place at once.</summary>
    public RetryPolicy? Retry { get; init; }

    /// <summary>Acquisitions at which a message that was only ever released is dead-lettered; 0 = never (default).</summary>
    public int MaxAcquires { get; init; }

    /// <summary>
    /// Where dead letters go; <c>{address}</c> stands for the queue's (or topic's) address. Created when missing. Empty =
    /// nowhere: rejected messages stay with their delivery-count raised. Default "DLQ.{address}".
    /// </summary>
    public string DeadLetterAddress { get; init; } = "DLQ.{address}";

    /// <summary>Where expired messages go; null = the dead-letter address; empty = they are dropped and counted.</summary>
    public string? ExpiryAddress { get; init; }

    /// <summary>
    /// Topics only: how many of the last messages are kept for subscriptions to come, which get them first; 0 = none (default). Comes
    /// from the settings by pattern alone: what a node is given when it is made does not change it.
    /// </summary>
    public int Retain { get; init; }

    /// <summary>Most bytes of messages that <see cref="Retain"/> keeps; older ones give way. Default 16 MiB.</summary>
    public long RetainBytes { get; init; } = 16 * 1024 * 1024;

    /// <summary>
    /// Whether messages that were sent before are left out, and how they are told; null = no (default). Comes from the settings by
    /// pattern alone, as <see cref="Retain"/> does.
    /// </summary>
    public DuplicateOptions? Duplicates { get; init; }

    /// <summary>Queues only: whether the queue is deleted, with its messages, when the last of its consumers has gone. Default false.</summary>
    public bool AutoDelete { get; init; }

    /// <summary>True for dead-letter queues: messages on it never expire and never move on.</summary>
    public bool IsDeadLetter { get; init; }
}
