using System.Buffers.Binary;
using System.Text;
using Mamba.Broker.Journal;

namespace Mamba.Broker.Engine;

/// <summary>A durable queue or topic as the journal knows it. Options are null when they come from the settings.</summary>
internal sealed record NodeDefinition(uint Id, NodeKind Kind, string Address, bool IsDeadLetter, NodeOptions? Options, bool IsPaused = false);

/// <summary>A durable subscription as the journal knows it.</summary>
internal sealed record SubscriptionDefinition(
    uint Id, string Topic, string? ClientId, string Name, bool Shared, string? NoLocalOrigin, ReadOnlyMemory<byte> Filter)
{
    /// <summary>Settings of its own; null for its topic's.</summary>
    public NodeOptions? Options { get; init; }

    public bool IsPaused { get; init; }
}

/// <summary>
/// Definition operations. Strings are UTF-8 with a 32-bit length, -1 for null; little-endian.
/// <code>
///   define node          | 4 | id u32 | kind u8 | flags u8 | address | has options u8 | options |
///     flags              | 1 dead-letter queue, 2 paused, 4 a retry policy follows the options
///     has options        | 0 none, 1 those of the first two lines, 2 of all three, 3 fields (see OptionFields) behind them
///     options            | durable u8 | max messages i64 | max bytes i64 | max deliveries i32 | max acquires i32 |
///                        | dead-letter address | expiry address |
///                        | overflow u8 | dead-letter dropped u8 | single active consumer u8 |
///     retry policy       | initial delay i64 ms | max delay i64 ms | multiplier f64 | jitter f64 | order u8 |
///   define subscription  | 5 | id u32 | flags u8 | topic | client id | name | no-local origin | filter | options |
///     flags              | 1 shared, 2 paused, 4 a retry policy follows the options, 8 options of its own (as those of a node, with their first byte)
///   delete               | 6 | id u32 |
///   snapshot             | 7 | last message id u64 | last queue id u32 |, followed in the same record by all definitions
/// </code>
/// A snapshot replaces all definitions before it. Messages on queues that are not defined in the end do not exist.
/// </summary>
internal static class DefinitionOperation
{
    public const int DeleteSize = 5;
    public const int SnapshotSize = 13;

    private const int DeadLetterFlag = 1;
    private const int PausedFlag = 2;
    private const int RetryFlag = 4;
    private const int SharedFlag = 1;
    private const int OwnOptionsFlag = 8;
    private const byte ThreeLines = 2;
    private const byte AllOptions = 3;

    public static void Write(JournalBatch batch, NodeDefinition node)
    {
        WriteByte(batch, (byte)OperationKind.DefineNode);
        WriteUInt32(batch, node.Id);
        WriteByte(batch, (byte)node.Kind);
        WriteByte(batch, (byte)((node.IsDeadLetter ? DeadLetterFlag : 0) | (node.IsPaused ? PausedFlag : 0) | (node.Options?.Retry is null ? 0 : RetryFlag)));
        WriteString(batch, node.Address);
        WriteOptions(batch, node.Options);
    }

    public static void Write(JournalBatch batch, SubscriptionDefinition subscription)
    {
        WriteByte(batch, (byte)OperationKind.DefineSubscription);
        WriteUInt32(batch, subscription.Id);
        WriteByte(batch, (byte)(
            (subscription.Shared ? SharedFlag : 0) | (subscription.IsPaused ? PausedFlag : 0)
            | (subscription.Options is null ? 0 : OwnOptionsFlag) | (subscription.Options?.Retry is null ? 0 : RetryFlag)));
        WriteString(batch, subscription.Topic);
        WriteString(batch, subscription.ClientId);
        WriteString(batch, subscription.Name);
        WriteString(batch, subscription.NoLocalOrigin);
        WriteBytes(batch, subscription.Filter.Span);
        if (subscription.Options is not null)
        {
            WriteOptions(batch, subscription.Options);
        }
    }

    public static void WriteDelete(JournalBatch batch, uint id)
    {
        WriteByte(batch, (byte)OperationKind.Delete);
        WriteUInt32(batch, id);
    }

    public static void WriteSnapshot(JournalBatch batch, ulong lastMessageId, uint lastQueueId)
    {
        WriteByte(batch, (byte)OperationKind.Snapshot);
        WriteInt64(batch, (long)lastMessageId);
        WriteUInt32(batch, lastQueueId);
    }

    private static void WriteOptions(JournalBatch batch, NodeOptions? given)
    {
        WriteByte(batch, given is null ? (byte)0 : AllOptions);
        if (given is { } options)
        {
            WriteByte(batch, options.Durable ? (byte)1 : (byte)0);
            WriteInt64(batch, options.MaxMessages);
            WriteInt64(batch, options.MaxBytes);
            WriteUInt32(batch, (uint)options.MaxDeliveries);
            WriteUInt32(batch, (uint)options.MaxAcquires);
            WriteString(batch, options.DeadLetterAddress);
            WriteString(batch, options.ExpiryAddress);
            WriteByte(batch, (byte)options.Overflow);
            WriteByte(batch, options.DeadLetterDropped ? (byte)1 : (byte)0);
            WriteByte(batch, options.SingleActiveConsumer ? (byte)1 : (byte)0);
            OptionFields.Write(batch, options);
        }

        if (given?.Retry is { } retry)
        {
            Write(batch, retry);
        }
    }

