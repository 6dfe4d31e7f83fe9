using System.Collections.Concurrent;
using Mamba.Amqp.Endpoints;
using Mamba.Amqp.Transport;

namespace Mamba.Broker.Server.Connections;

/// <summary>
/// All connections, the containers that want to be sole, and which connection has which link name of a container
/// (AMQP 1.0 §2.6.1: a link is its name, its direction and the two containers). Thread-safe.
/// </summary>
internal sealed class ConnectionRegistry
{
    private readonly ConcurrentDictionary<long, AmqpConnection> _connections = new();
    private readonly Lock _gate = new();
    private readonly Dictionary<string, AmqpConnection> _sole = new(StringComparer.Ordinal);
    private readonly Dictionary<LinkIdentity, HeldLink> _links = [];
    private int _entered;

    /// <summary>A snapshot.</summary>
    public ICollection<AmqpConnection> All => _connections.Values;

    /// <summary>Signals every connection whose time has come, without a snapshot.</summary>
    public void SignalDue(long now)
    {
        foreach (var (_, connection) in _connections)
        {
            if (connection.NextTick <= now)
            {
                connection.Signal();
            }
        }
    }

    public void Add(AmqpConnection connection) => _connections[connection.Id] = connection;

    /// <summary>
    /// Claims the connection's container-id if it wants to be sole; false when another sole connection has it. Connections that do
    /// not ask share a container-id as they like.
    /// </summary>
    /// <param name="connection">The connection.</param>
    /// <param name="former">The one that has it.</param>
    public bool TryClaimContainer(AmqpConnection connection, out AmqpConnection? former)
    {
        former = null;
        if (!connection.IsSole)
        {
            return true;
        }

        lock (_gate)
        {
            if (_sole.TryAdd(connection.ContainerId, connection))
            {
                return true;
            }

            former = _sole[connection.ContainerId];
            return false;
        }
    }

    /// <summary>
    /// Notes who has a link, and takes it from the connection of the same container and user that had it before. Completes when
    /// that one has given back what the link held.
    /// </summary>
    public Task StealLinkAsync(AmqpConnection connection, LinkEndpoint link, Attach attach)
    {
        HeldLink former;
        bool hasFormer;
        var identity = new LinkIdentity(connection.ContainerId, connection.Principal.Name, attach.Name, attach.Role);
        lock (_gate)
        {
            hasFormer = _links.Remove(identity, out former);
            _links[identity] = new HeldLink(connection, link);
            connection.HeldLinks.Add(identity);
        }

        if (hasFormer && former.Link != link && (former.Connection != connection || former.Link.Session != link.Session))
        {
            return former.Connection.LoseLinkAsync(former.Link);
        }

        return Task.CompletedTask;
    }

    /// <summary>Counts a connection whose open is to be accepted; false when there are as many as may be. Pair with <see cref="Leave"/>.</summary>
    public bool TryEnter(int most)
    {
        if (Interlocked.Increment(ref _entered) <= most)
        {
            return true;
        }

        Leave();
        return false;
    }

    public void Leave() => Interlocked.Decrement(ref _entered);

    public void Remove(AmqpConnection connection) => _connections.TryRemove(connection.Id, out _);

    /// <summary>The connection gave back what it held: its container-id and its link names are free.</summary>
    public void ReleaseNames(AmqpConnection connection)
    {
        lock (_gate)
        {
            if (_sole.TryGetValue(connection.ContainerId, out var sole) && sole == connection)
            {
                _sole.Remove(connection.ContainerId);
            }

            foreach (var identity in connection.HeldLinks)
            {
                if (_links.TryGetValue(identity, out var holder) && holder.Connection == connection)
                {
                    _links.Remove(identity);
                }
            }
        }
    }

    /// <summary>The link is detached: its name is free.</summary>
    public void ReleaseLink(AmqpConnection connection, LinkEndpoint link)
    {
        if (link.RemoteAttach is not { } attach)
        {
            return;
        }

        var identity = new LinkIdentity(connection.ContainerId, connection.Principal.Name, attach.Name, attach.Role);
        lock (_gate)
        {
            if (_links.TryGetValue(identity, out var holder) && holder.Link == link)
            {
                _links.Remove(identity);
                connection.HeldLinks.Remove(identity);
            }
        }
    }

    /// <summary>The connection of a number, or null.</summary>
    public AmqpConnection? Find(long id) => _connections.GetValueOrDefault(id);

    /// <summary>How many links with a name a connection has.</summary>
    public int LinksOf(AmqpConnection connection)
    {
        lock (_gate)
        {
            return connection.HeldLinks.Count;
        }
    }

    /// <summary>All links on which the peer has this role, at this moment.</summary>
    public List<HeldLink> ListLinks(Role role)
    {
        var list = new List<HeldLink>();
        lock (_gate)
        {
            foreach (var (identity, held) in _links)
            {
                if (identity.Role == role)
                {
                    list.Add(held);
                }
            }
        }

        return list;
    }
}

/// <summary>A link and the connection that has it.</summary>
internal readonly record struct HeldLink(AmqpConnection Connection, LinkEndpoint Link);

internal readonly record struct LinkIdentity(string ContainerId, string Principal, string Name, Role Role);
