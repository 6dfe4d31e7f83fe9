using Mamba.Amqp.Messaging;
using Mamba.Amqp.Transactions;
using Mamba.Amqp.Transport;

namespace Mamba.Amqp.Client;

/// <summary>
/// A local transaction (AMQP 1.0 §4): sends and acknowledgements that name it take effect together when it is committed,
/// or not at all. Disposing it rolls it back unless it has been committed. Thread-safe.
/// </summary>
public sealed class AmqpTransaction : IAsyncDisposable
{
    private readonly TransactionCoordinator _coordinator;
    private readonly byte[] _id;
    private readonly TransactionalState _enlisted;
    private int _discharged;

    internal AmqpTransaction(TransactionCoordinator coordinator, byte[] id)
    {
        _coordinator = coordinator;
        _id = id;
        _enlisted = new TransactionalState { TxnId = id };
        Accepted = new TransactionalState { TxnId = id, Outcome = Messaging.Accepted.Instance };
    }

    /// <summary>The broker's name for the transaction, 1 to 32 bytes.</summary>
    public ReadOnlyMemory<byte> Id => _id;

    /// <summary>The state of a message that is sent in this transaction.</summary>
    internal TransactionalState Enlisted => _enlisted;

    /// <summary>The state of a message that is accepted in this transaction; one instance, so that ranges can be batched.</summary>
    internal TransactionalState Accepted { get; }

    /// <summary>Makes everything that was done in the transaction take effect.</summary>
    /// <exception cref="AmqpException">
    /// The broker rolled back instead (amqp:transaction:rollback), or it is unknown whether it committed because the link or
    /// connection failed.
    /// </exception>
    /// <exception cref="InvalidOperationException">It was committed or rolled back before.</exception>
    public Task CommitAsync(CancellationToken ct = default) => DischargeAsync(fail: false, ct);

    /// <summary>Undoes everything that was done in the transaction.</summary>
    /// <exception cref="InvalidOperationException">It was committed or rolled back before.</exception>
    public Task RollbackAsync(CancellationToken ct = default) => DischargeAsync(fail: true, ct);

    /// <summary>Rolls back unless the transaction was discharged. A lost connection rolls back by itself.</summary>
    public async ValueTask DisposeAsync()
    {
        if (Volatile.Read(ref _discharged) != 0)
        {
            return;
        }

        using var limit = new CancellationTokenSource(AmqpConnection.FarewellTime, _coordinator.Connection.Options.TimeProvider);
        try
        {
            await RollbackAsync(limit.Token);
        }
        catch (Exception e) when (e is AmqpException or OperationCanceledException or InvalidOperationException)
        {
            _coordinator.Connection.Trace($"rolling back: {e.Message}");
        }
    }

    /// <summary>The state that applies <paramref name="outcome"/> to a received message when this transaction commits.</summary>
    internal TransactionalState With(Outcome outcome) =>
        ReferenceEquals(outcome, Messaging.Accepted.Instance) ? Accepted : new TransactionalState { TxnId = _id, Outcome = outcome };

    private Task DischargeAsync(bool fail, CancellationToken ct) => Interlocked.Exchange(ref _discharged, 1) == 0
        ? _coordinator.DischargeAsync(_id, fail, ct)
        : throw new InvalidOperationException("the transaction was committed or rolled back before; begin another");
}

/// <summary>The coordinator link of one session and what is said on it (AMQP 1.0 §4.2).</summary>
internal sealed class TransactionCoordinator(AmqpSession session)
{
    private readonly AmqpSender _sender = new(session, null, new SenderOptions { SettleMode = SenderSettleMode.Unsettled }, isCoordinator: true);
    private readonly Lock _gate = new();
    private Task? _attaching;

    public AmqpConnection Connection => session.Connection;

    /// <summary>Whether the link is there or on its way.</summary>
    public bool IsUsable => _sender.Failure is null;

    public async Task<AmqpTransaction> DeclareAsync(CancellationToken ct)
    {
        await AttachedAsync().WaitAsync(ct);
        var outcome = await _sender.SendAsync(AmqpMessage.FromValue(new Declare()), ct: ct);
        return outcome is Declared declared
            ? new AmqpTransaction(this, declared.TxnId)
            : throw Refused("the broker did not begin a transaction", outcome);
    }

    public async Task DischargeAsync(byte[] id, bool fail, CancellationToken ct)
    {
        var outcome = await _sender.SendAsync(AmqpMessage.FromValue(new Discharge { TxnId = id, Fail = fail }), ct: ct);
        if (outcome is not Accepted)
        {
            throw Refused(fail ? "the broker did not roll back as asked" : "the broker did not commit the transaction; nothing of it took effect", outcome);
        }
    }

    private static AmqpException Refused(string what, DeliveryState outcome) =>
        ClientErrors.FromPeer(what, (outcome as Rejected)?.Error ?? new AmqpError(ErrorCondition.TransactionRollback, $"it answered {outcome}"), AmqpErrorScope.Link);

    private Task AttachedAsync()
    {
        lock (_gate)
        {
            return _attaching ??= session.AttachAsync(_sender, _sender.Begin, CancellationToken.None);
        }
    }
}
