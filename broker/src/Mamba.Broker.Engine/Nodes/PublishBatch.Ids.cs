using System.Runtime.InteropServices;
using Mamba.Broker.Journal;

namespace Mamba.Broker.Engine;

/// <content>
/// Messages that are stored only once. Before such a message is routed its id is claimed; the id stands in the message's record, and
/// is confirmed when that is on disk. A duplicate is answered at once when the first message is stored, and with it when it is
/// still on its way. A batch without ids pays for looking at an empty list.
/// </content>
public sealed partial class PublishBatch
{
    private const int None = -1;

    private readonly List<BatchId> _ids = [];
    private int _nextId;

    private void AddId(DuplicateWindow window, DuplicateId id) => _ids.Add(new BatchId { Entry = _count - 1, Window = window, Id = id, Record = None });

    private int NextWithId() => _nextId < _ids.Count ? _ids[_nextId].Entry : None;

    /// <summary>Publishes the next message that has an id; true when it goes through the journal.</summary>
    private bool PublishWithId(ref PublishEntry entry, ref bool sync)
    {
        ref var id = ref CollectionsMarshal.AsSpan(_ids)[_nextId++];
        entry.Record = PublishEntry.NoRecord;
        if (!entry.Node.IsDeleted && !Claim(ref id, ref entry))
        {
            return false;
        }

        Route(ref entry);
        if (entry.Outcome != PublishOutcome.Accepted)
        {
            if (id.IsClaimed)
            {
                id.IsClaimed = false;
                id.Window.GiveUp(id.Claim.Position, entry.Outcome);
            }

            return false;
        }

        entry.Waits = entry.TargetCount > 0 && Plan(ref entry, ref sync);
        if (id.IsClaimed && entry.Message.Durable && id.Window.IsDurable)
        {
            sync = true;
            id.IsStored = true;
            WaitForJournal(ref entry);
        }

        id.Waits = entry.Waits;
        return entry.Waits;
    }

    private bool Claim(ref BatchId id, ref PublishEntry entry)
    {
        switch (id.Window.Claim(id.Id, new ClaimWaiter(entry.Observer, entry.Token, Commit: null), out id.Claim))
        {
            case ClaimOutcome.Claimed:
                id.IsClaimed = true;
                return true;
            case ClaimOutcome.Pending:
                // Answered by what becomes of the first one.
                entry.Observer = null;
                break;
            default:
                break;
        }

        entry.Outcome = PublishOutcome.Duplicate;
        return false;
    }

    /// <summary>Its id needs a record, even when the message has none: nobody keeps it, or only what does not outlive the process.</summary>
    private void WaitForJournal(ref PublishEntry entry)
    {
        if (entry.Waits)
        {
            return;
        }

        entry.Waits = true;
        for (var i = 0; i < entry.TargetCount; i++)
        {
            _targets[entry.FirstTarget + i].BeginFlight();
        }
    }

    /// <summary>Writes the id of a message into the record that is open for it.</summary>
    private void WriteIdOf(JournalBatch records, int entry)
    {
        var ids = CollectionsMarshal.AsSpan(_ids);
        while (_nextId < ids.Length && ids[_nextId].Entry < entry)
        {
            _nextId++;
        }

        if (_nextId < ids.Length && ids[_nextId].Entry == entry && ids[_nextId].IsStored)
        {
            ref var id = ref ids[_nextId];
            DuplicateOperation.Write(records, id.Window, id.Id, id.Claim);
            id.Record = records.Count;
        }
    }

    /// <summary>Writes the ids whose messages have no record.</summary>
    private void WriteLoneIds(JournalBatch records)
    {
        foreach (ref var id in CollectionsMarshal.AsSpan(_ids))
        {
            if (id.IsStored && id.Record == None)
            {
                records.BeginRecord();
                DuplicateOperation.Write(records, id.Window, id.Id, id.Claim);
                id.Record = records.EndRecord();
            }
        }
    }

    private void ConfirmIds(bool waits)
    {
        foreach (ref readonly var id in CollectionsMarshal.AsSpan(_ids))
        {
            if (id.IsClaimed && id.Waits == waits)
            {
                id.Window.Confirm(id.Claim.Position, id.IsStored ? _records!.AddressOf(id.Record).Segment : KnownId.InMemory);
            }
        }
    }

    private void GiveUpIds(PublishOutcome outcome)
    {
        foreach (ref readonly var id in CollectionsMarshal.AsSpan(_ids))
        {
            if (id.IsClaimed && id.Waits)
            {
                id.Window.GiveUp(id.Claim.Position, outcome);
            }
        }
    }

    private struct BatchId
    {
        /// <summary>Index of the message in the batch.</summary>
        public int Entry;

        /// <summary>Index of the record that holds it.</summary>
        public int Record;

        public DuplicateWindow Window;
        public DuplicateId Id;
        public IdClaim Claim;
        public bool IsClaimed;

        /// <summary>It goes to the journal.</summary>
        public bool IsStored;

        /// <summary>It holds when the journal's turn comes.</summary>
        public bool Waits;
    }
}
