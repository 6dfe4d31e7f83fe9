using Mamba.Broker.Journal;

namespace Mamba.Broker.Engine;

/// <summary>What became of the attempt to point an entry to its copy.</summary>
internal enum RelocateResult : byte
{
    /// <summary>The entry points to the copy.</summary>
    Moved,

    /// <summary>The message is no longer on the queue.</summary>
    Gone,

    /// <summary>It is being moved or rewritten: nothing can be said yet.</summary>
    Busy,

    /// <summary>It was rewritten since; the copy is outdated.</summary>
    Rewritten,
}

/// <summary>Copies all live messages of one segment to the end of the journal. Used once.</summary>
internal sealed class Relocation(EngineContext context, int segment)
{
    private const int EntriesPerBatch = 512;
    private const long BytesPerBatch = 1024 * 1024;
    private const int BusyRounds = 50;

    private static readonly TimeSpan BusyDelay = TimeSpan.FromMilliseconds(20);

    private readonly List<SegmentEntry> _entries = [];
    private readonly List<SegmentEntry> _again = [];
    private readonly List<Copy> _copies = [];

    /// <summary>Messages copied.</summary>
    public int Relocated { get; private set; }

    public async Task RunAsync(CancellationToken stop)
    {
        foreach (var (_, host) in context.Hosts)
        {
            var position = 0L;
            bool more;
            do
            {
                stop.ThrowIfCancellationRequested();
                _entries.Clear();
                more = host.CollectInSegment(segment, ref position, EntriesPerBatch, _entries);
                await CopyAllAsync(host, stop);
                while (_again.Count > 0)
                {
                    _entries.Clear();
                    _entries.AddRange(_again);
                    _again.Clear();
                    await CopyAllAsync(host, stop);
                }
            }
            while (more);
        }
    }

    private async Task CopyAllAsync(QueueHost host, CancellationToken stop)
    {
        var next = 0;
        while (next < _entries.Count)
        {
            _copies.Clear();
            var bytes = 0L;
            var batch = context.Journal.RentBatch();
            for (; next < _entries.Count && bytes < BytesPerBatch; next++)
            {
                bytes += Write(host, batch, _entries[next]);
            }

            if (batch.Count == 0)
            {
                batch.Dispose();
                continue;
            }

            await AppendAsync(host, batch, stop);
        }
    }

    /// <summary>Writes one copy: same id, current count. A message that cannot be read stays where it is, and holds its segment.</summary>
    private int Write(QueueHost host, JournalBatch batch, in SegmentEntry entry)
    {
        try
        {
            if (host.LoadBody(entry.Token, entry.MessageId, entry.Location) is not { } message)
            {
                return 0;
            }

            batch.BeginRecord();
            EnqueueOperation.Write(batch, message, entry.MessageId, entry.Waiting.DeliveryCount, !entry.Persistent, entry.Persistent ? [host.Id] : []);
            if (entry is { Persistent: true, Waiting.DueAt: not 0 })
            {
                ParkOperation.Append(batch, entry.MessageId, host.Id, entry.Waiting);
            }

            _copies.Add(new Copy(entry, batch.EndRecord()));
            message.Release();
            return entry.Location.BodyLength;
        }
        catch (Exception cause) when (cause is EngineException or JournalException)
        {
            context.Events.MessageDamaged(host.Name, entry.MessageId, cause);
            return 0;
        }
    }

    private async Task AppendAsync(QueueHost host, JournalBatch batch, CancellationToken stop)
    {
        var completion = new Completion(this, host, batch);
        context.Journal.Append(batch, sync: true, completion);
        var unresolved = await completion.Task;
        for (var round = 0; unresolved.Count > 0 && round < BusyRounds; round++)
        {
            await Task.Delay(BusyDelay, context.Time, stop);
            unresolved = Resolve(host, unresolved, completion.Corrections);
        }

        if (completion.Corrections is { Count: > 0 } corrections)
        {
            await CorrectAsync(host, corrections);
        }

        if (unresolved.Count > 0)
        {
            throw new EngineException(EngineError.Closed, $"{unresolved.Count} messages of segment {segment} are still on the move.");
        }
    }

    private List<PlacedCopy> Resolve(QueueHost host, List<PlacedCopy> unresolved, List<Correction> corrections)
    {
        var still = new List<PlacedCopy>();
        foreach (var copy in unresolved)
        {
            Place(host, copy, still, corrections);
        }

        return still;
    }

