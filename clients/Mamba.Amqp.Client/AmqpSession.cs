using Mamba.Amqp.Endpoints;
using Mamba.Amqp.Transport;

namespace Mamba.Amqp.Client;

/// <summary>
/// A session: the frame within which links share a window and deliveries are numbered (AMQP 1.0 §2.5). Thread-safe.
/// </summary>
public sealed class AmqpSession : IAsyncDisposable
{
    private readonly TaskCompletionSource _begun = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly List<AmqpLink> _links = [];
    private TransactionCoordinator? _coordinator;
    private AmqpException? _failure;
    private bool _ending;

    internal AmqpSession(AmqpConnection connection) => Connection = connection;

    /// <summary>Ends when the session has ended: normally when we ended it, with the cause when it failed.</summary>
    public Task Ended => _ended.Task;

    internal AmqpConnection Connection { get; }

    internal SessionEndpoint? Endpoint { get; set; }

    /// <summary>Attaches a sender. A null address is the anonymous terminus: each message names its node in its properties' to.</summary>
    /// <exception cref="AmqpException">The broker refused the link, or the session or connection has ended.</exception>
    public async Task<AmqpSender> CreateSenderAsync(string? address, SenderOptions? options = null, CancellationToken ct = default)
    {
        var sender = new AmqpSender(this, address, options ?? new SenderOptions());
        await AttachAsync(sender, sender.Begin, ct);
        return sender;
    }

    /// <summary>Attaches a receiver.</summary>
    /// <exception cref="AmqpException">The broker refused the link, or the session or connection has ended.</exception>
    public async Task<AmqpReceiver> CreateReceiverAsync(string? address, ReceiverOptions? options = null, CancellationToken ct = default)
    {
        var receiver = new AmqpReceiver(this, address, options ?? new ReceiverOptions());
        await AttachAsync(receiver, receiver.Begin, ct);
        return receiver;
    }

    /// <summary>
    /// Begins a transaction. The coordinator link is attached with the first; several may be open at a time.
    /// </summary>
    /// <exception cref="AmqpException">The broker has no transactions, or declined to begin one.</exception>
    public async Task<AmqpTransaction> BeginTransactionAsync(CancellationToken ct = default)
    {
        TransactionCoordinator coordinator;
        using (Connection.BeginTurn())
        {
            if (_coordinator is not { IsUsable: true })
            {
                _coordinator = new TransactionCoordinator(this);
            }

            coordinator = _coordinator;
        }

        return await coordinator.DeclareAsync(ct);
    }

    /// <summary>Ends the session and all its links, and waits for the broker's answer.</summary>
    public async Task CloseAsync(CancellationToken ct = default)
    {
        using (Connection.BeginTurn())
        {
            if (_failure is null && !_ending)
            {
                _ending = true;
                Endpoint?.End(null);
            }
        }

        await _ended.Task.WaitAsync(ct);
    }

    /// <summary>Ends the session; what goes wrong meanwhile is of no interest any more.</summary>
    public async ValueTask DisposeAsync()
    {
        using var limit = new CancellationTokenSource(AmqpConnection.FarewellTime, Connection.Options.TimeProvider);
        try
        {
            await CloseAsync(limit.Token);
        }
        catch (Exception e) when (e is AmqpException or OperationCanceledException)
        {
            Connection.Trace($"ending a session: {e.Message}");
        }
    }

    internal Task BegunAsync(CancellationToken ct) => _begun.Task.WaitAsync(ct);

    internal void OnBegun() => _begun.TrySetResult();

    internal void OnEnded(AmqpError? error)
    {
        if (error is null && _ending)
        {
            Fail(ClientErrors.Make(ClientErrors.Closed, "the session is closed", AmqpErrorScope.Session), orderly: true);
        }
        else
        {
            Fail(ClientErrors.FromPeer("the session was ended by the broker", error, AmqpErrorScope.Session));
        }
    }

    /// <summary>Ends the session with its first cause. Within a turn.</summary>
    internal void Fail(AmqpException cause, bool orderly = false)
    {
        if (_failure is not null)
        {
            return;
        }

        _failure = cause;
        Connection.Forget(this);
        foreach (var link in _links.ToArray())
        {
            link.Fail(cause, orderly);
        }

        AmqpTasks.Fail(_begun, cause);
        if (orderly)
        {
            _ended.TrySetResult();
        }
        else
        {
            AmqpTasks.Fail(_ended, cause);
        }
    }

    internal void Forget(AmqpLink link) => _links.Remove(link);

    /// <summary>Gives every sender of this session that waits the chance to go on. Within a turn.</summary>
    internal void PumpSenders()
    {
        for (var i = 0; i < _links.Count; i++)
        {
            if (_links[i] is AmqpSender { WantsToSend: true } sender)
            {
                sender.Pump();
            }
        }
    }

    internal async Task AttachAsync(AmqpLink link, Action<SessionEndpoint> begin, CancellationToken ct)
    {
        using (Connection.BeginTurn())
        {
            if (_failure is not null)
            {
                throw _failure;
            }

            _links.Add(link);
            begin(Endpoint!);
        }

        try
        {
            await link.AttachedAsync(ct);
        }
        catch (OperationCanceledException)
        {
            // Nobody has the link: take it back. The broker's answers to it are still awaited by the endpoint.
            _ = link.DisposeAsync().AsTask();
            throw;
        }
    }
}
