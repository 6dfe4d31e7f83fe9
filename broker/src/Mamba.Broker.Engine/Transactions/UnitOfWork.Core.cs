using Mamba.Broker.Journal;

namespace Mamba.Broker.Engine;

/// <content>
/// How a transaction is carried out. While it is open, published messages are held here with their room reserved, and settled
/// ones are held on their queues in state Enlisted. The commit writes one record with everything and applies it once that is on
/// disk; nothing that can fail is left for then.
/// </content>
public sealed partial class UnitOfWork
{
    private readonly EngineContext _context;
    private readonly List<EnlistedPublish> _publishes = [];
    private readonly List<EnlistedSettle> _settles = [];
    private readonly RouteList _targets = new();
    private int _operations;
    private long _bytes;
    private string? _rollbackReason;
    private int _ended;

    internal UnitOfWork(EngineContext context) => _context = context;

    internal EngineContext Context => _context;

    private PublishOutcome AddPublishCore(IMessageNode node, StoredMessage message)
    {
        ThrowIfEnded();
        var options = _context.Options;
        if (_operations >= options.MaxTransactionOperations || _bytes + message.Length > options.MaxTransactionBytes)
        {
            message.Release();
            return PublishOutcome.LimitExceeded;
        }

        var first = _targets.Count;
        var outcome = node is IRoutingNode routing ? routing.Route(message, _targets) : PublishOutcome.NotFound;
        if (outcome != PublishOutcome.Accepted)
        {
            message.Release();
            return outcome;
        }

        message.ChargeTo(_context.Budget);
        _publishes.Add(new EnlistedPublish { Node = node, Message = message, FirstTarget = first, TargetCount = _targets.Count - first });
        _operations++;
        _bytes += message.Length;
        return PublishOutcome.Accepted;
    }

    private bool AddSettleCore(ISubscription subscription, in Settlement settlement, bool settledByPeer)
    {
        ThrowIfEnded();
        if (subscription is not QueueConsumer consumer || _operations >= _context.Options.MaxTransactionOperations)
        {
            return false;
        }

        var enlisted = consumer.Host.Run((consumer, settlement.Token), static (core, state, effects) => core.Enlist(state.consumer, state.Token));
        if (enlisted)
        {
            _settles.Add(new EnlistedSettle { Consumer = consumer, Settlement = settlement, SettledByPeer = settledByPeer });
            _operations++;
        }

        return enlisted;
    }

    private void CommitCore(ICommitObserver observer)
    {
        if (Interlocked.Exchange(ref _ended, 1) == 1)
        {
            throw new InvalidOperationException("The transaction has ended.");
        }

        foreach (var publish in _publishes)
        {
            if (publish.Node.IsDeleted)
            {
                MarkRollbackOnly($"'{publish.Node.Address}' was deleted while the transaction was open.");
            }
        }

        if (_rollbackReason is { } reason)
        {
            Undo();
            observer.OnCommitted(this, CommitOutcome.RolledBack, reason);
            return;
        }

        _ = CommitAsync(observer);
    }

    /// <summary>Runs to the end without waiting unless a dead-letter queue has to be made first.</summary>
    private async Task CommitAsync(ICommitObserver observer)
    {
        CommitRecord? record = null;
        try
        {
            record = new CommitRecord(this, observer);
            for (var i = 0; i < _settles.Count; i++)
            {
                await PrepareAsync(record, i);
            }
        }
        catch (Exception cause) when (cause is EngineException or JournalException or ObjectDisposedException)
        {
            record?.Abandon();
            Undo();
            observer.OnCommitted(this, CommitOutcome.RolledBack, cause.Message);
            return;
        }

        record.Append();
    }

    private async ValueTask PrepareAsync(CommitRecord record, int index)
    {
        var settle = _settles[index];
        var host = settle.Consumer.Host;
        var (known, message, canMove) = host.Run(settle.Settlement.Token, static (core, token, _) =>
            (core.TryDescribeEnlisted(token, out var enlisted, out var movable), enlisted, movable));
        if (!known)
        {
            return;
        }

        try
        {
            if (settle.Settlement.Outcome == OutcomeKind.Accepted)
            {
                record.AddRemove(index, host, message);
            }
            else if (settle.Settlement.Outcome == OutcomeKind.Rejected && canMove)
            {
                var move = message with
                {
                    ErrorCondition = settle.Settlement.ErrorCondition,
                    ErrorDescription = settle.Settlement.ErrorDescription,
                };
                var target = await _context.Router.ResolveAsync(host, DeadLetterReason.Rejected);
                record.AddMove(index, host, target!, move, _context.Router.Annotate(host, move));
            }
        }
        finally
        {
            message.Message?.Release();
        }
    }

    private void RollbackCore()
    {
        if (Interlocked.Exchange(ref _ended, 1) == 0)
        {
            Undo();
        }
    }

    internal IReadOnlyList<EnlistedPublish> Publishes => _publishes;

    internal IReadOnlyList<EnlistedSettle> Settles => _settles;

    internal RouteList Targets => _targets;

    /// <summary>Gives back what is held: room, messages, and the queues' messages.</summary>
    internal void Undo()
    {
        foreach (var publish in _publishes)
        {
            for (var t = 0; t < publish.TargetCount; t++)
            {
                _targets[publish.FirstTarget + t].Unreserve(1, publish.Message.Length);
            }

            publish.Message.Release();
        }

        // Last enlisted first, so that the requeued messages never meet a consumer in the wrong order for long.
        for (var i = _settles.Count - 1; i >= 0; i--)
        {
            GiveBack(_settles[i]);
        }

        _publishes.Clear();
        _settles.Clear();
    }

    private void GiveBack(EnlistedSettle settle)
    {
        settle.Consumer.Host.Run((settle, _context.Now), static (core, state, effects) =>
        {
            var (held, now) = state;
            if (held.SettledByPeer || !core.ReturnEnlisted(held.Settlement.Token, held.Consumer))
            {
                var outcome = held.SettledByPeer
                    ? new Settlement(held.Settlement.Token, OutcomeKind.Modified, DeliveryFailed: true)
                    : new Settlement(held.Settlement.Token, OutcomeKind.Released);
                core.SettleEnlisted(outcome, held.Consumer, now, effects);
                core.Wake(effects);
            }

            return 0;
        });
    }

    private void ThrowIfEnded()
    {
        if (Volatile.Read(ref _ended) == 1)
        {
            throw new InvalidOperationException("The transaction has ended.");
        }
    }
}

internal struct EnlistedPublish
{
    public IMessageNode Node;
    public StoredMessage Message;
    public int FirstTarget;
    public int TargetCount;
}

internal struct EnlistedSettle
{
    public QueueConsumer Consumer;
    public Settlement Settlement;
    public bool SettledByPeer;
}
