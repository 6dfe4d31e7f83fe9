using System.Buffers.Binary;
using System.Numerics;
using System.Runtime.InteropServices;
using Mamba.Broker.Journal;

namespace Mamba.Broker.Engine;

/// <summary>Kinds of operations in a journal record. A record is one or more operations and takes effect as a whole.</summary>
internal enum OperationKind : byte
{
    None = 0,
    Enqueue = 1,
    Remove = 2,
    Count = 3,
    DefineNode = 4,
    DefineSubscription = 5,
    Delete = 6,
    Snapshot = 7,

    /// <summary>Nothing: keeps the place of messages that only wait for their turn.</summary>
    Turn = 8,

    /// <summary>A count, and until when the message is away: see <see cref="ParkOperation"/>.</summary>
    Park = 9,

    /// <summary>Ids of messages that an address remembers.</summary>
    DuplicateIds = 10,

    /// <summary>A terminus whose unsettled state outlives the broker.</summary>
    DefineTerminus = 11,

    /// <summary>Messages that a durable terminus holds, or holds no longer.</summary>
    Hold = 12,

    /// <summary>A divert that was made or ended: see <see cref="DivertOperation"/>.</summary>
    Divert = 13,

    /// <summary>An exchange that was made or ended: see <see cref="ExchangeOperation"/>.</summary>
    Exchange = 16,

    /// <summary>A binding that was made or ended.</summary>
    Binding = 17,
}

[Flags]
internal enum EnqueueFlags : byte
{
    None = 0,

    /// <summary>header.durable.</summary>
    Durable = 1,

    /// <summary>Paged out of memory: dropped at recovery.</summary>
    Transient = 2,

    /// <summary>A dead-letter move brought it here.</summary>
    DeadLettered = 4,

    /// <summary>The last message of its group.</summary>
    ClosesGroup = 8,

    /// <summary>The message says itself how it is tried again.</summary>
    OwnRetry = 16,
}

/// <summary>
/// The enqueue operation: one message on one or more queues. Little-endian.
/// <code>
///   0    1     2        3       4              6        8            12                 16          20    24
///   +----+-----+--------+-------+--------------+--------+------------+------------------+-----------+-----+-----+
///   | 1  |flags|priority|version|delivery-count|    0   | queues (n) |annotations length|body length| crc | ttl |
///   +----+-----+--------+-------+--------------+--------+------------+------------------+-----------+-----+-----+
///   28   32           40           48           56      56 + body length   + 4n
///   +----+------------+------------+------------+-------+-----------------+
///   |grp | message id | expires at | deliver at | body  | queue ids (n)   |
///   +----+------------+------------+------------+-------+-----------------+
///   version   rewrites of one message id on one queue: the highest counts, among equals the later one
///   crc       CRC-32C of the bytes 0..20, 24..56 and the body; the record's own checksum covers the rest
///   grp       hash of the name of the message's group, 0 = none
///   times     unix milliseconds, 0 = none
/// </code>
/// </summary>
internal struct EnqueueOperation
{
    public const int HeaderSize = 56;
    public const int QueueIdSize = 4;

    public EnqueueFlags Flags;
    public byte Priority;
    public byte Version;
    public ushort DeliveryCount;
    public int QueueCount;
    public int AnnotationsLength;
    public int BodyLength;
    public uint Crc;
    public uint Ttl;
    public uint GroupKey;
    public ulong MessageId;
    public long ExpiresAt;
    public long DeliverAt;

    public readonly int Length => HeaderSize + BodyLength + (QueueCount * QueueIdSize);

    /// <summary>Writes the operation into the open record.</summary>
    public static void Write(JournalBatch batch, StoredMessage message, ulong messageId, ushort deliveryCount, bool transient, ReadOnlySpan<uint> queues)
    {
        var operation = new EnqueueOperation
        {
            Flags = (message.Durable ? EnqueueFlags.Durable : EnqueueFlags.None)
                | (transient ? EnqueueFlags.Transient : EnqueueFlags.None)
                | (message.DeadLettered ? EnqueueFlags.DeadLettered : EnqueueFlags.None)
                | (message.ClosesGroup ? EnqueueFlags.ClosesGroup : EnqueueFlags.None)
                | (message.HasOwnRetry ? EnqueueFlags.OwnRetry : EnqueueFlags.None),
            Priority = message.Priority,
            Version = message.Version,
            DeliveryCount = deliveryCount,
            QueueCount = queues.Length,
            AnnotationsLength = message.AnnotationsLength,
            BodyLength = message.Length,
            Ttl = message.Ttl,
            GroupKey = message.GroupKey,
            MessageId = messageId,
            ExpiresAt = message.ExpiresAt,
            DeliverAt = message.DeliverAt,
        };
        var length = operation.Length;
        var span = batch.GetSpan(length)[..length];
        operation.WriteHeader(span);
        message.Span.CopyTo(span[HeaderSize..]);
        BinaryPrimitives.WriteUInt32LittleEndian(span[20..], Checksum(span[..(HeaderSize + message.Length)]));
        MemoryMarshal.AsBytes(queues).CopyTo(span[(HeaderSize + message.Length)..]);
        batch.Advance(length);
    }

