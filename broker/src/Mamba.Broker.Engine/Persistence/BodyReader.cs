using System.Buffers;
using Mamba.Broker.Journal;

namespace Mamba.Broker.Engine;

/// <summary>Brings paged-out messages back from the journal. Thread-safe; reads the disk, so never called with a lock held.</summary>
internal sealed class BodyReader(Journal.Journal journal)
{
    /// <summary>The message at a location, with one reference for the caller.</summary>
    /// <exception cref="JournalException">The record is gone or damaged.</exception>
    /// <exception cref="EngineException">The record is there and the message in it is damaged.</exception>
    public StoredMessage Load(MessageLocation location, ulong messageId)
    {
        var length = EnqueueOperation.HeaderSize + location.BodyLength;
        var buffer = ArrayPool<byte>.Shared.Rent(length);
        try
        {
            var span = buffer.AsSpan(0, length);
            var read = journal.Read(location.Address, location.Offset, span);
            if (read != length || span[0] != (byte)OperationKind.Enqueue)
            {
                throw Damaged(location, messageId, "another record is there");
            }

            var operation = EnqueueOperation.ReadHeader(span);
            if (operation.BodyLength != location.BodyLength || operation.MessageId != messageId || operation.Crc != EnqueueOperation.Checksum(span))
            {
                throw Damaged(location, messageId, "its checksum does not hold");
            }

            return Materialize(operation, span[EnqueueOperation.HeaderSize..]);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    private static StoredMessage Materialize(in EnqueueOperation operation, ReadOnlySpan<byte> body)
    {
        var message = StoredMessage.Rent(body.Length);
        body.CopyTo(message.Buffer);
        message.AnnotationsLength = operation.AnnotationsLength;
        message.Durable = (operation.Flags & EnqueueFlags.Durable) != EnqueueFlags.None;
        message.DeadLettered = (operation.Flags & EnqueueFlags.DeadLettered) != EnqueueFlags.None;
        message.Priority = operation.Priority;
        message.Version = operation.Version;
        message.Ttl = operation.Ttl;
        message.ExpiresAt = operation.ExpiresAt;
        message.DeliverAt = operation.DeliverAt;
        message.GroupKey = operation.GroupKey;
        message.ClosesGroup = (operation.Flags & EnqueueFlags.ClosesGroup) != EnqueueFlags.None;
        message.HasOwnRetry = (operation.Flags & EnqueueFlags.OwnRetry) != EnqueueFlags.None;
        return message;
    }

    private static EngineException Damaged(MessageLocation location, ulong messageId, string why) => new(
        EngineError.Damaged,
        $"Message {messageId} cannot be read back from segment {location.Address.Segment} at {location.Address.Offset}: {why}. "
        + "Check the disk; the message stays on its queue.");
}
