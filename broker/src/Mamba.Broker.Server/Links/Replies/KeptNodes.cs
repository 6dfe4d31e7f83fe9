using Mamba.Amqp.Transport;
using Mamba.Broker.Engine;
using Mamba.Broker.Server.Connections;

namespace Mamba.Broker.Server.Links.Replies;

/// <summary>
/// Temporary nodes whose owner's connection was lost. Each is kept for a while, and its replies with it, for the same client (the
/// container-id and user that made it) to come back to: by attaching a receiver to its address, or by attaching the link that made it
/// again, dynamic as before. Thread-safe.
/// </summary>
internal sealed class KeptNodes(MessageEngine engine, ReplyOptions options)
{
    /// <summary>How the broker's own addresses begin: some clients put the one they had into the name of the link that asks again.</summary>
    private const string AddressStart = "temp-";

    private readonly Lock _gate = new();
    private readonly Dictionary<string, Kept> _byAddress = new(StringComparer.Ordinal);
    private readonly Dictionary<LinkIdentity, Kept> _byLink = [];
    private readonly Dictionary<Client, int> _countByClient = [];
    private readonly LinkedList<Kept> _byTime = new();
    private int _count;

    /// <summary>Nodes that wait for their client now.</summary>
    public int Count => Volatile.Read(ref _count);

    /// <summary>A link that may own a node has ended: the node ends with it, or is kept when the connection was lost.</summary>
    /// <param name="owner">What the link owns.</param>
    /// <param name="attach">How the peer attached the link.</param>
    /// <param name="lost">The peer did not end it: its connection was lost, or another took the link's name over.</param>
    /// <param name="now">The server's monotonic milliseconds.</param>
    public void OnOwnerGone(TerminusOwner owner, Attach attach, bool lost, long now)
    {
        if (!lost || owner.Node is not { IsDeleted: false } node || options.KeepAfterLoss <= TimeSpan.Zero || !TryKeep(owner, node, attach, now))
        {
            engine.CloseOwner(owner);
        }
    }

    /// <summary>
    /// Gives a link that asks for a dynamic node the one that it had before its connection was lost, if that is kept; null if not.
    /// </summary>
    /// <param name="attach">The attach.</param>
    /// <param name="kind">The kind of node it asks for.</param>
    /// <param name="owner">Who is to have it.</param>
    public IMessageNode? TryTake(Attach attach, NodeKind kind, TerminusOwner owner)
    {
        if (Count == 0)
        {
            return null;
        }

        Kept? kept;
        lock (_gate)
        {
            if (!_byLink.TryGetValue(IdentityOf(attach, owner.Connection), out kept))
            {
                kept = FindInName(attach.Name);
            }

            if (kept is null || kept.Node.Kind != kind || !Forget(kept, ClientOf(owner.Connection)))
            {
                return null;
            }
        }

        return Give(kept, owner) ? kept.Node : null;
    }

    /// <summary>Gives a kept node to a link of its client that attaches to its address; false when it is not kept, or is another's.</summary>
    public bool TryTake(string address, TerminusOwner owner)
    {
        Kept? kept;
        lock (_gate)
        {
            if (!_byAddress.TryGetValue(address, out kept) || !Forget(kept, ClientOf(owner.Connection)))
            {
                return false;
            }
        }

        return Give(kept, owner);
    }

    /// <summary>Whether two connections are of one client: the same container-id and user.</summary>
    public static bool IsSameClient(AmqpConnection one, AmqpConnection other) => ClientOf(one) == ClientOf(other);

    /// <summary>Ends the nodes whose client did not come back in time.</summary>
    /// <param name="now">The server's monotonic milliseconds.</param>
    public void Sweep(long now)
    {
        while (Count > 0 && TakeOverdue(now) is { } kept)
        {
            engine.CloseOwner(kept.Owner);
        }
    }

    private bool TryKeep(TerminusOwner owner, IMessageNode node, Attach attach, long now)
    {
        var client = ClientOf(owner.Connection);
        var kept = new Kept(owner, node, client, IdentityOf(attach, owner.Connection), now + (long)options.KeepAfterLoss.TotalMilliseconds);
        lock (_gate)
        {
            var ofClient = _countByClient.GetValueOrDefault(client);
            if (_count >= options.MaxKept || ofClient >= options.MaxKeptByClient || !_byAddress.TryAdd(node.Address, kept))
            {
                return false;
            }

            _byLink[kept.Link] = kept;
            _countByClient[client] = ofClient + 1;
            kept.Place = _byTime.AddLast(kept);
            _count++;
        }

        engine.LeaveUnattended(owner, options.MaxKeptBytes);
        return true;
    }

    private Kept? TakeOverdue(long now)
    {
        lock (_gate)
        {
            return _byTime.First?.Value is { } oldest && oldest.Deadline <= now && Forget(oldest, oldest.Client) ? oldest : null;
        }
    }

    /// <summary>Takes a node off the books for its client; false when it is another's, or was taken. The lock is held.</summary>
    private bool Forget(Kept kept, Client client)
    {
        if (kept.Place is not { } place || kept.Client != client)
        {
            return false;
        }

        kept.Place = null;
        _byTime.Remove(place);
        _count--;
        _byAddress.Remove(kept.Node.Address);
        if (_byLink.TryGetValue(kept.Link, out var same) && ReferenceEquals(same, kept))
        {
            _byLink.Remove(kept.Link);
        }

        if (--_countByClient[client] == 0)
        {
            _countByClient.Remove(client);
        }

        return true;
    }

    private Kept? FindInName(string link)
    {
        for (var at = link.IndexOf(AddressStart, StringComparison.Ordinal); at >= 0; at = link.IndexOf(AddressStart, at + 1, StringComparison.Ordinal))
        {
            if (_byAddress.TryGetValue(link[at..], out var kept))
            {
                return kept;
            }
        }

        return null;
    }

    private bool Give(Kept kept, TerminusOwner owner)
    {
        if (!engine.TransferOwner(kept.Owner, owner))
        {
            return false;
        }

        owner.Node = kept.Node;
        return true;
    }

    private static Client ClientOf(AmqpConnection connection) => new(connection.ContainerId, connection.Principal.Name);

    private static LinkIdentity IdentityOf(Attach attach, AmqpConnection connection) =>
        new(connection.ContainerId, connection.Principal.Name, attach.Name, attach.Role);

    private readonly record struct Client(string ContainerId, string User);

    private sealed class Kept(TerminusOwner owner, IMessageNode node, Client client, LinkIdentity link, long deadline)
    {
        public TerminusOwner Owner => owner;

        public IMessageNode Node => node;

        public Client Client => client;

        public LinkIdentity Link => link;

        public long Deadline => deadline;

        /// <summary>Its place among those that wait; null once it was taken.</summary>
        public LinkedListNode<Kept>? Place { get; set; }
    }
}
