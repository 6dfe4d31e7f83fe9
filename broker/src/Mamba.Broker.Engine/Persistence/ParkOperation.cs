using System.Buffers.Binary;
using System.Runtime.InteropServices;
using Mamba.Broker.Journal;

namespace Mamba.Broker.Engine;

/// <summary>
/// The park operation: messages whose delivery failed and that are away until their next try, little-endian.
/// <code>
///   park   | 9 | 0 0 0 | count u32 | count x { message id u64, queue id u32, delivery-count u16, due u64 } |
///   due    unix milliseconds; 0 = not away
/// </code>
/// It is a count, too. The due time holds when no higher count is known; of several with that count the last one holds.
/// </summary>
internal static class ParkOperation
{
    public const int ItemSize = ListOperation.CountItemSize + 8;

    /// <summary>Counts that come with a due time, as one operation; nothing when there are none.</summary>
    public static void Append(JournalBatch batch, uint queue, List<CountedMessage> counted, int parked)
    {
        if (parked == 0)
        {
            return;
        }

        var items = ListOperation.Begin(batch, OperationKind.Park, parked, ItemSize);
        var at = 0;
        foreach (ref readonly var message in CollectionsMarshal.AsSpan(counted))
        {
            if (message.DueAt != 0)
            {
                Write(items[at..], message.MessageId, queue, new Waiting(message.DeliveryCount, message.DueAt));
                at += ItemSize;
            }
        }

        batch.Advance(ListOperation.HeaderSize + at);
    }

    /// <summary>One message, as an operation of its own.</summary>
    public static void Append(JournalBatch batch, ulong messageId, uint queue, Waiting waiting)
    {
        Write(ListOperation.Begin(batch, OperationKind.Park, 1, ItemSize), messageId, queue, waiting);
        batch.Advance(ListOperation.HeaderSize + ItemSize);
    }

    /// <summary>The delivery-count and due time of an item.</summary>
    public static Waiting Read(ReadOnlySpan<byte> item) => new(
        BinaryPrimitives.ReadUInt16LittleEndian(item[ListOperation.RemoveItemSize..]),
        BinaryPrimitives.ReadInt64LittleEndian(item[ListOperation.CountItemSize..]));

    private static void Write(Span<byte> item, ulong messageId, uint queue, Waiting waiting)
    {
        ListOperation.WriteCount(item, messageId, queue, waiting.DeliveryCount);
        BinaryPrimitives.WriteInt64LittleEndian(item[ListOperation.CountItemSize..], waiting.DueAt);
    }
}
