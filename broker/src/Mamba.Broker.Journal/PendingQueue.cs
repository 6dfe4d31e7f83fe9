namespace Mamba.Broker.Journal;

/// <summary>Batches that have a place and are not yet written, in that order: a ring that can be searched. Guarded by its owner's lock.</summary>
internal sealed class PendingQueue
{
    private JournalBatch?[] _ring = new JournalBatch?[256];
    private int _head;

    public int Count { get; private set; }

    public JournalBatch this[int index] => _ring[(_head + index) & (_ring.Length - 1)]!;

    public void Add(JournalBatch batch)
    {
        if (Count == _ring.Length)
        {
            var larger = new JournalBatch?[_ring.Length * 2];
            for (var i = 0; i < Count; i++)
            {
                larger[i] = this[i];
            }

            _ring = larger;
            _head = 0;
        }

        _ring[(_head + Count) & (_ring.Length - 1)] = batch;
        Count++;
    }

    public void RemoveFirst(int count)
    {
        for (var i = 0; i < count; i++)
        {
            _ring[_head] = null;
            _head = (_head + 1) & (_ring.Length - 1);
        }

        Count -= count;
    }

    /// <summary>Takes everything out: for the two ways in which pending batches fail together.</summary>
    public JournalBatch[] Drain()
    {
        var all = new JournalBatch[Count];
        for (var i = 0; i < all.Length; i++)
        {
            all[i] = this[i];
        }

        RemoveFirst(Count);
        return all;
    }

    /// <summary>The batch whose bytes include the address, or null.</summary>
    public JournalBatch? Find(RecordAddress address)
    {
        int low = 0, high = Count - 1;
        while (low <= high)
        {
            var middle = (low + high) >>> 1;
            var batch = this[middle];
            var start = new RecordAddress(batch.Segment, batch.Offset);
            if (address < start)
            {
                high = middle - 1;
            }
            else if (batch.Segment == address.Segment && address.Offset < batch.Offset + batch.Size)
            {
                return batch;
            }
            else
            {
                low = middle + 1;
            }
        }

        return null;
    }
}
