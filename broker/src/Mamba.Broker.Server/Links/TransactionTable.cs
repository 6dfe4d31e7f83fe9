using System.Buffers.Binary;
using System.Runtime.InteropServices;
using Mamba.Amqp.Endpoints;
using Mamba.Amqp.Messaging;
using Mamba.Amqp.Transactions;
using Mamba.Amqp.Transport;
using Mamba.Broker.Engine;
using Mamba.Broker.Server.Connections;

namespace Mamba.Broker.Server.Links;

/// <summary>
/// The open transactions of one connection. An id is good on every session of the connection (amqp:multi-ssns-per-txn) and
/// dies with its discharge, its coordinator link, or its age. Touched only by the connection's turns.
/// </summary>
/// <param name="server">What all connections share.</param>
/// <param name="connection">The connection's number, for the log.</param>
internal sealed class TransactionTable(ServerContext server, long connection)
{
    private readonly Dictionary<ulong, OpenTransaction> _open = [];
    private readonly Dictionary<SessionEndpoint, int> _ofSession = [];
    private ulong _lastId;

    public OpenTransaction? Find(ReadOnlySpan<byte> id) =>
        id.Length == sizeof(ulong) && _open.TryGetValue(BinaryPrimitives.ReadUInt64BigEndian(id), out var found) ? found : null;

    /// <summary>Opens a transaction, or returns null when the session has as many as it may.</summary>
    public OpenTransaction? Declare(CoordinatorLink coordinator, SessionEndpoint session)
    {
        ref var ofSession = ref CollectionsMarshal.GetValueRefOrAddDefault(_ofSession, session, out _);
        if (ofSession >= server.Options.MaxTransactionsPerSession)
        {
            return null;
        }

        ofSession++;
        var deadline = server.NowMilliseconds + (long)server.Options.TransactionTimeout.TotalMilliseconds;
        var transaction = new OpenTransaction(++_lastId, this, server.Engine.BeginTransaction(), coordinator, session, deadline);
        _open.Add(_lastId, transaction);
        return transaction;
    }

    /// <summary>When the oldest transaction is too old, in the server's monotonic milliseconds; never without transactions.</summary>
    public long NextDeadline
    {
        get
        {
            var next = long.MaxValue;
            foreach (var transaction in _open.Values)
            {
                next = transaction.Work.HasEnded ? next : Math.Min(next, transaction.Deadline);
            }

            return next;
        }
    }

    /// <summary>
    /// Notes a discharge; null when there is no such transaction, or it was discharged before. Its id is unknown from now on,
    /// or, when it is held, from when its last message is enlisted.
    /// </summary>
    public OpenTransaction? Discharge(Discharge discharge, CoordinatorLink on, uint deliveryId)
    {
        if (Find(discharge.TxnId) is not { DischargedOn: null } found)
        {
            return null;
        }

        found.DischargedOn = on;
        found.DischargeId = deliveryId;
        found.Fails = discharge.Fail == true;
        if (!found.IsHeld)
        {
            Remove(found);
        }

        return found;
    }

    /// <summary>Forgets a transaction: from now on its id is unknown.</summary>
    public void Remove(OpenTransaction transaction)
    {
        if (!_open.Remove(transaction.Number))
        {
            return;
        }

        ref var ofSession = ref CollectionsMarshal.GetValueRefOrAddDefault(_ofSession, transaction.Session, out _);
        if (--ofSession <= 0)
        {
            _ofSession.Remove(transaction.Session);
        }
    }

    /// <summary>Rolls back what is too old; its discharge is then answered amqp:transaction:rollback.</summary>
    public void Expire(long now)
    {
        foreach (var transaction in _open.Values)
        {
            if (now >= transaction.Deadline && !transaction.Work.HasEnded)
            {
                transaction.Work.MarkRollbackOnly(
                    $"it was open for more than {server.Options.TransactionTimeout.TotalSeconds:0} seconds; commit sooner, or raise the limit");
                ServerLog.TransactionTooOld(
                    server.Logger, connection, server.Options.TransactionTimeout.TotalSeconds, transaction.Work.Operations);
                transaction.Work.Rollback();
            }
        }
    }

