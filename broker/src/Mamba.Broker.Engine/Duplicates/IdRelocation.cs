using Mamba.Broker.Journal;

namespace Mamba.Broker.Engine;

/// <summary>Copies the ids of one window that one segment holds: a few thousand in a record, one record at a time. Used once.</summary>
internal sealed class IdRelocation(EngineContext context, DuplicateWindow window, int segment)
{
    private const int IdsPerRecord = 4_096;

    public async Task RunAsync(CancellationToken stop)
    {
        var position = 0L;
        var ids = new List<(long Position, KnownId Id)>();
        do
        {
            stop.ThrowIfCancellationRequested();
            position = window.Collect(segment, position, IdsPerRecord, ids);
            if (ids.Count >= IdsPerRecord || (position == 0 && ids.Count > 0))
            {
                await CopyAsync(ids);
                ids.Clear();
            }
        }
        while (position != 0);
    }

    private Task CopyAsync(List<(long Position, KnownId Id)> ids)
    {
        var batch = context.Journal.RentBatch();
        batch.BeginRecord();
        DuplicateOperation.Write(batch, window, ids);
        batch.EndRecord();
        var completion = new Completion(window, segment, ids, batch);
        context.Journal.Append(batch, sync: true, completion);
        return completion.Task;
    }

    private sealed class Completion(DuplicateWindow window, int from, List<(long Position, KnownId Id)> ids, JournalBatch batch) : EngineCompletion
    {
        private readonly TaskCompletionSource _done = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public Task Task => _done.Task;

        protected override void Written()
        {
            window.Relocate(ids, from, batch.AddressOf(0).Segment);
            batch.Dispose();
            _done.TrySetResult();
        }

        protected override void Failed(JournalException cause)
        {
            batch.Dispose();
            _done.TrySetException(new EngineException(EngineError.JournalFailed, $"The journal took no copies of ids: {cause.Message}", cause));
        }
    }
}
