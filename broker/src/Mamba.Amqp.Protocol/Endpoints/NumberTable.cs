using System.Diagnostics.CodeAnalysis;

namespace Mamba.Amqp.Endpoints;

/// <summary>
/// Sessions by channel number, or links by handle. The highest number is checked by the caller before anything is
/// allocated, and the array grows only as far as numbers are really used. Not thread-safe.
/// </summary>
internal sealed class NumberTable<T>
    where T : class
{
    private T?[] _items = [];

    /// <summary>How many numbers are in use.</summary>
    public int Count { get; private set; }

    /// <summary>What has the number, or null.</summary>
    public T? this[uint number] => number < (uint)_items.Length ? _items[number] : null;

    /// <summary>Gives a number that is free to an item.</summary>
    public void Set(uint number, T item)
    {
        if (number >= (uint)_items.Length)
        {
            Array.Resize(ref _items, (int)Math.Max(number + 1, Math.Min(2 * (uint)_items.Length, 64)));
        }

        Count += _items[number] is null ? 1 : 0;
        _items[number] = item;
    }

    /// <summary>Frees a number if the item still has it.</summary>
    public void Free(uint number, T item)
    {
        if (ReferenceEquals(this[number], item))
        {
            _items[number] = null;
            Count--;
        }
    }

    /// <summary>The lowest free number up to an inclusive maximum.</summary>
    public bool TryFindFree(uint max, out uint number)
    {
        for (number = 0; number < (uint)_items.Length && number <= max; number++)
        {
            if (_items[number] is null)
            {
                return true;
            }
        }

        return number <= max;
    }

    /// <summary>The next item at or above a number, moving the number past it.</summary>
    public bool TryNext(ref uint from, [NotNullWhen(true)] out T? item)
    {
        while (from < (uint)_items.Length)
        {
            item = _items[from++];
            if (item is not null)
            {
                return true;
            }
        }

        item = null;
        return false;
    }

    /// <summary>Frees all numbers.</summary>
    public void Clear()
    {
        _items = [];
        Count = 0;
    }
}
