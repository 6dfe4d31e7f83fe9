using Mamba.Broker.Journal;

namespace Mamba.Broker.Engine;

/// <summary>
/// The one record of a transaction, and what happens once it is on disk: messages go to their queues, in order, then the
/// settled ones leave theirs. A transaction without durable effects writes nothing, and only waits for its turn when messages
/// before it are on their way through the journal.
/// </summary>
internal sealed class CommitRecord : EngineCompletion
{
    private readonly UnitOfWork _unit;
    private readonly ICommitObserver _observer;
    private readonly EngineContext _context;
    private readonly JournalBatch _batch;
    private readonly int _start;
    private readonly List<PendingMove> _moves = [];
    private readonly List<int> _mentioned = [];
    private readonly HashSet<int> _removed = [];
    private PlannedPublish[] _plans = [];
    private bool _sync;
    private bool _writes;
    private bool _turn;

    public CommitRecord(UnitOfWork unit, ICommitObserver observer)
    {
        _unit = unit;
        _observer = observer;
        _context = unit.Context;
        _batch = _context.Journal.RentBatch();
        _batch.BeginRecord();
        _start = _batch.Size;
    }

    private int Offset => _batch.Size - _start;

    /// <summary>An accepted message: it leaves its queue.</summary>
    public void AddRemove(int index, QueueHost host, in MessageMove message)
    {
        _removed.Add(index);
        Remove(host, message);
    }

    /// <summary>A rejected message: it moves, in this very record.</summary>
    public void AddMove(int index, QueueHost host, QueueHost target, in MessageMove message, StoredMessage copy)
    {
        _removed.Add(index);
        Remove(host, message);
        var move = new PendingMove(index, target, copy, _context.TakeMessageIds(1), copy.Durable && target.Durable ? Offset : -1);
        _moves.Add(move);
        copy.ChargeTo(_context.Budget);
        target.Reserve(1, copy.Length);
        if (move.Offset >= 0)
        {
            EnqueueOperation.Write(_batch, copy, move.MessageId, 0, transient: false, [target.Id]);
            _sync = true;
            _writes = true;
        }
    }

    /// <summary>Drops what was prepared.</summary>
    public void Abandon()
    {
        foreach (var move in _moves)
        {
            move.Target.Unreserve(1, move.Copy.Length);
            move.Copy.Release();
        }

        _batch.Dispose();
    }

    /// <summary>Writes the publishes and hands the record to the journal; without durable effects applies everything now.</summary>
    public void Append()
    {
        PlanPublishes();
        if (!_writes && !_turn)
        {
            Apply();
            return;
        }

        if (!_writes)
        {
            ListOperation.AppendTurn(_batch);
        }

        _batch.EndRecord();
        for (var i = 0; i < _unit.Targets.Count; i++)
        {
            _unit.Targets[i].BeginFlight();
        }

        _context.Journal.Append(_batch, _sync, this);
    }

    protected override void Written()
    {
        Apply();
        EndFlight();
    }

    protected override void Failed(JournalException cause)
    {
        _context.Journal.Report(cause);
        EndFlight();
        Abandon();
        _unit.Undo();
        _observer.OnCommitted(_unit, CommitOutcome.RolledBack, cause.Message);
    }

    private void Remove(QueueHost host, in MessageMove message)
    {
        if (!message.Persistent)
        {
            return;
        }

        ListOperation.AppendRemove(_batch, message.MessageId, host.Id);
        _mentioned.Add(message.Location.Address.Segment);
        _sync = true;
        _writes = true;
    }

    private void PlanPublishes()
    {
        _plans = new PlannedPublish[_unit.Publishes.Count];
        var firstId = _context.TakeMessageIds(_plans.Length);
        var ids = new List<uint>();
        for (var i = 0; i < _plans.Length; i++)
        {
            var publish = _unit.Publishes[i];
            var page = false;
            ids.Clear();
            for (var t = 0; t < publish.TargetCount; t++)
            {
                var host = _unit.Targets[publish.FirstTarget + t];
                _turn |= host.HasInFlight;
                page |= host.MustPage;
                if (publish.Message.Durable && host.Durable)
                {
                    ids.Add(host.Id);
                }
            }

            _plans[i] = new PlannedPublish(firstId + (ulong)i, ids.Count > 0 || (page && publish.TargetCount > 0) ? Offset : -1);
            if (_plans[i].Offset >= 0)
            {
                EnqueueOperation.Write(_batch, publish.Message, _plans[i].MessageId, 0, transient: ids.Count == 0, [.. ids]);
                _writes = true;
                _sync |= ids.Count > 0;
            }
        }
    }

    private void Apply()
    {
        var address = _writes ? _batch.AddressOf(0) : default;
        for (var i = 0; i < _plans.Length; i++)
        {
            Deliver(_unit.Publishes[i], _plans[i], address);
        }

        foreach (var move in _moves)
        {
            Put(move.Target, move.Copy, move.MessageId, LocationOf(address, move.Offset, move.Copy), persistent: move.Offset >= 0);
        }

        foreach (var mentioned in _mentioned)
        {
            _context.Ledger.DependOn(address.Segment, mentioned);
        }

        for (var i = 0; i < _unit.Settles.Count; i++)
        {
            Settle(i, _unit.Settles[i]);
        }

        _batch.Dispose();
        _observer.OnCommitted(_unit, CommitOutcome.Committed, null);
    }

    private void Deliver(in EnlistedPublish publish, in PlannedPublish plan, RecordAddress address)
    {
        for (var t = 0; t < publish.TargetCount; t++)
        {
            var host = _unit.Targets[publish.FirstTarget + t];
            publish.Message.AddReference();
            Put(host, publish.Message, plan.MessageId, LocationOf(address, plan.Offset, publish.Message), publish.Message.Durable && host.Durable);
        }

        publish.Message.Release();
    }

    private void Put(QueueHost host, StoredMessage message, ulong messageId, MessageLocation location, bool persistent)
    {
        if (location.IsStored)
        {
            _context.Ledger.AddLive(location);
        }

        host.Enqueue([new NewEntry { Message = message, MessageId = messageId, Location = location, Persistent = persistent }]);
    }

    private void Settle(int index, EnlistedSettle settle)
    {
        var removed = _removed.Contains(index);
        settle.Consumer.Host.Run((settle, removed, _context.Now), static (core, state, effects) =>
        {
            if (state.removed)
            {
                core.RemoveEnlisted(state.settle.Settlement.Token, state.settle.Settlement.Outcome == OutcomeKind.Rejected, effects);
            }
            else
            {
                core.SettleEnlisted(state.settle.Settlement, state.settle.Consumer, state.Now, effects);
                core.Wake(effects);
            }

            return 0;
        }, journaled: removed);
    }

    private void EndFlight()
    {
        for (var i = 0; i < _unit.Targets.Count; i++)
        {
            _unit.Targets[i].EndFlight();
        }
    }

    private static MessageLocation LocationOf(RecordAddress address, int offset, StoredMessage message) =>
        offset < 0 ? default : new MessageLocation(address, offset, message.Length);

    private readonly record struct PlannedPublish(ulong MessageId, int Offset);

    private readonly record struct PendingMove(int Index, QueueHost Target, StoredMessage Copy, ulong MessageId, int Offset);
}
