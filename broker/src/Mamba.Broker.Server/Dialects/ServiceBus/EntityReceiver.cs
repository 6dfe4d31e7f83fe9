using System.Buffers.Binary;
using Mamba.Amqp.Codec;
using Mamba.Amqp.Messaging;
using Mamba.Amqp.Transport;
using Mamba.Amqp.Types;
using Mamba.Broker.Engine;
using Mamba.Broker.Server.Connections;
using Mamba.Broker.Server.Links;

namespace Mamba.Broker.Server.Dialects.ServiceBus;

/// <summary>
/// What a receiver of a Service Bus client finds different on its link. A delivery's tag is its lock token:
/// <code>
///   | number of the message u64 | token of the delivery i64 |       big-endian
/// </code>
/// The lock is the delivery itself: it lasts until it is settled, or the link ends. Touched only by the connection's turns.
/// </summary>
/// <param name="connection">Its connection.</param>
/// <param name="locks">Whether deliveries are unsettled (peekLock), and not settled as they are sent (receiveAndDelete).</param>
internal sealed class EntityReceiver(AmqpConnection connection, bool locks)
{
    /// <summary>
    /// What becomes of a delivery whose receiver is lost, unless its source says otherwise: it counts, so that a message which brings down
    /// its receivers is dead-lettered in the end.
    /// </summary>
    public static readonly Outcome WhenLost = new Modified { DeliveryFailed = true };

    /// <summary>What clients are told of a lock, so that they do not come to renew it all the time.</summary>
    private static readonly long LockMilliseconds = (long)TimeSpan.FromDays(1).TotalMilliseconds;

    private static readonly Symbol DeadLetter = new("com.microsoft:dead-letter");

    private readonly Dictionary<long, ulong> _held = [];

    /// <summary>Unix milliseconds until which a lock lasts at least, if its link does.</summary>
    public static long LockedUntil(AmqpConnection connection) => connection.Now + LockMilliseconds;

    /// <summary>The tag of a delivery that is about to be sent.</summary>
    public DeliveryTag Lock(in AcquiredMessage message)
    {
        if (locks)
        {
            _held[message.Token] = message.MessageId;
        }

        Span<byte> tag = stackalloc byte[16];
        BinaryPrimitives.WriteUInt64BigEndian(tag, message.MessageId);
        BinaryPrimitives.WriteInt64BigEndian(tag[8..], message.Token);
        return new DeliveryTag(tag);
    }

    /// <summary>As <see cref="EntityMessage.Write"/>.</summary>
    public int Write(ByteBuffer output, in AcquiredMessage message, StoredMessage stored) =>
        EntityMessage.Write(output, message.MessageId, stored, locks ? LockedUntil(connection) : 0);

    /// <summary>The delivery is not the receiver's any more.</summary>
    public void Forget(long token) => _held.Remove(token);

    /// <summary>Whether a lock token, as clients write the tag that has it, is that of a delivery which the receiver holds.</summary>
    public bool Holds(Guid lockToken)
    {
        var tag = lockToken.ToByteArray();
        return _held.TryGetValue(BinaryPrimitives.ReadInt64BigEndian(tag.AsSpan(8)), out var number)
            && number == BinaryPrimitives.ReadUInt64BigEndian(tag);
    }

    /// <summary>
    /// A receiver's word on a delivery. Its client takes a settlement that repeats a rejection's error for a failure to settle, so it is
    /// told accepted once it is so.
    /// </summary>
    /// <exception cref="AmqpException">The outcome cannot be.</exception>
    public void Settle(SettlementQueue queue, uint deliveryId, long token, Outcome outcome, bool settled)
    {
        Forget(token);
        if (outcome is Modified { UndeliverableHere: true })
        {
            queue.Add(deliveryId, new Settlement(token, OutcomeKind.Released), settled, new Rejected
            {
                Error = new AmqpError(
                    ErrorCondition.NotImplemented, "Deferring is not implemented; the message is available again. Schedule a copy of it, and complete it, instead."),
            });
            return;
        }

        queue.Add(deliveryId, ToSettlement(token, outcome), settled, Accepted.Instance);
    }

    private Settlement ToSettlement(long token, Outcome outcome) => outcome switch
    {
        Rejected { Error: { } error } => new Settlement(
            token,
            OutcomeKind.Rejected,
            ErrorCondition: Text(error.Info, "DeadLetterReason") ?? (error.Condition == DeadLetter ? null : error.Condition.Value),
            ErrorDescription: Text(error.Info, "DeadLetterErrorDescription") ?? error.Description),
        Modified modified => SettlementQueue.ToSettlement(token, modified, connection) with { DeliveryFailed = true },
        _ => SettlementQueue.ToSettlement(token, outcome, connection),
    };

    private static string? Text(AmqpMap? info, string key) => info?[new Symbol(key)] as string ?? info?[key] as string;
}
