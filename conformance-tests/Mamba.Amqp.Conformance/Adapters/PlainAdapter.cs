using System.Globalization;

namespace Mamba.Amqp.Conformance.Adapters;

/// <summary>
/// A broker that makes a queue when it is first attached to. The addresses follow two patterns in which {0} is the name, e.g.
/// "queue://{0}" and "topic://{0}", for brokers that tell the kind by the address.
/// </summary>
public sealed class PlainAdapter(string queuePattern = "{0}", string? topicPattern = "topic://{0}", string? missing = null) : IBrokerAdapter
{
    public string Name => "plain";

    public string? MissingAddress => missing;

    public Task<string> QueueAsync(string name, CancellationToken cancel) =>
        Task.FromResult(string.Format(CultureInfo.InvariantCulture, queuePattern, name));

    public Task<string?> TopicAsync(string name, CancellationToken cancel) =>
        Task.FromResult(topicPattern is null ? null : string.Format(CultureInfo.InvariantCulture, topicPattern, name));

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;
}
