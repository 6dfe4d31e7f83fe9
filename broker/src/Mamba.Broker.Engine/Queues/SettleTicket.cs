using System.Buffers;

namespace Mamba.Broker.Engine;

/// <summary>
/// Waits until every part of a settle call is on disk, then tells the observer once. Thread-safe. Pooled where the only part is the
/// record of removals, which is what consuming durable messages comes to.
/// </summary>
internal sealed class SettleTicket
{
    private static readonly IdlePool<SettleTicket> Idle = new(256);

    private ISettleObserver _observer = null!;
    private SettleResult[] _results = [];
    private int _count;
    private int _left;
    private int _failed;
    private bool _pooled;

    /// <summary>A ticket whose parts each say once that they are done, and do not touch it afterwards.</summary>
    /// <param name="observer">Who is told.</param>
    /// <param name="results">What it is told, in a rented array that the ticket gives back.</param>
    /// <param name="count">How many results there are.</param>
    /// <param name="moves">Parts that are moves or merges of single messages.</param>
    /// <param name="removes">Whether the record of removals is a part.</param>
    public static SettleTicket Rent(ISettleObserver observer, SettleResult[] results, int count, int moves, bool removes)
    {
        var pooled = moves == 0;
        var ticket = pooled && Idle.TryTake(out var idle) ? idle : new SettleTicket();
        ticket._pooled = pooled;
        ticket._observer = observer;
        ticket._results = results;
        ticket._count = count;
        ticket._failed = 0;
        Volatile.Write(ref ticket._left, moves + (removes ? 1 : 0));
        return ticket;
    }

    public void PartDone(bool failed = false)
    {
        if (failed)
        {
            Volatile.Write(ref _failed, 1);
        }

        if (Interlocked.Decrement(ref _left) == 0)
        {
            Conclude();
        }
    }

    private void Conclude()
    {
        if (Volatile.Read(ref _failed) == 1)
        {
            foreach (ref var result in _results.AsSpan(0, _count))
            {
                if (result.Status == SettleStatus.Settled)
                {
                    result = result with { Status = SettleStatus.JournalFailed };
                }
            }
        }

        var observer = _observer;
        var results = _results;
        var count = _count;
        if (_pooled)
        {
            _observer = null!;
            _results = [];
            Idle.TryGive(this);
        }

        observer.OnSettled(results.AsSpan(0, count));
        ArrayPool<SettleResult>.Shared.Return(results);
    }
}
