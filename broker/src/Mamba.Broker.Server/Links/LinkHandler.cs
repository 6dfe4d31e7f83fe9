using Mamba.Amqp.Endpoints;
using Mamba.Amqp.Transport;
using Mamba.Broker.Server.Connections;

namespace Mamba.Broker.Server.Links;

/// <summary>What stands behind one attached link. Touched only by its connection's turns, except where a member says otherwise.</summary>
internal abstract class LinkHandler(AmqpConnection connection, LinkEndpoint endpoint)
{
    public LinkEndpoint Endpoint { get; } = endpoint;

    protected AmqpConnection Connection { get; } = connection;

    protected ServerContext Server => Connection.Server;

    /// <summary>True once the link is detached or its connection is gone: late results find nothing to do.</summary>
    protected bool IsGone { get; private set; }

    /// <summary>True when another connection of the container took the link over.</summary>
    protected bool IsStolen { get; private set; }

    /// <summary>What closing the terminus does beyond this link (unsubscribing), or null.</summary>
    public virtual Func<Task>? CloseTerminus => null;

    /// <summary>The peer detached, or its session ended: gives back what the link held, before the answer is written.</summary>
    public void OnDetach(bool closed)
    {
        if (!IsGone)
        {
            IsGone = true;
            Release(clean: true, closed);
            Connection.Unregister(this);
        }
    }

    /// <summary>Another connection of the container took the link over: as <see cref="OnDetach"/>, but it was not the peer's wish.</summary>
    public void OnStolen()
    {
        IsStolen = true;
        OnDetach(closed: true);
    }

    /// <summary>The connection is gone; <paramref name="clean"/> after an orderly close.</summary>
    public void OnConnectionGone(bool clean)
    {
        if (!IsGone)
        {
            IsGone = true;
            Release(clean, closed: false);
        }
    }

    /// <summary>The peer may not have the link any longer: detach with an error.</summary>
    public void Expel(AmqpError error) => Detach(error);

    /// <summary>We end the link: detach with an error, after giving back what it held.</summary>
    protected void Detach(AmqpError error)
    {
        if (!IsGone)
        {
            OnDetach(closed: true);
            Endpoint.Detach(closed: true, error);
        }
    }

    /// <summary>The link's dynamic node ends with it, or is kept for a client that lost its connection.</summary>
    /// <param name="owner">The link's own.</param>
    /// <param name="clean">See <see cref="Release"/>.</param>
    protected void ReleaseNode(TerminusOwner owner, bool clean) =>
        Server.Kept.OnOwnerGone(owner, Endpoint.RemoteAttach!, lost: IsStolen || !clean || Connection.WasSentAway, Server.NowMilliseconds);

    /// <summary>Gives everything back. Called once.</summary>
    /// <param name="clean">Detach, end or close, as opposed to a lost connection.</param>
    /// <param name="closed">The peer closed the terminus too.</param>
    protected abstract void Release(bool clean, bool closed);
}
