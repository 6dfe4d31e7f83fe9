namespace Mamba.Amqp.Conformance.Adapters;

/// <summary>
/// What a kind of broker needs beyond AMQP so that the suite has queues to work with. An adapter makes nodes before they are
/// used and knows how they are addressed; it never takes part in what is tested. Members may be called from any thread.
/// </summary>
public interface IBrokerAdapter : IAsyncDisposable
{
    /// <summary>What it is called on the command line.</summary>
    string Name { get; }

    /// <summary>Makes an empty queue where the broker wants that done, and gives its address for sources and targets.</summary>
    Task<string> QueueAsync(string name, CancellationToken cancel);

    /// <summary>The address of a topic, for sources and targets; null when the broker has none.</summary>
    Task<string?> TopicAsync(string name, CancellationToken cancel);

    /// <summary>An address that leads nowhere; null when every address makes a node.</summary>
    string? MissingAddress { get; }
}
