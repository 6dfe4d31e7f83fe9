using Mamba.Amqp.Endpoints;
using Mamba.Broker.Engine;

namespace Mamba.Broker.Server.Links;

/// <content>What it was called for, or has pulled, and cannot write.</content>
internal sealed partial class OutboundLink
{
    /// <summary>The engine has called, and counts on our coming: meanwhile it calls nobody else for the same message.</summary>
    private bool _isAwaited;

    /// <inheritdoc/>
    public override void Decline()
    {
        _isAwaited |= Interlocked.Exchange(ref _signalled, 0) != 0;
        if (_isAwaited && !IsGone)
        {
            _isAwaited = false;
            _subscription.Acquire([]);
        }
    }

    /// <summary>
    /// The peer took back the credit that was pulled for: others may have the messages. A browser keeps its copies, which are in nobody's
    /// way and which it would not get again.
    /// </summary>
    private void GiveBack()
    {
        if (_subscription.IsBrowser || _current.IsResumed)
        {
            return;
        }

        Receiver?.Forget(_current.Context);
        ReleaseUnwritten();
        DropPulled();
        _settlements.Flush();
    }

    /// <summary>What was pulled and not begun cannot have failed at the peer: it goes back without being counted.</summary>
    private void ReleaseUnwritten()
    {
        if (_body is not null && !_current.IsStarted && !_current.IsResumed)
        {
            _settlements.Release(_current.Context);
        }

        for (var i = _next; i < _count; i++)
        {
            _settlements.Release(_pulled[i].Token);
        }
    }

    private void DropBody()
    {
        _body?.Release();
        _body = null;
    }

    private void DropPulled()
    {
        DropBody();
        for (; _next < _count; _next++)
        {
            _pulled[_next].Message?.Release();
            _pulled[_next].Message = null;
        }
    }
}
