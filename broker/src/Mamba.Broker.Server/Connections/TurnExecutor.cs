namespace Mamba.Broker.Server.Connections;

/// <summary>
/// Runs an object's turns one at a time: state that only turns touch needs no lock. A signal that arrives during a turn causes
/// one more turn, however many signals there were. Thread-safe.
/// </summary>
internal abstract class TurnExecutor : IThreadPoolWorkItem
{
    private const int Idle = 0;
    private const int Running = 1;
    private const int RunningAndSignalled = 2;

    private int _state;

    /// <summary>Asks for a turn, to be run on the thread pool.</summary>
    public void Signal()
    {
        if (Interlocked.CompareExchange(ref _state, Running, Idle) == Idle)
        {
            ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);
        }
        else
        {
            MarkSignalled();
        }
    }

    /// <summary>Runs a turn on the calling thread, unless one is running already: then that one is followed by another.</summary>
    public void RunOrSignal()
    {
        if (Interlocked.CompareExchange(ref _state, Running, Idle) == Idle)
        {
            RunTurns();
        }
        else
        {
            MarkSignalled();
        }
    }

    void IThreadPoolWorkItem.Execute() => RunTurns();

    /// <summary>One turn. Must not throw.</summary>
    protected abstract void RunTurn();

    private void MarkSignalled()
    {
        // Lost only if the runner went idle in between: then it has to be started again.
        while (true)
        {
            var seen = Interlocked.CompareExchange(ref _state, RunningAndSignalled, Running);
            if (seen != Idle)
            {
                return;
            }

            if (Interlocked.CompareExchange(ref _state, Running, Idle) == Idle)
            {
                ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);
                return;
            }
        }
    }

    private void RunTurns()
    {
        do
        {
            Volatile.Write(ref _state, Running);
            RunTurn();
        }
        while (Interlocked.CompareExchange(ref _state, Idle, Running) != Running);
    }
}
