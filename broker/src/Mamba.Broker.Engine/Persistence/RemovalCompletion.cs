using System.Runtime.InteropServices;
using Mamba.Broker.Journal;

namespace Mamba.Broker.Engine;

/// <summary>Journals the end, the delivery-counts and the waits of messages of one queue: one record for a whole batch. Pooled.</summary>
internal sealed class RemovalCompletion : EngineCompletion
{
    /// <summary>A purge makes long lists, which nobody needs again.</summary>
    private const int KeepCapacity = 8192;

    private static readonly IdlePool<RemovalCompletion> Idle = new(256);

    private readonly List<RemovedMessage> _removed = [];
    private readonly List<int> _mentioned = [];
    private QueueHost? _host;
    private JournalBatch? _batch;
    private SettleTicket? _ticket;

    /// <summary>Appends what the effects say; with a ticket the append is synced and the ticket told.</summary>
    public static void Append(QueueHost host, QueueEffects effects, SettleTicket? ticket)
    {
        var completion = Idle.TryTake(out var idle) ? idle : new RemovalCompletion();
        var batch = host.Context.Journal.RentBatch();
        completion._host = host;
        completion._batch = batch;
        completion._ticket = ticket;
        batch.BeginRecord();
        completion.WriteRemoves(batch, host.Id, effects.Removed);
        completion.WriteCounts(batch, host.Id, effects.Counted);
        batch.EndRecord();
        host.Context.Journal.Append(batch, ticket is not null, completion);
    }

    /// <summary>Tries once more to journal removals that the full disk refused.</summary>
    public static void RetryDeferred(EngineContext context)
    {
        for (var left = context.DeferredRemovals.Count; left > 0 && context.DeferredRemovals.TryDequeue(out var deferred); left--)
        {
            var effects = QueueEffects.Rent();
            effects.Removed.AddRange(deferred.Removed);
            Append(deferred.Host, effects, ticket: null);
            effects.Return();
        }
    }

    protected override void Written()
    {
        var segment = _batch!.AddressOf(0).Segment;
        var ledger = _host!.Context.Ledger;
        foreach (var removed in _removed)
        {
            ledger.DependOn(segment, removed.Location.Address.Segment);
            ledger.Drop(removed.Location);
        }

        foreach (var mentioned in _mentioned)
        {
            ledger.DependOn(segment, mentioned);
        }

        Finish(failed: false);
    }

    protected override void Failed(JournalException cause)
    {
        // The messages stay live in the ledger: their segments must not go while the journal still says they exist.
        _host!.Context.Journal.Report(cause);
        if (cause is JournalFullException && _removed.Count > 0)
        {
            _host.Context.DeferredRemovals.Enqueue((_host, [.. _removed]));
        }

        Finish(failed: true);
    }

    private void WriteRemoves(JournalBatch batch, uint queue, List<RemovedMessage> removed)
    {
        var persistent = 0;
        foreach (var message in removed)
        {
            persistent += message.Persistent ? 1 : 0;
            if (message.Location.IsStored)
            {
                _removed.Add(message);
            }
        }

        if (persistent == 0)
        {
            return;
        }

        var items = ListOperation.Begin(batch, OperationKind.Remove, persistent, ListOperation.RemoveItemSize);
        var at = 0;
        foreach (ref readonly var message in CollectionsMarshal.AsSpan(removed))
        {
            if (message.Persistent)
            {
                ListOperation.WriteRemove(items[at..], message.MessageId, queue);
                at += ListOperation.RemoveItemSize;
            }
        }

        batch.Advance(ListOperation.HeaderSize + at);
    }

    private void WriteCounts(JournalBatch batch, uint queue, List<CountedMessage> counted)
    {
        if (counted.Count == 0)
        {
            return;
        }

        var parked = 0;
        foreach (ref readonly var message in CollectionsMarshal.AsSpan(counted))
        {
            parked += message.DueAt != 0 ? 1 : 0;
            _mentioned.Add(message.Location.Address.Segment);
        }

        ParkOperation.Append(batch, queue, counted, parked);
        if (parked == counted.Count)
        {
            return;
        }

        var items = ListOperation.Begin(batch, OperationKind.Count, counted.Count - parked, ListOperation.CountItemSize);
        var at = 0;
        foreach (ref readonly var message in CollectionsMarshal.AsSpan(counted))
        {
            if (message.DueAt == 0)
            {
                ListOperation.WriteCount(items[at..], message.MessageId, queue, message.DeliveryCount);
                at += ListOperation.CountItemSize;
            }
        }

        batch.Advance(ListOperation.HeaderSize + at);
    }

    private void Finish(bool failed)
    {
        var ticket = _ticket;
        _batch!.Dispose();
        _batch = null;
        _host = null;
        _ticket = null;
        _removed.Clear();
        _mentioned.Clear();
        if (_removed.Capacity <= KeepCapacity)
        {
            Idle.TryGive(this);
        }

        ticket?.PartDone(failed);
    }
}
