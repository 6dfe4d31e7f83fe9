using Mamba.Broker.Journal;

namespace Mamba.Broker.Engine;

/// <summary>
/// Rewrites messages whose consumer gave them back with message-annotations (modified, AMQP 1.0 §3.4.5): same id and place on
/// the queue, next version, new bytes. Reads those that say themselves how they are tried again. Thread-safe.
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
        var verdict = Read(host, merge, out var merged);
        if (verdict.IsExhausted)
        {
            merged?.Release();
            merged = null;
        }

        if (verdict.IsExhausted && !merge.Persistent)
        {
            GiveUp(host, merge, verdict, ticket);
        }
        else if (!merge.Persistent || (merged is null && !merge.Failed && verdict.DueAt == 0))
        {
            Complete(host, merge, merged, default, verdict, ticket: null);
            ticket?.PartDone();
        }
        else
        {
            Store(host, merge, merged, verdict, ticket);
        }
    }

    /// <summary>What becomes of the message, and its new bytes when it gets any.</summary>
    private RetryVerdict Read(QueueHost host, in MessageMerge merge, out StoredMessage? merged)
    {
        merged = null;
        StoredMessage? original = null;
        try
        {
            original = merge.Message ?? host.LoadBody(merge.Token, merge.MessageId, merge.Location);
            if (original is not null)
            {
                merged = merge.Annotations.IsEmpty ? null : Rewrite(original, merge.Annotations.Span);
                var current = merged ?? original;
                var own = current.HasOwnRetry ? context.Annotator.RetryOf(current) : default;
                return host.Policy.Judge(merge, own, original.DeadLettered, context.Now);
            }
        }
        catch (Exception cause)
        {
            // Whatever it is, an annotator's own failure included: the message goes back in line as it was.
            context.Events.MessageDamaged(host.Name, merge.MessageId, cause);
        }
        finally
        {
            original?.Release();
        }

        // What cannot be read cannot be moved either.
        return host.Policy.Judge(merge, default, isDeadLettered: true, context.Now);
    }

    private StoredMessage Rewrite(StoredMessage original, ReadOnlySpan<byte> annotations)
    {
        var merged = context.Annotator.MergeAnnotations(original, annotations);
        merged.Version = (byte)Math.Min(original.Version + 1, byte.MaxValue);
        merged.ChargeTo(context.Budget);
        return merged;
    }

    /// <summary>The message has had its chances: the move is what the ticket waits for.</summary>
    private void GiveUp(QueueHost host, in MessageMerge merge, in RetryVerdict verdict, SettleTicket? ticket)
    {
        if (!Complete(host, merge, null, default, verdict, ticket))
        {
            ticket?.PartDone();
        }
    }

    /// <summary>One record: the new bytes, the count, and until when the message is away.</summary>
    private void Store(QueueHost host, in MessageMerge merge, StoredMessage? merged, in RetryVerdict verdict, SettleTicket? ticket)
    {
        var batch = context.Journal.RentBatch();
        batch.BeginRecord();
        if (merged is not null)
        {
            EnqueueOperation.Write(batch, merged, merge.MessageId, merge.DeliveryCount, transient: false, [host.Id]);
        }

        if (verdict.DueAt != 0)
        {
            ParkOperation.Append(batch, merge.MessageId, host.Id, new Waiting(merge.DeliveryCount, verdict.DueAt));
        }
        else if (merged is null)
        {
            ListOperation.AppendCount(batch, merge.MessageId, host.Id, merge.DeliveryCount);
        }

        batch.EndRecord();
        context.Journal.Append(batch, sync: true, new Completion(this, host, merge, merged, verdict, batch, ticket));
    }

    /// <summary>Puts the new bytes in place and settles with the ledger: the old place is no longer live, or the new one never was.</summary>
    private bool Complete(
        QueueHost host, in MessageMerge merge, StoredMessage? merged, MessageLocation location, in RetryVerdict verdict, SettleTicket? ticket)
    {
        var applied = host.CompleteMerge(merge, merged, location, verdict, ticket);
        if (merged is not null)
        {
            context.Ledger.Drop(applied ? merge.Location : location);
        }

        return applied;
    }

    private sealed class Completion(
        AnnotationMerger merger, QueueHost host, MessageMerge merge, StoredMessage? merged, RetryVerdict verdict, JournalBatch batch, SettleTicket? ticket)
        : EngineCompletion
    {
        protected override void Written()
        {
            var ledger = host.Context.Ledger;
            var address = batch.AddressOf(0);
            var location = merged is null ? default : new MessageLocation(address, 0, merged.Length);
            if (location.IsStored)
            {
                ledger.AddLive(location);
            }

            ledger.DependOn(address.Segment, merge.Location.Address.Segment);
            batch.Dispose();
            if (verdict.IsExhausted)
            {
                merger.GiveUp(host, merge, verdict, ticket);
                return;
            }

            merger.Complete(host, merge, merged, location, verdict, ticket: null);
            ticket?.PartDone();
        }

        protected override void Failed(JournalException cause)
        {
            host.Context.Journal.Report(cause);
            merged?.Release();
            merger.Complete(host, merge, null, default, verdict, ticket: null);
            batch.Dispose();
            ticket?.PartDone(failed: true);
        }
    }
}