    /// <summary>Points the entry to its copy and notes what else the journal must be told.</summary>
    private void Place(QueueHost host, in PlacedCopy copy, List<PlacedCopy> busy, List<Correction> corrections)
    {
        var result = host.Relocate(copy.Entry, copy.To, out var waiting);
        switch (result)
        {
            case RelocateResult.Moved:
                Relocated++;
                context.Ledger.Drop(copy.Entry.Location);
                if (waiting != copy.Entry.Waiting && copy.Entry.Persistent)
                {
                    corrections.Add(new Correction(copy.Entry.MessageId, copy.To, waiting));
                }

                // What says that a terminus holds it may go with the segment, so it is said again.
                if (copy.Entry.Persistent && host.HolderOf(copy.Entry.Token, copy.Entry.MessageId) is { Terminus: not 0 } holder)
                {
                    corrections.Add(new Correction(copy.Entry.MessageId, copy.To, null, holder.Terminus, holder.AcquireCount));
                }

                break;
            case RelocateResult.Busy:
                busy.Add(copy);
                break;
            case RelocateResult.Gone:
                context.Ledger.Drop(copy.To);
                if (copy.Entry.Persistent)
                {
                    corrections.Add(new Correction(copy.Entry.MessageId, copy.To, null));
                }

                break;
            default:
                // A rewrite has a higher version, so this copy never counts. But the message must not be forgotten before the copy is:
                // it is copied once more, behind it.
                context.Ledger.Drop(copy.To);
                if (host.TryDescribe(copy.Entry, copy.To, out var current))
                {
                    _again.Add(current);
                }
                else
                {
                    corrections.Add(new Correction(copy.Entry.MessageId, copy.To, null));
                }

                break;
        }
    }

    /// <summary>Journals removals, counts and waits that came between a copy and its completion, behind the copy.</summary>
    private async Task CorrectAsync(QueueHost host, List<Correction> corrections)
    {
        var batch = context.Journal.RentBatch();
        batch.BeginRecord();
        foreach (var correction in corrections)
        {
            if (correction.Terminus != 0)
            {
                HoldOperation.Write(batch, host.Id, correction.Terminus, [new HoldMark(correction.MessageId, correction.Copy, correction.AcquireCount)]);
            }
            else if (correction.Waiting is { } waiting)
            {
                ParkOperation.Append(batch, correction.MessageId, host.Id, waiting);
            }
            else
            {
                ListOperation.AppendRemove(batch, correction.MessageId, host.Id);
            }
        }

        batch.EndRecord();
        var append = new AppendTask(batch);
        context.Journal.Append(batch, sync: true, append);
        var address = await append.Task;
        foreach (var correction in corrections)
        {
            context.Ledger.DependOn(address.Segment, correction.Copy.Address.Segment);
        }
    }

    private readonly record struct Copy(SegmentEntry Entry, int Record);

    private readonly record struct PlacedCopy(SegmentEntry Entry, MessageLocation To);

    private readonly record struct Correction(ulong MessageId, MessageLocation Copy, Waiting? Waiting, uint Terminus = 0, ushort AcquireCount = 0);

    private sealed class Completion(Relocation relocation, QueueHost host, JournalBatch batch) : EngineCompletion
    {
        private readonly TaskCompletionSource<List<PlacedCopy>> _done = new(TaskCreationOptions.RunContinuationsAsynchronously);

        /// <summary>Copies whose messages were busy.</summary>
        public Task<List<PlacedCopy>> Task => _done.Task;

        public List<Correction> Corrections { get; } = [];

        protected override void Written()
        {
            var ledger = relocation.OwnContext.Ledger;
            var busy = new List<PlacedCopy>();
            foreach (var copy in relocation._copies)
            {
                var to = new MessageLocation(batch.AddressOf(copy.Record), 0, copy.Entry.Location.BodyLength);
                ledger.AddLive(to);
                ledger.DependOn(to.Address.Segment, copy.Entry.Location.Address.Segment);
                ledger.DependOn(to.Address.Segment, copy.Entry.Covers);
                relocation.Place(host, new PlacedCopy(copy.Entry, to), busy, Corrections);
            }

            batch.Dispose();
            _done.TrySetResult(busy);
        }

        protected override void Failed(JournalException cause)
        {
            batch.Dispose();
            _done.TrySetException(new EngineException(EngineError.JournalFailed, $"The journal took no copies: {cause.Message}", cause));
        }
    }

    private EngineContext OwnContext => context;
}
