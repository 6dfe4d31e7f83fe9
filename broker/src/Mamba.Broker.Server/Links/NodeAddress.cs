using Mamba.Broker.Engine;

namespace Mamba.Broker.Server.Links;

/// <summary>
/// An address as a client wrote it, taken apart: the prefixes <c>queue://</c> and <c>topic://</c> name the kind,
/// then the terminus capabilities do; without either the kind is open and configuration decides.
/// </summary>
internal readonly record struct NodeAddress(string Name, NodeKind? Kind, bool IsTemporary)
{
    public const string QueuePrefix = "queue://";
    public const string TopicPrefix = "topic://";
    public const int MaxLength = 255;

    /// <summary>
    /// Whether the name is one of those that brokers give to nodes of their own, such as $management or Azure's $cbs: no queue is made
    /// for it by attaching, since what clients send there (tokens, requests) is not for whoever consumes from a queue.
    /// </summary>
    public bool IsReserved => Name.StartsWith('$');

    /// <summary>The name of a node, or of a pattern of topics, as it is.</summary>
    public static NodeAddress Of(string name) => new(name, Kind: null, IsTemporary: false);

    public static NodeAddress Parse(string address, TerminusCapabilities capabilities)
    {
        if (address.StartsWith(QueuePrefix, StringComparison.Ordinal))
        {
            return new NodeAddress(address[QueuePrefix.Length..], NodeKind.Queue, capabilities.IsTemporary);
        }

        if (address.StartsWith(TopicPrefix, StringComparison.Ordinal))
        {
            return new NodeAddress(address[TopicPrefix.Length..], NodeKind.Topic, capabilities.IsTemporary);
        }

        return new NodeAddress(address, capabilities.Kind, capabilities.IsTemporary);
    }

    /// <summary>Why the name cannot be an address, or null: names are 1 to 255 characters without control characters.</summary>
    public string? Fault()
    {
        if (Name.Length == 0)
        {
            return "the address is empty";
        }

        if (Name.Length > MaxLength)
        {
            return $"the address has {Name.Length} characters; at most {MaxLength} are allowed";
        }

        foreach (var c in Name)
        {
            if (char.IsControl(c))
            {
                return "the address has a control character";
            }
        }

        return null;
    }
}
