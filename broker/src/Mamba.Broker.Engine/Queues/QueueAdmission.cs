namespace Mamba.Broker.Engine;

/// <summary>
/// Holds a queue to its limits: room is reserved when a message is published, before it is on the queue, and given back when it
/// leaves. Without limits it counts nothing. A queue that blocks refuses nothing: it says how much credit senders may have. Thread-safe,
/// lock-free but for what is said to senders.
/// </summary>
internal sealed class QueueAdmission
{
    private Limits? _limits;
    private int _counts = 1;
    private long _messages;
    private long _bytes;
    private long _refused;

    public QueueAdmission(NodeOptions options) => _limits = Limits.Of(options, senders: null, count: 1);

    /// <summary>Called, with no lock held, when senders have to wait from now on: they may have credit that is to be taken back.</summary>
    public Action? Filled { get; set; }

    /// <summary>Messages refused so far.</summary>
    public long Refused => Interlocked.Read(ref _refused);

    /// <summary>Whether senders wait for credit when the queue is full.</summary>
    public bool Blocks => Volatile.Read(ref _limits)?.Senders is not null;

    /// <summary>
    /// Which count of what is on the queue holds now: a new one begins when there are limits again; 0 while nothing is counted. Room that was
    /// reserved in one is not given back to another.
    /// </summary>
    public int Count => Volatile.Read(ref _limits)?.Count ?? 0;

    /// <summary>Whether senders wait now.</summary>
    public bool IsBlocked => Volatile.Read(ref _limits)?.Senders is { IsBlocked: true };

    /// <summary>Other limits hold from now on. Where there were none the queue was not counted: it is told what is there.</summary>
    public void Change(NodeOptions options, long messages, long bytes)
    {
        var before = _limits;
        if (before is null)
        {
            Interlocked.Exchange(ref _messages, messages);
            Interlocked.Exchange(ref _bytes, bytes);
        }

        var after = Limits.Of(options, before?.Senders, before?.Count ?? ++_counts);
        Volatile.Write(ref _limits, after);
        if (after?.Senders is null)
        {
            before?.Senders?.LetGo();
        }
        else
        {
            Judge(after);
        }
    }

    /// <summary>Reserves room for one message; false when there is none.</summary>
    public bool TryReserve(long bytes)
    {
        if (Volatile.Read(ref _limits) is not { } limits)
        {
            return true;
        }

        var messages = Interlocked.Increment(ref _messages);
        var total = Interlocked.Add(ref _bytes, bytes);
        if (limits.Senders is not null)
        {
            Judge(limits);
        }
        else if (limits.AreExceededBy(messages, total))
        {
            Reserve(-1, -bytes);
            Interlocked.Increment(ref _refused);
            return false;
        }

        return true;
    }

    /// <summary>Whether <see cref="TryReserve"/> would refuse now.</summary>
    public bool IsFullFor(long bytes) => Volatile.Read(ref _limits) is { Senders: null } limits
        && limits.AreExceededBy(Interlocked.Read(ref _messages) + 1, Interlocked.Read(ref _bytes) + bytes);

    /// <summary>Takes room without asking; negative numbers give it back.</summary>
    public void Reserve(long messages, long bytes)
    {
        if (Volatile.Read(ref _limits) is { } limits)
        {
            Interlocked.Add(ref _messages, messages);
            Interlocked.Add(ref _bytes, bytes);
            if (limits.Senders is not null)
            {
                Judge(limits);
            }
        }
    }

    /// <summary>See <see cref="IMessageNode.CreditFor"/>.</summary>
    /// <param name="producer">Who asks.</param>
    /// <param name="producers">How many share the room.</param>
    public long CreditFor(IProducer producer, int producers)
    {
        if (Volatile.Read(ref _limits) is not { Senders: { } senders } limits)
        {
            return long.MaxValue;
        }

        Judge(limits);
        return senders.IsWaiting(producer) ? 0 : Math.Max(1, limits.RoomFor(_messages, _bytes) / Math.Max(producers, 1));
    }

    /// <summary>A producer waits no longer.</summary>
    public void Forget(IProducer producer) => Volatile.Read(ref _limits)?.Senders?.Forget(producer);

    /// <summary>The queue is no more: whoever waits asks again elsewhere.</summary>
    public void LetGo() => Volatile.Read(ref _limits)?.Senders?.LetGo();

    private void Judge(Limits limits)
    {
        var messages = Interlocked.Read(ref _messages);
        var bytes = Interlocked.Read(ref _bytes);
        if (limits.Senders!.IsBlocked)
        {
            if (limits.LeaveRoomBy(messages, bytes))
            {
                limits.Senders.LetGo();
                if (limits.AreReachedBy(Interlocked.Read(ref _messages), Interlocked.Read(ref _bytes)))
                {
                    Block(limits);
                }
            }
        }
        else if (limits.AreReachedBy(messages, bytes))
        {
            Block(limits);
        }
    }

    /// <summary>
    /// Blocks, and looks once more: room that was given back before the senders were seen to be blocked told nobody.
    /// </summary>
    private void Block(Limits limits)
    {
        var isNew = limits.Senders!.Block();
        if (limits.LeaveRoomBy(Interlocked.Read(ref _messages), Interlocked.Read(ref _bytes)))
        {
            limits.Senders.LetGo();
        }
        else if (isNew)
        {
            Filled?.Invoke();
        }
    }

    /// <summary>The limits at one time; 0 = none. Senders that were stopped go on when a quarter of the room is free.</summary>
    private sealed record Limits(long Messages, long Bytes, BlockedSenders? Senders, int Count)
    {
        private const int Few = 16;

        public static Limits? Of(NodeOptions options, BlockedSenders? senders, int count) =>
            options.MaxMessages == 0 && options.MaxBytes == 0 ? null
            : options.Overflow == OverflowPolicy.Reject ? new Limits(options.MaxMessages, options.MaxBytes, null, count)
            : options.Overflow == OverflowPolicy.Block ? new Limits(options.MaxMessages, options.MaxBytes, senders ?? new BlockedSenders(), count)
            : null;

        public bool AreExceededBy(long messages, long bytes) => (Messages > 0 && messages > Messages) || (Bytes > 0 && bytes > Bytes);

        public bool AreReachedBy(long messages, long bytes) => (Messages > 0 && messages >= Messages) || (Bytes > 0 && bytes >= Bytes);

        public bool LeaveRoomBy(long messages, long bytes) =>
            (Messages == 0 || messages <= Messages - Quarter(Messages)) && (Bytes == 0 || bytes <= Bytes - Quarter(Bytes));

        /// <summary>
        /// How many messages find room. As long as only bytes are limited, those to come are taken to be as large as those that are there; before
        /// there are any, a few are let in to see.
        /// </summary>
        public long RoomFor(long messages, long bytes)
        {
            var room = Messages > 0 ? Messages - messages : int.MaxValue;
            return Bytes == 0 ? room
                : messages <= 0 || bytes <= 0 ? Math.Min(room, Few)
                : Math.Min(room, (Bytes - bytes) / Math.Max(1, bytes / messages));
        }

        private static long Quarter(long limit) => Math.Max(1, limit / 4);
    }
}
