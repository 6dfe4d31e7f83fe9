using Mamba.Broker.Journal;

namespace Mamba.Broker.Engine;

/// <summary>
/// Rewrites messages whose consumer gave them back with message-annotations (modified, AMQP 1.0 §3.4.5): same id and place on
/// the queue, next version, new bytes. Thread-safe.
/// </summary>
internal sealed class AnnotationMerger(EngineContext context)
{
    /// <summary>Merges one message; one part of the ticket.</summary>
    public void Merge(QueueHost host, in MessageMerge merge, SettleTicket? ticket)
    {
        if (EngineCompletion.IsInside)
        {
            ThreadPool.UnsafeQueueUserWorkItem(
                static work => work.Item1.MergeNow(work.host, work.merge, work.ticket), (this, host, merge, ticket), preferLocal: false);
            return;
        }

        MergeNow(host, merge, ticket);
    }

    private void MergeNow(QueueHost host, MessageMerge merge, SettleTicket? ticket)
    {
        StoredMessage? merged = null;
        try
        {
            var original = merge.Message ?? host.LoadBody(merge.Token, merge.MessageId, merge.Location);
            if (original is not null)
            {
                merged = context.Annotator.MergeAnnotations(original, merge.Annotations.Span);
                merged.Version = (byte)Math.Min(original.Version + 1, byte.MaxValue);
                merged.ChargeTo(context.Budget);
                original.Release();
            }
        }
        catch (Exception cause)
        {
            // Whatever it is, an annotator's own failure included: the message goes back in line as it was.
            context.Events.MessageDamaged(host.Name, merge.MessageId, cause);
        }

        if (merged is null || !merge.Persistent)
        {
            Complete(host, merge, merged, default);
            ticket?.PartDone();
            return;
        }

        Store(host, merge, merged, ticket);
    }

    private void Store(QueueHost host, in MessageMerge merge, StoredMessage merged, SettleTicket? ticket)
    {
        var batch = context.Journal.RentBatch();
        batch.BeginRecord();
        EnqueueOperation.Write(batch, merged, merge.MessageId, merge.DeliveryCount, transient: false, [host.Id]);
        batch.EndRecord();
        context.Journal.Append(batch, sync: true, new Completion(this, host, merge, merged, batch, ticket));
    }

    /// <summary>Puts the new bytes in place and settles with the ledger: the old place is no longer live, or the new one never was.</summary>
    private void Complete(QueueHost host, in MessageMerge merge, StoredMessage? merged, MessageLocation location)
    {
        var keep = !location.IsStored || !host.MustPage;
        var applied = host.Run((merge.Token, merge.MessageId, merged, location, keep), static (core, state, effects) =>
            core.CompleteMerge(state.Token, state.MessageId, state.merged, state.location, state.keep, effects));
        if (merged is not null)
        {
            context.Ledger.Drop(applied ? merge.Location : location);
        }
    }

    private sealed class Completion(
        AnnotationMerger merger, QueueHost host, MessageMerge merge, StoredMessage merged, JournalBatch batch, SettleTicket? ticket) : EngineCompletion
    {
        protected override void Written()
        {
            var ledger = host.Context.Ledger;
            var location = new MessageLocation(batch.AddressOf(0), 0, merged.Length);
            ledger.AddLive(location);
            ledger.DependOn(location.Address.Segment, merge.Location.Address.Segment);
            merger.Complete(host, merge, merged, location);
            batch.Dispose();
            ticket?.PartDone();
        }

        protected override void Failed(JournalException cause)
        {
            host.Context.Journal.Report(cause);
            merged.Release();
            merger.Complete(host, merge, null, default);
            batch.Dispose();
            ticket?.PartDone(failed: true);
        }
    }
}
