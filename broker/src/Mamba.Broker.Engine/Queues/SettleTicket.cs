using System.Buffers;

namespace Mamba.Broker.Engine;

/// <summary>Waits until every part of a settle call is on disk, then tells the observer once. Thread-safe.</summary>
internal sealed class SettleTicket(ISettleObserver observer, SettleResult[] results, int count, int parts)
{
    private int _left = parts;
    private int _failed;

    public void PartDone(bool failed = false)
    {
        if (failed)
        {
            Volatile.Write(ref _failed, 1);
        }

        if (Interlocked.Decrement(ref _left) > 0)
        {
            return;
        }

        if (Volatile.Read(ref _failed) == 1)
        {
            for (var i = 0; i < count; i++)
            {
                if (results[i].Status == SettleStatus.Settled)
                {
                    results[i] = results[i] with { Status = SettleStatus.JournalFailed };
                }
            }
        }

        observer.OnSettled(results.AsSpan(0, count));
        ArrayPool<SettleResult>.Shared.Return(results);
    }
}
