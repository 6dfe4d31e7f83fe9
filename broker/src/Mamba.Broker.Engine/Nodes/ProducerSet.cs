namespace Mamba.Broker.Engine;

/// <summary>The producer links on a node; without any it is next to nothing. Thread-safe.</summary>
internal sealed class ProducerSet
{
    private readonly Lock _gate = new();
    private HashSet<IProducer>? _producers;

    public int Count
    {
        get
        {
            lock (_gate)
            {
                return _producers?.Count ?? 0;
            }
        }
    }

    public void Add(IProducer producer)
    {
        lock (_gate)
        {
            (_producers ??= []).Add(producer);
        }
    }

    public void Remove(IProducer producer)
    {
        lock (_gate)
        {
            if (_producers?.Remove(producer) == true && _producers.Count == 0)
            {
                _producers = null;
            }
        }
    }

    /// <summary>There is no room any more: tells every producer, with no lock held.</summary>
    public void Filled()
    {
        foreach (var producer in Snapshot(remove: false))
        {
            producer.OnFull();
        }
    }

    /// <summary>The node is gone: tells every producer, once, with no lock held.</summary>
    public void NodeDeleted()
    {
        foreach (var producer in Snapshot(remove: true))
        {
            producer.OnNodeDeleted();
        }
    }

    private IProducer[] Snapshot(bool remove)
    {
        lock (_gate)
        {
            IProducer[] all = _producers is null ? [] : [.. _producers];
            _producers = remove ? null : _producers;
            return all;
        }
    }
}
