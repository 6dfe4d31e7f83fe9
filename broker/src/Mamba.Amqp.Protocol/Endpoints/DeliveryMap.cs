using System.Numerics;
using System.Runtime.CompilerServices;

namespace Mamba.Amqp.Endpoints;

/// <summary>
/// The unsettled deliveries of one direction of a session, by delivery-id, in the order they were added (which is the order
/// of their ids). Adding, finding and removing take constant time however far apart the oldest and the newest id are: one
/// delivery that is never settled costs one entry. Takes no memory before the first delivery, and none once the map has grown to its working size.
/// Not thread-safe.
/// </summary>
/// <remarks>
/// <code>
///   buckets[id &amp; mask] -> slot -> slot ...        chain of the ids that share a bucket
///   oldest &lt;-> slot &lt;-> ... &lt;-> newest             the same slots in order of arrival
///   free -> slot -> slot ...                        slots to use again
/// </code>
/// Ids of one session are consecutive, so the chains have one entry each unless the ids span more than the capacity.
/// </remarks>
/// <typeparam name="T">What is kept for a delivery.</typeparam>
internal sealed class DeliveryMap<T>
{
    private const int None = -1;
    private const int InitialCapacity = 16;

    /// <summary>What a map without deliveries looks at: it is never written to.</summary>
    private static readonly int[] NoBuckets = [None];

    private int[] _buckets = NoBuckets;
    private Slot[] _slots = [];
    private int _free = None;
    private int _oldest = None;
    private int _newest = None;
    private uint _removals;

    /// <summary>The number of deliveries.</summary>
    public int Count { get; private set; }

    /// <summary>Adds a delivery after all others.</summary>
    /// <returns>False, with nothing changed, when the id is there already.</returns>
    public bool TryAdd(uint id, in T value)
    {
        if (Find(id) != None)
        {
            return false;
        }

        if (_free == None)
        {
            Grow();
        }

        var index = _free;
        ref var slot = ref _slots[index];
        _free = slot.Chain;
        ref var bucket = ref _buckets[id & (uint)(_buckets.Length - 1)];
        slot = new Slot { Id = id, Value = value, Chain = bucket, Older = _newest, Newer = None };
        bucket = index;
        if (_newest == None)
        {
            _oldest = index;
        }
        else
        {
            _slots[_newest].Newer = index;
        }

        _newest = index;
        Count++;
        return true;
    }

    /// <summary>Finds a delivery.</summary>
    public bool TryGet(uint id, out T value)
    {
        var index = Find(id);
        value = index == None ? default! : _slots[index].Value;
        return index != None;
    }

    /// <summary>The value of a delivery, to change in place; a null reference when it is not there.</summary>
    public ref T Lookup(uint id)
    {
        var index = Find(id);
        return ref index == None ? ref Unsafe.NullRef<T>() : ref _slots[index].Value;
    }

    /// <summary>Removes a delivery.</summary>
    public bool TryRemove(uint id, out T value)
    {
        var index = Find(id);
        if (index == None)
        {
            value = default!;
            return false;
        }

        value = _slots[index].Value;
        Unlink(index);
        return true;
    }

    /// <summary>
    /// Walks the deliveries of an inclusive range of ids, which may wrap past 2^32 - 1, oldest first. Costs as many steps as
    /// the range has ids or the map has deliveries, whichever is less: a peer may name a range of 2^32 ids.
    /// </summary>
    public RangeCursor Range(uint first, uint last) => new(this, first, last);

    /// <summary>Walks all deliveries, oldest first.</summary>
    public RangeCursor All()
    {
        var first = _oldest == None ? 0 : _slots[_oldest].Id;
        return new RangeCursor(this, first, unchecked(first - 1));
    }

    /// <summary>Forgets all deliveries and keeps the memory.</summary>
    public void Clear()
    {
        if (_slots.Length > 0)
        {
            Array.Fill(_buckets, None);
        }

        Array.Clear(_slots);
        _oldest = _newest = None;
        Count = 0;
        _removals++;
        LinkFree(0);
    }

