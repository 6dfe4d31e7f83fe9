using System.Collections;
using System.Diagnostics.CodeAnalysis;

namespace Mamba.Amqp.Types;

/// <summary>
/// A map of AMQP values which keeps the order of its entries (AMQP 1.0 §1.6.23). Keys are compared by AMQP type and
/// contents: the symbol <c>a</c> and the string <c>"a"</c> are different keys. Not safe for concurrent writing.
/// </summary>
public sealed class AmqpMap : IReadOnlyCollection<KeyValuePair<object, object?>>, IEquatable<AmqpMap>
{
    // Most maps on the wire have a handful of entries, where comparing beats hashing.
    private const int IndexFrom = 12;

    private readonly List<KeyValuePair<object, object?>> _entries;
    private Dictionary<object, int>? _index;

    /// <summary>Creates an empty map.</summary>
    public AmqpMap() => _entries = [];

    /// <summary>Creates an empty map with room for some entries.</summary>
    public AmqpMap(int capacity) => _entries = new List<KeyValuePair<object, object?>>(capacity);

    /// <summary>The number of entries.</summary>
    public int Count => _entries.Count;

    /// <summary>The value of a key: null when the key is not there. Setting replaces the value, or adds an entry at the end.</summary>
    public object? this[object key]
    {
        get => TryGetValue(key, out var value) ? value : null;
        set
        {
            var at = IndexOf(key);
            if (at >= 0)
            {
                _entries[at] = new KeyValuePair<object, object?>(_entries[at].Key, value);
            }
            else
            {
                Append(key, value);
            }
        }
    }

    /// <summary>Adds an entry at the end.</summary>
    /// <exception cref="ArgumentException">The key is there already.</exception>
    public void Add(object key, object? value)
    {
        if (!TryAdd(key, value))
        {
            throw new ArgumentException($"the map has an entry with the key {AmqpValue.ToString(key)} already", nameof(key));
        }
    }

    /// <summary>Adds an entry at the end, unless the key is there already.</summary>
    public bool TryAdd(object key, object? value)
    {
        if (IndexOf(key) >= 0)
        {
            return false;
        }

        Append(key, value);
        return true;
    }

    /// <summary>The entry at a position, in the order of the wire.</summary>
    public KeyValuePair<object, object?> EntryAt(int position) => _entries[position];

    /// <summary>Whether the key is there.</summary>
    public bool ContainsKey(object key) => IndexOf(key) >= 0;

    /// <summary>Looks a key up.</summary>
    public bool TryGetValue(object key, out object? value)
    {
        var at = IndexOf(key);
        value = at >= 0 ? _entries[at].Value : null;
        return at >= 0;
    }

    /// <summary>Looks a key up; false when it is not there or its value has another type.</summary>
    public bool TryGetValue<T>(object key, [MaybeNullWhen(false)] out T value)
    {
        if (TryGetValue(key, out var found) && found is T typed)
        {
            value = typed;
            return true;
        }

        value = default;
        return false;
    }

    /// <summary>Removes an entry; false when it is not there.</summary>
    public bool Remove(object key)
    {
        var at = IndexOf(key);
        if (at < 0)
        {
            return false;
        }

        _entries.RemoveAt(at);
        _index = null;
        return true;
    }

    /// <summary>A copy with the same entries; nested values are shared.</summary>
    public AmqpMap Clone()
    {
        var copy = new AmqpMap(Count);
        copy._entries.AddRange(_entries);
        return copy;
    }

    public List<KeyValuePair<object, object?>>.Enumerator GetEnumerator() => _entries.GetEnumerator();

    IEnumerator<KeyValuePair<object, object?>> IEnumerable<KeyValuePair<object, object?>>.GetEnumerator() => _entries.GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => _entries.GetEnumerator();

    public bool Equals(AmqpMap? other)
    {
        if (other is null || other.Count != Count)
        {
            return false;
        }

        for (var i = 0; i < _entries.Count; i++)
        {
            if (!AmqpValue.Equals(_entries[i].Key, other._entries[i].Key) || !AmqpValue.Equals(_entries[i].Value, other._entries[i].Value))
            {
                return false;
            }
        }

        return true;
    }

    public override bool Equals(object? obj) => Equals(obj as AmqpMap);

    public override int GetHashCode()
    {
        var hash = default(HashCode);
        foreach (var (key, value) in _entries)
        {
            hash.Add(AmqpValue.GetHashCode(key));
            hash.Add(AmqpValue.GetHashCode(value));
        }

        return hash.ToHashCode();
    }

    public override string ToString() => AmqpValue.ToString(this);

    /// <summary>Adds an entry whose key the caller has looked up in vain.</summary>
    internal void AppendUnchecked(object key, object? value) => Append(key, value);

    private void Append(object key, object? value)
    {
        ArgumentNullException.ThrowIfNull(key);
        _index?.Add(key, _entries.Count);
        _entries.Add(new KeyValuePair<object, object?>(key, value));
    }

    private int IndexOf(object key)
    {
        ArgumentNullException.ThrowIfNull(key);
        if (_entries.Count >= IndexFrom)
        {
            return (_index ??= BuildIndex()).TryGetValue(key, out var found) ? found : -1;
        }

        for (var i = 0; i < _entries.Count; i++)
        {
            if (AmqpValue.Equals(_entries[i].Key, key))
            {
                return i;
            }
        }

        return -1;
    }

    private Dictionary<object, int> BuildIndex()
    {
        var index = new Dictionary<object, int>(Math.Max(_entries.Capacity, _entries.Count), AmqpValue.Comparer);
        for (var i = 0; i < _entries.Count; i++)
        {
            index.Add(_entries[i].Key, i);
        }

        return index;
    }
}
