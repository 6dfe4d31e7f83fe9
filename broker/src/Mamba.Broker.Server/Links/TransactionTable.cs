using System.Buffers.Binary;
using Mamba.Amqp.Endpoints;
using Mamba.Amqp.Messaging;
using Mamba.Amqp.Transport;
using Mamba.Broker.Engine;
using Mamba.Broker.Server.Connections;

namespace Mamba.Broker.Server.Links;

/// <summary>
/// The open transactions of one connection. An id is good on every session of the connection (amqp:multi-ssns-per-txn) and
/// dies with its discharge, its coordinator link, or its age. Touched only by the connection's turns.
/// </summary>
internal sealed class TransactionTable(ServerContext server)
{
    private readonly Dictionary<ulong, OpenTransaction> _open = [];
    private ulong _lastId;

    public OpenTransaction? Find(ReadOnlySpan<byte> id) =>
        id.Length == sizeof(ulong) && _open.TryGetValue(BinaryPrimitives.ReadUInt64BigEndian(id), out var found) ? found : null;

    /// <summary>Opens a transaction, or returns null when the session has as many as it may.</summary>
    public OpenTransaction? Declare(CoordinatorLink coordinator, SessionEndpoint session)
    {
        var ofSession = 0;
        foreach (var other in _open.Values)
        {
            ofSession += ReferenceEquals(other.Session, session) ? 1 : 0;
        }

        if (ofSession >= server.Options.MaxTransactionsPerSession)
        {
            return null;
        }

        var id = new byte[sizeof(ulong)];
        BinaryPrimitives.WriteUInt64BigEndian(id, ++_lastId);
        var deadline = server.NowMilliseconds + (long)server.Options.TransactionTimeout.TotalMilliseconds;
        var transaction = new OpenTransaction(id, server.Engine.BeginTransaction(), coordinator, session, deadline);
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
                next = transaction.Work.IsRollbackOnly ? next : Math.Min(next, transaction.Deadline);
            }

            return next;
        }
    }

    /// <summary>Takes a transaction out for its discharge: from now on its id is unknown.</summary>
    public OpenTransaction? Take(ReadOnlySpan<byte> id)
    {
        var found = Find(id);
        if (found is not null)
        {
            _open.Remove(BinaryPrimitives.ReadUInt64BigEndian(id));
        }

        return found;
    }

    /// <summary>Rolls back what is too old; its discharge is then answered amqp:transaction:rollback.</summary>
    public void Expire(long now)
    {
        foreach (var transaction in _open.Values)
        {
            if (now >= transaction.Deadline && !transaction.Work.IsRollbackOnly)
            {
                transaction.Work.MarkRollbackOnly(
                    $"it was open for more than {server.Options.TransactionTimeout.TotalSeconds:0} seconds; commit sooner, or raise the limit");
                transaction.Work.Rollback();
            }
        }
    }

    public void RollBack(CoordinatorLink coordinator)
    {
        foreach (var (id, transaction) in _open)
        {
            if (ReferenceEquals(transaction.Coordinator, coordinator))
            {
                _open.Remove(id);
                transaction.Work.Rollback();
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
    }
}

/// <summary>A transaction between declare and discharge.</summary>
internal sealed class OpenTransaction(
    byte[] id, UnitOfWork work, CoordinatorLink coordinator, SessionEndpoint session, long deadline)
{
    private List<(SenderEndpoint Link, uint DeliveryId, Outcome Outcome)>? _toSettle;
    private int _held;
    private Action? _discharge;

    public byte[] Id { get; } = id;

    public UnitOfWork Work { get; } = work;

    public CoordinatorLink Coordinator { get; } = coordinator;

    public SessionEndpoint Session { get; } = session;

    /// <summary>In the server's monotonic milliseconds.</summary>
    public long Deadline { get; } = deadline;

    /// <summary>A message of it came that cannot be enlisted yet, because its address is still being made.</summary>
    public void Hold() => _held++;

    /// <summary>That message is enlisted or refused; a discharge that waited for the last of them goes on.</summary>
    public void LetGo()
    {
        if (--_held == 0 && _discharge is { } discharge)
        {
            _discharge = null;
            discharge();
        }
    }

    /// <summary>Keeps a discharge until every message that came before it is enlisted; false when none is outstanding.</summary>
    public bool TryDefer(Action discharge)
    {
        if (_held == 0)
        {
            return false;
        }

        _discharge ??= discharge;
        return true;
    }

    /// <summary>A consumer left its delivery unsettled: we settle it when the transaction has committed.</summary>
    public void SettleAtCommit(SenderEndpoint link, uint deliveryId, Outcome outcome) =>
        (_toSettle ??= []).Add((link, deliveryId, outcome));

    public void SettleDeliveries()
    {
        foreach (var (link, deliveryId, outcome) in _toSettle ?? [])
        {
            link.Settle(deliveryId, outcome);
        }
    }
}

internal static class TransactionErrors
{
    public static AmqpError UnknownId() => new(
        ErrorCondition.TransactionUnknownId, "There is no such transaction: it was discharged, or it ended with its coordinator link.");

    public static AmqpError RolledBack(string? reason) => new(
        ErrorCondition.TransactionRollback, $"The transaction was rolled back: {reason ?? "its effects could not be stored"}.");
}
