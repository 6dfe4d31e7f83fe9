using Mamba.Amqp.Transport;
using Mamba.Broker.Engine;
using Mamba.Broker.Server.Connections;
using Microsoft.Extensions.Logging;

namespace Mamba.Broker.Server.Links.Resumption;

/// <summary>
/// The termini of all resumable links, attached and suspended, and when each suspended one expires. Thread-safe.
/// </summary>
internal sealed class TerminusRegistry
{
    private readonly MessageEngine _engine;
    private readonly ServerOptions _options;
    private readonly ILogger _logger;
    private readonly Lock _gate = new();
    private readonly Dictionary<LinkIdentity, LinkTerminus> _termini = [];
    private long _nextDeadline = long.MaxValue;
    private long _partialBytes;

    /// <param name="engine">Whose durable termini are taken over, as suspended from now on.</param>
    /// <param name="options">Bounds.</param>
    /// <param name="logger">For what fails in the background.</param>
    /// <param name="now">The server's monotonic milliseconds.</param>
    public TerminusRegistry(MessageEngine engine, ServerOptions options, ILogger logger, long now)
    {
        _engine = engine;
        _options = options;
        _logger = logger;
        foreach (var durable in engine.ListTermini().OrderBy(static terminus => terminus.Id))
        {
            Restore(durable, now);
        }
    }

    /// <summary>Whether there is none, as on most brokers.</summary>
    public bool IsEmpty
    {
        get
        {
            lock (_gate)
            {
                return _termini.Count == 0;
            }
        }
    }

    /// <summary>How many links are suspended.</summary>
    public int SuspendedCount
    {
        get
        {
            lock (_gate)
            {
                return _termini.Values.Count(static terminus => !terminus.IsAttached);
            }
        }
    }

    /// <summary>Takes the terminus of a link that is being attached; null when there is none.</summary>
    /// <exception cref="LinkRefusedException">Another attach of the same link has it.</exception>
    public LinkTerminus? Take(LinkIdentity identity)
    {
        lock (_gate)
        {
            if (!_termini.TryGetValue(identity, out var terminus))
            {
                return null;
            }

            if (terminus.IsAttached)
            {
                throw new LinkRefusedException(new AmqpError(
                    ErrorCondition.ResourceLocked, $"The link '{identity.Name}' is being attached by another connection; attach it again."));
            }

            terminus.IsAttached = true;
            terminus.Deadline = long.MaxValue;
            if (terminus is IncomingTerminus { Partial: { } partial })
            {
                _partialBytes -= partial.Bytes.Length;
            }

            return terminus;
        }
    }

    /// <summary>Adds a new terminus, which a link has.</summary>
    /// <exception cref="LinkRefusedException">There are as many as there may be.</exception>
    public void Add(LinkTerminus terminus)
    {
        lock (_gate)
        {
            if (_termini.Count >= _options.MaxResumableLinks)
            {
                throw new LinkRefusedException(new AmqpError(
                    ErrorCondition.ResourceLimitExceeded,
                    $"The broker has {_termini.Count} resumable links, attached or suspended, which is the most it may have "
                    + "(limits.maxResumableLinks); close some, or attach this one without an expiry-policy that outlives it."));
            }

            _termini[terminus.Identity] = terminus;
        }
    }

    /// <summary>The link is suspended: its state stays until it is resumed or expires. Returns a number for <see cref="BeginExpiry"/>.</summary>
    public int Suspend(LinkTerminus terminus, LinkEnd end, long now)
    {
        bool expired;
        (terminus as OutgoingTerminus)?.Held?.WhenVoid(() => Expire(terminus, terminus.Suspensions));
        lock (_gate)
        {
            terminus.IsAttached = false;
            terminus.Suspensions++;
            if (terminus is IncomingTerminus { Partial: { } partial } incoming)
            {
                incoming.Partial = _partialBytes + partial.Bytes.Length > _options.MaxSuspendedBytes ? null : partial;
                _partialBytes += incoming.Partial is null ? 0 : partial.Bytes.Length;
            }

            SetDeadline(terminus, DeadlineOf(terminus.Terms, end, now));
            expired = terminus.Deadline <= now;
        }

        if (expired)
        {
            Expire(terminus, terminus.Suspensions);
        }

        return terminus.Suspensions;
    }

