namespace Mamba.Broker.Engine;

/// <summary>
/// A rule that what is published to some addresses goes to another one as well, or instead. Rules are looked at by
/// <see cref="Priority"/>, the highest first, then by name; the first that matches and moves ends the search. A rule never applies to
/// its own target, to temporary nodes, or to what the broker itself moves (dead letters, retries).
/// </summary>
public sealed record DivertOptions
{
    /// <summary>Names the rule; one of all.</summary>
    public required string Name { get; init; }

    /// <summary>The addresses it applies to; see <see cref="AddressPattern"/>.</summary>
    public required string Pattern { get; init; }

    /// <summary>Where messages go: an address without wildcards, made when missing.</summary>
    public required string Target { get; init; }

    /// <summary>What the target is made as when it is missing.</summary>
    public NodeKind TargetKind { get; init; }

    /// <summary>Whether messages go to the target instead of the address they were sent to. Default: to both.</summary>
    public bool Move { get; init; }

    /// <summary>Higher ones are looked at first. Default 0.</summary>
    public int Priority { get; init; }

    /// <summary>Which messages; null = all.</summary>
    public string? Selector { get; init; }
}

/// <summary>A rule in force.</summary>
/// <param name="Options">What it says.</param>
/// <param name="IsConfigured">From the settings: it is not in the journal and cannot be deleted.</param>
/// <param name="Diverted">Messages it applied to since the process started.</param>
public sealed record DivertStatus(DivertOptions Options, bool IsConfigured, long Diverted);
