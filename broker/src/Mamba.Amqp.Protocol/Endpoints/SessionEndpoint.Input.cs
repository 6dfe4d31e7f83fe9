using Mamba.Amqp.Transport;

namespace Mamba.Amqp.Endpoints;

/// <content>What the peer sends on the session, and the handles it uses.</content>
public sealed partial class SessionEndpoint
{
    private readonly Dictionary<(string Name, Role Role), LinkEndpoint> _links = [];
    private readonly NumberTable<LinkEndpoint> _remoteHandles = new();
    private readonly NumberTable<LinkEndpoint> _localHandles = new();

    internal void OnRemoteBegin(ushort channel, Begin begin)
    {
        RemoteChannel = channel;
        RemoteBegin = begin;
        _window.OnBegin(begin.NextOutgoingId, begin.IncomingWindow, begin.OutgoingWindow);
    }

    /// <summary>
    /// The peer's End: the owner is told, then our End is written unless it was before (AMQP 1.0 §2.5.5). From here on nothing
    /// else may be written, so dispositions that wait are dropped.
    /// </summary>
    internal void OnEnd(AmqpError? error)
    {
        if (!IsBegun)
        {
            Begin(new Begin());
        }

        IsEndReceived = true;
        DropPartials();
        Engine.Handler.OnEnd(this, error);
        if (!IsEndSent && Engine.CanWrite)
        {
            WriteEnd(error: null);
        }

        Forget();
    }

    internal void OnAttach(Attach attach)
    {
        if (attach.Handle > Engine.Settings.HandleMax)
        {
            throw EndpointErrors.Connection(
                ErrorCondition.FramingError, $"Handle {attach.Handle} is above our handle-max {Engine.Settings.HandleMax}.");
        }

        if (_remoteHandles[attach.Handle] is { } other)
        {
            throw EndpointErrors.Session(ErrorCondition.HandleInUse, $"Handle {attach.Handle} is in use by {other}.");
        }

        var role = attach.Role == Role.Sender ? Role.Receiver : Role.Sender;
        if (!_links.TryGetValue((attach.Name, role), out var link))
        {
            link = role == Role.Sender
                ? new SenderEndpoint(this, attach.Name, isLocallyInitiated: false)
                : new ReceiverEndpoint(this, attach.Name, isLocallyInitiated: false);
            _links.Add((attach.Name, role), link);
        }
        else if (link.RemoteAttach is not null)
        {
            throw EndpointErrors.Session(ErrorCondition.InvalidField, $"A {attach.Role} link named '{attach.Name}' is attached to this session already.");
        }

        link.OnRemoteAttach(attach);
        _remoteHandles.Set(attach.Handle, link);
        if (!link.IsDetachSent)
        {
            Guard(link, static (handler, link) => handler.OnAttach(link, link.RemoteAttach!));
        }
    }

    internal void OnDetach(Detach detach)
    {
        var link = _remoteHandles[detach.Handle] ?? throw EndpointErrors.UnattachedHandle(detach.Handle, "Detach");
        _remoteHandles.Free(detach.Handle, link);
        _links.Remove((link.Name, link.Role));
        link.OnRemoteDetach();
        if (link is ReceiverEndpoint receiver)
        {
            ForgetIncomingOf(receiver);
        }

        Engine.Handler.OnDetach(link, detach.Closed, detach.Error);
        if (link.IsDetachSent)
        {
            Release(link);
        }
    }

