using Mamba.Broker.Journal;

namespace Mamba.Broker.Engine;

/// <summary>
/// The engine's way to the journal: an append always ends in its completion, also when the journal refuses it at once, and never
/// blocks the journal's own thread. Thread-safe.
/// </summary>
internal sealed class EngineJournal(Journal.Journal journal, IEngineEvents events) : IDisposable
{
    private int _reported;

    public Journal.Journal Inner => journal;

    public JournalBatch RentBatch() => journal.RentBatch();

    /// <summary>
    /// Appends a batch. The completion owns the batch from here on and disposes it; it may run before this returns.
    /// </summary>
    public void Append(JournalBatch batch, bool sync, IJournalCompletion completion)
    {
        try
        {
            if (!EngineCompletion.IsInside)
            {
                journal.Append(batch, sync, completion);
            }
            else if (!journal.TryAppend(batch, sync, completion))
            {
                ThreadPool.UnsafeQueueUserWorkItem(
                    static work => work.Item1.Append(work.batch, work.sync, work.completion), (this, batch, sync, completion), preferLocal: false);
            }
        }
        catch (JournalException cause)
        {
            Report(cause);
            completion.OnFailed(cause);
        }
        catch (ObjectDisposedException cause)
        {
            completion.OnFailed(new JournalFailedException("The journal is closed.", cause));
        }
    }

    /// <summary>Tells the event sink of the first failure.</summary>
    public void Report(JournalException cause)
    {
        if (cause is not JournalFullException && Interlocked.Exchange(ref _reported, 1) == 0)
        {
            events.JournalFailed(cause);
        }
    }

    public void Dispose() => journal.Dispose();
}
