using Mamba.Broker.Journal;

namespace Mamba.Broker.Engine;

/// <summary>An append that can be awaited; the waiter continues on the pool, never on the journal's thread.</summary>
internal sealed class AppendTask(JournalBatch batch) : EngineCompletion
{
    private readonly TaskCompletionSource<RecordAddress> _done = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Address of the batch's first record; fails with <see cref="EngineException"/>.</summary>
    public Task<RecordAddress> Task => _done.Task;

    protected override void Written()
    {
        var address = batch.AddressOf(0);
        batch.Dispose();
        _done.TrySetResult(address);
    }

    protected override void Failed(JournalException cause)
    {
        batch.Dispose();
        _done.TrySetException(new EngineException(EngineError.JournalFailed, $"The journal did not take the change: {cause.Message}", cause));
    }
}
