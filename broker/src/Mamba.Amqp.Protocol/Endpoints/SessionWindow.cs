namespace Mamba.Amqp.Endpoints;

/// <summary>
/// The transfer bookkeeping of one session (AMQP 1.0 §2.5.6). It counts transfer <em>frames</em>, not messages. Our own
/// transfer ids begin at 0, because some peers calculate with them without wrapping; the peer's may begin anywhere.
/// </summary>
internal struct SessionWindow
{
    /// <summary>Our first transfer id.</summary>
    public const uint InitialOutgoingId = 0;

    private readonly uint _capacity;

    /// <summary>Creates the bookkeeping.</summary>
    /// <param name="capacity">The incoming window we grant when it is full, in frames; at least 1.</param>
    public SessionWindow(uint capacity)
    {
        _capacity = capacity;
        IncomingWindow = capacity;
    }

    /// <summary>The id the peer's next transfer has.</summary>
    public SerialNumber NextIncomingId { get; private set; }

    /// <summary>How many more transfers the peer may send.</summary>
    public uint IncomingWindow { get; private set; }

    /// <summary>The id our next transfer has.</summary>
    public SerialNumber NextOutgoingId { get; private set; }

    /// <summary>How many more transfers we may send.</summary>
    public uint RemoteIncomingWindow { get; private set; }

    /// <summary>How many more transfers the peer says it may send.</summary>
    public uint RemoteOutgoingWindow { get; private set; }

    /// <summary>Whether less than half of the incoming window is left, so that a Flow should open it again.</summary>
    public readonly bool NeedsRefill => IncomingWindow <= _capacity / 2;

    /// <summary>Takes over what the peer's Begin says.</summary>
    public void OnBegin(uint nextOutgoingId, uint incomingWindow, uint outgoingWindow)
    {
        NextIncomingId = new SerialNumber(nextOutgoingId);
        RemoteIncomingWindow = incomingWindow;
        RemoteOutgoingWindow = outgoingWindow;
    }

    /// <summary>Counts an incoming transfer. False: the peer has overrun the window.</summary>
    public bool TryReceive()
    {
        if (IncomingWindow == 0)
        {
            return false;
        }

        IncomingWindow--;
        NextIncomingId = NextIncomingId.Next;
        RemoteOutgoingWindow = RemoteOutgoingWindow == 0 ? 0 : RemoteOutgoingWindow - 1;
        return true;
    }

    /// <summary>Counts an outgoing transfer; the caller has seen <see cref="RemoteIncomingWindow"/> above 0.</summary>
    public void OnSent()
    {
        RemoteIncomingWindow--;
        NextOutgoingId = NextOutgoingId.Next;
    }

    /// <summary>Grants the whole incoming window again; the caller writes the Flow that says so.</summary>
    public void Refill() => IncomingWindow = _capacity;

    /// <summary>
    /// Takes over the session state of a Flow: remote-incoming-window := next-incoming-id + incoming-window -
    /// next-outgoing-id, where a next-incoming-id that is absent (the peer has not seen our Begin yet) stands for our first
    /// transfer id.
    /// </summary>
    /// <returns>False when the peer claims to have received transfers we have not sent: a window violation.</returns>
    public bool OnFlow(uint? nextIncomingId, uint incomingWindow, uint nextOutgoingId, uint outgoingWindow)
    {
        var seen = new SerialNumber(nextIncomingId ?? InitialOutgoingId);
        var inFlight = NextOutgoingId - seen;
        if (inFlight < 0)
        {
            return false;
        }

        RemoteIncomingWindow = incomingWindow > (uint)inFlight ? incomingWindow - (uint)inFlight : 0;
        NextIncomingId = new SerialNumber(nextOutgoingId);
        RemoteOutgoingWindow = outgoingWindow;
        return true;
    }
}
