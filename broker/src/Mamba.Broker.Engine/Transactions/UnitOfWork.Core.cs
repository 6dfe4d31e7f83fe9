using Mamba.Broker.Journal;

namespace Mamba.Broker.Engine;

/// <content>
/// How a transaction is carried out. While it is open, published messages are held in its record with their room reserved, and
/// settled ones are held on their queues in state Enlisted. The commit writes one record with everything and applies it once
/// that is on disk; nothing that can fail is left for then. The record is pooled; the unit of work is not, so that whoever still
/// has one that has ended cannot reach another transaction through it.
/// </content>
public sealed partial class UnitOfWork
{
    private readonly EngineContext _context;
    private CommitRecord? _record;
    private int _operations;
    private long _bytes;
    private string? _rollbackReason;

    internal UnitOfWork(EngineContext context)
    {
        _context = context;
        _record = CommitRecord.Rent(this, context);
    }

    private PublishOutcome AddPublishCore(IMessageNode node, StoredMessage message)
    {
        var work = Open().Work;
        var options = _context.Options;
        if (_operations >= options.MaxTransactionOperations || _bytes + message.Length > options.MaxTransactionBytes)
        {
            message.Release();
            return PublishOutcome.LimitExceeded;
        }

        return AddCopy(node, message);
    }

    /// <summary>Enlists a publish as <see cref="AddPublish"/> does, whatever the limits of transactions.</summary>
    internal PublishOutcome AddCopy(IMessageNode node, StoredMessage message) =>
        _context.Diverts.IsEmpty || message.Schedule is not null || _context.Diverts.PlanFor(node, message) is not { } plan
            ? AddOne(node, message)
            : AddDiverted(node, message, plan);

    private PublishOutcome AddOne(IMessageNode node, StoredMessage message)
    {
        var work = Open().Work;
        var first = work.Targets.Count;
        var outcome = node is not IRoutingNode routing ? PublishOutcome.NotFound
            : message.Schedule is null ? routing.Route(message, work.Targets)
            : routing.Schedule(ref message, work.Targets);
        return Enlist(work, node, message, first, outcome);
    }

    /// <summary>Enlists a message for one queue of a node; without <paramref name="reserve"/> it has room whatever the queue's limits are.</summary>
    internal PublishOutcome AddEnvelope(QueueHost host, IMessageNode node, StoredMessage message, bool reserve)
    {
        var work = Open().Work;
        var first = work.Targets.Count;
        var outcome = PublishOutcome.Accepted;
        if (!reserve)
        {
            host.Reserve(1, message.Length);
            work.Targets.Add(host);
        }
        else if (!work.Targets.TryAdd(host, message.Length, first))
        {
            outcome = PublishOutcome.TooManySchedules;
        }

        return Enlist(work, node, message, first, outcome);
    }

    private PublishOutcome Enlist(EnlistedWork work, IMessageNode node, StoredMessage message, int first, PublishOutcome outcome)
    {
        if (outcome != PublishOutcome.Accepted)
        {
            message.Release();
            return outcome;
        }

        message.ChargeTo(_context.Budget);
        work.NoteRoom(first, message.Length);
        work.Add(new EnlistedPublish { Node = node, Message = message, FirstTarget = first, TargetCount = work.Targets.Count - first });
        _operations++;
        _bytes += message.Length;
        return PublishOutcome.Accepted;
    }

    private bool AddSettleCore(ISubscription subscription, in Settlement settlement, bool settledByPeer)
    {
        var work = Open().Work;
        if (subscription is not QueueConsumer consumer || _operations >= _context.Options.MaxTransactionOperations)
        {
            return false;
        }

        if (consumer.IsBrowser)
        {
            // It holds nothing: its outcomes have no effect, in a transaction or not.
            return true;
        }

        var enlisted = consumer.Host.Run((consumer, settlement.Token), static (core, state, effects) => core.Enlist(state.consumer, state.Token));
        if (enlisted)
        {
            work.Add(new EnlistedSettle { Consumer = consumer, Settlement = settlement, SettledByPeer = settledByPeer });
            _operations++;
        }

        return enlisted;
    }

    private void CommitCore(ICommitObserver observer)
    {
        if (Interlocked.Exchange(ref _record, null) is not { } record)
        {
            if (_rollbackReason is null)
            {
                throw Ended();
            }

            observer.OnCommitted(this, CommitOutcome.RolledBack, _rollbackReason);
            return;
        }

        foreach (ref readonly var publish in record.Work.Publishes)
        {
            if (publish.Node.IsDeleted)
            {
                MarkRollbackOnly($"'{publish.Node.Address}' was deleted while the transaction was open.");
            }
        }

        if (_rollbackReason is { } reason)
        {
            record.RollBack();
            observer.OnCommitted(this, CommitOutcome.RolledBack, reason);
            return;
        }

        record.Begin(observer);
        if (record.WriteRemovals())
        {
            record.Append();
        }
        else
        {
            _ = MoveAndAppendAsync(record, observer);
        }
    }

    /// <summary>Runs to the end without waiting unless a dead-letter queue has to be made first.</summary>
    private async Task MoveAndAppendAsync(CommitRecord record, ICommitObserver observer)
    {
        try
        {
            await record.WriteMovesAsync();
        }
        catch (Exception cause) when (cause is EngineException or JournalException or ObjectDisposedException)
        {
            record.RollBack();
            observer.OnCommitted(this, CommitOutcome.RolledBack, cause.Message);
            return;
        }

        record.Append();
    }

    private void RollbackCore() => Interlocked.Exchange(ref _record, null)?.RollBack();

    private CommitRecord Open() => Volatile.Read(ref _record) ?? throw Ended();

    private static InvalidOperationException Ended() => new("The transaction has ended.");
}
