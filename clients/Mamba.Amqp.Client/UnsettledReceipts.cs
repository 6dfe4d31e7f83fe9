using Mamba.Amqp.Endpoints;
using Mamba.Amqp.Messaging;
using Mamba.Amqp.Transport;
using Mamba.Amqp.Types;

namespace Mamba.Amqp.Client;

/// <summary>
/// What a receiver has received and the broker has not settled, kept over its connections (AMQP 1.0 §2.6.13): give the same object,
/// with the same link name and container-id, to the receiver of the next connection. A message whose outcome was decided is not
/// delivered again, and one that is still being worked on stays this receiver's. Used by one receiver at a time. Thread-safe.
/// </summary>
public sealed class UnsettledReceipts
{
    private readonly Lock _gate = new();
    private readonly Dictionary<DeliveryTag, Receipt> _receipts = [];

    /// <summary>Nothing is unsettled.</summary>
    public UnsettledReceipts()
    {
    }

    /// <summary>
    /// What an earlier process had decided: the tags (<see cref="ReceivedMessage.Tag"/>) and outcomes that it stored together with its work.
    /// </summary>
    public UnsettledReceipts(IEnumerable<KeyValuePair<DeliveryTag, Outcome>> decided)
    {
        ArgumentNullException.ThrowIfNull(decided);
        foreach (var (tag, outcome) in decided)
        {
            _receipts[tag] = new Receipt { Outcome = outcome };
        }
    }

    /// <summary>Number of messages that are not settled, decided or not.</summary>
    public int Count
    {
        get
        {
            lock (_gate)
            {
                return _receipts.Count;
            }
        }
    }

    /// <summary>Outcomes that were decided and that the broker has not confirmed yet.</summary>
    public IReadOnlyList<KeyValuePair<DeliveryTag, Outcome>> List()
    {
        lock (_gate)
        {
            return [.. from receipt in _receipts where receipt.Value.Outcome is not null select KeyValuePair.Create(receipt.Key, receipt.Value.Outcome!)];
        }
    }

    internal AmqpMap Map()
    {
        lock (_gate)
        {
            var map = new AmqpMap();
            foreach (var (tag, receipt) in _receipts)
            {
                map.Add(tag.ToArray(), receipt.Outcome ?? (DeliveryState)new Received());
            }

            return map;
        }
    }

    /// <summary>Names what we hold to the link; what the broker does not hold any more is settled.</summary>
    internal void Resume(ReceiverEndpoint endpoint, Attach remote)
    {
        var broker = UnsettledMap.Read(remote.Unsettled);
        List<Receipt> settled = [];
        lock (_gate)
        {
            foreach (var (tag, receipt) in _receipts)
            {
                endpoint.Retain(tag);
                if (!remote.IncompleteUnsettled && !broker.ContainsKey(tag))
                {
                    _receipts.Remove(tag);
                    settled.Add(receipt);
                }
            }
        }

        foreach (var receipt in settled)
        {
            receipt.Settled.TrySetResult();
        }
    }

    internal void Add(ReceivedMessage message)
    {
        lock (_gate)
        {
            _receipts[message.Tag] = new Receipt { Message = message };
        }
    }

    /// <summary>A message that nobody has taken is forgotten with its link: the broker delivers it anew.</summary>
    internal void Forget(ReceivedMessage message)
    {
        lock (_gate)
        {
            _receipts.Remove(message.Tag);
        }
    }

    internal Receipt? Find(in DeliveryTag tag)
    {
        lock (_gate)
        {
            return _receipts.GetValueOrDefault(tag);
        }
    }

    /// <summary>
    /// Decides: the outcome that holds, the receiver that has the message, and what is done when the broker confirms it, on this link or
    /// a later one. Null when the message is not held any more.
    /// </summary>
    internal Decision? TryDecide(ReceivedMessage message, Outcome outcome)
    {
        lock (_gate)
        {
            if (!_receipts.TryGetValue(message.Tag, out var receipt))
            {
                return null;
            }

            receipt.Outcome ??= outcome;
            return new Decision(receipt.Outcome, message.Receiver, receipt.Settled.Task);
        }
    }

    /// <summary>A receiver has resumed a message, under a new number: the outcome it is to tell, if that is decided.</summary>
    internal Outcome? Move(Receipt receipt, AmqpReceiver to, uint deliveryId)
    {
        lock (_gate)
        {
            if (receipt.Message is { } message)
            {
                message.Receiver = to;
                message.DeliveryId = deliveryId;
            }

            return receipt.Outcome;
        }
    }

    internal void Conclude(in DeliveryTag tag)
    {
        Receipt? receipt;
        lock (_gate)
        {
            _receipts.Remove(tag, out receipt);
        }

        receipt?.Settled.TrySetResult();
    }

    internal readonly record struct Decision(Outcome Outcome, AmqpReceiver Receiver, Task Settled);

    internal sealed class Receipt
    {
        public ReceivedMessage? Message { get; init; }

        public Outcome? Outcome { get; set; }

        public TaskCompletionSource Settled { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }
}