    private int Find(uint id)
    {
        var index = _buckets[id & (uint)(_buckets.Length - 1)];
        while (index != None && _slots[index].Id != id)
        {
            index = _slots[index].Chain;
        }

        return index;
    }

    private void Unlink(int index)
    {
        ref var slot = ref _slots[index];
        ref var link = ref _buckets[slot.Id & (uint)(_buckets.Length - 1)];
        while (link != index)
        {
            link = ref _slots[link].Chain;
        }

        link = slot.Chain;
        if (slot.Older == None)
        {
            _oldest = slot.Newer;
        }
        else
        {
            _slots[slot.Older].Newer = slot.Newer;
        }

        if (slot.Newer == None)
        {
            _newest = slot.Older;
        }
        else
        {
            _slots[slot.Newer].Older = slot.Older;
        }

        slot = new Slot { Chain = _free };
        _free = index;
        Count--;
        _removals++;
    }

    private void Grow()
    {
        var old = _slots.Length;
        Array.Resize(ref _slots, Math.Max(InitialCapacity, checked(old * 2)));
        _buckets = new int[_slots.Length];
        Array.Fill(_buckets, None);
        for (var i = 0; i < old; i++)
        {
            ref var bucket = ref _buckets[_slots[i].Id & (uint)(_buckets.Length - 1)];
            _slots[i].Chain = bucket;
            bucket = i;
        }

        LinkFree(old);
    }

    private void LinkFree(int from)
    {
        for (var i = from; i < _slots.Length; i++)
        {
            _slots[i].Chain = i + 1 < _slots.Length ? i + 1 : None;
        }

        _free = from < _slots.Length ? from : None;
    }

    /// <summary>
    /// A walk over a range. The map may change meanwhile, because what is done with a delivery can settle others; the walk
    /// then begins again behind the id it has reached.
    /// </summary>
    public struct RangeCursor
    {
        private readonly DeliveryMap<T> _map;
        private readonly uint _first;
        private readonly uint _distance;
        private readonly uint _origin;
        private readonly bool _byId;
        private ulong _steps;
        private int _next;
        private int _current = None;
        private uint _removals;

        internal RangeCursor(DeliveryMap<T> map, uint first, uint last)
        {
            _map = map;
            _first = first;
            _distance = unchecked(last - first);
            _byId = _distance < (uint)map.Count;
            _next = map._oldest;
            _origin = _next == None ? 0 : map._slots[_next].Id;
            _removals = map._removals;
        }

        /// <summary>The id of the delivery the last <see cref="MoveNext"/> found.</summary>
        public uint Id { get; private set; }

        /// <summary>Moves to the next delivery of the range.</summary>
        public bool MoveNext(out T value) => _byId ? MoveById(out value) : MoveByOrder(out value);

        /// <summary>Removes the delivery just found. Nothing else may have changed since.</summary>
        public void RemoveCurrent()
        {
            _map.Unlink(_current);
            _removals = _map._removals;
        }

        private bool MoveById(out T value)
        {
            while (_steps <= _distance)
            {
                Id = unchecked(_first + (uint)_steps++);
                _current = _map.Find(Id);
                if (_current != None)
                {
                    value = _map._slots[_current].Value;
                    return true;
                }
            }

            value = default!;
            return false;
        }

        private bool MoveByOrder(out T value)
        {
            if (_removals != _map._removals)
            {
                _removals = _map._removals;
                _next = _map._oldest;
            }

            while (_next != None)
            {
                _current = _next;
                ref var slot = ref _map._slots[_current];
                _next = slot.Newer;

                // _steps is one more than the place of the id reached, so that a restart does not visit it twice.
                var place = unchecked(slot.Id - _origin);
                if (unchecked(slot.Id - _first) <= _distance && place >= _steps)
                {
                    _steps = place + 1UL;
                    Id = slot.Id;
                    value = slot.Value;
                    return true;
                }
            }

            value = default!;
            return false;
        }
    }

    private struct Slot
    {
        public uint Id;
        public int Chain;
        public int Older;
        public int Newer;
        public T Value;
    }
}
