using Mamba.Amqp.Transport;

namespace Mamba.Amqp.Endpoints;

/// <summary>
/// Our end of one link (AMQP 1.0 §2.6). Calls that come too late, because the link is detached, the session ended or the
/// connection closed in the meantime, do nothing. Not thread-safe: use it under the same serialisation as its engine.
/// </summary>
public abstract class LinkEndpoint
{
    private protected LinkEndpoint(SessionEndpoint session, string name, bool isLocallyInitiated)
    {
        Session = session;
        Name = name;
        IsLocallyInitiated = isLocallyInitiated;
    }

    /// <summary>The link's name; with its direction and the two container ids, its identity.</summary>
    public string Name { get; }

    /// <summary>The session it is attached to.</summary>
    public SessionEndpoint Session { get; }

    /// <summary>The role we have: sender when messages leave here.</summary>
    public abstract Role Role { get; }

    /// <summary>The owner's own object for this link.</summary>
    public object? Tag { get; set; }

    /// <summary>Our number for it, the same as the peer's where that is possible. Meaningful once our Attach is written.</summary>
    public uint Handle { get; private set; }

    /// <summary>The peer's number for it. Meaningful once its Attach has come.</summary>
    public uint RemoteHandle { get; private set; }

    /// <summary>Whether we attached it first.</summary>
    public bool IsLocallyInitiated { get; }

    /// <summary>The Attach the peer sent, or null as long as it has sent none.</summary>
    public Attach? RemoteAttach { get; private set; }

    /// <summary>The Attach we sent, or null as long as we have sent none.</summary>
    public Attach? LocalAttach { get; private set; }

    /// <summary>Whether we have sent Detach: what the peer still sends on the link is discarded.</summary>
    public bool IsDetachSent { get; private set; }

    /// <summary>Whether the peer has sent Detach.</summary>
    public bool IsDetachReceived { get; private set; }

    /// <summary>Whether the link is attached on both sides and neither has begun to detach it.</summary>
    public bool IsAttached => RemoteAttach is not null && LocalAttach is not null && !IsDetachSent && !IsDetachReceived && Session.IsOpen;

    /// <summary>The settle mode of the sender, as the Attach that came later states it.</summary>
    public SenderSettleMode SenderSettleMode =>
        (IsLocallyInitiated ? RemoteAttach ?? LocalAttach : LocalAttach ?? RemoteAttach)?.SndSettleMode ?? SenderSettleMode.Mixed;

    /// <summary>The settle mode of the receiver, as the Attach that came later states it.</summary>
    public ReceiverSettleMode ReceiverSettleMode =>
        (IsLocallyInitiated ? RemoteAttach ?? LocalAttach : LocalAttach ?? RemoteAttach)?.RcvSettleMode ?? ReceiverSettleMode.First;

    /// <summary>
    /// Whether one of the unsettled maps exchanged at attach was incomplete: until the link is suspended and resumed once more, only
    /// resumed deliveries may pass (AMQP 1.0 §2.6.13).
    /// </summary>
    public bool IsMapIncomplete => LocalAttach is { IncompleteUnsettled: true } || RemoteAttach is { IncompleteUnsettled: true };

    /// <summary>
    /// Answers the peer's Attach. The engine fills in name, handle, role and what the role demands (initial-delivery-count 0,
    /// or our max-message-size) and the peer's settle modes (the sender's only where the reply says mixed); source and target
    /// must state what is really in place. Of an unsettled map only what fits a frame is written, and it is then said to be
    /// incomplete (AMQP 1.0 §2.7.3). Flow that came early is told of before this returns.
    /// </summary>
    /// <exception cref="InvalidOperationException">The link has been answered already, we attached it ourselves, or its
    /// session has not been begun.</exception>
    public void Attach(Attach reply)
    {
        ArgumentNullException.ThrowIfNull(reply);
        if (LocalAttach is not null)
        {
            throw new InvalidOperationException($"Link '{Name}' has been answered already; answer an Attach once.");
        }

        if (!Session.IsBegun && !Session.IsEndReceived && Session.Engine.CanWrite)
        {
            throw new InvalidOperationException("The session has not been begun: answer the peer's Begin before its Attach.");
        }

        if (!Session.CanWrite || IsDetachSent)
        {
            return;
        }

        if (reply.SndSettleMode == SenderSettleMode.Mixed)
        {
            reply.SndSettleMode = RemoteAttach!.SndSettleMode;
        }

        reply.RcvSettleMode = RemoteAttach!.RcvSettleMode;
        if (WriteAttach(reply))
        {
            OnLocalAttach();
        }
    }

