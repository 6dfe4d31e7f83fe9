using System.Buffers;
using Mamba.Broker.Journal;

namespace Mamba.Broker.Engine;

/// <content>
/// What a commit does once its record is on disk: messages go to their queues, in order, then the settled ones leave theirs; one
/// turn of a queue's lock for all messages that go to it, and for the settled ones in a row that are alike.
/// </content>
internal sealed partial class CommitRecord
{
    private readonly QueueRuns _runs = new();

    private void Apply()
    {
        var address = _writes ? _batch!.AddressOf(0) : default;
        foreach (ref readonly var publish in Work.Publishes)
        {
            Deliver(publish, address);
        }

        foreach (var move in _moves)
        {
            Put(move.Target, move.Copy, move.MessageId, LocationOf(address, move.Offset, move.Copy), persistent: move.Offset >= 0);
        }

        _runs.HandOver();
        ConfirmIds(address.Segment);
        foreach (var mentioned in _mentioned)
        {
            _context.Ledger.DependOn(address.Segment, mentioned);
        }

        for (var i = 0; i < Work.Settles.Length;)
        {
            var run = Work.RunOfSettles(i);
            Settle(i, run);
            i += run;
        }
    }

    private void Deliver(in EnlistedPublish publish, RecordAddress address)
    {
        for (var t = 0; t < publish.TargetCount; t++)
        {
            var host = Work.Targets[publish.FirstTarget + t];
            publish.Message.AddReference();
            Put(host, publish.Message, publish.MessageId, LocationOf(address, publish.Offset, publish.Message), publish.Message.Durable && host.Durable);
        }

        publish.Message.Release();
    }

    /// <summary>Adds a message for its queue; takes over one reference.</summary>
    private void Put(QueueHost host, StoredMessage message, ulong messageId, MessageLocation location, bool persistent)
    {
        if (location.IsStored)
        {
            _context.Ledger.AddLive(location);
        }

        _runs.Add(host, new NewEntry { Message = message, MessageId = messageId, Location = location, Persistent = persistent });
    }

    /// <summary>Applies settlements of one queue that are alike: all removed, or none.</summary>
    private void Settle(int first, int count)
    {
        var removed = Work.Settles[first].Removed;
        Work.Settles[first].Consumer.Host.Run((work: Work, first, count, _context.Now), static (core, run, effects) =>
        {
            foreach (ref readonly var settle in run.work.Settles.Slice(run.first, run.count))
            {
                if (settle.Removed)
                {
                    core.RemoveEnlisted(settle.Settlement.Token, settle.Settlement.Outcome == OutcomeKind.Rejected, effects);
                }
                else
                {
                    core.SettleEnlisted(settle.Settlement, settle.Consumer, run.Now, effects);
                }
            }

            core.Wake(effects);
            return 0;
        }, journaled: removed);
    }

    private void EndFlight()
    {
        for (var i = 0; i < Work.Targets.Count; i++)
        {
            Work.Targets[i].EndFlight();
        }
    }

    /// <summary>Gives back what the transaction holds and what was prepared for it.</summary>
    private void GiveUp()
    {
        foreach (var move in _moves)
        {
            move.Target.Unreserve(1, move.Copy.Length);
            move.Copy.Release();
        }

        Work.Undo(_context.Now);
    }

    /// <summary>Recycles the record, then tells the observer.</summary>
    private void Conclude(CommitOutcome outcome, string? reason)
    {
        var unit = _unit!;
        var observer = _observer!;
        Recycle();
        observer.OnCommitted(unit, outcome, reason);
    }

    private void Recycle()
    {
        _batch?.Dispose();
        _batch = null;
        _unit = null;
        _observer = null;
        _sync = false;
        _writes = false;
        _turn = false;
        _nextClaim = 0;
        _moves.Clear();
        _mentioned.Clear();
        _removals.Clear();
        var keep = Work.IsSmall;
        Work.Clear();
        if (keep)
        {
            CommitRecordPool.Give(this);
        }
    }

    private static MessageLocation LocationOf(RecordAddress address, int offset, StoredMessage message) =>
        offset < 0 ? default : new MessageLocation(address, offset, message.Length);
}

/// <summary>Keeps up to 256 idle records. Thread-safe.</summary>
internal static class CommitRecordPool
{
    private static readonly IdlePool<CommitRecord> Idle = new(256);

    public static CommitRecord Take() => Idle.TryTake(out var record) ? record : new CommitRecord();

    public static void Give(CommitRecord record) => Idle.TryGive(record);
}
