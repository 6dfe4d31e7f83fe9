namespace Mamba.Broker.Engine;

/// <summary>How much of a queue may be in memory, where its settings say so (<see cref="OverflowPolicy.Page"/>). Immutable.</summary>
internal sealed class PagingLimit(long maxMessages, long maxBytes)
{
    /// <summary>The limit of a queue, or null when it has none of this kind.</summary>
    public static PagingLimit? For(NodeOptions options) => options is { Overflow: OverflowPolicy.Page }
        ? new PagingLimit(options.MaxMessages > 0 ? options.MaxMessages : long.MaxValue, options.MaxBytes > 0 ? options.MaxBytes : long.MaxValue)
        : null;

    public bool IsFull(QueueIndex index) => index.Count >= maxMessages || index.MemoryBytes >= maxBytes;
}
