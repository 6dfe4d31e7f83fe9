using Mamba.Amqp.Endpoints;
using Mamba.Broker.Server.Links.Resumption;

namespace Mamba.Broker.Server.Connections;

// Resumable links that were suspended here: when their session or the connection ends, the time of some begins to run.
internal sealed partial class AmqpConnection
{
    private readonly List<IncomingTerminus> _forgetting = [];
    private List<SuspendedLink>? _suspended;

    /// <summary>Notes a terminus that has forgotten deliveries, for the journal to be told at the end of the turn.</summary>
    public void MarkForgetting(IncomingTerminus terminus)
    {
        if (!_forgetting.Contains(terminus))
        {
            _forgetting.Add(terminus);
        }
    }

    /// <summary>A link of this connection is suspended.</summary>
    public void Suspend(LinkTerminus terminus, LinkEndpoint link)
    {
        var end = IsBroken ? LinkEnd.ConnectionGone
            : link.Session.IsEndReceived || link.Session.IsEndSent ? LinkEnd.SessionEnded
            : LinkEnd.Detached;
        var suspension = _server.Termini.Suspend(terminus, end, _server.NowMilliseconds);
        if (end != LinkEnd.ConnectionGone)
        {
            _suspended ??= [];
            _suspended.RemoveAll(static link => link.Terminus.Suspensions != link.Suspension);
            _suspended.Add(new SuspendedLink(terminus, suspension, link.Session));
        }
    }

    private void FlushForgotten()
    {
        for (var i = 0; i < _forgetting.Count; i++)
        {
            _forgetting[i].Flush();
        }

        _forgetting.Clear();
    }

    /// <summary>A session ended, or (null) the connection.</summary>
    private void BeginExpiry(SessionEndpoint? session)
    {
        for (var i = 0; i < _suspended?.Count; i++)
        {
            var link = _suspended[i];
            if (session is null || ReferenceEquals(link.Session, session))
            {
                var end = session is null ? LinkEnd.ConnectionGone : LinkEnd.SessionEnded;
                _server.Termini.BeginExpiry(link.Terminus, link.Suspension, end, _server.NowMilliseconds);
            }
        }
    }

    private readonly record struct SuspendedLink(LinkTerminus Terminus, int Suspension, SessionEndpoint Session);
}
