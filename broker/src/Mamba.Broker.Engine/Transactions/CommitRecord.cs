using Mamba.Broker.Journal;

namespace Mamba.Broker.Engine;

/// <summary>
/// The work of a transaction and the one record that commits it. What happens once the record is on disk is in
/// <c>CommitRecord.Apply.cs</c>. A transaction without durable effects writes nothing, and only waits for its turn when
/// messages before it are on their way through the journal. Pooled; used by one thread at a time.
/// </summary>
internal sealed partial class CommitRecord : EngineCompletion
{
    private readonly List<PendingMove> _moves = [];
    private readonly List<int> _mentioned = [];
    private readonly List<EnlistedRemoval> _removals = [];
    private EngineContext _context = null!;
    private UnitOfWork? _unit;
    private ICommitObserver? _observer;
    private JournalBatch? _batch;
    private uint[] _queueIds = new uint[4];
    private int _start;
    private bool _sync;
    private bool _writes;
    private bool _turn;

    /// <summary>What the transaction holds.</summary>
    public EnlistedWork Work { get; } = new();

    private int Offset => _batch!.Size - _start;

    public static CommitRecord Rent(UnitOfWork unit, EngineContext context)
    {
        var record = CommitRecordPool.Take();
        record._unit = unit;
        record._context = context;
        return record;
    }

    /// <summary>Begins the journal's record; <paramref name="observer"/> hears what became of it.</summary>
    public void Begin(ICommitObserver observer)
    {
        _observer = observer;
        _batch = _context.Journal.RentBatch();
        _batch.BeginRecord();
        _start = _batch.Size;
    }

    /// <summary>Writes the ends of the accepted messages; false when there are rejected ones, which have to be moved.</summary>
    public bool WriteRemovals()
    {
        var accepted = true;
        for (var i = 0; i < Work.Settles.Length;)
        {
            var run = Work.RunOfSettles(i);
            var outcome = Work.Settles[i].Settlement.Outcome;
            accepted &= outcome != OutcomeKind.Rejected;
            if (outcome == OutcomeKind.Accepted)
            {
                WriteRemovals(i, run);
            }

            i += run;
        }

        return accepted;
    }

    /// <summary>Writes the moves of the rejected messages. Waits only for a dead-letter queue that has to be made.</summary>
    public async ValueTask WriteMovesAsync()
    {
        for (var i = 0; i < Work.Settles.Length; i++)
        {
            if (Work.Settles[i].Settlement.Outcome == OutcomeKind.Rejected)
            {
                await WriteMoveAsync(i);
            }
        }
    }

    /// <summary>Writes the publishes and hands the record to the journal; without durable effects applies everything now.</summary>
    public void Append()
    {
        if (Work.Ids.Length > 0 && !ClaimIds())
        {
            // It comes back when the id that somebody else is storing is on disk, or free again.
            return;
        }

        var retention = _context.Retention;
        if (!retention.EnterPublish())
        {
            AppendNow();
            return;
        }

        try
        {
            Work.AddLateSubscriptions();
            AppendNow();
        }
        finally
        {
            retention.ExitPublish();
        }
    }

    private void AppendNow()
    {
        PlanPublishes();
        if (!_writes && !_turn)
        {
            Apply();
            Conclude(CommitOutcome.Committed, null);
            return;
        }

        if (!_writes)
        {
            ListOperation.AppendTurn(_batch!);
        }

        _batch!.EndRecord();
        for (var i = 0; i < Work.Targets.Count; i++)
        {
            Work.Targets[i].BeginFlight();
        }

        // From the append on the record belongs to its completion, which may run and recycle it at any moment.
        _context.Journal.Append(_batch, _sync, this);
    }

    /// <summary>Ends the transaction without effect, and the record with it.</summary>
    public void RollBack()
    {
        GiveUp();
        Recycle();
    }

    protected override void Written()
    {
        Apply();
        EndFlight();
        Conclude(CommitOutcome.Committed, null);
    }

    protected override void Failed(JournalException cause)
    {
        _context.Journal.Report(cause);
        EndFlight();
        GiveUpIds(cause is JournalFullException ? PublishOutcome.RejectedFull : PublishOutcome.JournalFailed);
        GiveUp();
        Conclude(CommitOutcome.RolledBack, cause.Message);
    }

    /// <summary>Accepted messages of one queue: they leave it.</summary>
    private void WriteRemovals(int first, int count)
    {
        _removals.Clear();
        var host = Work.Settles[first].Consumer.Host;
        host.Run((record: this, first, count), static (core, run, _) =>
        {
            foreach (ref var settle in run.record.Work.Settles.Slice(run.first, run.count))
            {
                settle.Removed = core.TryDescribeRemoval(settle.Settlement.Token, out var removal);
                if (settle.Removed && removal.Persistent)
                {
                    run.record._removals.Add(removal);
                }
            }

            return 0;
        });
        WriteRemovals(host.Id);
    }

