using Mamba.Amqp.Endpoints;
using Mamba.Amqp.Messaging;
using Mamba.Amqp.Transport;
using Mamba.Amqp.Types;
using Mamba.Broker.Server.Dialects.RabbitMq;
using Mamba.Broker.Server.Links;
using Mamba.Broker.Server.Management;
using Mamba.Broker.Server.Security;

namespace Mamba.Broker.Server.Connections;

// What the peer asks for, as the protocol engine reports it. All calls come from inside a turn.
internal sealed partial class AmqpConnection
{
    private static readonly Symbol[] OfferedCapabilities =
        [new("ANONYMOUS-RELAY"), new("DELAYED_DELIVERY"), new("SHARED-SUBS"), new("sole-connection-for-container"), LinkPairs.Capability];

    private readonly LinkBinder _binder;
    private bool _protocolFailed;
    private bool _opened;

    void IConnectionHandler.OnOpen(Open remote)
    {
        ContainerId = remote.ContainerId;
        _transport.LimitMessages(remote.MaxFrameSize);
        if (ServesHost(remote.Hostname))
        {
            AnswerOpen(remote);
        }
        else
        {
            RefuseOpen(new AmqpError(
                ErrorCondition.NotFound,
                $"This broker does not serve the host '{LogText.Clean(remote.Hostname!)}'; ask for one of those in its setting listeners.hostnames, or for none."));
        }
    }

    /// <summary>Whether a peer may ask for this host; one that names none is content with any.</summary>
    private bool ServesHost(string? hostname)
    {
        var served = _server.Options.Hostnames;
        if (served.Count == 0 || string.IsNullOrEmpty(hostname))
        {
            return true;
        }

        foreach (var host in served)
        {
            if (string.Equals(host, hostname, StringComparison.OrdinalIgnoreCase))
            {
                return true;
            }
        }

        return false;
    }

    private void AcceptOpen()
    {
        if (!_server.Connections.TryEnter(_server.Options.MaxConnections ?? int.MaxValue))
        {
            RefuseOpen(new AmqpError(
                ErrorCondition.ResourceLimitExceeded,
                $"The broker has {_server.Options.MaxConnections} open connections, which is its limit (limits.maxConnections); close some, or try again later."));
            return;
        }

        _opened = true;
        if (Principal.IsProvisional)
        {
            _deadlineCause = "no token was accepted within the deadline for open";
        }
        else
        {
            Admit();
        }

        WantTickAt(0);
        ServerLog.ConnectionOpened(_server.Logger, Id, ContainerId, Principal.Name, Listener.Remote.ToString());
        _protocol.Open(new Open
        {
            ContainerId = _server.Options.ContainerId,
            OfferedCapabilities = OfferedCapabilities,
            Properties = _server.OpenProperties.For(IsSole, _protocol.RemoteMaxFrameSize),
        });
    }

    void IConnectionHandler.OnClose(AmqpError? error)
    {
        _breakCause ??= error is null ? "closed by the peer" : $"closed by the peer: {error}";
        PublishCollected();
        GiveBack(clean: !_protocolFailed);
        SetDeadline(CloseDeadline, "closed");
    }

    void IConnectionHandler.OnFailed(AmqpException cause)
    {
        _protocolFailed = true;
        _breakCause ??= cause.Error.ToString();
        ServerLog.ProtocolError(_server.Logger, Id, cause.Condition.Value, cause.Error.Description ?? "");
        SetDeadline(CloseDeadline, "closed");
    }

    void IConnectionHandler.OnBegin(SessionEndpoint session, Begin remote) =>
        session.Begin(new Begin { HandleMax = _server.Options.HandleMax });

    void IConnectionHandler.OnEnd(SessionEndpoint session, AmqpError? error) => ReleaseLinks(session);

    void IConnectionHandler.OnSessionFailed(SessionEndpoint session, AmqpError error)
    {
        ServerLog.ProtocolError(_server.Logger, Id, error.Condition.Value, error.Description ?? "");
        ReleaseLinks(session);
    }

    void IConnectionHandler.OnAttach(LinkEndpoint link, Attach remote)
    {
        // What came before on this turn must be in its queues before a new consumer looks at them.
        PublishCollected();
        _ = BindAsync(link, remote);
    }

    void IConnectionHandler.OnDetach(LinkEndpoint link, bool closed, AmqpError? error)
    {
        var handler = link.Tag as LinkHandler;
        PublishCollected();
        handler?.OnDetach(closed);
        if (link.IsDetachSent)
        {
            return;
        }

        if (closed && link.Tag is null)
        {
            link.Tag = LinkBinder.ClosedEarly;
        }
        else if (closed && handler?.CloseTerminus is { } closeTerminus)
        {
            _ = CloseTerminusAsync(link, closeTerminus);
        }
        else
        {
            link.Detach(closed);
        }
    }

    void IConnectionHandler.OnLinkFailed(LinkEndpoint link, AmqpError error)
    {
        ServerLog.ProtocolError(_server.Logger, Id, error.Condition.Value, error.Description ?? "");
        (link.Tag as LinkHandler)?.OnDetach(closed: true);
    }

