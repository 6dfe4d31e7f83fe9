using Mamba.Amqp.Codec;
using Mamba.Amqp.Transport;

namespace Mamba.Amqp.Endpoints;

/// <summary>
/// Our end of one session (AMQP 1.0 §2.5): windows, handles, delivery-ids and dispositions. Calls that come too late, because
/// the session ended or the connection closed in the meantime, do nothing. Not thread-safe: use it under the same
/// serialisation as its engine.
/// </summary>
public sealed partial class SessionEndpoint
{
    private SessionWindow _window;
    private bool _paused;

    internal SessionEndpoint(ConnectionEngine engine, ushort localChannel, bool isLocallyInitiated)
    {
        Engine = engine;
        LocalChannel = localChannel;
        IsLocallyInitiated = isLocallyInitiated;
        _window = new SessionWindow(engine.Settings.IncomingWindow);
    }

    /// <summary>The channel we write on.</summary>
    public ushort LocalChannel { get; }

    /// <summary>The channel the peer writes on. Meaningful once its Begin has come.</summary>
    public ushort RemoteChannel { get; private set; }

    /// <summary>Whether we began it first.</summary>
    public bool IsLocallyInitiated { get; }

    /// <summary>The owner's own object for this session.</summary>
    public object? Tag { get; set; }

    /// <summary>The Begin the peer sent, or null as long as it has sent none.</summary>
    public Begin? RemoteBegin { get; private set; }

    /// <summary>Whether both Begins have gone out and neither side has ended the session.</summary>
    public bool IsOpen => RemoteBegin is not null && CanWrite;

    /// <summary>Whether we have sent End: what the peer still sends on the session is discarded.</summary>
    public bool IsEndSent { get; private set; }

    /// <summary>Whether the peer has sent End.</summary>
    public bool IsEndReceived { get; private set; }

    /// <summary>How many transfer frames the peer still takes.</summary>
    public uint RemoteIncomingWindow => _window.RemoteIncomingWindow;

    /// <summary>How many transfer frames we still take.</summary>
    public uint IncomingWindow => _window.IncomingWindow;

    /// <summary>
    /// Whether the incoming window is held shut: what is left of it may still be used, but it is not opened again. This is how
    /// a broker that cannot keep up makes its clients wait.
    /// </summary>
    public bool Paused
    {
        get => _paused;
        set
        {
            _paused = value;
            RefillWindow();
        }
    }

    /// <summary>The links of the session that the peer has attached, or that we have.</summary>
    public IReadOnlyCollection<LinkEndpoint> Links => _links.Values;

    internal ConnectionEngine Engine { get; }

    internal bool IsBegun { get; private set; }

    /// <summary>Whether dispositions wait, so that the session is in the engine's list of those to flush.</summary>
    internal bool IsDirty { get; set; }

    internal SessionEndpoint? NextDirty { get; set; }

    internal bool CanWrite => IsBegun && !IsEndSent && !IsEndReceived && Engine.CanWrite;

    /// <summary>
    /// Answers the peer's Begin. The engine fills in remote-channel, next-outgoing-id 0, the windows and handle-max.
    /// </summary>
    /// <exception cref="InvalidOperationException">The session has been begun already.</exception>
    public void Begin(Begin begin)
    {
        ArgumentNullException.ThrowIfNull(begin);
        if (IsBegun)
        {
            throw new InvalidOperationException("The session has been begun already; begin it once.");
        }

        if (!Engine.CanWrite || IsEndReceived)
        {
            return;
        }

        begin.RemoteChannel = RemoteBegin is null ? null : RemoteChannel;
        begin.NextOutgoingId = SessionWindow.InitialOutgoingId;
        begin.IncomingWindow = _window.IncomingWindow;
        begin.OutgoingWindow = OutgoingWindow;
        begin.HandleMax = Engine.Settings.HandleMax;
        IsBegun = true;
        Engine.Write(LocalChannel, begin);
    }

    /// <summary>
    /// Ends the session; its links are gone with it. Dispositions that wait are written first, nothing is written on it
    /// afterwards. The second call does nothing. A peer's End is answered by the engine.
    /// </summary>
    public void End(AmqpError? error = null)
    {
        if (IsEndSent || IsEndReceived || !Engine.CanWrite)
        {
            return;
        }

        if (!IsBegun)
        {
            Begin(new Begin());
        }

        FlushDispositions();
        WriteEnd(error);
    }