    /// <summary>Reads a node definition behind its operation byte and moves the span on.</summary>
    public static NodeDefinition ReadNode(ref ReadOnlySpan<byte> span)
    {
        var id = ReadUInt32(ref span);
        var kind = (NodeKind)ReadByte(ref span);
        var flags = ReadByte(ref span);
        var deadLetter = (flags & DeadLetterFlag) != 0;
        var address = ReadString(ref span) ?? string.Empty;
        return new NodeDefinition(id, kind, address, deadLetter, ReadOptions(ref span, deadLetter, flags), (flags & PausedFlag) != 0);
    }

    /// <summary>Reads a subscription definition behind its operation byte and moves the span on.</summary>
    public static SubscriptionDefinition ReadSubscription(ref ReadOnlySpan<byte> span)
    {
        var id = ReadUInt32(ref span);
        var flags = ReadByte(ref span);
        var definition = new SubscriptionDefinition(
            id, ReadString(ref span) ?? string.Empty, ReadString(ref span), ReadString(ref span) ?? string.Empty, (flags & SharedFlag) != 0, ReadString(ref span),
            ReadBytes(ref span))
        {
            IsPaused = (flags & PausedFlag) != 0,
        };
        return (flags & OwnOptionsFlag) == 0 ? definition : definition with { Options = ReadOptions(ref span, deadLetter: false, flags) };
    }

    private static NodeOptions? ReadOptions(ref ReadOnlySpan<byte> span, bool deadLetter, byte flags)
    {
        NodeOptions? options = null;
        var layout = ReadByte(ref span);
        if (layout != 0)
        {
            options = new NodeOptions
            {
                Durable = ReadByte(ref span) != 0,
                MaxMessages = ReadInt64(ref span),
                MaxBytes = ReadInt64(ref span),
                MaxDeliveries = (int)ReadUInt32(ref span),
                MaxAcquires = (int)ReadUInt32(ref span),
                DeadLetterAddress = ReadString(ref span) ?? string.Empty,
                ExpiryAddress = ReadString(ref span),
                IsDeadLetter = deadLetter,
            };
            if (layout >= ThreeLines)
            {
                options = options with
                {
                    Overflow = (OverflowPolicy)ReadByte(ref span),
                    DeadLetterDropped = ReadByte(ref span) != 0,
                    SingleActiveConsumer = ReadByte(ref span) != 0,
                };
            }

            options = layout >= AllOptions ? OptionFields.Read(options, ref span) : options;
        }

        if (options is not null && (flags & RetryFlag) != 0)
        {
            options = options with { Retry = ReadRetry(ref span) };
        }

        return options;
    }

    public static uint ReadUInt32(ref ReadOnlySpan<byte> span)
    {
        var value = BinaryPrimitives.ReadUInt32LittleEndian(span);
        span = span[4..];
        return value;
    }

    public static long ReadInt64(ref ReadOnlySpan<byte> span)
    {
        var value = BinaryPrimitives.ReadInt64LittleEndian(span);
        span = span[8..];
        return value;
    }

    private static void Write(JournalBatch batch, RetryPolicy retry)
    {
        WriteInt64(batch, (long)retry.InitialDelay.TotalMilliseconds);
        WriteInt64(batch, (long)retry.MaxDelay.TotalMilliseconds);
        WriteInt64(batch, BitConverter.DoubleToInt64Bits(retry.Multiplier));
        WriteInt64(batch, BitConverter.DoubleToInt64Bits(retry.Jitter));
        WriteByte(batch, (byte)retry.Order);
    }

    private static RetryPolicy ReadRetry(ref ReadOnlySpan<byte> span) => new()
    {
        InitialDelay = TimeSpan.FromMilliseconds(ReadInt64(ref span)),
        MaxDelay = TimeSpan.FromMilliseconds(ReadInt64(ref span)),
        Multiplier = BitConverter.Int64BitsToDouble(ReadInt64(ref span)),
        Jitter = BitConverter.Int64BitsToDouble(ReadInt64(ref span)),
        Order = (RetryOrder)ReadByte(ref span),
    };

    internal static byte ReadByte(ref ReadOnlySpan<byte> span)
    {
        var value = span[0];
        span = span[1..];
        return value;
    }

    internal static string? ReadString(ref ReadOnlySpan<byte> span)
    {
        var length = (int)ReadUInt32(ref span);
        if (length < 0)
        {
            return null;
        }

        var value = Encoding.UTF8.GetString(span[..length]);
        span = span[length..];
        return value;
    }

    internal static byte[] ReadBytes(ref ReadOnlySpan<byte> span)
    {
        var length = (int)ReadUInt32(ref span);
        var value = span[..length].ToArray();
        span = span[length..];
        return value;
    }

    internal static void WriteByte(JournalBatch batch, byte value)
    {
        batch.GetSpan(1)[0] = value;
        batch.Advance(1);
    }

    internal static void WriteUInt32(JournalBatch batch, uint value)
    {
        BinaryPrimitives.WriteUInt32LittleEndian(batch.GetSpan(4), value);
        batch.Advance(4);
    }

    private static void WriteInt64(JournalBatch batch, long value)
    {
        BinaryPrimitives.WriteInt64LittleEndian(batch.GetSpan(8), value);
        batch.Advance(8);
    }

    internal static void WriteString(JournalBatch batch, string? value)
    {
        if (value is null)
        {
            WriteUInt32(batch, uint.MaxValue);
            return;
        }

        WriteBytes(batch, Encoding.UTF8.GetBytes(value));
    }

    internal static void WriteBytes(JournalBatch batch, ReadOnlySpan<byte> value)
    {
        WriteUInt32(batch, (uint)value.Length);
        batch.Write(value);
    }
}