    void IConnectionHandler.OnLinkFlow(SenderEndpoint link)
    {
        if (link.Tag is SendingLink sending)
        {
            if (link.IsFlowAsked)
            {
                link.Available = sending.CountAvailable();
            }

            MarkReady(sending);
        }
    }

    void IConnectionHandler.OnReceiverFlow(ReceiverEndpoint link)
    {
        // What a sender could send if it had credit is no concern of ours: credit follows what we can take.
    }

    void IConnectionHandler.OnSessionWindowOpen(SessionEndpoint session)
    {
        foreach (var link in _links)
        {
            if (link is SendingLink sending && ReferenceEquals(sending.Endpoint.Session, session))
            {
                MarkReady(sending);
            }
        }
    }

    void IConnectionHandler.OnDelivery(ReceiverEndpoint link, in IncomingDelivery delivery, ReadOnlySpan<byte> payload)
    {
        switch (link.Tag)
        {
            case InboundLink inbound:
                inbound.OnDelivery(delivery, payload);
                break;
            case CoordinatorLink coordinator:
                coordinator.OnDelivery(delivery, payload);
                break;
            case RequestLink requests:
                requests.OnDelivery(delivery, payload);
                break;
        }
    }

    void IConnectionHandler.OnDeliveryAborted(ReceiverEndpoint link, in IncomingDelivery delivery)
    {
        if (link.Tag is InboundLink inbound)
        {
            inbound.OnAborted(delivery);
        }
        else if (link.Tag is RequestLink requests)
        {
            requests.OnAborted();
        }
        else if (link.Tag is CoordinatorLink coordinator)
        {
            coordinator.OnAborted();
        }
    }

    void IConnectionHandler.OnDisposition(SenderEndpoint link, uint deliveryId, long context, DeliveryState? state, bool settled)
    {
        if (link.Tag is SendingLink sending)
        {
            sending.OnDisposition(deliveryId, context, state, settled);
        }
    }

    void IConnectionHandler.OnSenderSettled(ReceiverEndpoint link, uint deliveryId, DeliveryState? state)
    {
        // The sender has our outcome: with receiver-settle-mode second there is nothing left to remember.
        (link.Tag as InboundLink)?.OnSenderSettled(deliveryId);
    }

    /// <summary>The peer reuses a link name of its container: the old link is detached as stolen before this completes, in a turn.</summary>
    public async Task StealLinkAsync(LinkEndpoint link, Attach attach) =>
        await InTurn(AsResult(_server.Connections.StealLinkAsync(this, link, attach)));

    /// <summary>Detaches a link because another connection took it over; completes when it has given back what it held. Thread-safe.</summary>
    public Task LoseLinkAsync(LinkEndpoint link)
    {
        var lost = new TaskCompletionSource();
        Post(() =>
        {
            if (!link.IsDetachSent && link.Tag is LinkHandler handler)
            {
                handler.OnStolen();
                link.Detach(closed: true, new AmqpError(
                    ErrorCondition.Stolen, $"Another connection of container '{ContainerId}' attached the link '{link.Name}'."));
            }

            lost.SetResult();
        });
        return Task.WhenAny(lost.Task, Ended);
    }

    /// <summary>
    /// Waits for something and comes back in a turn of this connection (at once where there is nothing to wait for), also when the
    /// connection has ended meanwhile: what was got for it is to be given back.
    /// </summary>
    public async ValueTask<T> InTurn<T>(ValueTask<T> pending)
    {
        if (pending.IsCompleted)
        {
            return await pending;
        }

        var back = new TaskCompletionSource();
        var task = pending.AsTask();
        _ = task.ContinueWith(
            _ => _mailbox.Post(back.SetResult, always: true), CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
        await back.Task;
        return await task;
    }

    private static async ValueTask<bool> AsResult(Task task)
    {
        await task;
        return true;
    }

    private void RefuseOpen(AmqpError error)
    {
        _breakCause ??= error.ToString();
        _protocol.RefuseOpen(new Open { ContainerId = _server.Options.ContainerId }, error);
    }

    private async Task BindAsync(LinkEndpoint link, Attach remote)
    {
        try
        {
            await _binder.BindAsync(link, remote);
        }
        catch (Exception e)
        {
            ServerLog.ConnectionFault(_server.Logger, e, Id);
            Cut("internal error");
        }
    }

    private async Task CloseTerminusAsync(LinkEndpoint link, Func<Task> closeTerminus)
    {
        AmqpError? error = null;
        try
        {
            await closeTerminus();
        }
        catch (Engine.EngineException e)
        {
            error = Refusal.From(e);
        }
        catch (LinkRefusedException e)
        {
            error = e.Error;
        }

        Post(() =>
        {
            if (!_broken)
            {
                link.Detach(closed: true, error);
            }
        });
    }

    /// <summary>The session is over: its links give back what they held before the answering End is written.</summary>
    private void ReleaseLinks(SessionEndpoint session)
    {
        PublishCollected();
        foreach (var link in _links.ToArray())
        {
            if (ReferenceEquals(link.Endpoint.Session, session))
            {
                link.OnDetach(closed: false);
            }
        }

        BeginExpiry(session);
    }
}
