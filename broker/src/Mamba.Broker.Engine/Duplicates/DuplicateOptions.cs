namespace Mamba.Broker.Engine;

/// <summary>How an address tells messages that were sent twice: by an id, remembered in a window that survives a restart.</summary>
public sealed record DuplicateOptions
{
    /// <summary>The value of <see cref="By"/> that stands for properties.message-id.</summary>
    public const string MessageId = "message-id";

    /// <summary>Most ids a window can be set to hold.</summary>
    public const int LargestWindow = 10_000_000;

    /// <summary>How many of the last ids are remembered, 1 to <see cref="LargestWindow"/>. Default 1,000,000.</summary>
    public int Window { get; init; } = 1_000_000;

    /// <summary>How long an id is remembered, in seconds: at least so long, at most one second longer. 0 = as long as it is among the last ones.</summary>
    public long Seconds { get; init; }

    /// <summary>
    /// Where the id stands: <see cref="MessageId"/>, or the name of a message-annotation, or else of an application property.
    /// A message without it is not checked.
    /// </summary>
    public string By { get; init; } = MessageId;
}
