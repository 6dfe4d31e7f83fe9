using Mamba.Amqp.Codec;
using Mamba.Amqp.Framing;
using Mamba.Amqp.Sasl;
using Mamba.Amqp.Transport;
using Mamba.Amqp.Types;

namespace Mamba.Amqp.Endpoints;

/// <summary>
/// One AMQP 1.0 connection without IO: bytes that arrived go into <see cref="Receive"/>, bytes to send come out of
/// <see cref="Output"/>, time comes in through <see cref="Tick"/>. The same engine serves both sides. It has no threads and no
/// locks: the owner calls it, its sessions and its links from one thread at a time.
/// </summary>
/// <remarks>
/// A server waits for <see cref="IConnectionHandler.OnOpen"/>; a client calls <see cref="Open"/> first. Writing happens in two
/// steps for dispositions alone: they are gathered, and written by <see cref="FlushDispositions"/>, which the owner calls
/// before it drains <see cref="Output"/>.
/// </remarks>
public sealed partial class ConnectionEngine : IDisposable
{
    /// <summary>The key in Open's properties that says a Close follows (see the contract of Qpid JMS and NMS.AMQP).</summary>
    public static readonly Symbol EstablishmentFailedKey = new("amqp:connection-establishment-failed");

    private readonly NumberTable<SessionEndpoint> _byRemoteChannel = new();
    private readonly NumberTable<SessionEndpoint> _byLocalChannel = new();
    private readonly SaslExchange? _sasl;
    private IdleMonitor _idle;
    private SessionEndpoint? _dirty;
    private long _partialBytes;

    /// <summary>Creates the engine. Nothing is written yet.</summary>
    public ConnectionEngine(ConnectionSettings settings, IConnectionHandler handler)
    {
        ArgumentNullException.ThrowIfNull(settings);
        ArgumentNullException.ThrowIfNull(handler);
        ArgumentOutOfRangeException.ThrowIfLessThan(settings.MaxFrameSize, (uint)ProtocolConstants.MinMaxFrameSize, nameof(settings));
        ArgumentOutOfRangeException.ThrowIfGreaterThan(settings.ChannelMax, (ushort)255, nameof(settings));
        ArgumentOutOfRangeException.ThrowIfGreaterThan(settings.HandleMax, 1023u, nameof(settings));
        ArgumentOutOfRangeException.ThrowIfZero(settings.IncomingWindow, nameof(settings));
        Settings = settings;
        Handler = handler;
        _idle = new IdleMonitor { LocalTimeout = settings.IdleTimeoutMilliseconds };
        ChannelMax = settings.ChannelMax;
        var wantsSasl = settings.IsServer ? settings.OfferedSaslMechanisms.Count > 0 : settings.SaslClientMechanisms.Count > 0;
        _sasl = wantsSasl ? new SaslExchange(this) : null;
    }

    /// <summary>What was granted to the peer.</summary>
    public ConnectionSettings Settings { get; }

    /// <summary>The bytes to write to the transport. The owner drains it: writes its bytes, then clears it.</summary>
    public ByteBuffer Output { get; } = new();

    /// <summary>The owner's own object for this connection.</summary>
    public object? Tag { get; set; }

    /// <summary>The Open the peer sent, or null as long as it has sent none.</summary>
    public Open? RemoteOpen { get; private set; }

    /// <summary>The largest frame the peer accepts, in bytes; 512 before its Open.</summary>
    public uint RemoteMaxFrameSize => RemoteOpen?.MaxFrameSize ?? ProtocolConstants.MinMaxFrameSize;

    /// <summary>The highest channel number either side may use.</summary>
    public ushort ChannelMax { get; private set; }

    /// <summary>Whether both Opens have gone out and neither side has closed.</summary>
    public bool IsOpen => RemoteOpen is not null && CanWrite && !IsCloseReceived;

    /// <summary>Whether our Close is written: nothing may follow it, and all but the peer's Close is discarded.</summary>
    public bool IsCloseSent { get; private set; }

    /// <summary>Whether the peer has sent Close.</summary>
    public bool IsCloseReceived { get; private set; }

    /// <summary>
    /// Whether the connection is over: flush <see cref="Output"/> and close the socket. Nothing is read or written any more.
    /// </summary>
    public bool IsClosed { get; private set; }

    /// <summary>
    /// Whether the engine waits for its owner (an answer to a SASL step, or to Open) and consumes nothing meanwhile. When the
    /// owner has answered, it calls <see cref="Receive"/> again with what is unread.
    /// </summary>
    public bool IsAwaitingOwner => !IsClosed && (_sasl is { IsAwaitingOwner: true } || IsAwaitingOpen);

    /// <summary>How many bytes from the first unread one on the next call of <see cref="Receive"/> needs to make progress.</summary>
    public int BytesWanted { get; private set; } = ProtocolHeader.Size;

    /// <summary>Why the connection failed; null as long as it has not.</summary>
    public AmqpException? Failure { get; private set; }

