namespace Mamba.Broker.Journal;

/// <summary>
/// Told what became of a batch. Called exactly once for every batch that was accepted, on the journal's own thread, in append
/// order, with no lock of the journal held. It must be quick and must not throw. It may call <see cref="Journal.TryAppend"/>
/// and <see cref="Journal.Read"/>, never <see cref="Journal.Append"/>, which could wait for this very thread.
/// It may run before the call that appended the batch has returned.
/// </summary>
public interface IJournalCompletion
{
    /// <summary>The batch is written; and if its append asked for it, an fdatasync that covers it has returned without error.</summary>
    void OnWritten();

    /// <summary>
    /// The batch must be taken as not stored: nothing may be acknowledged on its account. After <see cref="JournalFullException"/>
    /// the journal goes on and later appends may succeed; after anything else it has stopped for good.
    /// </summary>
    void OnFailed(JournalException cause);
}
