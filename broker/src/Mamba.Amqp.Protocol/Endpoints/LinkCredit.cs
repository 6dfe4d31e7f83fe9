namespace Mamba.Amqp.Endpoints;

/// <summary>
/// The credit of a link on which we send (AMQP 1.0 §2.6.7). Counts deliveries, not frames. Our delivery-count begins at 0,
/// because some peers calculate with it without wrapping.
/// </summary>
internal struct SenderCredit
{
    /// <summary>The number of deliveries begun, wrapping; what we state as initial-delivery-count is 0.</summary>
    public SerialNumber DeliveryCount { get; private set; }

    /// <summary>How many more deliveries we may begin.</summary>
    public uint Credit { get; private set; }

    /// <summary>
    /// Takes over a Flow of the receiver: link-credit := delivery-count(rcv) + link-credit(rcv) - delivery-count(snd).
    /// A delivery-count that is absent (the peer has not seen our Attach yet) stands for our initial one. Deliveries in
    /// flight can exceed a reduced credit; credit is then 0, never negative.
    /// </summary>
    public void OnFlow(uint? deliveryCount, uint linkCredit)
    {
        var inFlight = DeliveryCount - new SerialNumber(deliveryCount ?? 0);

        // A receiver cannot have counted deliveries that we have not begun; its lead is worth nothing.
        var begun = inFlight < 0 ? 0 : (uint)inFlight;
        Credit = linkCredit > begun ? linkCredit - begun : 0;
    }

    /// <summary>Counts the beginning of a delivery; the caller has seen <see cref="Credit"/> above 0.</summary>
    public void OnDelivery()
    {
        Credit--;
        DeliveryCount = DeliveryCount.Next;
    }

    /// <summary>Uses up the credit that is left, as drain demands.</summary>
    public void Exhaust()
    {
        DeliveryCount += Credit;
        Credit = 0;
    }
}

/// <summary>The credit of a link on which we receive (AMQP 1.0 §2.6.7).</summary>
internal struct ReceiverCredit
{
    // Deliveries that may be in flight on credit we have taken back: they are not the peer's fault. With the credit it makes the highest
    // limit the peer was ever told.
    private uint _revoked;

    /// <summary>The peer's delivery-count as far as we know it.</summary>
    public SerialNumber DeliveryCount { get; private set; }

    /// <summary>How many more deliveries the peer may begin.</summary>
    public uint Credit { get; private set; }

    /// <summary>Takes over the initial-delivery-count of the sender's Attach.</summary>
    public void OnAttach(uint initialDeliveryCount) => DeliveryCount = new SerialNumber(initialDeliveryCount);

    /// <summary>Grants a total, taking credit back when it is less than what is left.</summary>
    public void Set(uint credit)
    {
        var told = Credit + (ulong)_revoked;
        _revoked = told > credit ? (uint)Math.Min(told - credit, uint.MaxValue) : 0;
        Credit = credit;
    }

    /// <summary>Counts the beginning of a delivery. False: the peer had no credit.</summary>
    public bool TryReceive()
    {
        if (Credit > 0)
        {
            Credit--;
        }
        else if (_revoked > 0)
        {
            _revoked--;
        }
        else
        {
            return false;
        }

        DeliveryCount = DeliveryCount.Next;
        return true;
    }

    /// <summary>
    /// Takes over the delivery-count of the sender's Flow. It runs ahead of ours by the credit the sender has given up
    /// (drain).
    /// </summary>
    public void OnFlow(uint? deliveryCount)
    {
        var advance = deliveryCount is { } stated ? new SerialNumber(stated) - DeliveryCount : 0;
        if (advance <= 0)
        {
            return;
        }

        Credit = Credit > (uint)advance ? Credit - (uint)advance : 0;
        DeliveryCount += (uint)advance;
        _revoked = 0;
    }
}
