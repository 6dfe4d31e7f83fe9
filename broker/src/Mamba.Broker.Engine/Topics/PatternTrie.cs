using System.Runtime.InteropServices;

namespace Mamba.Broker.Engine;

/// <summary>
/// Subscriptions by the pattern of topic addresses they are for, as a tree of words: finding those that match an address costs a
/// walk along its words, not a look at every pattern. Not thread-safe.
/// </summary>
internal sealed class PatternTrie
{
    private readonly Node _root = new();

    /// <summary>Subscriptions in it.</summary>
    public int Count { get; private set; }

    public void Add(string pattern, SubscriptionNode subscription)
    {
        var node = _root;
        foreach (var word in pattern.Split('.'))
        {
            node = CollectionsMarshal.GetValueRefOrAddDefault(node.Children, word, out _) ??= new Node { IsAny = word is "#" };
        }

        node.Subscriptions.Add(subscription);
        Count++;
    }

    /// <summary>Takes a subscription out, and the words that only it had; false when it is not there.</summary>
    public bool Remove(string pattern, SubscriptionNode subscription)
    {
        if (!Remove(_root, pattern.Split('.'), subscription))
        {
            return false;
        }

        Count--;
        return true;
    }

    /// <summary>The subscriptions made with exactly this pattern, or null.</summary>
    public IReadOnlyList<SubscriptionNode>? Find(string pattern)
    {
        var node = _root;
        foreach (var word in pattern.Split('.'))
        {
            if (!node.Children.TryGetValue(word, out node))
            {
                return null;
            }
        }

        return node.Subscriptions;
    }

    /// <summary>Adds the subscriptions whose pattern takes in an address without wildcards, each once.</summary>
    public void Match(string address, List<SubscriptionNode> into)
    {
        var now = new HashSet<Node>();
        Enter(_root, now);
        foreach (var word in address.Split('.'))
        {
            var next = new HashSet<Node>();
            foreach (var node in now)
            {
                Step(node, word, next);
            }

            now = next;
        }

        foreach (var node in now)
        {
            into.AddRange(node.Subscriptions);
        }
    }

    /// <summary>All subscriptions.</summary>
    public void List(List<SubscriptionNode> into) => List(_root, into);

    private static void Step(Node node, string word, HashSet<Node> next)
    {
        if (node.IsAny)
        {
            Enter(node, next);
        }

        if (node.Children.TryGetValue(word, out var same))
        {
            Enter(same, next);
        }

        if (node.Children.TryGetValue("*", out var one))
        {
            Enter(one, next);
        }
    }

    /// <summary>A # takes no word as well: being before it is being behind it.</summary>
    private static void Enter(Node? node, HashSet<Node> into)
    {
        while (node is not null && into.Add(node))
        {
            node = node.Children.GetValueOrDefault("#");
        }
    }

    private static bool Remove(Node node, ReadOnlySpan<string> words, SubscriptionNode subscription)
    {
        if (words.IsEmpty)
        {
            return node.Subscriptions.Remove(subscription);
        }

        if (!node.Children.TryGetValue(words[0], out var child) || !Remove(child, words[1..], subscription))
        {
            return false;
        }

        if (child.Children.Count == 0 && child.Subscriptions.Count == 0)
        {
            node.Children.Remove(words[0]);
        }

        return true;
    }

    private static void List(Node node, List<SubscriptionNode> into)
    {
        into.AddRange(node.Subscriptions);
        foreach (var child in node.Children.Values)
        {
            List(child, into);
        }
    }

    private sealed class Node
    {
        public Dictionary<string, Node> Children { get; } = new(StringComparer.Ordinal);

        public List<SubscriptionNode> Subscriptions { get; } = [];

        /// <summary>Reached by the word #: it stays reached over any number of further words.</summary>
        public bool IsAny { get; init; }
    }
}
