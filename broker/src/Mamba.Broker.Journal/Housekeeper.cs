namespace Mamba.Broker.Journal;

/// <summary>
/// A thread of its own for file work that must not hold up the writer: filling the spare segment, deleting files. Its failures
/// are reported and stop nothing. It starts with the first job.
/// </summary>
internal sealed class Housekeeper(Action<JournalException>? onTrouble) : IDisposable
{
    private readonly Lock _gate = new();
    private readonly Queue<Action> _jobs = new();
    private readonly AutoResetEvent _work = new(initialState: false);
    private Thread? _thread;
    private bool _closing;

    public void Post(Action job)
    {
        lock (_gate)
        {
            _jobs.Enqueue(job);
            if (_thread is null)
            {
                _thread = new Thread(Run) { IsBackground = true, Name = "journal files" };
                _thread.Start();
            }
        }

        _work.Set();
    }

    /// <summary>Does what was asked so far, then ends.</summary>
    public void Dispose()
    {
        Thread? thread;
        lock (_gate)
        {
            _closing = true;
            thread = _thread;
        }

        _work.Set();
        thread?.Join();
        _work.Dispose();
    }

    private void Run()
    {
        while (Next() is { } job)
        {
            try
            {
                job();
            }
            catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
            {
                onTrouble?.Invoke(new JournalException($"File work of the journal failed, it goes on without: {exception.Message}", exception));
            }
        }
    }

    private Action? Next()
    {
        while (true)
        {
            lock (_gate)
            {
                if (_jobs.TryDequeue(out var job))
                {
                    return job;
                }

                if (_closing)
                {
                    return null;
                }
            }

            _work.WaitOne();
        }
    }
}
