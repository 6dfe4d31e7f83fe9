using System.Buffers;

namespace Mamba.Broker.Engine;

/// <summary>
/// The messages of one commit, handed over queue by queue: each queue gets all of its own, in order, in one turn of its lock. A consumer
/// that waits there finds everything at once, and so never a message before one that goes before it. Not thread-safe; reused.
/// </summary>
internal sealed class QueueRuns
{
    private const int FirstCapacity = 64;

    private NewEntry[] _entries = [];
    private QueueHost[] _hosts = [];
    private int _count;
    private bool _isMixed;

    /// <summary>Adds a message; takes over one reference.</summary>
    public void Add(QueueHost host, in NewEntry entry)
    {
        if (_count == _entries.Length)
        {
            Grow(ref _entries);
            Grow(ref _hosts);
        }

        _isMixed |= _count > 0 && !ReferenceEquals(host, _hosts[_count - 1]);
        _hosts[_count] = host;
        _entries[_count++] = entry;
    }

    /// <summary>Puts everything on its queues, and is empty then.</summary>
    public void HandOver()
    {
        if (_count == 0)
        {
            return;
        }

        if (_isMixed)
        {
            HandOverMixed();
        }
        else
        {
            _hosts[0].Enqueue(_entries.AsSpan(0, _count));
        }

        Return(ref _entries);
        Return(ref _hosts);
        _count = 0;
        _isMixed = false;
    }

    /// <summary>Sorted by queue, in each by the place in the transaction.</summary>
    private void HandOverMixed()
    {
        var keys = ArrayPool<long>.Shared.Rent(_count);
        var run = ArrayPool<NewEntry>.Shared.Rent(_count);
        for (var i = 0; i < _count; i++)
        {
            keys[i] = ((long)_hosts[i].Id << 32) | (uint)i;
        }

        Array.Sort(keys, 0, _count);
        var length = 0;
        for (var i = 0; i < _count; i++)
        {
            var place = (int)keys[i];
            run[length++] = _entries[place];
            if (i + 1 == _count || !ReferenceEquals(_hosts[(int)keys[i + 1]], _hosts[place]))
            {
                _hosts[place].Enqueue(run.AsSpan(0, length));
                length = 0;
            }
        }

        ArrayPool<long>.Shared.Return(keys);
        Return(ref run);
    }

    private static void Grow<T>(ref T[] array)
    {
        var larger = ArrayPool<T>.Shared.Rent(Math.Max(FirstCapacity, 2 * array.Length));
        array.CopyTo(larger, 0);
        Return(ref array);
        array = larger;
    }

    private static void Return<T>(ref T[] array)
    {
        if (array.Length > 0)
        {
            ArrayPool<T>.Shared.Return(array, clearArray: true);
        }

        array = [];
    }
}
