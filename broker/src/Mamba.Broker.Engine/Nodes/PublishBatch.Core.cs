using System.Buffers;
using Mamba.Broker.Journal;

namespace Mamba.Broker.Engine;

/// <content>
/// How a batch is published. Messages that need no journal go to their queues at once. The others become one record each, in one
/// append, and go to their queues when it is on disk, in the order of the journal. A message that needs no record still waits
/// for its turn when messages before it on the same queue are on their way through the journal.
/// </content>
public sealed partial class PublishBatch
{
    private readonly RouteList _targets = new();
    private readonly Completion _completion;
    private PublishEntry[] _entries = new PublishEntry[16];
    private int _count;
    private long _bytes;
    private JournalBatch? _records;
    private EngineContext? _context;

    internal PublishBatch() => _completion = new Completion(this);

    internal void Publish(EngineContext context)
    {
        var gated = context.Retention.EnterPublish();
        try
        {
            PublishAll(context);
        }
        finally
        {
            if (gated)
            {
                context.Retention.ExitPublish();
            }
        }
    }

    private void PublishAll(EngineContext context)
    {
        _context = context;
        var firstId = context.TakeMessageIds(_count);
        if (Numbers is not null)
        {
            Numbers.First = firstId;
        }

        var waiting = 0;
        var sync = false;
        _nextId = 0;
        var nextWithId = NextWithId();
        for (var i = 0; i < _count; i++)
        {
            ref var entry = ref _entries[i];
            entry.MessageId = firstId + (ulong)i;
            if (i == nextWithId)
            {
                waiting += PublishWithId(ref entry, ref sync) ? 1 : 0;
                nextWithId = NextWithId();
                continue;
            }

            Route(ref entry);
            if (entry.Outcome == PublishOutcome.Accepted && entry.TargetCount > 0)
            {
                entry.Waits = Plan(ref entry, ref sync);
                waiting += entry.Waits ? 1 : 0;
            }
        }

        DeliverGroup(waits: false);
        if (waiting == 0)
        {
            NotifyGroup(waits: false);
            Recycle();
            return;
        }

        AppendRecords(context, sync);
    }

    private void AppendRecords(EngineContext context, bool sync)
    {
        var records = context.Journal.RentBatch();
        _records = records;
        _nextId = 0;
        for (var i = 0; i < _count; i++)
        {
            if (_entries[i].Record == PublishEntry.RecordNeeded)
            {
                WriteRecord(records, ref _entries[i], i);
            }
        }

        WriteLoneIds(records);

        if (records.Count == 0)
        {
            records.BeginRecord();
            ListOperation.AppendTurn(records);
            records.EndRecord();
        }

        // From the append on the batch belongs to its completion, which may run and recycle it at any moment.
        NotifyGroup(waits: false);
        context.Journal.Append(records, sync, _completion);
    }

    private void AddCore(IMessageNode node, StoredMessage message, IPublishObserver? observer, long token)
    {
        if (_count == _entries.Length)
        {
            Array.Resize(ref _entries, _count * 2);
        }

        _entries[_count++] = new PublishEntry { Node = node, Message = message, Observer = observer, Token = token };
        _bytes += message.Length;
    }

    private void Route(ref PublishEntry entry)
    {
        entry.FirstTarget = _targets.Count;
        entry.Outcome = entry.Node is not IRoutingNode node ? PublishOutcome.NotFound
            : entry.Message.Schedule is null ? node.Route(entry.Message, _targets)
            : node.Schedule(ref entry.Message, _targets);
        entry.TargetCount = _targets.Count - entry.FirstTarget;
        entry.Record = PublishEntry.NoRecord;
    }

    /// <summary>Decides whether a message goes through the journal; true when it does or has to wait behind one that does.</summary>
    private bool Plan(ref PublishEntry entry, ref bool sync)
    {
        var waits = false;
        for (var i = 0; i < entry.TargetCount; i++)
        {
            var host = _targets[entry.FirstTarget + i];
            if (entry.Message.Durable && host.Durable)
            {
                entry.Record = PublishEntry.RecordNeeded;
                sync = true;
            }
            else if (host.MustPage)
            {
                entry.Record = PublishEntry.RecordNeeded;
            }

            waits |= host.HasInFlight;
        }

        entry.Message.ChargeTo(_context!.Budget);
        if (!waits && entry.Record != PublishEntry.RecordNeeded)
        {
            return false;
        }

        for (var i = 0; i < entry.TargetCount; i++)
        {
            _targets[entry.FirstTarget + i].BeginFlight();
        }

        return true;
    }

    private void WriteRecord(JournalBatch records, ref PublishEntry entry, int index)
    {
        var ids = ArrayPool<uint>.Shared.Rent(entry.TargetCount);
        var durable = 0;
        var keyed = false;
        for (var i = 0; i < entry.TargetCount; i++)
        {
            var host = _targets[entry.FirstTarget + i];
            if (entry.Message.Durable && host.Durable)
            {
                ids[durable++] = host.Id;
                keyed |= host.HasKeys;
            }
        }

        records.BeginRecord();
        EnqueueOperation.Write(records, entry.Message, entry.MessageId, 0, transient: durable == 0, ids.AsSpan(0, durable));
        if (keyed)
        {
            WriteReplaced(records, entry);
        }

        WriteIdOf(records, index);
        entry.Record = records.EndRecord();
        ArrayPool<uint>.Shared.Return(ids);
    }