    internal void OnFlow(in Flow flow)
    {
        var wasShut = RemoteIncomingWindow == 0;
        if (!_window.OnFlow(flow.NextIncomingId, flow.IncomingWindow, flow.NextOutgoingId, flow.OutgoingWindow))
        {
            throw EndpointErrors.Session(
                ErrorCondition.WindowViolation,
                $"Flow says that transfer {flow.NextIncomingId} is next, but our next one is {_window.NextOutgoingId}.");
        }

        if (flow.Handle is { } handle)
        {
            var link = _remoteHandles[handle] ?? throw EndpointErrors.UnattachedHandle(handle, "Flow");
            if (!link.IsDetachSent)
            {
                OnLinkFlow(link, in flow);
            }
        }
        else if (flow.Echo && IsOpen)
        {
            WriteFlow(link: null, null, null, null, drain: false, echo: false);
        }

        if (wasShut && RemoteIncomingWindow > 0 && !IsEndSent)
        {
            Engine.Handler.OnSessionWindowOpen(this);
        }
    }

    internal void OnTransfer(in Transfer transfer, ReadOnlySpan<byte> payload)
    {
        if (!_window.TryReceive())
        {
            throw EndpointErrors.Session(ErrorCondition.WindowViolation, "A transfer came while the incoming window was 0.");
        }

        var link = _remoteHandles[transfer.Handle] ?? throw EndpointErrors.UnattachedHandle(transfer.Handle, "Transfer");
        if (link is not ReceiverEndpoint receiver)
        {
            throw EndpointErrors.Session(ErrorCondition.NotAllowed, $"A transfer came on {link}, on which we are the sender.");
        }

        if (!receiver.IsDetachSent)
        {
            try
            {
                receiver.OnTransfer(in transfer, payload);
            }
            catch (AmqpException failure) when (failure.Scope == AmqpErrorScope.Link)
            {
                receiver.Fail(failure.Error);
            }
        }

        RefillWindow();
    }

    internal void OnDispositionFrame(in Disposition disposition) => OnDisposition(in disposition);

    /// <summary>Gives our handle for a link: the peer's own number where it fits, because some clients expect that.</summary>
    internal bool TryAssignHandle(LinkEndpoint link, out uint handle)
    {
        var max = Math.Min(RemoteBegin?.HandleMax ?? uint.MaxValue, Engine.Settings.HandleMax);
        handle = link.RemoteHandle;
        var mirrored = !link.IsLocallyInitiated && handle <= max && _localHandles[handle] is null;
        if (!mirrored && !_localHandles.TryFindFree(max, out handle))
        {
            return false;
        }

        _localHandles.Set(handle, link);
        return true;
    }

    /// <summary>Forgets a link that is detached on both sides.</summary>
    internal void Release(LinkEndpoint link)
    {
        _localHandles.Free(link.Handle, link);
        if (link is SenderEndpoint sender)
        {
            TakeUnsettled(sender, into: null);
        }
    }

    internal void CheckPartials(long now, long timeout)
    {
        for (uint handle = 0; _remoteHandles.TryNext(ref handle, out var link);)
        {
            (link as ReceiverEndpoint)?.CheckPartial(now, timeout);
        }
    }

    internal void DropPartials()
    {
        for (uint handle = 0; _remoteHandles.TryNext(ref handle, out var link);)
        {
            link.OnRemoteDetach();
        }
    }

    private static void OnLinkFlow(LinkEndpoint link, in Flow flow)
    {
        try
        {
            link.OnFlow(in flow);
        }
        catch (AmqpException failure) when (failure.Scope == AmqpErrorScope.Link)
        {
            link.Fail(failure.Error);
        }
    }

    private void Guard(LinkEndpoint link, Action<IConnectionHandler, LinkEndpoint> call)
    {
        try
        {
            call(Engine.Handler, link);
        }
        catch (AmqpException failure) when (failure.Scope == AmqpErrorScope.Link)
        {
            link.Fail(failure.Error);
        }
    }

    /// <summary>Frees the channel at once: the peer may begin another session on it in the next frame.</summary>
    private void Forget()
    {
        Engine.OutgoingUnsettled -= _outgoing.Count;
        Engine.IncomingUnsettled -= _incoming.Count;
        _outgoing.Clear();
        _incoming.Clear();
        _links.Clear();
        _remoteHandles.Clear();
        _localHandles.Clear();
        Engine.Release(this);
    }
}
