using System.Buffers;
using Mamba.Amqp.Messaging;

namespace Mamba.Amqp.Endpoints;

/// <summary>
/// The bytes of an incoming message that comes in several transfers, joined in pooled memory that grows as they arrive:
/// nothing is allocated for a size the peer merely announces. One for each link at most.
/// </summary>
internal sealed class PartialDelivery
{
    private byte[] _buffer = [];

    /// <summary>Whether a delivery is under way.</summary>
    public bool IsActive { get; private set; }

    /// <summary>What is known of it so far.</summary>
    public IncomingDelivery Delivery { get; private set; }

    /// <summary>How many bytes have arrived.</summary>
    public int Length { get; private set; }

    /// <summary>The clock's last reading that saw no progress since the one before; null after progress.</summary>
    public long? IdleSince { get; set; }

    /// <summary>The bytes that have arrived.</summary>
    public ReadOnlySpan<byte> Bytes => _buffer.AsSpan(0, Length);

    /// <summary>Begins with what the first frame says.</summary>
    public void Begin(in IncomingDelivery delivery)
    {
        Delivery = delivery;
        IsActive = true;
        Length = 0;
    }

    /// <summary>Adds what a further frame says: settled if any frame says so, and the first state counts.</summary>
    public void Merge(bool settled, DeliveryState? state) =>
        Delivery = Delivery with { IsSettled = Delivery.IsSettled || settled, State = Delivery.State ?? state };

    /// <summary>Appends a frame's payload.</summary>
    public void Append(ReadOnlySpan<byte> payload)
    {
        IdleSince = null;
        var needed = Length + payload.Length;
        if (needed > _buffer.Length)
        {
            var grown = ArrayPool<byte>.Shared.Rent((int)Math.Min(Array.MaxLength, Math.Max(needed, 2L * _buffer.Length)));
            Bytes.CopyTo(grown);
            Return();
            _buffer = grown;
        }

        payload.CopyTo(_buffer.AsSpan(Length));
        Length = needed;
    }

    /// <summary>Ends the delivery, whole or not, and gives the memory back.</summary>
    public void Reset()
    {
        IsActive = false;
        Length = 0;
        IdleSince = null;
        Delivery = default;
        Return();
    }

    private void Return()
    {
        if (_buffer.Length > 0)
        {
            ArrayPool<byte>.Shared.Return(_buffer);
            _buffer = [];
        }
    }
}
