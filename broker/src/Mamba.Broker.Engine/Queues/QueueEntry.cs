using Mamba.Broker.Journal;

namespace Mamba.Broker.Engine;

/// <summary>Where a message stands on its queue.</summary>
internal enum EntryState : byte
{
    /// <summary>The slot was never used.</summary>
    None = 0,

    /// <summary>Waiting for a consumer.</summary>
    Available,

    /// <summary>Held by a consumer.</summary>
    Acquired,

    /// <summary>Held by a transaction that decides over an outcome.</summary>
    Enlisted,

    /// <summary>Being moved, or rewritten; held by the engine. Also a message that could not be read back.</summary>
    Moving,

    /// <summary>Not due yet.</summary>
    Scheduled,

    /// <summary>Waiting for the one consumer that its group belongs to.</summary>
    Reserved,

    /// <summary>Gone.</summary>
    Removed,
}

[Flags]
internal enum EntryFlags : byte
{
    None = 0,

    /// <summary>The journal knows it: its end must be journaled too.</summary>
    Persistent = 1,

    /// <summary>header.durable.</summary>
    Durable = 2,

    /// <summary>Somebody acquired it before, or may have before a restart.</summary>
    Delivered = 4,

    /// <summary>A dead-letter move brought it here.</summary>
    DeadLettered = 8,

    /// <summary>One or more consumers must not get it again.</summary>
    Excluded = 16,

    /// <summary>It belongs to a group; see <see cref="GroupTable"/>.</summary>
    Grouped = 32,

    /// <summary>The last message of its group.</summary>
    ClosesGroup = 64,

    /// <summary>It says itself how it is tried again.</summary>
    OwnRetry = 128,
}

/// <summary>
/// One message on one queue: 48 bytes, kept in arrays, so that millions fit in memory while bodies stay on disk.
/// <code>
///   message id 8 | record address 8 | operation offset 4 | body length 4 | expires at 8 | body reference 8 |
///   delivery-count 2 | acquire count 2 | owner 2 | state 1 | flags 1
/// </code>
/// </summary>
internal struct QueueEntry
{
    /// <summary>Bytes an entry takes.</summary>
    public const int Size = 48;

    public ulong MessageId;

    /// <summary>Record that holds the enqueue operation; nowhere for a message that is only in memory.</summary>
    public RecordAddress Address;

    /// <summary>Offset of the enqueue operation in the record's payload.</summary>
    public int OperationOffset;

    public int BodyLength;
    public long ExpiresAt;

    /// <summary>The body, or null when it is paged out.</summary>
    public StoredMessage? Message;

    public ushort DeliveryCount;
    public ushort AcquireCount;

    /// <summary>Slot of the consumer that holds it while <see cref="EntryState.Acquired"/>.</summary>
    public ushort Owner;

    public EntryState State;
    public EntryFlags Flags;

    /// <summary>False for a slot that was never used and for a message that is gone.</summary>
    public readonly bool IsLive => State is not (EntryState.None or EntryState.Removed);

    public readonly bool IsGrouped => (Flags & EntryFlags.Grouped) != EntryFlags.None;

    public readonly bool HasOwnRetry => (Flags & EntryFlags.OwnRetry) != EntryFlags.None;

    public readonly bool IsPersistent => (Flags & EntryFlags.Persistent) != EntryFlags.None;

    public readonly bool IsDeadLettered => (Flags & EntryFlags.DeadLettered) != EntryFlags.None;

    public readonly bool IsExpiredAt(long now) => ExpiresAt != 0 && ExpiresAt <= now;

    public readonly MessageLocation Location => new(Address, OperationOffset, BodyLength);
}

/// <summary>Where an enqueue operation lies in the journal.</summary>
/// <param name="Address">The record.</param>
/// <param name="Offset">Offset of the operation in its payload.</param>
/// <param name="BodyLength">Bytes of its body.</param>
internal readonly record struct MessageLocation(RecordAddress Address, int Offset, int BodyLength)
{
    public bool IsStored => !Address.IsNowhere;
}

/// <summary>A message about to be put on a queue. The queue takes over one reference on <see cref="Message"/>.</summary>
internal struct NewEntry
{
    public StoredMessage Message;
    public ulong MessageId;
    public MessageLocation Location;
    public bool Persistent;
    public ushort DeliveryCount;
}