    /// <summary>Attaches a link on which we send. The peer's answer comes as OnAttach.</summary>
    /// <param name="attach">Name, source, target and modes; the engine fills in handle, role and initial-delivery-count 0.</param>
    /// <exception cref="InvalidOperationException">A link of that name and direction is attached, the peer's handle-max is
    /// used up, or the session is not open for writing.</exception>
    public SenderEndpoint CreateSender(Attach attach)
    {
        ArgumentNullException.ThrowIfNull(attach);
        RequireWritable(attach.Name, Role.Sender);
        var link = new SenderEndpoint(this, attach.Name, isLocallyInitiated: true);
        AttachLocally(link, attach);
        return link;
    }

    /// <summary>Attaches a link on which we receive. The peer's answer comes as OnAttach; grant credit then.</summary>
    /// <param name="attach">Name, source, target and modes; the engine fills in handle, role and max-message-size.</param>
    /// <exception cref="InvalidOperationException">As for <see cref="CreateSender"/>.</exception>
    public ReceiverEndpoint CreateReceiver(Attach attach)
    {
        ArgumentNullException.ThrowIfNull(attach);
        RequireWritable(attach.Name, Role.Receiver);
        var link = new ReceiverEndpoint(this, attach.Name, isLocallyInitiated: true);
        AttachLocally(link, attach);
        return link;
    }

    /// <summary>The channel numbers.</summary>
    public override string ToString() => $"session {LocalChannel}/{RemoteChannel}";

    /// <summary>Ends the session because the peer broke one of its rules, and tells the owner.</summary>
    internal void Fail(AmqpError error)
    {
        if (IsEndSent || IsEndReceived || !Engine.CanWrite)
        {
            return;
        }

        End(error);
        Engine.Handler.OnSessionFailed(this, error);
    }

    internal void Write<T>(in T performative)
        where T : IAmqpEncodable => Engine.Write(LocalChannel, in performative);

    internal void WriteDetach(LinkEndpoint link, bool closed, AmqpError? error)
    {
        FlushDispositions();
        Write(new Detach { Handle = link.Handle, Closed = closed, Error = error });
    }

    /// <summary>Writes a Flow with all its fields: a missing next-incoming-id or delivery-count is NaN to rhea.</summary>
    internal void WriteFlow(LinkEndpoint? link, uint? deliveryCount, uint? credit, uint? available, bool drain, bool echo)
    {
        var flow = new Flow
        {
            NextIncomingId = RemoteBegin is null ? null : _window.NextIncomingId.Value,
            IncomingWindow = _window.IncomingWindow,
            NextOutgoingId = _window.NextOutgoingId.Value,
            OutgoingWindow = OutgoingWindow,
            Handle = link?.Handle,
            DeliveryCount = deliveryCount,
            LinkCredit = credit,
            Available = available,
            Drain = drain,
            Echo = echo,
        };
        Write(in flow);
    }

    internal void WriteTransfer(in Transfer transfer)
    {
        Write(in transfer);
        _window.OnSent();
    }

    internal void OnTransferWritten()
    {
        _window.OnSent();
        Engine.OnTransferWritten();
    }

    private void WriteEnd(AmqpError? error)
    {
        IsEndSent = true;
        _receiverBatch.Clear();
        _senderBatch.Clear();
        Write(new End { Error = error });
    }

    private void RefillWindow()
    {
        if (!_paused && _window.NeedsRefill && IsOpen)
        {
            _window.Refill();
            WriteFlow(link: null, null, null, null, drain: false, echo: false);
        }
    }

    private void RequireWritable(string name, Role role)
    {
        if (!CanWrite)
        {
            throw new InvalidOperationException("The session is not begun, or it has ended: no link can be attached to it.");
        }

        if (string.IsNullOrEmpty(name) || _links.ContainsKey((name, role)))
        {
            throw new InvalidOperationException($"A link needs a name that no other {role} link of the session has; '{name}' is taken or empty.");
        }
    }

    private void AttachLocally(LinkEndpoint link, Attach attach)
    {
        var max = Math.Min(RemoteBegin?.HandleMax ?? uint.MaxValue, Engine.Settings.HandleMax);
        if (!_localHandles.TryFindFree(max, out _))
        {
            throw new InvalidOperationException($"All {max + 1UL} handles of the session are in use; close a link or use another session.");
        }

        link.AttachLocally(attach);
        _links.Add((link.Name, link.Role), link);
    }
}
