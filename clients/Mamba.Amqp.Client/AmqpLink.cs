using Mamba.Amqp.Endpoints;
using Mamba.Amqp.Messaging;
using Mamba.Amqp.Transport;
using Mamba.Amqp.Types;

namespace Mamba.Amqp.Client;

/// <summary>What senders and receivers have in common: attaching, detaching and failing. Thread-safe.</summary>
public abstract class AmqpLink : IAsyncDisposable
{
    private readonly TaskCompletionSource _attached = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private bool _refused;
    private AmqpException? _failure;

    private protected AmqpLink(AmqpSession session, string name, string? address)
    {
        Session = session;
        Name = name;
        Address = address;
    }

    /// <summary>The session the link lives in.</summary>
    public AmqpSession Session { get; }

    /// <summary>The link's name, unique for its direction and the two containers.</summary>
    public string Name { get; }

    /// <summary>The node: what was asked for, or what the broker named a dynamic node. Null for the anonymous terminus.</summary>
    public string? Address { get; private protected set; }

    /// <summary>What the broker answered to our attach; null before it has.</summary>
    public Attach? RemoteAttach { get; private set; }

    /// <summary>Ends when the link has ended: normally when we detached it, with the cause when it failed.</summary>
    public Task Ended => _ended.Task;

    internal AmqpConnection Connection => Session.Connection;

    /// <summary>The first cause of the end; null while the link lives. Read within a turn.</summary>
    internal AmqpException? Failure => _failure;

    internal bool IsAttached => _attached.Task.IsCompletedSuccessfully && _failure is null;

    private protected abstract LinkEndpoint? Endpoint { get; }

    private protected abstract string Kind { get; }

    /// <summary>How messages name this link: "sender to 'orders'".</summary>
    internal string What => $"{Kind} {(Address is null ? "(no address)" : $"'{Address}'")}";

    /// <summary>Closes the link: a durable subscription ends, a dynamic node may be deleted. Waits for the broker's answer.</summary>
    /// <exception cref="AmqpException">The broker answered with an error, or the link had failed before.</exception>
    public Task CloseAsync(CancellationToken ct = default) => EndAsync(closed: true, ct);

    /// <summary>Detaches the link and leaves what it stands for (a durable subscription) as it is.</summary>
    /// <exception cref="AmqpException">The broker answered with an error, or the link had failed before.</exception>
    public Task DetachAsync(CancellationToken ct = default) => EndAsync(closed: false, ct);

    /// <summary>Closes the link; what goes wrong meanwhile is of no interest any more.</summary>
    public async ValueTask DisposeAsync()
    {
        GC.SuppressFinalize(this);
        using var limit = new CancellationTokenSource(AmqpConnection.FarewellTime, Connection.Options.TimeProvider);
        try
        {
            await CloseAsync(limit.Token);
        }
        catch (Exception e) when (e is AmqpException or OperationCanceledException)
        {
            Connection.Trace($"closing {What}: {e.Message}");
        }
    }

    internal Task AttachedAsync(CancellationToken ct) => _attached.Task.WaitAsync(ct);

    /// <summary>The broker's answer to our attach. A null terminus announces a refusal; the reason follows with its detach.</summary>
    internal void OnAttached(Attach remote)
    {
        RemoteAttach = remote;
        _refused = !IsGranted(remote);
        if (!_refused)
        {
            OnGranted(remote);
            _attached.TrySetResult();
        }
    }

    internal void OnDetached(bool closed, AmqpError? error)
    {
        if (Endpoint is { IsDetachSent: false } endpoint)
        {
            endpoint.Detach(closed, null);
        }

        var what = _refused ? $"{What}: the broker refused the link" : $"{What} was detached by the broker";
        var orderly = error is null && !_refused && _failure is null && IsEnding;
        Fail(orderly ? ClientErrors.Make(ClientErrors.Closed, $"{What} is closed", AmqpErrorScope.Link) : ClientErrors.FromPeer(what, error, AmqpErrorScope.Link), orderly);
    }

    /// <summary>Ends the link with its first cause; later ones are ignored. Within a turn.</summary>
    internal void Fail(AmqpException cause, bool orderly = false)
    {
        if (_failure is not null)
        {
            return;
        }

        _failure = cause;
        Session.Forget(this);
        AmqpTasks.Fail(_attached, cause);
        OnFailed(cause);
        if (orderly)
        {
            _ended.TrySetResult();
        }
        else
        {
            AmqpTasks.Fail(_ended, cause);
        }
    }

    /// <summary>
    /// Whether one of the two lists of unsettled deliveries did not fit a frame: nothing new is sent. Detach the link when what it resumes
    /// is settled, and make it again.
    /// </summary>
    public bool IsMapIncomplete => Endpoint?.IsMapIncomplete ?? false;

    private protected bool IsEnding { get; private set; }

    /// <summary>The expiry-policy and timeout, in seconds, of a terminus that is to be kept for a time, or for ever.</summary>
    private protected static (Symbol Policy, uint Seconds) ExpiryOf(TimeSpan? keepFor) => keepFor is { } time
        ? (TerminusExpiryPolicy.LinkDetach, (uint)Math.Clamp(Math.Ceiling(time.TotalSeconds), 1, uint.MaxValue))
        : (TerminusExpiryPolicy.Never, 0);

    /// <summary>Fails the link when the broker does not keep what is unsettled: what was asked for cannot be had.</summary>
    private protected bool IsResumed(Attach remote)
    {
        if (remote.Unsettled is not null && remote.RcvSettleMode == ReceiverSettleMode.Second)
        {
            return true;
        }

        Endpoint?.Detach(closed: true, null);
        Fail(ClientErrors.Make(
            ErrorCondition.NotImplemented,
            $"{What}: the broker does not keep unsettled deliveries of detached links, so that exactly once cannot be had; do without Unsettled",
            AmqpErrorScope.Link));
        return false;
    }

    private protected static void RequireName(string? name, object? unsettled)
    {
        if (unsettled is not null && string.IsNullOrEmpty(name))
        {
            throw new ArgumentException("a link that is to be resumed needs a Name, the same on every connection", nameof(name));
        }
    }

    private protected abstract bool IsGranted(Attach remote);

    private protected abstract void OnGranted(Attach remote);

    private protected abstract void OnFailed(AmqpException cause);

    private protected static Symbol[]? ToArray(IReadOnlyList<Symbol> symbols) => symbols.Count == 0 ? null : [.. symbols];

    private async Task EndAsync(bool closed, CancellationToken ct)
    {
        using (Connection.BeginTurn())
        {
            if (_failure is null && !IsEnding)
            {
                IsEnding = true;
                Endpoint?.Detach(closed, null);
            }
        }

        await _ended.Task.WaitAsync(ct);
    }
}
