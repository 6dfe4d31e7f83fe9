namespace Mamba.Broker.Engine;

/// <content>
/// Messages of a transaction that are stored only once. Their ids are claimed when the commit begins, in an order that is the same
/// for all commits, and stand in the commit's record. An id that somebody else is storing at that moment is waited for: whether
/// this message is a duplicate is not known before. A duplicate is left out; the rest of the transaction is not touched by it.
/// </content>
internal sealed partial class CommitRecord
{
    private int _nextClaim;

    /// <summary>Goes on with a commit that waited for an id.</summary>
    public void ResumeSoon() => ThreadPool.UnsafeQueueUserWorkItem(static record => record.Append(), this, preferLocal: false);

    /// <summary>Claims what is not claimed yet; false when it has to wait, and will be resumed.</summary>
    private bool ClaimIds()
    {
        if (_nextClaim == 0)
        {
            Work.SortIds();
        }

        while (_nextClaim < Work.Ids.Length)
        {
            ref var id = ref Work.Ids[_nextClaim];
            if (_nextClaim > 0 && IsSameAsBefore(_nextClaim))
            {
                id.Window.CountFound();
                Leave(id);
                _nextClaim++;
                continue;
            }

            switch (id.Window.Claim(id.Id, new ClaimWaiter(Observer: null, 0, this), out id.Claim))
            {
                case ClaimOutcome.Claimed:
                    id.IsClaimed = true;
                    break;
                case ClaimOutcome.Known:
                    Leave(id);
                    break;
                default:
                    // From here on the waiter may go on with this commit, on another thread.
                    return false;
            }

            _nextClaim++;
        }

        return true;
    }

    private void Leave(in EnlistedId id)
    {
        Work.Leave(id.Publish, id.Count);
        _unit!.LeftDuplicatesOut = true;
    }

    private bool IsSameAsBefore(int index) =>
        Work.Ids[index].Id == Work.Ids[index - 1].Id && ReferenceEquals(Work.Ids[index].Window, Work.Ids[index - 1].Window);

    private void WriteIds()
    {
        foreach (ref var id in Work.Ids)
        {
            id.IsStored = id.IsClaimed && id.Window.IsDurable && Work.Publishes[id.Publish].Message.Durable;
            if (id.IsStored)
            {
                DuplicateOperation.Write(_batch!, id.Window, id.Id, id.Claim);
                _writes = true;
                _sync = true;
            }
        }
    }

    private void ConfirmIds(int segment)
    {
        foreach (ref readonly var id in Work.Ids)
        {
            if (id.IsClaimed)
            {
                id.Window.Confirm(id.Claim.Position, id.IsStored ? segment : KnownId.InMemory);
            }
        }
    }

    private void GiveUpIds(PublishOutcome outcome)
    {
        foreach (ref readonly var id in Work.Ids)
        {
            if (id.IsClaimed)
            {
                id.Window.GiveUp(id.Claim.Position, outcome);
            }
        }
    }
}
