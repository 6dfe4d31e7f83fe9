using System.Runtime.CompilerServices;

namespace Mamba.Broker.Engine;

/// <summary>
/// The groups of one queue. A group belongs to the consumer that took its first message. Whoever meets a message of another's
/// group sets it aside for that one, so each message is passed over once, and a group whose consumer has no credit is in nobody's
/// way. Made with the first message that has a group. Guarded by the queue's lock.
/// </summary>
/// <remarks>
/// Groups without messages are remembered, so that a group stays with its consumer while the queue runs empty; at most
/// <see cref="MaxIdle"/>, the longest idle is forgotten first. Filtering consumers find what is theirs by themselves: for them
/// nothing is set aside.
/// </remarks>
internal sealed class GroupTable(QueueCore core)
{
    /// <summary>Groups without messages that are remembered.</summary>
    public const int MaxIdle = 16_384;

    private readonly Dictionary<uint, MessageGroup> _groups = [];
    private readonly Dictionary<long, MessageGroup> _byToken = [];
    private readonly LinkedList<MessageGroup> _idle = [];
    private readonly List<MessageGroup> _free = [];

    /// <summary>Groups known, those without messages included.</summary>
    public int Count => _groups.Count;

    /// <summary>Messages set aside.</summary>
    public long Reserved { get; private set; }

    /// <summary>Rises whenever messages set aside became available again.</summary>
    public long Changes { get; private set; }

    /// <summary>A message of a group came to the queue.</summary>
    public void Add(long token, uint key)
    {
        if (!_groups.TryGetValue(key, out var group))
        {
            _groups[key] = group = new MessageGroup(key);
        }

        if (group.Idle is { } node)
        {
            _idle.Remove(node);
            group.Idle = null;
        }

        group.Messages++;
        _byToken[token] = group;
    }

    /// <summary>An entry is about to change its state.</summary>
    public void OnChange(long token, in QueueEntry entry, EntryState to)
    {
        if (!entry.IsGrouped)
        {
            return;
        }

        Reserved += (to == EntryState.Reserved ? 1 : 0) - (entry.State == EntryState.Reserved ? 1 : 0);
        var group = _byToken[token];
        group.Held += (IsHeld(to) ? 1 : 0) - (IsHeld(entry.State) ? 1 : 0);
        if (to == EntryState.Removed)
        {
            _byToken.Remove(token);
            group.Messages--;
        }

        if (group.HeldUp is not null && to is EntryState.Available or EntryState.Removed)
        {
            LetGo(group, token);
        }

        if (group.Held == 0 && group.IsMoving)
        {
            // Not now: the change itself comes first.
            _free.Add(group);
        }
        else if (group.Messages == 0)
        {
            Rest(group);
        }
    }

    /// <summary>Whether a consumer may take an available message; if not, it is set aside where that helps.</summary>
    public bool MayTake(QueueConsumer consumer, long token, ref QueueEntry entry)
    {
        var group = _byToken[token];
        if (group.IsMoving || group.HoldsUp(token))
        {
            (group.Waiting ??= []).Add(token);
            core.Index.SetState(token, ref entry, EntryState.Reserved);
            return false;
        }

        if (group.Owner is null)
        {
            return TryClaim(group, consumer);
        }

        if (ReferenceEquals(group.Owner, consumer))
        {
            return true;
        }

        if (!group.Owner.Scans)
        {
            core.Index.SetState(token, ref entry, EntryState.Reserved);
            group.Owner.Lane!.Add(token);
        }

        return false;
    }

    /// <summary>
    /// Whether a message set aside for a consumer is still there, its own, and may be taken now. If not, it leaves the consumer's lane:
    /// where it only has to wait behind another of its group, it is set aside for that.
    /// </summary>
    public bool IsReservedFor(QueueConsumer consumer, long token)
    {
        ref var entry = ref core.Index.Find(token);
        if (Unsafe.IsNullRef(ref entry) || entry.State != EntryState.Reserved || _byToken[token] is not { IsMoving: false } group
            || !ReferenceEquals(group.Owner, consumer))
        {
            return false;
        }

        if (!group.HoldsUp(token))
        {
            return true;
        }

        (group.Waiting ??= []).Add(token);
        return false;
    }

