namespace Mamba.Broker.Engine;

/// <summary>
/// Holds a queue to its limits: room is reserved when a message is published, before it is on the queue, and given back when it
/// leaves. Without limits it counts nothing. Thread-safe, lock-free.
/// </summary>
internal sealed class QueueAdmission(long maxMessages, long maxBytes)
{
    private readonly bool _limited = maxMessages > 0 || maxBytes > 0;
    private long _messages;
    private long _bytes;
    private long _refused;

    /// <summary>The limits of a queue that refuses what is too much; none for others.</summary>
    public static QueueAdmission For(NodeOptions options) =>
        options.Overflow == OverflowPolicy.Reject ? new QueueAdmission(options.MaxMessages, options.MaxBytes) : new QueueAdmission(0, 0);

    /// <summary>Messages refused so far.</summary>
    public long Refused => Interlocked.Read(ref _refused);

    /// <summary>Reserves room for one message; false when there is none.</summary>
    public bool TryReserve(long bytes)
    {
        if (!_limited)
        {
            return true;
        }

        var messages = Interlocked.Increment(ref _messages);
        var total = Interlocked.Add(ref _bytes, bytes);
        if ((maxMessages > 0 && messages > maxMessages) || (maxBytes > 0 && total > maxBytes))
        {
            Reserve(-1, -bytes);
            Interlocked.Increment(ref _refused);
            return false;
        }

        return true;
    }

    /// <summary>Takes room without asking; negative numbers give it back.</summary>
    public void Reserve(long messages, long bytes)
    {
        if (_limited)
        {
            Interlocked.Add(ref _messages, messages);
            Interlocked.Add(ref _bytes, bytes);
        }
    }
}
