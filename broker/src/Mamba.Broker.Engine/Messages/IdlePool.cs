using System.Collections.Concurrent;
using System.Diagnostics.CodeAnalysis;

namespace Mamba.Broker.Engine;

/// <summary>
/// Objects kept for reuse, at most <paramref name="capacity"/>. It remembers the fewest that were idle since the last
/// <see cref="Trim"/>: so many nobody needed, and these are given up. Thread-safe, lock-free.
/// </summary>
internal sealed class IdlePool<T>(int capacity)
    where T : class
{
    private readonly ConcurrentQueue<T> _idle = new();
    private int _count;
    private int _unused;

    /// <summary>Objects that are idle now.</summary>
    public int Count => Volatile.Read(ref _count);

    public bool TryTake([NotNullWhen(true)] out T? item)
    {
        if (!_idle.TryDequeue(out item))
        {
            return false;
        }

        // Two threads may overwrite each other here: then one trim gives up a few objects too many.
        var left = Interlocked.Decrement(ref _count);
        if (left < _unused)
        {
            _unused = left;
        }

        return true;
    }

    /// <summary>Keeps an object; false when there are enough already.</summary>
    public bool TryGive(T item)
    {
        if (Interlocked.Increment(ref _count) > capacity)
        {
            Interlocked.Decrement(ref _count);
            return false;
        }

        _idle.Enqueue(item);
        return true;
    }

    /// <summary>Gives up what was idle all the time since the last call.</summary>
    public void Trim()
    {
        for (var excess = _unused; excess > 0 && _idle.TryDequeue(out _); excess--)
        {
            Interlocked.Decrement(ref _count);
        }

        _unused = Count;
    }

    /// <summary>Gives up everything that is idle.</summary>
    public void Clear()
    {
        while (_idle.TryDequeue(out _))
        {
            Interlocked.Decrement(ref _count);
        }

        _unused = 0;
    }
}
