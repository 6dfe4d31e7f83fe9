using Mamba.Amqp.Codec;
using Mamba.Amqp.Endpoints;
using Mamba.Amqp.Messaging;
using Mamba.Amqp.Transport;
using Mamba.Amqp.Types;
using Mamba.Broker.Engine;
using Mamba.Broker.Server.Connections;
using Mamba.Broker.Server.Messages;

namespace Mamba.Broker.Server.Links;

/// <summary>
/// The outcomes a peer stated for deliveries of one link, collected over a turn. Those it settled go to the engine without
/// waiting; those it left unsettled are answered with our settlement once the outcome is stored.
/// </summary>
internal sealed class SettlementQueue(OutboundLink link, AmqpConnection connection, SenderEndpoint endpoint) : ISettleObserver
{
    private readonly Dictionary<long, Unanswered> _unanswered = [];
    private Settlement[] _settled = [];
    private Settlement[] _toConfirm = [];
    private int _settledCount;
    private int _toConfirmCount;

    /// <summary>A delivery that was sent settled: consumed as soon as it is written.</summary>
    public void Add(long token) => Append(ref _settled, ref _settledCount, Settlement.Accept(token));

    /// <summary>A message that was never written: back in line, as if it had not been taken.</summary>
    public void Release(long token) => Append(ref _settled, ref _settledCount, new Settlement(token, OutcomeKind.Released));

    /// <summary>A message this link can never carry.</summary>
    public void AddUndeliverable(long token) =>
        Append(ref _settled, ref _settledCount, new Settlement(token, OutcomeKind.Modified, UndeliverableHere: true));

    /// <exception cref="AmqpException">The outcome cannot be; see <see cref="ToSettlement"/>.</exception>
    public void Add(uint deliveryId, long token, Outcome outcome, bool settled) =>
        Add(deliveryId, ToSettlement(token, outcome, connection), settled, outcome);

    /// <summary>The same for what an outcome comes to; <paramref name="answer"/> is what the peer is told once it is stored.</summary>
    public void Add(uint deliveryId, in Settlement settlement, bool settled, Outcome answer)
    {
        if (settled)
        {
            Append(ref _settled, ref _settledCount, settlement);
        }
        else if (_unanswered.TryAdd(settlement.Token, new Unanswered(deliveryId, answer)))
        {
            Append(ref _toConfirm, ref _toConfirmCount, settlement);
        }
    }

    public void Flush()
    {
        if (_settledCount > 0)
        {
            var count = _settledCount;
            _settledCount = 0;
            link.Subscription.Settle(_settled.AsSpan(0, count), observer: null);
        }

        if (_toConfirmCount > 0)
        {
            var count = _toConfirmCount;
            _toConfirmCount = 0;
            link.Subscription.Settle(_toConfirm.AsSpan(0, count), this);
        }
    }

    public void OnSettled(in SettleResult result)
    {
        if (_unanswered.Remove(result.Token, out var delivery) && result.Status != SettleStatus.JournalFailed)
        {
            endpoint.Settle(delivery.DeliveryId, delivery.Outcome);
        }
    }

    /// <summary>Any thread.</summary>
    void ISettleObserver.OnSettled(ReadOnlySpan<SettleResult> results) => connection.Mail.Post(link, results);

    /// <summary>An outcome as the engine takes it.</summary>
    /// <exception cref="AmqpException">amqp:invalid-field: the message-annotations of a modified outcome ask for what cannot be.</exception>
    public static Settlement ToSettlement(long token, Outcome outcome, AmqpConnection connection) => outcome switch
    {
        Accepted or MarkedAccepted => Settlement.Accept(token),
        Rejected rejected => new Settlement(
            token,
            OutcomeKind.Rejected,
            ErrorCondition: rejected.Error?.Condition.Value,
            ErrorDescription: rejected.Error?.Description),
        Modified modified => ToSettlement(token, modified, connection),
        _ => new Settlement(token, OutcomeKind.Released),
    };

    private static Settlement ToSettlement(long token, Modified modified, AmqpConnection connection)
    {
        var settlement = new Settlement(token, OutcomeKind.Modified, modified.DeliveryFailed ?? false, modified.UndeliverableHere ?? false);
        if (modified.MessageAnnotations is not { Count: > 0 } annotations)
        {
            return settlement;
        }

        var retryAt = RetryAnnotations.TakeRetryAt(ref annotations, connection.Now);
        return settlement with { RetryAt = retryAt, MessageAnnotations = Encode(annotations) };
    }

    private static ReadOnlyMemory<byte> Encode(AmqpMap annotations)
    {
        if (annotations.Count == 0)
        {
            return default;
        }

        using var buffer = new ByteBuffer();
        new AmqpWriter(buffer).WriteMap(annotations);
        return buffer.ToArray();
    }

    private void Append(ref Settlement[] list, ref int count, in Settlement settlement)
    {
        if (_settledCount == 0 && _toConfirmCount == 0)
        {
            connection.MarkSettling(link);
        }

        if (count == list.Length)
        {
            Array.Resize(ref list, Math.Max(16, 2 * count));
        }

        list[count++] = settlement;
    }

    private readonly record struct Unanswered(uint DeliveryId, Outcome Outcome);
}
