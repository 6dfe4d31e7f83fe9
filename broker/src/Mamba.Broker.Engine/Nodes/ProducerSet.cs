namespace Mamba.Broker.Engine;

/// <summary>The producer links on a node. Thread-safe.</summary>
internal sealed class ProducerSet
{
    private readonly Lock _gate = new();
    private readonly HashSet<IProducer> _producers = [];

    public int Count
    {
        get
        {
            lock (_gate)
            {
                return _producers.Count;
            }
        }
    }

    public void Add(IProducer producer)
    {
        lock (_gate)
        {
            _producers.Add(producer);
        }
    }

    public void Remove(IProducer producer)
    {
        lock (_gate)
        {
            _producers.Remove(producer);
        }
    }

    /// <summary>The node is gone: tells every producer, once, with no lock held.</summary>
    public void NodeDeleted()
    {
        IProducer[] gone;
        lock (_gate)
        {
            gone = [.. _producers];
            _producers.Clear();
        }

        foreach (var producer in gone)
        {
            producer.OnNodeDeleted();
        }
    }
}