    private void WriteRemovals(uint queue)
    {
        if (_removals.Count == 0)
        {
            return;
        }

        var items = ListOperation.Begin(_batch!, OperationKind.Remove, _removals.Count, ListOperation.RemoveItemSize);
        for (var i = 0; i < _removals.Count; i++)
        {
            ListOperation.WriteRemove(items[(i * ListOperation.RemoveItemSize)..], _removals[i].MessageId, queue);
            _mentioned.Add(_removals[i].Location.Address.Segment);
        }

        _batch!.Advance(ListOperation.HeaderSize + (_removals.Count * ListOperation.RemoveItemSize));
        _sync = true;
        _writes = true;
    }

    /// <summary>A rejected message: it moves, in this very record.</summary>
    private async ValueTask WriteMoveAsync(int index)
    {
        var settlement = Work.Settles[index].Settlement;
        var host = Work.Settles[index].Consumer.Host;
        var (known, message, canMove) = host.Run(settlement.Token, static (core, token, _) =>
            (core.TryDescribeEnlisted(token, out var enlisted, out var movable), enlisted, movable));
        try
        {
            // Without a target its settings changed just now: it is given back like any that failed.
            if (known && canMove && await _context.Router.ResolveAsync(host, DeadLetterReason.Rejected) is { } target)
            {
                var move = message with { ErrorCondition = settlement.ErrorCondition, ErrorDescription = settlement.ErrorDescription };
                WriteMove(index, host, target, move, _context.Router.Annotate(host, move));
            }
        }
        finally
        {
            message.Message?.Release();
        }
    }

    private void WriteMove(int index, QueueHost host, QueueHost target, in MessageMove message, StoredMessage copy)
    {
        Work.Settles[index].Removed = true;
        if (message.Persistent)
        {
            ListOperation.AppendRemove(_batch!, message.MessageId, host.Id);
            _mentioned.Add(message.Location.Address.Segment);
            _sync = true;
            _writes = true;
        }

        var isStored = copy.Durable && target.Durable;
        var move = new PendingMove(target, copy, _context.TakeMessageIds(1), isStored ? Offset : EnlistedPublish.NoOperation);
        _moves.Add(move);
        copy.ChargeTo(_context.Budget);
        target.Reserve(1, copy.Length);
        if (isStored)
        {
            EnqueueOperation.Write(_batch!, copy, move.MessageId, 0, transient: false, [target.Id]);
            _sync = true;
            _writes = true;
        }
    }

    private void PlanPublishes()
    {
        var publishes = Work.Publishes;
        var firstId = _context.TakeMessageIds(publishes.Length);
        for (var i = 0; i < publishes.Length; i++)
        {
            publishes[i].MessageId = firstId + (ulong)i;
            Plan(ref publishes[i]);
        }

        WriteIds();
    }

    /// <summary>Decides whether a publish needs the journal, and writes its operation when it does.</summary>
    private void Plan(ref EnlistedPublish publish)
    {
        if (_queueIds.Length < publish.TargetCount)
        {
            _queueIds = new uint[publish.TargetCount];
        }

        var durable = 0;
        var page = false;
        for (var t = 0; t < publish.TargetCount; t++)
        {
            var host = Work.Targets[publish.FirstTarget + t];
            Work.TakeRoom(publish.FirstTarget + t, publish.Message.Length);
            _turn |= host.HasInFlight;
            page |= host.MustPage;
            if (publish.Message.Durable && host.Durable)
            {
                _queueIds[durable++] = host.Id;
            }
        }

        publish.Offset = durable > 0 || page ? Offset : EnlistedPublish.NoOperation;
        if (publish.Offset >= 0)
        {
            EnqueueOperation.Write(_batch!, publish.Message, publish.MessageId, 0, transient: durable == 0, _queueIds.AsSpan(0, durable));
            _writes = true;
            _sync |= durable > 0;
            WriteReplaced(publish);
        }
    }

    /// <summary>What a publish replaces where messages have keys.</summary>
    private void WriteReplaced(in EnlistedPublish publish)
    {
        for (var t = 0; t < publish.TargetCount; t++)
        {
            var host = Work.Targets[publish.FirstTarget + t];
            if (host.HasKeys && publish.Message.Durable && host.Durable)
            {
                host.Claim(_batch!, publish.Message, publish.MessageId);
            }
        }
    }

    private readonly record struct PendingMove(QueueHost Target, StoredMessage Copy, ulong MessageId, int Offset);
}
