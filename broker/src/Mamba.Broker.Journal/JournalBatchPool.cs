namespace Mamba.Broker.Journal;

/// <summary>Keeps batches for reuse. Bounded twice: by number, and by the size of the buffers it keeps.</summary>
internal sealed class JournalBatchPool
{
    private const int MaxBatches = 256;
    private const int MaxBufferBytes = 1024 * 1024;
    private const long MaxRetainedBytes = 32L * 1024 * 1024;

    private readonly Lock _gate = new();
    private readonly JournalBatch[] _free = new JournalBatch[MaxBatches];
    private int _count;
    private long _retainedBytes;

    public JournalBatch Rent()
    {
        JournalBatch? batch = null;
        lock (_gate)
        {
            if (_count > 0)
            {
                batch = _free[--_count];
                _free[_count] = null!;
                _retainedBytes -= batch.Buffer.Length;
            }
        }

        batch ??= new JournalBatch(this);
        batch.Rent();
        return batch;
    }

    /// <summary>Gives up all batches that are kept.</summary>
    public void Clear()
    {
        lock (_gate)
        {
            Array.Clear(_free, 0, _count);
            _count = 0;
            _retainedBytes = 0;
        }
    }

    public void Return(JournalBatch batch)
    {
        batch.Completion = null;
        batch.Roll = null;
        if (batch.Buffer.Length > MaxBufferBytes)
        {
            batch.DropLargeBuffer();
        }

        lock (_gate)
        {
            if (_count < MaxBatches && _retainedBytes + batch.Buffer.Length <= MaxRetainedBytes)
            {
                _free[_count++] = batch;
                _retainedBytes += batch.Buffer.Length;
            }
        }
    }
}