    /// <summary>Reads the fixed part.</summary>
    public static EnqueueOperation ReadHeader(ReadOnlySpan<byte> span) => new()
    {
        Flags = (EnqueueFlags)span[1],
        Priority = span[2],
        Version = span[3],
        DeliveryCount = BinaryPrimitives.ReadUInt16LittleEndian(span[4..]),
        QueueCount = BinaryPrimitives.ReadInt32LittleEndian(span[8..]),
        AnnotationsLength = BinaryPrimitives.ReadInt32LittleEndian(span[12..]),
        BodyLength = BinaryPrimitives.ReadInt32LittleEndian(span[16..]),
        Crc = BinaryPrimitives.ReadUInt32LittleEndian(span[20..]),
        Ttl = BinaryPrimitives.ReadUInt32LittleEndian(span[24..]),
        GroupKey = BinaryPrimitives.ReadUInt32LittleEndian(span[28..]),
        MessageId = BinaryPrimitives.ReadUInt64LittleEndian(span[32..]),
        ExpiresAt = BinaryPrimitives.ReadInt64LittleEndian(span[40..]),
        DeliverAt = BinaryPrimitives.ReadInt64LittleEndian(span[48..]),
    };

    /// <summary>CRC-32C over header and body, the checksum's own field left out.</summary>
    public static uint Checksum(ReadOnlySpan<byte> headerAndBody)
    {
        var crc = Append(uint.MaxValue, headerAndBody[..20]);
        return ~Append(crc, headerAndBody[24..]);
    }

    private static uint Append(uint crc, ReadOnlySpan<byte> data)
    {
        var words = MemoryMarshal.Cast<byte, ulong>(data);
        foreach (var word in words)
        {
            crc = BitOperations.Crc32C(crc, word);
        }

        foreach (var rest in data[(words.Length * sizeof(ulong))..])
        {
            crc = BitOperations.Crc32C(crc, rest);
        }

        return crc;
    }

    private readonly void WriteHeader(Span<byte> span)
    {
        span[..HeaderSize].Clear();
        span[0] = (byte)OperationKind.Enqueue;
        span[1] = (byte)Flags;
        span[2] = Priority;
        span[3] = Version;
        BinaryPrimitives.WriteUInt16LittleEndian(span[4..], DeliveryCount);
        BinaryPrimitives.WriteInt32LittleEndian(span[8..], QueueCount);
        BinaryPrimitives.WriteInt32LittleEndian(span[12..], AnnotationsLength);
        BinaryPrimitives.WriteInt32LittleEndian(span[16..], BodyLength);
        BinaryPrimitives.WriteUInt32LittleEndian(span[24..], Ttl);
        BinaryPrimitives.WriteUInt32LittleEndian(span[28..], GroupKey);
        BinaryPrimitives.WriteUInt64LittleEndian(span[32..], MessageId);
        BinaryPrimitives.WriteInt64LittleEndian(span[40..], ExpiresAt);
        BinaryPrimitives.WriteInt64LittleEndian(span[48..], DeliverAt);
    }
}

/// <summary>
/// Remove and count operations: lists of messages, little-endian.
/// <code>
///   remove   | 2 | 0 0 0 | count u32 | count x { message id u64, queue id u32 }                     |
///   count    | 3 | 0 0 0 | count u32 | count x { message id u64, queue id u32, delivery-count u16 } |
///   turn     | 8 | 0 0 0 |
/// </code>
/// A remove holds for its message id and queue wherever it stands in the journal; of several counts the largest holds.
/// </summary>
internal static class ListOperation
{
    public const int HeaderSize = 8;
    public const int RemoveItemSize = 12;
    public const int CountItemSize = 14;
    public const int TurnSize = 4;

    /// <summary>Begins a list of <paramref name="count"/> items in the open record; returns the span for them.</summary>
    public static Span<byte> Begin(JournalBatch batch, OperationKind kind, int count, int itemSize)
    {
        var length = HeaderSize + (count * itemSize);
        var span = batch.GetSpan(length)[..length];
        span[..HeaderSize].Clear();
        span[0] = (byte)kind;
        BinaryPrimitives.WriteInt32LittleEndian(span[4..], count);
        return span[HeaderSize..];
    }

    public static void WriteRemove(Span<byte> item, ulong messageId, uint queue)
    {
        BinaryPrimitives.WriteUInt64LittleEndian(item, messageId);
        BinaryPrimitives.WriteUInt32LittleEndian(item[8..], queue);
    }

    public static void WriteCount(Span<byte> item, ulong messageId, uint queue, ushort deliveryCount)
    {
        WriteRemove(item, messageId, queue);
        BinaryPrimitives.WriteUInt16LittleEndian(item[12..], deliveryCount);
    }

    /// <summary>One removal, as an operation of its own.</summary>
    public static void AppendRemove(JournalBatch batch, ulong messageId, uint queue)
    {
        WriteRemove(Begin(batch, OperationKind.Remove, 1, RemoveItemSize), messageId, queue);
        batch.Advance(HeaderSize + RemoveItemSize);
    }

    /// <summary>One count, as an operation of its own.</summary>
    public static void AppendCount(JournalBatch batch, ulong messageId, uint queue, ushort deliveryCount)
    {
        WriteCount(Begin(batch, OperationKind.Count, 1, CountItemSize), messageId, queue, deliveryCount);
        batch.Advance(HeaderSize + CountItemSize);
    }

    public static void AppendTurn(JournalBatch batch)
    {
        var span = batch.GetSpan(TurnSize)[..TurnSize];
        span.Clear();
        span[0] = (byte)OperationKind.Turn;
        batch.Advance(TurnSize);
    }
}