    /// <summary>
    /// Refuses the peer's Attach: an Attach with a null terminus, then Detach(closed) with the error, in one go
    /// (AMQP 1.0 §2.6.3). A bare Detach would leave many clients waiting for ever.
    /// </summary>
    public void Refuse(AmqpError error)
    {
        ArgumentNullException.ThrowIfNull(error);
        if (LocalAttach is not null)
        {
            throw new InvalidOperationException($"Link '{Name}' has been answered already; detach it instead of refusing it.");
        }

        Detach(closed: true, error);
    }

    /// <summary>
    /// Detaches the link, or answers the peer's Detach (with the same <paramref name="closed"/>). Dispositions that wait are
    /// written first. An Attach that has not been answered is refused with it. The second call does nothing.
    /// </summary>
    public void Detach(bool closed, AmqpError? error = null)
    {
        if (IsDetachSent || !Session.CanWrite)
        {
            return;
        }

        if (LocalAttach is null && !WriteAttach(Refusal(RemoteAttach!)))
        {
            return;
        }

        IsDetachSent = true;
        Session.WriteDetach(this, closed, error);
        OnDetached();
        if (IsDetachReceived)
        {
            Session.Release(this);
        }
    }

    /// <summary>States credit, delivery-count and available again, on all six fields of link and session.</summary>
    public abstract void SendFlow();

    /// <summary>Name and direction.</summary>
    public override string ToString() => $"{Role} link '{Name}'";

    internal bool AttachLocally(Attach attach) => WriteAttach(attach);

    internal virtual void OnRemoteAttach(Attach attach)
    {
        RemoteAttach = attach;
        RemoteHandle = attach.Handle;
    }

    internal abstract void OnFlow(in Flow flow);

    internal virtual void OnRemoteDetach()
    {
        IsDetachReceived = true;
        OnDetached();
    }

    /// <summary>Detaches because the peer broke a rule of the link, and tells the owner.</summary>
    internal void Fail(AmqpError error)
    {
        if (!Session.IsBegun)
        {
            Session.Fail(error);
            return;
        }

        if (IsDetachSent || !Session.CanWrite)
        {
            return;
        }

        Detach(closed: true, error);
        Session.Engine.Handler.OnLinkFailed(this, error);
    }

    /// <summary>Fills what the role demands into an Attach of ours.</summary>
    private protected abstract void Complete(Attach attach);

    /// <summary>The Attach that refuses: no terminus on our side.</summary>
    private protected abstract Attach Refusal(Attach remote);

    /// <summary>Called when our answer to the peer's Attach is written.</summary>
    private protected abstract void OnLocalAttach();

    /// <summary>Called when either side detaches, perhaps twice.</summary>
    private protected abstract void OnDetached();

    private bool WriteAttach(Attach attach)
    {
        if (!Session.TryAssignHandle(this, out var handle))
        {
            Session.Fail(new AmqpError(ErrorCondition.ResourceLimitExceeded, "All handles of the session are in use; detach a link first."));
            return false;
        }

        Handle = handle;
        attach.Name = Name;
        attach.Handle = Handle;
        attach.Role = Role;
        Complete(attach);
        UnsettledMap.Fit(attach, Session.Engine.RemoteMaxFrameSize);
        LocalAttach = attach;
        Session.Write(attach);
        return true;
    }
}
