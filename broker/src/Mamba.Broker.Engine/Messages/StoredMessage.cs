using System.Diagnostics;

namespace Mamba.Broker.Engine;

/// <summary>
/// One message as the broker holds it in memory: <c>[message-annotations section]?[bare message as it arrived]</c> in a
/// buffer, with the header fields the engine needs beside it. Reference-counted: whoever keeps a reference calls
/// <see cref="AddReference"/>, whoever is done calls <see cref="Release"/>; the last release returns it
/// to its pool. The bytes and fields are written once, before the message is published, and only read afterwards.
/// Thread-safe for reading and reference counting.
/// </summary>
public sealed class StoredMessage
{
    private readonly byte[] _buffer;
    private BodyBudget? _budget;
    private int _references;

    internal StoredMessage(byte[] buffer) => _buffer = buffer;

    /// <summary>The array; it may be longer. At least <see cref="Length"/> bytes are valid.</summary>
    public byte[] Buffer => _buffer;

    /// <summary>Number of valid bytes in <see cref="Buffer"/>; 0 or more.</summary>
    public int Length { get; set; }

    /// <summary>The valid bytes.</summary>
    public ReadOnlySpan<byte> Span => _buffer.AsSpan(0, Length);

    /// <summary>
    /// Length in bytes of the message-annotations section at the front of the buffer, 0 when there is none. Stored with
    /// the message, so that a delivery can copy the bare message without parsing.
    /// </summary>
    public int AnnotationsLength { get; set; }

    /// <summary>header.durable (AMQP 1.0 §3.2.1): survives a restart when the node is durable too.</summary>
    public bool Durable { get; set; }

    /// <summary>header.priority, 0 (lowest) to 9; larger values are treated as 9. Default 4.</summary>
    public byte Priority { get; set; } = DefaultPriority;

    /// <summary>Unix time in milliseconds after which the message is not delivered any more; 0 = never.</summary>
    public long ExpiresAt { get; set; }

    /// <summary>header.ttl as it arrived, in milliseconds; 0 = absent. For information; <see cref="ExpiresAt"/> decides.</summary>
    public uint Ttl { get; set; }

    /// <summary>Unix time in milliseconds before which the message is not delivered (x-opt-delivery-time); 0 = at once.</summary>
    public long DeliverAt { get; set; }

    /// <summary>When it is to be delivered again and again; null for almost all messages. Used while it is published; what is stored is the envelope.</summary>
    public MessageSchedule? Schedule { get; set; }

    /// <summary>
    /// The group the message belongs to, as a hash of its name; 0 = none. Two groups that share a hash share a consumer, which
    /// keeps the order of both.
    /// </summary>
    public uint GroupKey { get; set; }

    /// <summary>True for the last message of its group: whoever comes first may have what is sent to the group after it.</summary>
    public bool ClosesGroup { get; set; }

    /// <summary>True when the message says itself how it is tried again: <see cref="IMessageAnnotator.RetryOf"/> reads it when a delivery failed.</summary>
    public bool HasOwnRetry { get; set; }

    /// <summary>
    /// Identity of the publisher (container-id or connection) that no-local subscriptions compare with theirs. Used
    /// while the message is routed, never stored; may be null.
    /// </summary>
    public object? Origin { get; set; }

    /// <summary>True when a dead-letter or expiry move brought the message where it is: it never expires and never moves again.</summary>
    public bool DeadLettered { get; internal set; }

    internal const byte DefaultPriority = 4;

    /// <summary>Rewrites of the stored bytes under the same message id; the highest wins at recovery.</summary>
    internal byte Version { get; set; }

    /// <summary>Bytes of memory charged to the body budget.</summary>
    internal int Footprint => _buffer.Length + ObjectOverhead;

    private const int ObjectOverhead = 96;

    /// <summary>Takes a message with room for <paramref name="size"/> bytes from the pool; the caller holds one reference.</summary>
    /// <param name="size">Bytes needed; the buffer may be longer. <see cref="Length"/> is set to it.</param>
    public static StoredMessage Rent(int size)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(size);
        var message = MessagePool.Take(size);
        message.Length = size;
        message._references = 1;
        return message;
    }

    /// <summary>Adds one reference. The caller must hold one already.</summary>
    public void AddReference()
    {
        var now = Interlocked.Increment(ref _references);
        Debug.Assert(now > 1, "A reference was added to a message that was already released.");
    }

    /// <summary>Gives one reference back; the last one returns the message to the pool.</summary>
    public void Release()
    {
        var left = Interlocked.Decrement(ref _references);
        Debug.Assert(left >= 0, "A message was released more often than it was referenced.");
        if (left == 0)
        {
            Recycle();
        }
    }

    /// <summary>A new message with room for <paramref name="size"/> bytes and this one's header fields; the bytes are not copied.</summary>
    public StoredMessage RentSimilar(int size)
    {
        var copy = Rent(size);
        copy.AnnotationsLength = AnnotationsLength;
        copy.Durable = Durable;
        copy.Priority = Priority;
        copy.ExpiresAt = ExpiresAt;
        copy.Ttl = Ttl;
        copy.DeliverAt = DeliverAt;
        copy.Origin = Origin;
        copy.GroupKey = GroupKey;
        copy.ClosesGroup = ClosesGroup;
        copy.HasOwnRetry = HasOwnRetry;
        copy.DeadLettered = DeadLettered;
        copy.Version = Version;
        return copy;
    }

    /// <summary>Charges the message to the budget until it is recycled; once.</summary>
    internal void ChargeTo(BodyBudget budget)
    {
        if (Interlocked.CompareExchange(ref _budget, budget, null) is null)
        {
            budget.Charge(Footprint);
        }
    }

    private void Recycle()
    {
        _budget?.Discharge(Footprint);
        _budget = null;
        Length = 0;
        AnnotationsLength = 0;
        Durable = false;
        Priority = DefaultPriority;
        ExpiresAt = 0;
        Ttl = 0;
        DeliverAt = 0;
        Schedule = null;
        Origin = null;
        GroupKey = 0;
        ClosesGroup = false;
        HasOwnRetry = false;
        DeadLettered = false;
        Version = 0;
        MessagePool.Give(this);
    }
}
