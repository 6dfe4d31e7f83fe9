using System.Runtime.InteropServices;

namespace Mamba.Broker.Engine;

/// <summary>A message published in a transaction that is open or being committed.</summary>
internal struct EnlistedPublish
{
    public const int NoOperation = -1;

    public IMessageNode Node;
    public StoredMessage Message;
    public int FirstTarget;
    public int TargetCount;

    /// <summary>Given at commit.</summary>
    public ulong MessageId;

    /// <summary>Where its operation stands in the commit record, or <see cref="NoOperation"/>.</summary>
    public int Offset;

    /// <summary>It goes nowhere: a message with its id is stored already, or another address it had to go to refused it.</summary>
    public bool IsLeftOut;
}

/// <summary>The id of a message published in a transaction; it counts from the commit on.</summary>
internal struct EnlistedId
{
    /// <summary>Index among the publishes; the first, when diverts made it several.</summary>
    public int Publish;

    /// <summary>How many they are.</summary>
    public int Count;

    public DuplicateWindow Window;
    public DuplicateId Id;

    /// <summary>Made when the commit begins.</summary>
    public IdClaim Claim;

    public bool IsClaimed;

    /// <summary>It stands in the commit's record.</summary>
    public bool IsStored;
}

/// <summary>An outcome for an acquired message in a transaction that is open or being committed.</summary>
internal struct EnlistedSettle
{
    public QueueConsumer Consumer;
    public Settlement Settlement;
    public bool SettledByPeer;

    /// <summary>The commit record takes the message off its queue.</summary>
    public bool Removed;
}

/// <summary>
/// What a transaction holds: publishes with their room reserved, in order, and messages of queues in state Enlisted. Reused.
/// Used by one thread at a time.
/// </summary>
internal sealed class EnlistedWork
{
    private const int KeepCapacity = 1024;

    private readonly List<EnlistedPublish> _publishes = [];
    private readonly List<EnlistedSettle> _settles = [];
    private readonly List<EnlistedId> _ids = [];

    /// <summary>For each target the <see cref="QueueAdmission.Count"/> in which its room is reserved; 0 = it is not.</summary>
    private readonly List<int> _rooms = [];

    /// <summary>Messages to publish. The span holds until the next one is added.</summary>
    public Span<EnlistedPublish> Publishes => CollectionsMarshal.AsSpan(_publishes);

    /// <summary>Outcomes to apply. The span holds until the next one is added.</summary>
    public Span<EnlistedSettle> Settles => CollectionsMarshal.AsSpan(_settles);

    /// <summary>Ids of the messages to publish. The span holds until the next one is added.</summary>
    public Span<EnlistedId> Ids => CollectionsMarshal.AsSpan(_ids);

    /// <summary>The queues that the publishes go to.</summary>
    public RouteList Targets { get; private set; } = new();

    /// <summary>Whether it is worth keeping for another transaction.</summary>
    public bool IsSmall => Math.Max(Math.Max(_publishes.Capacity, _settles.Capacity), Math.Max(_ids.Capacity, Targets.Capacity)) <= KeepCapacity;

    public void Add(in EnlistedPublish publish) => _publishes.Add(publish);

    /// <summary>Gives the publishes from one on an id.</summary>
    public void Add(DuplicateWindow window, DuplicateId id, int first) =>
        _ids.Add(new EnlistedId { Publish = first, Count = _publishes.Count - first, Window = window, Id = id });

    /// <summary>
    /// Brings the ids into an order that is the same for all transactions, so that none waits for another that waits for it; of two
    /// publishes with one id the first comes first.
    /// </summary>
    public void SortIds() => _ids.Sort(static (left, right) =>
        left.Window.Node != right.Window.Node ? left.Window.Node.CompareTo(right.Window.Node)
        : left.Id != right.Id ? left.Id.Value.CompareTo(right.Id.Value)
        : left.Publish.CompareTo(right.Publish));

    /// <summary>Takes publishes out: their room is given back, and their messages are released at the end.</summary>
    public void Leave(int first, int count)
    {
        foreach (ref var publish in Publishes.Slice(first, count))
        {
            GiveRoomBack(publish);
            publish.TargetCount = 0;
            publish.IsLeftOut = true;
        }
    }

    public void Add(in EnlistedSettle settle) => _settles.Add(settle);