    /// <summary>A failed delivery: until it is back in line, or gone, what is behind it in its group waits too.</summary>
    public void Hold(long token) => (_byToken[token].HeldUp ??= []).Add(MessageGroup.OrderOf(token));

    /// <summary>A consumer met a message that it must not have: its group goes to another.</summary>
    public void OnExcluded(QueueConsumer consumer, long token)
    {
        var group = _byToken[token];
        group.Avoids = consumer;
        if (ReferenceEquals(group.Owner, consumer) && !group.IsMoving)
        {
            Leave(group, heir: null);
            SetFree(consumer);
        }
    }

    /// <summary>The last message of a group was taken: the group is open to all again. A consumer that is alone keeps it.</summary>
    public void OnClosingTaken(long token)
    {
        if (core.Consumers.TakingCount > 1 && _byToken.TryGetValue(token, out var group) && group is { Owner: { } owner, IsMoving: false })
        {
            Leave(group, heir: null);
            SetFree(owner);
        }
    }

    /// <summary>Recovery found a message that is held for a link which is not back yet: nobody gets any of its group before it is done with.</summary>
    public void OnKept(long token) => _byToken[token].IsMoving = true;

    /// <summary>A consumer is gone; what it held is back in line, but for what transactions hold.</summary>
    public void OnClosed(QueueConsumer consumer)
    {
        if (consumer.Lane is null)
        {
            return;
        }

        foreach (var group in _groups.Values)
        {
            if (ReferenceEquals(group.Heir, consumer))
            {
                group.Heir = null;
            }

            if (ReferenceEquals(group.Owner, consumer) && !group.IsMoving)
            {
                Leave(group, heir: null);
            }
        }

        SetFree(consumer);
    }

    /// <summary>A consumer came: it gets its share of the groups, from those that have most.</summary>
    public void Rebalance(QueueConsumer newcomer)
    {
        var peers = CountPeers(newcomer, out var groups);
        var share = peers == 0 ? 0 : groups / peers;
        if (share == 0)
        {
            return;
        }

        newcomer.Lane ??= new GroupLane();
        var got = TakeFromPeers(newcomer, share, share, busy: false);
        TakeFromPeers(newcomer, share - got, share, busy: true);
    }

    /// <summary>Ends the moves that can end, and wakes consumers for what is set aside for them.</summary>
    public void Conclude(List<QueueConsumer> signals)
    {
        // Making messages available cannot add to the list: nothing of these groups is held.
        foreach (var group in _free)
        {
            if (group is { IsMoving: true, Held: 0 })
            {
                HandOver(group);
            }
            else if (!group.IsMoving)
            {
                Resume(group);
            }
        }

        _free.Clear();
        for (var i = 0; Reserved > 0 && i < core.Consumers.Count; i++)
        {
            var consumer = core.Consumers[i];
            if (consumer.Lane is { HasMessages: true } && core.Admits(consumer))
            {
                ConsumerSet.Signal(consumer, signals);
            }
        }
    }

    private static bool IsHeld(EntryState state) => state is EntryState.Acquired or EntryState.Enlisted or EntryState.Moving;

    private static bool IsPeer(QueueConsumer consumer, QueueConsumer other) => !other.Scans && other.Priority == consumer.Priority;

    private bool TryClaim(MessageGroup group, QueueConsumer consumer)
    {
        if (ReferenceEquals(group.Avoids, consumer) && core.Consumers.TakingCount > 1)
        {
            return false;
        }

        group.Avoids = null;
        group.Owner = consumer;
        (consumer.Lane ??= new GroupLane()).Groups++;
        return true;
    }

