using Mamba.Amqp.Endpoints;
using Mamba.Amqp.Messaging;
using Mamba.Amqp.Transactions;
using Mamba.Amqp.Transport;

namespace Mamba.Amqp.Client;

/// <summary>Makes the encoded message to send next, and names it; valid until the next call.</summary>
/// <typeparam name="TState">The caller's own state.</typeparam>
/// <param name="state">The caller's own state.</param>
/// <param name="context">The caller's number for the message, handed back with its outcome.</param>
public delegate ReadOnlySpan<byte> PayloadSource<in TState>(TState state, out long context);

/// <summary>
/// A link on which we send. Messages leave in the order of the calls. Thread-safe; calls of several threads are in the order
/// in which they came.
/// </summary>
public sealed partial class AmqpSender : AmqpLink
{
    private readonly SenderOptions _options;
    private readonly bool _isCoordinator;
    private readonly Queue<PendingSend> _waiting = new();
    private readonly SendSlots _slots = new();
    private SenderEndpoint? _endpoint;
    private TaskCompletionSource? _sendable;
    private ulong _nextTag;
    private bool _callWhenSendable;

    internal AmqpSender(AmqpSession session, string? address, SenderOptions options, bool isCoordinator = false)
        : base(session, options.Name ?? session.Connection.NewLinkName("sender"), address)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(options.MaxInFlight, 1, nameof(options));
        RequireName(options.Name, options.Unsettled);
        _options = options;
        _isCoordinator = isCoordinator;
    }

    /// <summary>Messages that were sent and have no outcome yet.</summary>
    public int InFlight => _slots.InUse;

    /// <summary>How many more messages the broker takes now. A snapshot.</summary>
    public uint Credit => _endpoint?.Credit ?? 0;

    /// <summary>Whether somebody waits for this sender to go on. Read within a turn.</summary>
    internal bool WantsToSend { get; private set; }

    private protected override LinkEndpoint? Endpoint => _endpoint;

    private protected override string Kind => _isCoordinator ? "coordinator link" : "sender to";

    private bool CanStart => !_isInProgress
        && _endpoint is { IsAttached: true, Credit: > 0 } endpoint
        && endpoint.Session.RemoteIncomingWindow > 0
        && _slots.InUse < _options.MaxInFlight
        && Connection.HasOutputRoom;

    /// <summary>
    /// Sends a message and waits for its outcome: <see cref="Accepted"/>, or <see cref="Rejected"/>, <see cref="Released"/>,
    /// <see cref="Modified"/>, which are returned and not thrown. A settled message is fire and forget: it counts as accepted
    /// when it has been handed to the connection. The message must not be changed until the task has ended.
    /// </summary>
    /// <param name="message">The message.</param>
    /// <param name="settled">Send it settled: at most once, no outcome.</param>
    /// <param name="transaction">The transaction to send it in, or null.</param>
    /// <param name="ct">
    /// Gives up waiting. A message that has not begun to leave is not sent; one that has may still be accepted.
    /// </param>
    /// <exception cref="AmqpException">The link, session or connection has ended, or the message is too large for the link.</exception>
    public Task<DeliveryState> SendAsync(AmqpMessage message, bool settled = false, AmqpTransaction? transaction = null, CancellationToken ct = default)
    {
        ArgumentNullException.ThrowIfNull(message);
        if (_options.Unsettled is { } unsettled && !settled && transaction is null)
        {
            return SendOnceAsync(unsettled, () => unsettled.Add(message.Encode()), ct);
        }

        var send = new PendingSend(message, settled, transaction?.Enlisted);
        using (Connection.BeginTurn(writeInline: _slots.InUse == 0))
        {
            if (Failure is { } failure)
            {
                return Task.FromException<DeliveryState>(failure);
            }

            _waiting.Enqueue(send);
            WantsToSend = true;
        }

        return ct.CanBeCanceled ? WaitAsync(send, ct) : send.Task;
    }

    /// <summary>
    /// Sends an encoded message at once, if credit, window, <see cref="SenderOptions.MaxInFlight"/> and the output buffer
    /// allow; its outcome goes to <see cref="SenderOptions.OnOutcome"/>. False: nothing was sent; wait for
    /// <see cref="WaitToSendAsync"/> or <see cref="SenderOptions.OnSendable"/>. Allocates nothing.
    /// </summary>
    /// <exception cref="AmqpException">The link has ended, or the message is too large for it.</exception>
    public bool TrySend(ReadOnlySpan<byte> encoded, bool settled, long context = 0, AmqpTransaction? transaction = null)
    {
        using (Connection.BeginTurn(writeInline: false))
        {
            return TryStartNow(encoded, settled, context, transaction);
        }
    }

    /// <summary>
    /// Sends up to <paramref name="maximum"/> encoded messages in one turn and one write. The source is asked only for
    /// messages that can be sent.
    /// </summary>
    /// <returns>How many were sent; less than asked for when a limit was reached.</returns>
    /// <exception cref="AmqpException">The link has ended, or a message is too large for it.</exception>
    public int SendBatch<TState>(int maximum, TState state, PayloadSource<TState> source, bool settled, AmqpTransaction? transaction = null)
    {
        ArgumentNullException.ThrowIfNull(source);
        using (Connection.BeginTurn(writeInline: true))
        {
            ThrowIfFailed();
            var sent = 0;
            while (sent < maximum && CanStart && _waiting.Count == 0)
            {
                var payload = source(state, out var context);
                if (!TryStart(payload, settled, transaction?.Enlisted, null, context))
                {
                    // CanStart was true; only the connection's own limit on unsettled deliveries is left.
                    throw ClientErrors.Make(ErrorCondition.ResourceLimitExceeded, $"{What}: the connection has too many messages in flight", AmqpErrorScope.Link);
                }

                sent++;
            }

            if (sent < maximum)
            {
                WantsToSend = _callWhenSendable = true;
            }

            return sent;
        }
    }

    /// <summary>Waits until <see cref="TrySend"/> may succeed.</summary>
    /// <exception cref="AmqpException">The link has ended.</exception>
    public Task WaitToSendAsync(CancellationToken ct = default)
    {
        Task sendable;
        using (Connection.BeginTurn())
        {
            if (Failure is { } failure)
            {
                return Task.FromException(failure);
            }

            if (CanStart && _waiting.Count == 0)
            {
                return Task.CompletedTask;
            }

            WantsToSend = true;
            _sendable ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            sendable = _sendable.Task;
        }

        return sendable.WaitAsync(ct);
    }

    internal void Begin(SessionEndpoint session)
    {
        var (policy, seconds) = _options.Unsettled is null ? (TerminusExpiryPolicy.SessionEnd, 0u) : ExpiryOf(_options.KeepFor);
        ITarget target = _isCoordinator
            ? new Coordinator { Capabilities = [TransactionCapability.LocalTransactions] }
            : new Target
            {
                Address = _options.Dynamic ? null : Address,
                Durable = _options.Unsettled is null ? TerminusDurability.None : TerminusDurability.UnsettledState,
                ExpiryPolicy = policy,
                Timeout = seconds,
                Dynamic = _options.Dynamic,
                DynamicNodeProperties = _options.DynamicNodeProperties,
                Capabilities = ToArray(_options.Capabilities),
            };
        _endpoint = session.CreateSender(new Attach
        {
            Name = Name,
            SndSettleMode = _options.SettleMode,
            RcvSettleMode = _options.Unsettled is null ? ReceiverSettleMode.First : ReceiverSettleMode.Second,
            Unsettled = _options.Unsettled?.Map(),
            Source = new Source { Address = Connection.ContainerId, Outcomes = Outcomes.All },
            Target = target,
        });
        _endpoint.Tag = this;
    }

    /// <summary>Credit came, or the broker asks for drain.</summary>
    internal void OnFlow() => WantsToSend = true;

    internal void OnDisposition(uint deliveryId, long slot, DeliveryState? state, bool settled)
    {
        if (!settled)
        {
            if (state is not (Outcome or TransactionalState { Outcome: not null }))
            {
                return;
            }

            _endpoint!.Settle(deliveryId, state);
        }

        var outcome = state switch
        {
            TransactionalState { Outcome: { } inner } => inner,
            null or TransactionalState => Released.Instance, // settled without an outcome: nobody took it
            _ => state,
        };
        var (send, context) = _slots.Release((int)slot);
        if (send is not null)
        {
            send.Conclude(outcome);
        }
        else
        {
            _options.OnOutcome?.Invoke(this, new SendOutcome(context, outcome));
        }
    }

    private protected override bool IsGranted(Attach remote) => remote.Target is not null;

    private protected override void OnGranted(Attach remote)
    {
        if (remote.Target is Target target && _options.Dynamic)
        {
            Address = target.Address;
        }

        if (_options.Unsettled is { } unsettled && IsResumed(remote))
        {
            foreach (var send in unsettled.Resume(remote))
            {
                _waiting.Enqueue(send);
            }

            WantsToSend = true;
        }
    }

    private protected override void OnFailed(AmqpException cause)
    {
        while (_waiting.TryDequeue(out var send))
        {
            send.Fail(cause);
        }

        _slots.FailAll(cause);
        ForgetInProgress(cause);
        if (_sendable is { } sendable)
        {
            AmqpTasks.Fail(sendable, cause);
        }
    }

    private static async Task<DeliveryState> WaitAsync(PendingSend send, CancellationToken ct)
    {
        await using (ct.UnsafeRegister(static (s, token) => ((PendingSend)s!).TrySetCanceled(token), send))
        {
            return await send.Task;
        }
    }

    /// <summary>
    /// Sends a message under a delivery-tag of the caller's own, who has stored both beforehand and so can send it once even if this
    /// process ends meanwhile. Needs <see cref="SenderOptions.Unsettled"/>.
    /// </summary>
    /// <param name="send">The message; its tag must be one that no other unsettled message has.</param>
    /// <param name="ct">Gives up waiting; the message is sent all the same, on this link or a later one.</param>
    /// <exception cref="AmqpException">The link, session or connection had ended before: the message was not taken.</exception>
    public Task<DeliveryState> SendAsync(UnsettledSend send, CancellationToken ct = default)
    {
        ArgumentNullException.ThrowIfNull(send);
        var unsettled = _options.Unsettled ?? throw new InvalidOperationException("give the sender an Unsettled: without it nothing is kept until it is settled");
        return SendOnceAsync(unsettled, () => unsettled.Add(send), ct);
    }

    /// <summary>The message is kept until it is settled, on this link or a later one.</summary>
    private Task<DeliveryState> SendOnceAsync(UnsettledSends unsettled, Func<UnsettledSend> keep, CancellationToken ct)
    {
        UnsettledSend send;
        using (Connection.BeginTurn(writeInline: _slots.InUse == 0))
        {
            if (Failure is { } failure)
            {
                return Task.FromException<DeliveryState>(failure);
            }

            send = keep();
            _waiting.Enqueue(new PendingSend(unsettled, send, isResumed: false, outcome: null));
            WantsToSend = true;
        }

        return send.Outcome.WaitAsync(ct);
    }

    private bool TryStartNow(ReadOnlySpan<byte> encoded, bool settled, long context, AmqpTransaction? transaction)
    {
        ThrowIfFailed();
        if (_waiting.Count == 0 && TryStart(encoded, settled, transaction?.Enlisted, null, context))
        {
            return true;
        }

        WantsToSend = _callWhenSendable = true;
        return false;
    }

    private void ThrowIfFailed()
    {
        if (Failure is { } failure)
        {
            // A new exception each time: one thrown twice would carry two stacks.
            throw new AmqpException(failure.Error, failure.Scope, failure);
        }
    }
}
