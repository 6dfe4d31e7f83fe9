using System.Runtime.CompilerServices;
using Mamba.Amqp.Endpoints;
using Mamba.Amqp.Messaging;
using Mamba.Amqp.Transport;
using Mamba.Amqp.Types;

namespace Mamba.Amqp.Client;

/// <summary>
/// A link on which we receive. Messages wait here, no more of them than <see cref="ReceiverOptions.Credit"/>, until they are
/// taken; or go straight to <see cref="ReceiverOptions.OnDelivery"/>. Thread-safe.
/// </summary>
public sealed partial class AmqpReceiver : AmqpLink
{
    private readonly ReceiverOptions _options;
    private readonly Queue<ReceivedMessage> _ready = new();
    private readonly Queue<TaskCompletionSource<ReceivedMessage>> _waiting = new();
    private readonly Dictionary<uint, ReceivedMessage> _settling = [];
    private ReceiverEndpoint? _endpoint;
    private TaskCompletionSource? _drained;
    private int _taken;

    internal AmqpReceiver(AmqpSession session, string? address, ReceiverOptions options)
        : base(session, options.Name ?? session.Connection.NewLinkName("receiver"), address)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(options.Credit, nameof(options));
        RequireName(options.Name, options.Unsettled);
        if (options is { Unsettled: not null, OnDelivery: not null })
        {
            throw new ArgumentException("OnDelivery keeps no messages, so that there is nothing to resume; take messages with ReceiveAsync", nameof(options));
        }