    /// <summary>The session or connection of a suspended link ended: where its policy says so, its time begins to run.</summary>
    public void BeginExpiry(LinkTerminus terminus, int suspension, LinkEnd end, long now)
    {
        lock (_gate)
        {
            if (terminus.IsAttached || terminus.Suspensions != suspension)
            {
                return;
            }

            SetDeadline(terminus, Math.Min(terminus.Deadline, DeadlineOf(terminus.Terms, end, now)));
            if (terminus.Deadline > now)
            {
                return;
            }
        }

        Expire(terminus, suspension);
    }

    /// <summary>Ends those whose time is over. Called now and then.</summary>
    public void Tick(long now)
    {
        if (now < Volatile.Read(ref _nextDeadline))
        {
            return;
        }

        List<(LinkTerminus Terminus, int Suspension)> due = [];
        lock (_gate)
        {
            var next = long.MaxValue;
            foreach (var (_, terminus) in _termini)
            {
                if (terminus.Deadline <= now)
                {
                    due.Add((terminus, terminus.Suspensions));
                }
                else
                {
                    next = Math.Min(next, terminus.Deadline);
                }
            }

            Volatile.Write(ref _nextDeadline, next);
        }

        foreach (var (terminus, suspension) in due)
        {
            Expire(terminus, suspension);
        }
    }

    /// <summary>Ends a terminus that a link has: what it holds goes back.</summary>
    public void Discard(LinkTerminus terminus)
    {
        lock (_gate)
        {
            _termini.Remove(terminus.Identity);
        }

        terminus.Release();
        _ = ForgetAsync(terminus);
    }

    private void Expire(LinkTerminus terminus, int suspension)
    {
        lock (_gate)
        {
            if (terminus.IsAttached || terminus.Suspensions != suspension || !_termini.Remove(terminus.Identity))
            {
                return;
            }

            if (terminus is IncomingTerminus { Partial: { } partial })
            {
                _partialBytes -= partial.Bytes.Length;
            }
        }

        ServerLog.SuspendedLinkExpired(_logger, terminus.Identity.ContainerId, terminus.Identity.Name, terminus.UnsettledCount);
        terminus.Release();
        _ = ForgetAsync(terminus);
    }

    private async Task ForgetAsync(LinkTerminus terminus)
    {
        if (terminus.Durable is not { } durable)
        {
            return;
        }

        try
        {
            if (terminus is IncomingTerminus incoming)
            {
                await incoming.WhenQuiet();
            }

            await _engine.DeleteTerminusAsync(durable);
        }
        catch (Exception e) when (e is EngineException or ObjectDisposedException)
        {
            // After a restart it is there once more, suspended, and expires again.
            ServerLog.TerminusNotForgotten(_logger, terminus.Identity.Name, e.Message);
        }
    }

    private void Restore(DurableTerminus durable, long now)
    {
        var key = durable.Key;
        var identity = new LinkIdentity(key.Container, key.User, key.Link, key.Incoming ? Role.Sender : Role.Receiver);
        var terms = ResumptionTerms.Decode(durable.Settings.Span);
        LinkTerminus terminus;
        if (key.Incoming)
        {
            var incoming = new IncomingTerminus(identity, terms) { Durable = durable };
            incoming.Restore(durable.Receipts!.List());
            terminus = incoming;
        }
        else
        {
            terminus = new OutgoingTerminus(identity, terms) { Durable = durable, Held = durable.Recovered };
        }

        if (_termini.Remove(identity, out var former))
        {
            // The link was attached anew shortly before the end, and the broker did not get to forget what was there before.
            former.Release();
            _ = ForgetAsync(former);
        }

        _termini[identity] = terminus;
        Suspend(terminus, LinkEnd.ConnectionGone, now);
    }

    private long DeadlineOf(ResumptionTerms terms, LinkEnd end, long now)
    {
        var bound = _options.SuspendedLinkTimeout > TimeSpan.Zero ? (long)_options.SuspendedLinkTimeout.TotalMilliseconds : long.MaxValue - now;
        return now + (terms.ExpiresFrom(end) ? Math.Min(terms.Timeout * 1000L, bound) : bound);
    }

    private void SetDeadline(LinkTerminus terminus, long deadline)
    {
        terminus.Deadline = deadline;
        if (deadline < _nextDeadline)
        {
            Volatile.Write(ref _nextDeadline, deadline);
        }
    }
}