    /// <summary>The sessions the engine knows, in the order of our channel numbers. Do not begin or end sessions while enumerating.</summary>
    public IEnumerable<SessionEndpoint> Sessions
    {
        get
        {
            for (uint channel = 0; _byLocalChannel.TryNext(ref channel, out var session);)
            {
                yield return session;
            }
        }
    }

    internal IConnectionHandler Handler { get; }

    internal int OutgoingUnsettled { get; set; }

    internal int IncomingUnsettled { get; set; }

    internal bool IsOpenSent { get; private set; }

    internal bool CanWrite => IsOpenSent && !IsCloseSent && !IsClosed;

    private bool IsAwaitingOpen => Settings.IsServer && RemoteOpen is not null && !IsOpenSent;

    /// <summary>
    /// Server: answers the peer's Open. Client: begins the connection (protocol header, SASL, Open as soon as it may). The
    /// engine fills in max-frame-size, channel-max, and half of the idle timeout as idle-time-out.
    /// </summary>
    /// <exception cref="InvalidOperationException">Open was called before, or a server has not seen the peer's Open.</exception>
    public void Open(Open open)
    {
        ArgumentNullException.ThrowIfNull(open);
        if (IsClosed)
        {
            return;
        }

        if (IsOpenSent || _clientOpen is not null || (Settings.IsServer && RemoteOpen is null))
        {
            throw new InvalidOperationException("Open is called once, and by a server only in answer to OnOpen.");
        }

        if (Settings.IsServer)
        {
            WriteOpen(open);
        }
        else
        {
            StartClient(open);
        }
    }

    /// <summary>
    /// Refuses the peer's Open: an Open marked with <see cref="EstablishmentFailedKey"/>, then Close with the error. The value is
    /// the string "true": Qpid JMS looks for the key, NMS compares the text of the value.
    /// </summary>
    public void RefuseOpen(Open open, AmqpError error)
    {
        ArgumentNullException.ThrowIfNull(open);
        ArgumentNullException.ThrowIfNull(error);
        open.Properties ??= new AmqpMap();
        open.Properties.TryAdd(EstablishmentFailedKey, "true");
        Open(open);
        Close(error);
    }

    /// <summary>
    /// Closes the connection; the second call does nothing. Dispositions that wait are written first. The connection is over
    /// (<see cref="IsClosed"/>) when the peer's Close comes. Before our Open there is nothing to close: the connection is over
    /// at once.
    /// </summary>
    public void Close(AmqpError? error = null)
    {
        if (!IsOpenSent)
        {
            IsClosed = true;
            return;
        }

        if (!CanWrite)
        {
            return;
        }

        FlushDispositions();
        if (CanWrite)
        {
            Write(0, new Close { Error = error });
            IsCloseSent = true;
        }
    }

    /// <summary>Begins a session; the peer's answer comes as OnBegin.</summary>
    /// <exception cref="InvalidOperationException">Our Open is not written yet, the connection is closed, or all channels are in use.</exception>
    public SessionEndpoint CreateSession(Begin begin)
    {
        ArgumentNullException.ThrowIfNull(begin);
        if (!CanWrite || !_byLocalChannel.TryFindFree(ChannelMax, out var channel))
        {
            throw new InvalidOperationException(
                CanWrite ? $"All {ChannelMax + 1} channels are in use; end a session or use another connection." : "The connection is not open.");
        }

        var session = new SessionEndpoint(this, (ushort)channel, isLocallyInitiated: true);
        _byLocalChannel.Set(channel, session);
        session.Begin(begin);
        return session;
    }

    /// <summary>Server: answers a SASL step with a challenge.</summary>
    public void SaslChallenge(ReadOnlySpan<byte> challenge) => RequireSasl().Challenge(challenge.ToArray());

    /// <summary>
    /// Server: ends the SASL exchange. After another code than ok nothing more is sent, and the engine is closed.
    /// </summary>
    /// <param name="code">The outcome.</param>
    /// <param name="additionalData">What the mechanism sends with it, for example the server signature of SCRAM; null for nothing.</param>
    public void SaslOutcome(SaslCode code, byte[]? additionalData = null) => RequireSasl().End(code, additionalData);

    /// <summary>
    /// Looks at the clock: writes a heartbeat when one is due, gives up a silent peer, and detaches links on which a message
    /// stands incomplete for too long. Call it at the returned time at the latest; earlier does no harm.
    /// </summary>
    /// <param name="nowMilliseconds">A monotonic clock, in milliseconds.</param>
    /// <returns>When to call again; <see cref="long.MaxValue"/> for never.</returns>
    public long Tick(long nowMilliseconds)
    {
        if (IsClosed)
        {
            return long.MaxValue;
        }

        var alive = _idle.Tick(nowMilliseconds, out var next, out var heartbeat);
        if (!alive)
        {
            Fail(EndpointErrors.Connection(
                ErrorCondition.ResourceLimitExceeded,
                $"local-idle-timeout expired: nothing arrived for {Settings.IdleTimeoutMilliseconds} ms."));
            return long.MaxValue;
        }

        if (heartbeat && CanWrite)
        {
            FrameWriter.WriteEmpty(Output);
        }

        return Math.Min(next, CheckPartials(nowMilliseconds));
    }