        _options = options;
    }

    /// <summary>How many more messages the broker may send. A snapshot.</summary>
    public uint Credit => _endpoint?.Credit ?? 0;

    private protected override LinkEndpoint? Endpoint => _endpoint;

    private protected override string Kind => "receiver from";

    private bool ConfirmsSettlement => _endpoint!.ReceiverSettleMode == ReceiverSettleMode.Second;

    /// <summary>Waits for the next message.</summary>
    /// <exception cref="AmqpException">The link, session or connection has ended.</exception>
    /// <exception cref="InvalidOperationException">The receiver has an <see cref="ReceiverOptions.OnDelivery"/>.</exception>
    public async ValueTask<ReceivedMessage> ReceiveAsync(CancellationToken ct = default)
    {
        TaskCompletionSource<ReceivedMessage> waiting;
        using (Connection.BeginTurn())
        {
            if (TryTake() is { } message)
            {
                return message;
            }

            ThrowIfUseless();
            waiting = new TaskCompletionSource<ReceivedMessage>(TaskCreationOptions.RunContinuationsAsynchronously);
            _waiting.Enqueue(waiting);
        }

        await using (ct.UnsafeRegister(static (s, token) => ((TaskCompletionSource<ReceivedMessage>)s!).TrySetCanceled(token), waiting))
        {
            return await waiting.Task;
        }
    }

    /// <summary>Takes the next message if one is here.</summary>
    public bool TryReceive([System.Diagnostics.CodeAnalysis.NotNullWhen(true)] out ReceivedMessage? message)
    {
        using (Connection.BeginTurn())
        {
            message = TryTake();
            return message is not null;
        }
    }

    /// <summary>All messages as they come, until the receiver is closed by our side.</summary>
    /// <exception cref="AmqpException">The link, session or connection failed.</exception>
    public async IAsyncEnumerable<ReceivedMessage> ReadAllAsync([EnumeratorCancellation] CancellationToken ct = default)
    {
        while (true)
        {
            ReceivedMessage message;
            try
            {
                message = await ReceiveAsync(ct);
            }
            catch (AmqpException e) when (e.Condition == ClientErrors.Closed)
            {
                yield break;
            }

            yield return message;
        }
    }

    /// <summary>Grants credit for further messages; for receivers without <see cref="ReceiverOptions.AutoReplenish"/>.</summary>
    public void Grant(int messages)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(messages);
        using (Connection.BeginTurn())
        {
            ThrowIfFailed();
            _endpoint!.AddCredit((uint)messages);
        }
    }

    /// <summary>
    /// Asks the broker to send what it has and to give up the credit that is left; ends when it has. Messages that came
    /// meanwhile are ready to be taken. Credit is not replenished until it is granted again with <see cref="Grant"/>.
    /// </summary>
    /// <exception cref="AmqpException">The link has ended.</exception>
    public Task DrainAsync(CancellationToken ct = default)
    {
        Task drained;
        using (Connection.BeginTurn())
        {
            ThrowIfFailed();
            IsPaused = true;
            if (_endpoint!.Credit == 0)
            {
                return Task.CompletedTask;
            }

            _drained ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            _endpoint.Drain();
            drained = _drained.Task;
        }

        return drained.WaitAsync(ct);
    }

    /// <summary>Grants the options' credit again after <see cref="DrainAsync"/>, and replenishes it from now on if they say so.</summary>
    public void Resume()
    {
        using (Connection.BeginTurn())
        {
            ThrowIfFailed();
            IsPaused = false;
            _endpoint!.SetCredit((uint)Math.Max(0, _options.Credit - _ready.Count));
        }
    }

    /// <summary>We have processed the message: it is gone from the node.</summary>
    /// <inheritdoc cref="SettleAsync"/>
    public Task AcceptAsync(ReceivedMessage message, AmqpTransaction? transaction = null, CancellationToken ct = default) =>
        SettleAsync(message, Accepted.Instance, transaction, ct);

    /// <summary>The message is bad: it is not to be delivered again, to nobody.</summary>
    /// <inheritdoc cref="SettleAsync"/>
    public Task RejectAsync(ReceivedMessage message, AmqpError? error = null, AmqpTransaction? transaction = null, CancellationToken ct = default) =>
        SettleAsync(message, new Rejected { Error = error }, transaction, ct);

    /// <summary>We have not looked at it: it goes back to its place.</summary>
    /// <inheritdoc cref="SettleAsync"/>
    public Task ReleaseAsync(ReceivedMessage message, AmqpTransaction? transaction = null, CancellationToken ct = default) =>
        SettleAsync(message, Released.Instance, transaction, ct);

    /// <summary>It goes back changed: counted as failed, not for this receiver again, with annotations.</summary>
    /// <inheritdoc cref="SettleAsync"/>
    public Task ModifyAsync(
        ReceivedMessage message,
        bool deliveryFailed = true,
        bool undeliverableHere = false,
        AmqpMap? annotations = null,
        AmqpTransaction? transaction = null,
        CancellationToken ct = default) =>
        SettleAsync(
            message,
            new Modified { DeliveryFailed = deliveryFailed, UndeliverableHere = undeliverableHere, MessageAnnotations = annotations },
            transaction,
            ct);

    /// <summary>
    /// Settles a message. Does nothing when it is settled already. Ends at once, or, with
    /// <see cref="ReceiverSettleMode.Second"/> and no transaction, when the broker has confirmed it.
    /// </summary>
    /// <param name="message">A message of this receiver.</param>
    /// <param name="outcome">What becomes of it.</param>
    /// <param name="transaction">The transaction with whose commit it takes effect, or null.</param>
    /// <param name="ct">Gives up waiting for the confirmation.</param>
    /// <exception cref="AmqpException">The link has ended; the broker has or will put the message back.</exception>
    public Task SettleAsync(ReceivedMessage message, Outcome outcome, AmqpTransaction? transaction = null, CancellationToken ct = default)
    {
        ArgumentNullException.ThrowIfNull(message);
        ArgumentNullException.ThrowIfNull(outcome);
        if (_options.Unsettled is not null && transaction is null && ReferenceEquals(message.Receiver.Unsettled, _options.Unsettled))
        {
            return message.Receiver.DecideAsync(message, outcome, ct);
        }

        if (!ReferenceEquals(message.Receiver, this))
        {
            throw new ArgumentException("settle a message on the receiver it came from", nameof(message));
        }

        using (Connection.BeginTurn(writeInline: false))
        {
            ThrowIfFailed();
            if (!message.IsSettled)
            {
                Settle(message, outcome, transaction);
            }
        }

        return message.Settling?.Task.WaitAsync(ct) ?? Task.CompletedTask;
    }

    /// <summary>Settles a message that came through <see cref="ReceiverOptions.OnDelivery"/> and was left unsettled. Confirmation is not waited for.</summary>
    public void Settle(uint deliveryId, Outcome outcome, AmqpTransaction? transaction = null)
    {
        ArgumentNullException.ThrowIfNull(outcome);
        using (Connection.BeginTurn(writeInline: false))
        {
            ThrowIfFailed();
            _endpoint!.Disposition(deliveryId, deliveryId, transaction is null ? outcome : transaction.With(outcome), settled: true);
        }
    }

    internal void Begin(SessionEndpoint session)
    {
        var keeps = _options.Unsettled is not null;
        var (policy, seconds) = keeps ? ExpiryOf(_options.KeepFor)
            : _options.Durable ? (TerminusExpiryPolicy.Never, 0u)
            : (TerminusExpiryPolicy.LinkDetach, 0u);
        _endpoint = session.CreateReceiver(new Attach
        {
            Name = Name,
            SndSettleMode = keeps ? SenderSettleMode.Unsettled : _options.SenderSettleMode,
            RcvSettleMode = keeps ? ReceiverSettleMode.Second : _options.SettleMode,
            Unsettled = _options.Unsettled?.Map(),
            Source = new Source
            {
                Address = _options.Dynamic ? null : Address,
                Dynamic = _options.Dynamic,
                DynamicNodeProperties = _options.DynamicNodeProperties,
                Durable = _options.Durable || keeps ? TerminusDurability.UnsettledState : TerminusDurability.None,
                ExpiryPolicy = policy,
                Timeout = seconds,
                DistributionMode = _options.DistributionMode,
                Filter = _options.Filters,
                DefaultOutcome = _options.DefaultOutcome,
                Outcomes = Outcomes.All,
                Capabilities = ToArray(_options.Capabilities),
            },
            Target = new Target { Address = Connection.ContainerId },
        });
        _endpoint.Tag = this;
    }

    internal void OnDelivery(in IncomingDelivery delivery, ReadOnlySpan<byte> payload)
    {
        if (_options.OnDelivery is { } handler)
        {
            var state = handler(this, new RawDelivery(delivery.DeliveryId, delivery.IsSettled, payload));
            if (state is not null && !delivery.IsSettled)
            {
                _endpoint!.Disposition(delivery.DeliveryId, delivery.DeliveryId, state, settled: true);
            }

            ReplenishAtOnce();
        }
        else if (!delivery.IsResumed)
        {
            var message = new ReceivedMessage(this, in delivery, payload);
            _options.Unsettled?.Add(message);
            HandOver(message);
        }
        else
        {
            OnResumed(in delivery);
        }

        CheckDrained();
    }

    internal void OnSenderSettled(uint deliveryId)
    {
        if (_deciding.Remove(deliveryId, out var tag))
        {
            Unsettled!.Conclude(tag);
        }

        if (_settling.Remove(deliveryId, out var message))
        {
            message.Settling!.TrySetResult();
        }
    }

    internal void OnFlow() => CheckDrained();

    /// <summary>The broker took a message back half-way; it has used up credit all the same.</summary>
    internal void OnAborted()
    {
        if (_options.OnDelivery is null)
        {
            Replenish();
        }
        else
        {
            ReplenishAtOnce();
        }

        CheckDrained();
    }

    private bool IsPaused { get; set; }

    private void Settle(ReceivedMessage message, Outcome outcome, AmqpTransaction? transaction)
    {
        message.IsSettled = true;
        var confirm = ConfirmsSettlement && transaction is null;
        _endpoint!.Disposition(message.DeliveryId, message.DeliveryId, transaction is null ? outcome : transaction.With(outcome), settled: !confirm);
        if (confirm)
        {
            _settling.Add(message.DeliveryId, message);
            message.Settling = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        }
    }

    private protected override bool IsGranted(Attach remote) => remote.Source is not null;

    private protected override void OnGranted(Attach remote)
    {
        if (_options.Dynamic)
        {
            Address = remote.Source!.Address;
        }

        if (_options.Unsettled is { } unsettled)
        {
            if (!IsResumed(remote))
            {
                return;
            }

            unsettled.Resume(_endpoint!, remote);
        }

        if (_options.Credit > 0)
        {
            _endpoint!.SetCredit((uint)_options.Credit);
        }
    }

    private protected override void OnFailed(AmqpException cause)
    {
        while (_waiting.TryDequeue(out var waiting))
        {
            AmqpTasks.Fail(waiting, cause);
        }

        foreach (var message in _settling.Values)
        {
            AmqpTasks.Fail(message.Settling!, cause);
        }

        _settling.Clear();
        if (_drained is { } drained)
        {
            AmqpTasks.Fail(drained, cause);
        }

        DropUnsettled();
    }

    /// <summary>What we could not settle any more the broker delivers again; what it settled only we have.</summary>
    private void DropUnsettled()
    {
        for (var left = _ready.Count; left > 0; left--)
        {
            var message = _ready.Dequeue();
            if (message.IsSettled)
            {
                _ready.Enqueue(message);
            }
            else
            {
                _options.Unsettled?.Forget(message);
            }
        }
    }

    private void HandOver(ReceivedMessage message)
    {
        while (_waiting.TryDequeue(out var waiting))
        {
            if (waiting.TrySetResult(message))
            {
                Replenish();
                return;
            }
        }

        _ready.Enqueue(message);
    }

    private ReceivedMessage? TryTake()
    {
        if (!_ready.TryDequeue(out var message))
        {
            return null;
        }

        Replenish();
        return message;
    }

    /// <summary>Grants credit again once half of it has been taken, so that flow frames are few.</summary>
    private void Replenish()
    {
        if (++_taken * 2 >= _options.Credit && _options.AutoReplenish && !IsPaused && Failure is null)
        {
            _taken = 0;
            _endpoint!.SetCredit((uint)Math.Max(0, _options.Credit - _ready.Count));
        }
    }

    private void ReplenishAtOnce()
    {
        if (_options.AutoReplenish && !IsPaused && _endpoint!.Credit * 2 <= (uint)_options.Credit)
        {
            _endpoint.SetCredit((uint)_options.Credit);
        }
    }

    private void CheckDrained()
    {
        if (_drained is { } drained && !_endpoint!.IsDraining)
        {
            _drained = null;
            drained.TrySetResult();
        }
    }

    private void ThrowIfUseless()
    {
        ThrowIfFailed();
        if (_options.OnDelivery is not null)
        {
            throw new InvalidOperationException("this receiver hands its messages to OnDelivery");
        }
    }

    private void ThrowIfFailed()
    {
        if (Failure is { } failure)
        {
            throw new AmqpException(failure.Error, failure.Scope, failure);
        }
    }
}
