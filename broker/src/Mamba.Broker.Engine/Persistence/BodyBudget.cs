namespace Mamba.Broker.Engine;

/// <summary>
/// Bytes of message bodies in memory, over the whole engine. Every published or loaded-to-stay message is charged once and
/// discharged when its last reference goes. Above the limit queues keep only a short head in memory; above the limit and a
/// quarter nothing new stays. Thread-safe.
/// </summary>
internal sealed class BodyBudget(long limit)
{
    /// <summary>What a queue may keep in memory while the budget is spent, so that busy short queues never touch the disk.</summary>
    public const int QueueFloorBytes = 64 * 1024;

    private long _used;

    public long Used => Interlocked.Read(ref _used);

    public void Charge(int bytes) => Interlocked.Add(ref _used, bytes);

    public void Discharge(int bytes) => Interlocked.Add(ref _used, -bytes);

    /// <summary>True when a queue that holds <paramref name="queueBytes"/> in memory may keep one more body there.</summary>
    public bool MayKeep(long queueBytes)
    {
        var used = Used;
        return used <= limit || (queueBytes < QueueFloorBytes && used <= limit + (limit / 4));
    }
}