    /// <summary>The coordinator link is gone, and with it what was declared there.</summary>
    public void RollBack(CoordinatorLink coordinator)
    {
        foreach (var transaction in _open.Values)
        {
            if (ReferenceEquals(transaction.Coordinator, coordinator))
            {
                Remove(transaction);
                transaction.Work.Rollback();
                transaction.DischargedOn?.OnCommitted(transaction, CommitOutcome.RolledBack, "its coordinator link was detached");
            }
        }
    }

    public void RollBackAll()
    {
        foreach (var transaction in _open.Values)
        {
            transaction.Work.Rollback();
        }

        _open.Clear();
        _ofSession.Clear();
    }
}

/// <summary>A transaction from declare to the answer to its discharge.</summary>
internal sealed class OpenTransaction : ICommitObserver
{
    private readonly TransactionTable _table;
    private List<(SenderEndpoint Link, uint DeliveryId, Outcome Outcome)>? _toSettle;
    private TransactionalState? _accepted;
    private int _held;

    public OpenTransaction(
        ulong number, TransactionTable table, UnitOfWork work, CoordinatorLink coordinator, SessionEndpoint session, long deadline)
    {
        _table = table;
        Number = number;
        Id = new byte[sizeof(ulong)];
        BinaryPrimitives.WriteUInt64BigEndian(Id, number);
        Work = work;
        Coordinator = coordinator;
        Session = session;
        Deadline = deadline;
    }

    public ulong Number { get; }

    /// <summary>The number as the peer sees it: 8 bytes, big-endian.</summary>
    public byte[] Id { get; }

    public UnitOfWork Work { get; }

    public CoordinatorLink Coordinator { get; }

    public SessionEndpoint Session { get; }

    /// <summary>In the server's monotonic milliseconds.</summary>
    public long Deadline { get; }

    /// <summary>The answer to each message that was enlisted; one instance, so that a run of them is one disposition.</summary>
    public TransactionalState Accepted => _accepted ??= new TransactionalState { TxnId = Id, Outcome = Amqp.Messaging.Accepted.Instance };

    /// <summary>Where its discharge came in, which may be another coordinator link of the connection.</summary>
    public CoordinatorLink? DischargedOn { get; set; }

    /// <summary>The delivery-id of its discharge.</summary>
    public uint DischargeId { get; set; }

    /// <summary>Whether its discharge asks for a rollback.</summary>
    public bool Fails { get; set; }

    public bool IsAnswered { get; set; }

    /// <summary>Whether messages of it cannot be enlisted yet; a discharge waits for them.</summary>
    public bool IsHeld => _held > 0;

    /// <summary>A message of it came that cannot be enlisted yet, because its address is still being made.</summary>
    public void Hold() => _held++;

    /// <summary>That message is enlisted or refused; a discharge that waited for the last of them goes on.</summary>
    public void LetGo()
    {
        if (--_held == 0 && DischargedOn is { } link)
        {
            _table.Remove(this);
            link.End(this);
        }
    }

    /// <summary>A consumer left its delivery unsettled: we settle it when the transaction has committed.</summary>
    public void SettleAtCommit(SenderEndpoint link, uint deliveryId, Outcome outcome) =>
        (_toSettle ??= []).Add((link, deliveryId, outcome));

    public void SettleDeliveries()
    {
        if (_toSettle is null)
        {
            return;
        }

        foreach (var (link, deliveryId, outcome) in _toSettle)
        {
            link.Settle(deliveryId, outcome);
        }
    }

    /// <summary>Any thread.</summary>
    void ICommitObserver.OnCommitted(UnitOfWork unitOfWork, CommitOutcome outcome, string? reason) =>
        DischargedOn!.PostCommitted(this, outcome, reason);
}

internal static class TransactionErrors
{
    public static AmqpError UnknownId() => new(
        ErrorCondition.TransactionUnknownId, "There is no such transaction: it was discharged, or it ended with its coordinator link.");

    public static AmqpError RolledBack(string? reason) => new(
        ErrorCondition.TransactionRollback, $"The transaction was rolled back: {reason ?? "its effects could not be stored"}.");

    public static AmqpError TooOld() => new(
        ErrorCondition.TransactionTimeout, "The transaction was open for too long and was rolled back; discharge it and begin another.");
}
