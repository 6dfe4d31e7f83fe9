using Mamba.Amqp.Endpoints;
using Mamba.Amqp.Messaging;
using Mamba.Amqp.Transport;
using Mamba.Amqp.Types;

namespace Mamba.Amqp.Client;

/// <summary>
/// What a sender has sent and not settled, kept over its connections (AMQP 1.0 §2.6.13): give the same object, with the same link name
/// and container-id, to the sender of the next connection, and it goes on where the last one ended, without sending anything twice. Used by one
/// sender at a time. Thread-safe.
/// </summary>
public sealed class UnsettledSends
{
    private readonly Lock _gate = new();
    private readonly SortedDictionary<ulong, UnsettledSend> _sends = [];
    private readonly byte[] _series = System.Security.Cryptography.RandomNumberGenerator.GetBytes(8);
    private ulong _next;

    /// <summary>Nothing is unsettled.</summary>
    public UnsettledSends()
    {
    }

    /// <summary>What an earlier process had unsettled, as it stored <see cref="List"/>, in the order of sending.</summary>
    public UnsettledSends(IEnumerable<UnsettledSend> kept)
    {
        ArgumentNullException.ThrowIfNull(kept);
        foreach (var send in kept)
        {
            send.Number = _next;
            _sends.Add(_next++, send);
        }
    }

    /// <summary>Number of messages that are not settled.</summary>
    public int Count
    {
        get
        {
            lock (_gate)
            {
                return _sends.Count;
            }
        }
    }

    /// <summary>What is unsettled now, in the order of sending; for storing, and for waiting for their outcomes.</summary>
    public IReadOnlyList<UnsettledSend> List()
    {
        lock (_gate)
        {
            return [.. _sends.Values];
        }
    }

    /// <summary>Keeps a message under a tag that no other has.</summary>
    internal UnsettledSend Add(byte[] encoded)
    {
        lock (_gate)
        {
            Span<byte> tag = stackalloc byte[16];
            _series.CopyTo(tag);
            System.Buffers.Binary.BinaryPrimitives.WriteUInt64BigEndian(tag[8..], _next);
            return Add(new UnsettledSend(tag.ToArray(), encoded));
        }
    }

    internal UnsettledSend Add(UnsettledSend send)
    {
        lock (_gate)
        {
            send.Number = _next;
            _sends.Add(_next++, send);
            return send;
        }
    }

    internal void Conclude(UnsettledSend send, DeliveryState outcome)
    {
        lock (_gate)
        {
            _sends.Remove(send.Number);
        }

        send.Completion.TrySetResult(outcome);
    }

    internal AmqpMap Map()
    {
        var map = new AmqpMap();
        foreach (var send in List())
        {
            map.Add(send.DeliveryTag.ToArray(), null);
        }

        return map;
    }

    /// <summary>What to send on the link that was just attached, in order, by comparing our map with the broker's.</summary>
    internal IEnumerable<PendingSend> Resume(Attach remote)
    {
        var broker = UnsettledMap.Read(remote.Unsettled);
        foreach (var send in List())
        {
            var known = broker.TryGetValue(send.DeliveryTag, out var state);
            switch (DeliveryResumption.Decide(sender: null, known, state, !remote.IncompleteUnsettled))
            {
                case ResumptionStep.SendAnew:
                    yield return new PendingSend(this, send, isResumed: false, outcome: null);
                    break;
                case ResumptionStep.Resume:
                    yield return new PendingSend(this, send, isResumed: true, outcome: null);
                    break;
                case ResumptionStep.TakeOver:
                    yield return new PendingSend(this, send, isResumed: true, outcome: state);
                    break;
                default:
                    break;
            }
        }
    }
}

/// <summary>A message that was sent and is not settled.</summary>
public sealed class UnsettledSend
{
    /// <summary>A message of which an earlier process knows no outcome.</summary>
    /// <param name="tag">Its delivery-tag, 1 to 32 bytes.</param>
    /// <param name="encoded">The message.</param>
    public UnsettledSend(ReadOnlyMemory<byte> tag, ReadOnlyMemory<byte> encoded)
    {
        DeliveryTag = new DeliveryTag(tag.Span);
        Tag = tag;
        Encoded = encoded;
    }

    /// <summary>Our name for the delivery.</summary>
    public ReadOnlyMemory<byte> Tag { get; }

    /// <summary>The encoded message.</summary>
    public ReadOnlyMemory<byte> Encoded { get; }

    /// <summary>Its outcome, once there is one, on whichever connection that is.</summary>
    public Task<DeliveryState> Outcome => Completion.Task;

    internal DeliveryTag DeliveryTag { get; }

    internal ulong Number { get; set; }

    internal TaskCompletionSource<DeliveryState> Completion { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
}
