using Mamba.Broker.Journal;

namespace Mamba.Broker.Engine;

/// <summary>
/// Gives journal space back, in the background. Deletes segments in which nothing lives and whose removals are no longer needed;
/// when too little of the journal is live, first copies the live messages of the best candidate to the end.
/// <para>
/// Why nothing is lost or comes back: a copy is on disk before its entry points to it, and all copies are before the segment
/// goes. A message that was consumed while it was copied gets another removal behind its copy, and the segment waits for that
/// too. Every obligation points from a later segment to an earlier one, so they never form a circle.
/// </para>
/// One run at a time.
/// </summary>
internal sealed class Compactor(EngineContext context, Func<Task<int>> snapshot) : IAsyncDisposable
{
    private static readonly TimeSpan RetryDelay = TimeSpan.FromMilliseconds(200);

    private readonly SemaphoreSlim _wake = new(0, 1);
    private readonly SemaphoreSlim _turn = new(1, 1);
    private readonly CancellationTokenSource _stop = new();
    private readonly HashSet<int> _gone = [];
    private HashSet<int> _existing = [];
    private Task _loop = Task.CompletedTask;
    private int _snapshotSegment;

    /// <summary>Held during a run; tests hold it to look at the folder in peace.</summary>
    internal SemaphoreSlim Turn => _turn;

    /// <summary>Called, for tests, when all copies are made and before the segment is given up.</summary>
    internal Action? BeforeDelete { get; set; }

    private Journal.Journal Journal => context.Journal.Inner;

    public void Start()
    {
        context.Ledger.SegmentEmptied = Wake;
        context.Ledger.ActiveSegment = Journal.ActiveSegment;
        Journal.SegmentBegan += OnSegmentBegan;
        _loop = Task.Run(RunAsync);
        Wake();
    }

    /// <summary>Asks for a run soon.</summary>
    public void Wake()
    {
        if (_wake.CurrentCount == 0)
        {
            try
            {
                _wake.Release();
            }
            catch (SemaphoreFullException)
            {
                // Somebody else asked at the same moment: one run serves both.
                return;
            }
        }
    }

    /// <summary>One run: snapshot if the active segment has none, delete what is dead, compact while too little is live.</summary>
    public async Task RunOnceAsync()
    {
        await _turn.WaitAsync(_stop.Token);
        try
        {
            if (_snapshotSegment < Journal.ActiveSegment)
            {
                _snapshotSegment = await snapshot();
            }

            DeleteDead();
            while (ChooseCandidate() is { } candidate && await EmptyAsync(candidate))
            {
                DeleteDead();
            }
        }
        finally
        {
            _turn.Release();
        }
    }

    public async ValueTask DisposeAsync()
    {
        context.Ledger.SegmentEmptied = null;
        Journal.SegmentBegan -= OnSegmentBegan;
        await _stop.CancelAsync();
        await _loop.ContinueWith(static _ => { }, TaskScheduler.Default);
        _stop.Dispose();
        _wake.Dispose();
        _turn.Dispose();
    }

    private void OnSegmentBegan(int segment)
    {
        context.Ledger.ActiveSegment = segment;
        Wake();
    }

    private async Task RunAsync()
    {
        while (!_stop.IsCancellationRequested)
        {
            await _wake.WaitAsync(_stop.Token);
            try
            {
                await RunOnceAsync();
            }
            catch (Exception cause) when (cause is not OperationCanceledException)
            {
                if (_stop.IsCancellationRequested || Journal.HasFailed)
                {
                    return;
                }

                context.Events.BackgroundFailure("Giving journal space back; it will be tried again with the next segment", cause);
            }
        }
    }

    private bool Exists(int segment) => _existing.Contains(segment) && !_gone.Contains(segment);

    private List<SegmentInfo> Refresh()
    {
        // A segment given up stays listed until its file is gone.
        var segments = new List<SegmentInfo>(Journal.Segments);
        _existing = [.. segments.ConvertAll(static segment => segment.Number)];
        _gone.IntersectWith(_existing);
        segments.RemoveAll(segment => _gone.Contains(segment.Number));
        return segments;
    }

    /// <summary>Deletes in rising order, as one deletion may free the next.</summary>
    private void DeleteDead()
    {
        foreach (var segment in Refresh())
        {
            var usage = context.Ledger.Of(segment.Number);
            if (!segment.IsActive && segment.Number < _snapshotSegment && usage.LiveEntries == 0 && usage.IsFree(Exists))
            {
                Delete(segment.Number, relocated: 0);
            }
        }
    }

    private void Delete(int segment, int relocated)
    {
        Journal.DeleteSegment(segment);
        _gone.Add(segment);
        context.Ledger.Forget(segment);
        context.Events.SegmentDeleted(segment, relocated);
    }

    /// <summary>
    /// The segment whose rewriting frees most for what it costs, when the journal as a whole is mostly dead; dead segments that only
    /// wait for it count as gain.
    /// </summary>
    private int? ChooseCandidate()
    {
        var segments = Refresh();
        long used = 0;
        long live = 0;
        foreach (var segment in segments)
        {
            used += segment.UsedBytes;
            live += Math.Min(context.Ledger.Of(segment.Number).LiveBytes, segment.UsedBytes);
        }

        if (segments.Count <= context.Options.CompactionMinSegments || live >= used * context.Options.CompactionLiveRatio)
        {
            return null;
        }

        int? best = null;
        var bestScore = 0.0;
        foreach (var segment in segments)
        {
            var usage = context.Ledger.Of(segment.Number);
            if (segment.IsActive || segment.Number >= _snapshotSegment || !usage.IsFree(Exists))
            {
                continue;
            }

            var score = GainOf(segment, usage, segments) / (usage.LiveBytes + 1.0);
            if (score > bestScore)
            {
                bestScore = score;
                best = segment.Number;
            }
        }

        return best;
    }

    private double GainOf(SegmentInfo segment, SegmentUsage usage, List<SegmentInfo> segments)
    {
        double gain = Math.Max(0, segment.UsedBytes - usage.LiveBytes);
        foreach (var other in segments)
        {
            var held = context.Ledger.Of(other.Number);
            if (held.LiveEntries == 0 && !other.IsActive && held.DependsOn(segment.Number))
            {
                gain += other.UsedBytes;
            }
        }

        return gain;
    }

    /// <summary>Copies what lives in a segment, then deletes it. False when something in it is on the move: it is tried again.</summary>
    private async Task<bool> EmptyAsync(int segment)
    {
        var relocation = new Relocation(context, segment);
        await relocation.RunAsync(_stop.Token);
        await context.Duplicates.RelocateAsync(segment, _stop.Token);
        if (context.Ledger.Of(segment).LiveEntries > 0)
        {
            _ = WakeLaterAsync();
            return false;
        }

        BeforeDelete?.Invoke();
        Delete(segment, relocation.Relocated);
        return true;
    }

    private async Task WakeLaterAsync()
    {
        try
        {
            await Task.Delay(RetryDelay, context.Time, _stop.Token);
            Wake();
        }
        catch (Exception cause) when (cause is OperationCanceledException or ObjectDisposedException)
        {
            // Stopping: there is nothing to wake.
            return;
        }
    }
}
