namespace Mamba.Broker.Engine;

/// <summary>
/// Which consumers must not get which message again (modified.undeliverable-here, AMQP 1.0 §3.4.5). Rare, so a plain dictionary.
/// Guarded by the queue's lock.
/// </summary>
internal sealed class ExclusionTable
{
    private readonly Dictionary<long, List<QueueConsumer>> _byToken = [];

    public void Add(long token, QueueConsumer consumer)
    {
        if (!_byToken.TryGetValue(token, out var consumers))
        {
            _byToken[token] = consumers = [];
        }

        consumers.Add(consumer);
    }

    public bool Contains(long token, QueueConsumer consumer) =>
        _byToken.TryGetValue(token, out var consumers) && consumers.Contains(consumer);

    public void Forget(long token) => _byToken.Remove(token);

    public void Forget(QueueConsumer consumer)
    {
        foreach (var consumers in _byToken.Values)
        {
            consumers.Remove(consumer);
        }
    }
}