    /// <summary>Takes a group from its owner, now or when nothing of it is held.</summary>
    private void Leave(MessageGroup group, QueueConsumer? heir)
    {
        group.Owner!.Lane!.Groups--;
        group.Heir = heir;
        group.IsMoving = true;
        if (group.Held == 0)
        {
            HandOver(group);
        }
    }

    private void HandOver(MessageGroup group)
    {
        group.IsMoving = false;
        group.Owner = group.Heir is { IsAttached: true } heir ? heir : null;
        group.Heir = null;
        if (group.Owner is { } owner)
        {
            (owner.Lane ??= new GroupLane()).Groups++;
        }

        Resume(group);
        core.NoteChange();
        if (group.Messages == 0)
        {
            Rest(group);
        }
    }

    /// <summary>What was set aside for the group is up to all again; what still has to wait is set aside anew by whoever meets it.</summary>
    private void Resume(MessageGroup group)
    {
        Changes++;
        if (group.Waiting is { } waiting)
        {
            group.Waiting = null;
            foreach (var token in waiting)
            {
                MakeAvailable(token);
            }
        }
    }

    /// <summary>A message that held its group up holds it up no longer.</summary>
    private void LetGo(MessageGroup group, long token)
    {
        if (group.HeldUp!.Remove(MessageGroup.OrderOf(token)))
        {
            group.HeldUp = group.HeldUp.Count == 0 ? null : group.HeldUp;

            // Not now: the change itself comes first.
            _free.Add(group);
        }
    }

    /// <summary>Everything set aside for a consumer is up to all again; what is still its own is set aside anew by whoever meets it.</summary>
    private void SetFree(QueueConsumer consumer)
    {
        Changes++;
        while (consumer.Lane!.TryPeek(out var token))
        {
            consumer.Lane.RemoveFirst();
            MakeAvailable(token);
        }
    }

    private void MakeAvailable(long token)
    {
        ref var entry = ref core.Index.Find(token);
        if (!Unsafe.IsNullRef(ref entry) && entry.State == EntryState.Reserved)
        {
            core.MakeAvailable(token, ref entry);
        }
    }

    /// <summary>A group without messages: remembered for its owner's sake, within bounds.</summary>
    private void Rest(MessageGroup group)
    {
        if (group.Owner is null)
        {
            Unlist(group);
            _groups.Remove(group.Key);
            return;
        }

        group.Idle ??= _idle.AddLast(group);
        if (_idle.Count > MaxIdle && _idle.First is { } oldest)
        {
            oldest.Value.Owner!.Lane!.Groups--;
            Unlist(oldest.Value);
            _groups.Remove(oldest.Value.Key);
        }
    }

    private void Unlist(MessageGroup group)
    {
        if (group.Idle is { } node)
        {
            _idle.Remove(node);
            group.Idle = null;
        }
    }

    /// <summary>Consumers like the newcomer, itself included, and the groups they have.</summary>
    private int CountPeers(QueueConsumer newcomer, out int groups)
    {
        groups = 0;
        var peers = 0;
        for (var i = 0; !newcomer.Scans && i < core.Consumers.Count; i++)
        {
            var consumer = core.Consumers[i];
            if (IsPeer(newcomer, consumer))
            {
                peers++;
                groups += consumer.Lane?.Groups ?? 0;
            }
        }

        return peers;
    }

    /// <summary>Moves groups from peers that have more than their share; those in use only if <paramref name="busy"/>.</summary>
    private int TakeFromPeers(QueueConsumer newcomer, int wanted, int share, bool busy)
    {
        var got = 0;
        foreach (var group in _groups.Values)
        {
            if (got == wanted)
            {
                break;
            }

            // Removing while walking is allowed in a dictionary, and all that can happen here.
            if (group is { Owner: { } owner, IsMoving: false } && !ReferenceEquals(owner, newcomer) && IsPeer(newcomer, owner)
                && owner.Lane!.Groups > share && (group.Held > 0) == busy)
            {
                got++;
                Leave(group, newcomer);
                SetFree(owner);
            }
        }

        return got;
    }
}
