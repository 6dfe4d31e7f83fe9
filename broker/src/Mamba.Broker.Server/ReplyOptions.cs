namespace Mamba.Broker.Server;

/// <summary>What becomes of temporary queues and the replies on them when their client's connection is lost.</summary>
public sealed record ReplyOptions
{
    /// <summary>How long a temporary node is kept for its client to come back after its connection was lost; zero ends it at once.</summary>
    public TimeSpan KeepAfterLoss { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>Temporary nodes kept at a time, in total; beyond it they end at once.</summary>
    public int MaxKept { get; init; } = 10_000;

    /// <summary>Of these, those of one client (container-id and user).</summary>
    public int MaxKeptByClient { get; init; } = 1_000;

    /// <summary>Bytes of messages on one of them, above which more are refused until its client is back.</summary>
    public long MaxKeptBytes { get; init; } = 16 * 1024 * 1024;
}