    /// <summary>
    /// Brings publishes to topics that keep messages up to date: what is kept from the commit on must go to everybody who subscribed before.
    /// </summary>
    public void AddLateSubscriptions()
    {
        if (!_publishes.Exists(static publish => publish.Node is TopicNode { Kept: not null }))
        {
            return;
        }

        var targets = new RouteList();
        var rooms = new List<int>();
        foreach (ref var publish in Publishes)
        {
            var first = targets.Count;
            for (var t = 0; t < publish.TargetCount; t++)
            {
                targets.Add(Targets[publish.FirstTarget + t]);
                rooms.Add(_rooms[publish.FirstTarget + t]);
            }

            if (publish is { Node: TopicNode { Kept: not null } topic, IsLeftOut: false })
            {
                topic.RouteLate(publish.Message, targets, first);
            }

            publish.FirstTarget = first;
            publish.TargetCount = targets.Count - first;
            rooms.AddRange(Enumerable.Repeat(0, targets.Count - rooms.Count));
        }

        Targets = targets;
        _rooms.Clear();
        _rooms.AddRange(rooms);
    }

    /// <summary>
    /// Notes where room was reserved, from a target on. Where senders wait for room it is given back until the commit: a transaction would wait
    /// for itself otherwise.
    /// </summary>
    public void NoteRoom(int first, long bytes)
    {
        for (var i = first; i < Targets.Count; i++)
        {
            var blocks = Targets[i].Admission.Blocks;
            if (blocks)
            {
                Targets[i].Unreserve(1, bytes);
            }

            _rooms.Add(blocks ? 0 : Targets[i].Admission.Count);
        }
    }

    /// <summary>The commit begins: whatever the limits were meanwhile, a target's room is reserved once from now on.</summary>
    public void TakeRoom(int target, long bytes)
    {
        var count = Targets[target].Admission.Count;
        if (_rooms[target] != count)
        {
            Targets[target].Reserve(1, bytes);
            _rooms[target] = count;
        }
    }

    /// <summary>How many settlements from <paramref name="first"/> on are alike, so that one turn of their queue's lock does.</summary>
    public int RunOfSettles(int first)
    {
        var settles = Settles;
        var host = settles[first].Consumer.Host;
        var end = first + 1;
        while (end < settles.Length
            && ReferenceEquals(settles[end].Consumer.Host, host)
            && settles[end].Removed == settles[first].Removed
            && settles[end].Settlement.Outcome == settles[first].Settlement.Outcome)
        {
            end++;
        }

        return end - first;
    }

    /// <summary>Gives back what is held: room, messages, and the queues' messages.</summary>
    public void Undo(long now)
    {
        foreach (ref readonly var publish in Publishes)
        {
            for (var t = 0; t < publish.TargetCount; t++)
            {
                Targets[publish.FirstTarget + t].Unclaim(publish.MessageId);
            }

            GiveRoomBack(publish);
            publish.Message.Release();
        }

        // One turn of a queue's lock for all of its messages: a consumer that waits must not meet a later one before an earlier one.
        var settles = Settles.ToArray();
        Array.Sort(settles, static (one, other) => one.Consumer.Host.Id.CompareTo(other.Consumer.Host.Id));
        for (var first = 0; first < settles.Length;)
        {
            var host = settles[first].Consumer.Host;
            var end = first + 1;
            while (end < settles.Length && ReferenceEquals(settles[end].Consumer.Host, host))
            {
                end++;
            }

            GiveBack(host, settles.AsMemory(first, end - first), now);
            first = end;
        }
    }

    public void Clear()
    {
        _publishes.Clear();
        _settles.Clear();
        _ids.Clear();
        _rooms.Clear();
        Targets.Clear();
    }

    private void GiveRoomBack(in EnlistedPublish publish)
    {
        for (var i = publish.FirstTarget; i < publish.FirstTarget + publish.TargetCount; i++)
        {
            if (_rooms[i] != 0 && _rooms[i] == Targets[i].Admission.Count)
            {
                Targets[i].Unreserve(1, publish.Message.Length);
            }

            _rooms[i] = 0;
        }
    }

    private static void GiveBack(QueueHost host, ReadOnlyMemory<EnlistedSettle> settles, long now)
    {
        host.Run((settles, now), static (core, state, effects) =>
        {
            foreach (ref readonly var held in state.settles.Span)
            {
                if (held.SettledByPeer || !core.ReturnEnlisted(held.Settlement.Token, held.Consumer))
                {
                    var outcome = held.SettledByPeer
                        ? new Settlement(held.Settlement.Token, OutcomeKind.Modified, DeliveryFailed: true)
                        : new Settlement(held.Settlement.Token, OutcomeKind.Released);
                    core.SettleEnlisted(outcome, held.Consumer, state.now, effects);
                }
            }

            core.Wake(effects);
            return 0;
        });
    }
}
