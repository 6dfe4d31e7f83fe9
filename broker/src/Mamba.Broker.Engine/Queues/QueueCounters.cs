namespace Mamba.Broker.Engine;

/// <summary>Counters of one queue since the process started. Guarded by the queue's lock.</summary>
internal sealed class QueueCounters
{
    public long Enqueued;
    public long Dequeued;
    public long DeadLettered;
    public long Expired;
    public long Redelivered;
    public long Purged;
}
