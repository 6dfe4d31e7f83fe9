using Mamba.Broker.Engine;

namespace Mamba.Tools.Bench.Micro.Scenarios;

/// <summary>
/// A transaction that publishes ten durable messages, and one that consumes them: two commits, each one record in the journal,
/// are one operation. See <see cref="QueueRig"/>.
/// </summary>
public sealed class TransactionCommit : Scenario, ICommitObserver
{
    private const int Messages = 10;

    private readonly AutoResetEvent _committed = new(initialState: false);
    private CommitOutcome _outcome;
    private QueueRig _rig = null!;

    /// <summary>The two transactions themselves; what they hold is pooled.</summary>
    public override double AllocationBound => 200;

    public override bool UsesOtherThreads => true;

    public override void Setup() => _rig = new QueueRig(durable: true, Messages);

    public override void Once()
    {
        var publish = _rig.Engine.BeginTransaction();
        for (var i = 0; i < Messages; i++)
        {
            publish.AddPublish(_rig.Queue, _rig.MakeMessage());
        }

        Commit(publish);
        var consume = _rig.Engine.BeginTransaction();
        foreach (ref readonly var settlement in _rig.Acquire())
        {
            consume.AddSettle(_rig.Subscription, settlement);
        }

        Commit(consume);
    }

    void ICommitObserver.OnCommitted(UnitOfWork unitOfWork, CommitOutcome outcome, string? reason)
    {
        _outcome = outcome;
        _committed.Set();
    }

    protected override void Dispose(bool disposing)
    {
        _rig.Dispose();
        _committed.Dispose();
    }

    private void Commit(UnitOfWork work)
    {
        work.Commit(this);
        _committed.WaitOne();
        if (_outcome != CommitOutcome.Committed)
        {
            throw new InvalidOperationException("The transaction was rolled back.");
        }
    }
}
