using Mamba.Amqp.Transport;
using Mamba.Broker.Engine;

namespace Mamba.Broker.Server.Links.Replies;

/// <summary>Counts what was sent to temporary nodes that are gone: replies that came too late. Thread-safe.</summary>
internal sealed class LateReplies
{
    private long _count;

    /// <summary>Messages refused, and links of senders refused, since the process began.</summary>
    public long Count => Interlocked.Read(ref _count);

    /// <summary>A message or a sender's link is refused: counts it if it was for a temporary node that is not there.</summary>
    public void OnRefused(string? address, AmqpError error)
    {
        if (address is not null && error.Condition == ErrorCondition.NotFound && MessageEngine.IsTemporaryName(NodeAddress.Parse(address, default).Name))
        {
            Interlocked.Increment(ref _count);
        }
    }
}
