namespace Mamba.Broker.Engine;

/// <summary>
/// The wildcard subscriptions of one engine. A topic asks once which of them are for it, and again only when its answer is of an
/// older version than <see cref="Version"/>: publishing costs what it does without them, plus the comparison. Thread-safe.
/// </summary>
internal sealed class TopicDirectory
{
    private readonly Lock _gate = new();
    private readonly PatternTrie _trie = new();
    private long _version;

    /// <summary>Rises with every change.</summary>
    public long Version => Volatile.Read(ref _version);

    public void Add(string pattern, SubscriptionNode subscription)
    {
        lock (_gate)
        {
            _trie.Add(pattern, subscription);
            Volatile.Write(ref _version, _version + 1);
        }
    }

    public void Remove(string pattern, SubscriptionNode subscription)
    {
        lock (_gate)
        {
            if (_trie.Remove(pattern, subscription))
            {
                Volatile.Write(ref _version, _version + 1);
            }
        }
    }

    /// <summary>The subscriptions for a topic's address, in no particular order.</summary>
    public List<SubscriptionNode> Match(string address)
    {
        var found = new List<SubscriptionNode>();
        lock (_gate)
        {
            if (_trie.Count > 0)
            {
                _trie.Match(address, found);
            }
        }

        return found;
    }

    /// <summary>The node that subscriptions of a pattern are on now, or null.</summary>
    public TopicNode? Find(string pattern)
    {
        lock (_gate)
        {
            return _trie.Find(pattern) is { Count: > 0 } there ? there[0].Topic : null;
        }
    }

    /// <summary>The nodes of all patterns that have subscriptions.</summary>
    public HashSet<TopicNode> Nodes()
    {
        var all = new List<SubscriptionNode>();
        lock (_gate)
        {
            _trie.List(all);
        }

        return [.. all.Select(static subscription => subscription.Topic)];
    }
}
