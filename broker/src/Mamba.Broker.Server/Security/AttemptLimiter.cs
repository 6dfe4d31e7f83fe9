using System.Net;

namespace Mamba.Broker.Server.Security;

/// <summary>
/// Counts failed log-ins in the last minute, per remote address and per user name, and says when to stop trying. A peer over
/// its limit is refused, whatever its password, until its oldest failure is a minute old, so it backs off by up to 60 s.
/// Loopback addresses are not limited as addresses: behind a local proxy they stand for everybody. Thread-safe.
/// </summary>
public sealed class AttemptLimiter(TimeProvider time)
{
    /// <summary>Failures per minute from one remote address.</summary>
    public const int PerAddress = 10;

    /// <summary>Failures per minute for one user name, whether the user exists or not.</summary>
    public const int PerUser = 5;

    /// <summary>Addresses and names remembered at most; beyond it those whose last failure is oldest are forgotten.</summary>
    public const int Capacity = 10_000;

    private static readonly TimeSpan Window = TimeSpan.FromMinutes(1);

    private readonly Lock _gate = new();
    private readonly FailureTable<IPAddress> _addresses = new(PerAddress);
    private readonly FailureTable<string> _users = new(PerUser);

    /// <summary>Whether an attempt may be made now.</summary>
    public bool Allows(IPAddress address, string user)
    {
        var now = time.GetTimestamp();
        var since = now - (long)(Window.TotalSeconds * time.TimestampFrequency);
        lock (_gate)
        {
            return !_users.IsFull(user, since) && (IPAddress.IsLoopback(address) || !_addresses.IsFull(Plain(address), since));
        }
    }

    /// <summary>Counts a wrong password, an unknown user or a malformed exchange.</summary>
    public void Failed(IPAddress address, string user)
    {
        var now = time.GetTimestamp();
        lock (_gate)
        {
            _users.Add(user, now);
            if (!IPAddress.IsLoopback(address))
            {
                _addresses.Add(Plain(address), now);
            }
        }
    }

    private static IPAddress Plain(IPAddress address) => address.IsIPv4MappedToIPv6 ? address.MapToIPv4() : address;

    /// <summary>The last failures of each key, in a ring as long as the limit; keys in the order of their last failure.</summary>
    private sealed class FailureTable<TKey>(int limit)
        where TKey : notnull
    {
        private readonly Dictionary<TKey, LinkedListNode<Entry>> _byKey = [];
        private readonly LinkedList<Entry> _byAge = new();

        /// <summary>Whether as many failures as the limit lie after <paramref name="since"/>.</summary>
        public bool IsFull(TKey key, long since) =>
            _byKey.TryGetValue(key, out var node) && node.Value.Count >= limit && node.Value.Oldest > since;

        public void Add(TKey key, long now)
        {
            if (_byKey.TryGetValue(key, out var node))
            {
                _byAge.Remove(node);
            }
            else
            {
                if (_byKey.Count == Capacity)
                {
                    _byKey.Remove(_byAge.First!.Value.Key);
                    _byAge.RemoveFirst();
                }

                node = new LinkedListNode<Entry>(new Entry(key, limit));
                _byKey.Add(key, node);
            }

            _byAge.AddLast(node);
            node.Value.Add(now);
        }

        private sealed class Entry(TKey key, int limit)
        {
            private readonly long[] _failures = new long[limit];

            public TKey Key { get; } = key;

            public long Count { get; private set; }

            /// <summary>The oldest of the last failures, as many as the limit; meaningful when there are that many.</summary>
            public long Oldest => _failures[Count % _failures.Length];

            public void Add(long now) => _failures[Count++ % _failures.Length] = now;
        }
    }
}
