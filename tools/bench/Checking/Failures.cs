namespace Mamba.Tools.Bench.Checking;

/// <summary>What went wrong in a run: the first few in words, all of them counted. Thread-safe.</summary>
internal sealed class Failures
{
    private const int Kept = 5;

    private readonly Lock _gate = new();
    private readonly List<string> _first = [];
    private readonly CancellationTokenSource _stop = new();
    private long _count;

    public bool Any => Interlocked.Read(ref _count) > 0;

    /// <summary>Cancelled at the first failure: a run that has failed need not go on.</summary>
    public CancellationToken Stopped => _stop.Token;

    public IReadOnlyList<string> Messages
    {
        get
        {
            lock (_gate)
            {
                return _count > Kept ? [.. _first, $"and {_count - Kept} more"] : [.. _first];
            }
        }
    }

    public void Add(string message)
    {
        lock (_gate)
        {
            _count++;
            if (_count <= Kept)
            {
                _first.Add(message);
            }
        }

        // Registered callbacks may take other locks: never run them on a thread that may hold one.
        _ = _stop.CancelAsync();
    }
}