    /// <summary>Writes an empty frame, to see whether it arrives; does nothing before our Open or after our Close.</summary>
    public void WriteHeartbeat()
    {
        if (CanWrite)
        {
            FrameWriter.WriteEmpty(Output);
        }
    }

    /// <summary>Writes the dispositions that wait. Called by the owner before it drains <see cref="Output"/>.</summary>
    public void FlushDispositions()
    {
        while (_dirty is { } session)
        {
            _dirty = session.NextDirty;
            session.NextDirty = null;
            session.IsDirty = false;
            session.FlushDispositions();
        }
    }

    /// <summary>Gives pooled memory back. The engine is closed afterwards.</summary>
    public void Dispose()
    {
        IsClosed = true;
        for (uint channel = 0; _byLocalChannel.TryNext(ref channel, out var session);)
        {
            session.DropPartials();
        }

        Output.Dispose();
    }

    internal void Write<T>(ushort channel, in T performative)
        where T : IAmqpEncodable
    {
        var start = Output.Length;
        try
        {
            FrameWriter.Write(Output, channel, in performative);
        }
        catch
        {
            // Half a frame in the output would corrupt the stream for good.
            Output.Truncate(start);
            throw;
        }

        _idle.HasWritten = true;
        if (Output.Length - start > RemoteMaxFrameSize && RemoteOpen is not null)
        {
            Output.Truncate(start);
            OnOversizedFrame();
        }
    }

    internal void OnTransferWritten() => _idle.HasWritten = true;

    /// <summary>
    /// A client acknowledges under a transaction and then discharges it: the dispositions must arrive first, whatever the
    /// session. A broker has no such order to keep, and batches further.
    /// </summary>
    internal void FlushBeforeTransfer()
    {
        if (!Settings.IsServer)
        {
            FlushDispositions();
        }
    }

    internal void MarkDirty(SessionEndpoint session)
    {
        if (!session.IsDirty)
        {
            session.IsDirty = true;
            session.NextDirty = _dirty;
            _dirty = session;
        }
    }

    internal bool TryReservePartial(int bytes)
    {
        if (_partialBytes + bytes > Settings.PartialBytesLimit)
        {
            return false;
        }

        _partialBytes += bytes;
        return true;
    }

    internal void ReleasePartial(int bytes) => _partialBytes -= bytes;

    internal void Release(SessionEndpoint session)
    {
        _byLocalChannel.Free(session.LocalChannel, session);
        _byRemoteChannel.Free(session.RemoteChannel, session);
    }

    /// <summary>The one place where a connection breaks. The first cause wins.</summary>
    internal void Fail(AmqpException cause)
    {
        if (IsClosed)
        {
            return;
        }

        if (!IsCloseSent && _phase == Phase.Frames)
        {
            if (!IsOpenSent)
            {
                // A Close must follow an Open (AMQP 1.0 §2.4.1), and clients are to see at once that this one is a refusal.
                var properties = new AmqpMap();
                properties.Add(EstablishmentFailedKey, "true");
                WriteOpen(new Open { ContainerId = Settings.ContainerId, Properties = properties });
            }

            Close(cause.Error);
        }

        IsClosed = true;
        ReportFailure(cause);
    }

    internal void ReportFailure(AmqpException cause)
    {
        Failure = cause;
        Handler.OnFailed(cause);
    }

    /// <summary>
    /// A frame we cannot split is larger than the peer takes. A Close with a condition alone fits any limit there is.
    /// </summary>
    private void OnOversizedFrame() => Fail(EndpointErrors.Connection(
        ErrorCondition.FrameSizeTooSmall, "A frame does not fit the peer's max-frame-size."));

    private void WriteOpen(Open open)
    {
        if (string.IsNullOrEmpty(open.ContainerId))
        {
            open.ContainerId = Settings.ContainerId;
        }

        open.MaxFrameSize = Settings.MaxFrameSize;
        open.ChannelMax = ChannelMax;
        open.IdleTimeOut = Settings.IdleTimeoutMilliseconds == 0 ? null : Math.Max(1, Settings.IdleTimeoutMilliseconds / 2);
        IsOpenSent = true;
        Write(0, open);
    }

    private SaslExchange RequireSasl() =>
        _sasl ?? throw new InvalidOperationException("This connection has no SASL layer: none was configured.");

    private long CheckPartials(long now)
    {
        if (_partialBytes == 0)
        {
            return long.MaxValue;
        }

        for (uint channel = 0; _byLocalChannel.TryNext(ref channel, out var session);)
        {
            session.CheckPartials(now, Settings.PartialDeliveryTimeoutMilliseconds);
        }

        return now + Math.Max(1, Settings.PartialDeliveryTimeoutMilliseconds / 4);
    }
}