    /// <summary>What the message replaces goes in its record.</summary>
    private void WriteReplaced(JournalBatch records, in PublishEntry entry)
    {
        for (var i = 0; i < entry.TargetCount; i++)
        {
            var host = _targets[entry.FirstTarget + i];
            if (host.Durable)
            {
                host.Claim(records, entry.Message, entry.MessageId);
            }
        }
    }

    /// <summary>Puts messages on their queues: one lock turn per run of messages for the same queue.</summary>
    private void DeliverGroup(bool waits)
    {
        var run = ArrayPool<NewEntry>.Shared.Rent(Math.Max(_count, 1));
        var length = 0;
        QueueHost? host = null;
        for (var i = 0; i < _count; i++)
        {
            ref var entry = ref _entries[i];
            if (entry.Waits != waits || entry.Outcome != PublishOutcome.Accepted)
            {
                continue;
            }

            for (var t = 0; t < entry.TargetCount; t++)
            {
                var target = _targets[entry.FirstTarget + t];
                if (length > 0 && (!ReferenceEquals(target, host) || length == run.Length))
                {
                    Flush(host!, run, ref length, waits);
                }

                host = target;
                run[length++] = NewEntryFor(entry, target);
            }
        }

        if (length > 0)
        {
            Flush(host!, run, ref length, waits);
        }

        ArrayPool<NewEntry>.Shared.Return(run);
        ConfirmIds(waits);
    }

    private NewEntry NewEntryFor(in PublishEntry entry, QueueHost target)
    {
        entry.Message.AddReference();
        var location = default(MessageLocation);
        if (entry.Record >= 0)
        {
            location = new MessageLocation(_records!.AddressOf(entry.Record), 0, entry.Message.Length);
            _context!.Ledger.AddLive(location);
        }

        return new NewEntry
        {
            Message = entry.Message,
            MessageId = entry.MessageId,
            Location = location,
            Persistent = entry.Message.Durable && target.Durable,
        };
    }

    private static void Flush(QueueHost host, NewEntry[] run, ref int length, bool waits)
    {
        host.Enqueue(run.AsSpan(0, length));
        for (; length > 0; length--)
        {
            run[length - 1] = default;
            if (waits)
            {
                host.EndFlight();
            }
        }
    }

    private void NotifyGroup(bool waits)
    {
        var results = ArrayPool<PublishResult>.Shared.Rent(Math.Max(_count, 1));
        var length = 0;
        IPublishObserver? observer = null;
        for (var i = 0; i < _count; i++)
        {
            ref readonly var entry = ref _entries[i];
            if (entry.Waits != waits || entry.Observer is null)
            {
                continue;
            }

            if (length > 0 && !ReferenceEquals(observer, entry.Observer))
            {
                observer!.OnPublished(results.AsSpan(0, length));
                length = 0;
            }

            observer = entry.Observer;
            results[length++] = new PublishResult(entry.Token, entry.Outcome);
        }

        if (length > 0)
        {
            observer!.OnPublished(results.AsSpan(0, length));
        }

        ArrayPool<PublishResult>.Shared.Return(results);
    }

    private void OnStored()
    {
        DeliverGroup(waits: true);
        NotifyGroup(waits: true);
        Recycle();
    }

    private void OnNotStored(JournalException cause)
    {
        _context!.Journal.Report(cause);
        var outcome = cause is JournalFullException ? PublishOutcome.RejectedFull : PublishOutcome.JournalFailed;
        for (var i = 0; i < _count; i++)
        {
            ref var entry = ref _entries[i];
            if (!entry.Waits)
            {
                continue;
            }

            entry.Outcome = outcome;
            for (var t = 0; t < entry.TargetCount; t++)
            {
                _targets[entry.FirstTarget + t].Unreserve(1, entry.Message.Length);
                _targets[entry.FirstTarget + t].Unclaim(entry.MessageId);
                _targets[entry.FirstTarget + t].EndFlight();
            }
        }

        GiveUpIds(outcome);
        NotifyGroup(waits: true);
        Recycle();
    }

    private void Recycle()
    {
        _ids.Clear();
        for (var i = 0; i < _count; i++)
        {
            _entries[i].Message.Release();
        }

        Array.Clear(_entries, 0, _count);
        _targets.Clear();
        _records?.Dispose();
        _records = null;
        _context = null;
        _count = 0;
        _bytes = 0;
        Numbers = null;
        PublishBatchPool.Give(this);
    }

    private sealed class Completion(PublishBatch batch) : EngineCompletion
    {
        protected override void Written() => batch.OnStored();

        protected override void Failed(JournalException cause) => batch.OnNotStored(cause);
    }
}

internal struct PublishEntry
{
    public const int NoRecord = -1;
    public const int RecordNeeded = -2;

    public IMessageNode Node;
    public StoredMessage Message;
    public IPublishObserver? Observer;
    public long Token;
    public ulong MessageId;
    public int FirstTarget;
    public int TargetCount;

    /// <summary>Index of its record in the journal batch, or one of the constants.</summary>
    public int Record;

    public PublishOutcome Outcome;

    /// <summary>It goes to its queues when the journal's turn comes.</summary>
    public bool Waits;
}

/// <summary>Keeps up to 256 idle batches. Thread-safe.</summary>
internal static class PublishBatchPool
{
    private static readonly IdlePool<PublishBatch> Idle = new(256);

    public static PublishBatch Take() => Idle.TryTake(out var batch) ? batch : new PublishBatch();

    public static void Give(PublishBatch batch) => Idle.TryGive(batch);
}
