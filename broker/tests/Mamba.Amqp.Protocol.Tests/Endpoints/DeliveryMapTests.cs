using Mamba.Amqp.Endpoints;

namespace Mamba.Amqp.Tests.Endpoints;

public sealed class DeliveryMapTests
{
    [TestCase(0u)]
    [TestCase(0x7FFFFFF0u)]
    [TestCase(0xFFFFFFF0u)]
    public void Keeps_deliveries_across_the_wrap(uint start)
    {
        var map = new DeliveryMap<long>();
        for (uint i = 0; i < 100; i++)
        {
            Assert.That(map.TryAdd(unchecked(start + i), i), Is.True);
        }

        Assert.That(map.Count, Is.EqualTo(100));
        Assert.That(map.TryAdd(start, 1), Is.False, "an id is there once");
        Assert.That(Collect(map.Range(unchecked(start + 10), unchecked(start + 19))), Is.EqualTo(Enumerable.Range(10, 10)));
        for (uint i = 0; i < 100; i += 2)
        {
            Assert.That(map.TryRemove(unchecked(start + i), out var value), Is.True);
            Assert.That(value, Is.EqualTo(i));
        }

        Assert.That(map.TryRemove(start, out _), Is.False);
        Assert.That(map.TryGet(unchecked(start + 1), out var odd) && odd == 1, Is.True);
        Assert.That(Collect(map.All()), Is.EqualTo(Enumerable.Range(0, 50).Select(i => (2 * i) + 1)));
        map.Clear();
        Assert.That(map.Count, Is.Zero);
        Assert.That(Collect(map.All()), Is.Empty);
    }

    [Test]
    public void One_old_delivery_costs_one_entry_however_far_ids_run_ahead()
    {
        var map = new DeliveryMap<int>();
        map.TryAdd(0, -1);
        for (uint i = 1; i < 200_000; i++)
        {
            map.TryAdd(i, 0);
            map.TryRemove(i, out _);
        }

        Assert.That(map.Count, Is.EqualTo(1));
        Assert.That(map.TryGet(0, out var value) && value == -1, Is.True);
    }

    [Test]
    public void A_range_of_all_ids_takes_as_many_steps_as_there_are_deliveries()
    {
        var map = new DeliveryMap<int>();
        for (uint i = 0; i < 10; i++)
        {
            map.TryAdd(1000 + i, (int)i);
        }

        Assert.That(Collect(map.Range(0, uint.MaxValue)), Is.EqualTo(Enumerable.Range(0, 10)));
        Assert.That(Collect(map.Range(1009, 1000)), Is.EqualTo(new[] { 9, 0 }).Or.EqualTo(new[] { 0, 9 }), "the range wraps round to include both ends only");
    }

    [Test]
    public void A_walk_goes_on_when_others_are_removed_meanwhile()
    {
        var map = new DeliveryMap<int>();
        for (uint i = 0; i < 10; i++)
        {
            map.TryAdd(i, (int)i);
        }

        var seen = new List<int>();
        var cursor = map.Range(0, uint.MaxValue);
        while (cursor.MoveNext(out var value))
        {
            seen.Add(value);
            map.TryRemove((uint)value + 1, out _);
        }

        Assert.That(seen, Is.EqualTo(new[] { 0, 2, 4, 6, 8 }));
    }

    [Test]
    public void A_walk_may_remove_what_it_finds()
    {
        var map = new DeliveryMap<int>();
        for (var start = 0u; start < 3; start++)
        {
            for (uint i = 0; i < 40; i++)
            {
                map.TryAdd(unchecked(uint.MaxValue - 20 + i), (int)i);
            }

            var cursor = start == 0 ? map.All() : map.Range(uint.MaxValue - 20, 18);
            var count = 0;
            while (cursor.MoveNext(out var value))
            {
                Assert.That(value, Is.EqualTo(count++));
                cursor.RemoveCurrent();
            }

            Assert.That(map.Count, Is.Zero);
            Assert.That(count, Is.EqualTo(40).Or.EqualTo(39));
            map.Clear();
        }
    }

    [Test]
    public void Random_use_agrees_with_a_dictionary()
    {
        var random = new Random(20261121);
        var map = new DeliveryMap<int>();
        var model = new SortedDictionary<ulong, int>();
        ulong next = 0xFFFFFF00;
        for (var step = 0; step < 50_000; step++)
        {
            if (random.Next(5) < 3 && model.Count < 500)
            {
                Assert.That(map.TryAdd((uint)next, step), Is.True);
                model.Add(next++, step);
            }
            else if (model.Count > 0)
            {
                var key = model.Keys.ElementAt(random.Next(model.Count));
                Assert.That(map.TryRemove((uint)key, out var value) && value == model[key], Is.True);
                model.Remove(key);
            }
        }

        Assert.That(Collect(map.All()), Is.EqualTo(model.Values));
    }

    private static List<int> Collect(DeliveryMap<long>.RangeCursor cursor)
    {
        var values = new List<int>();
        while (cursor.MoveNext(out var value))
        {
            values.Add((int)value);
        }

        return values;
    }

    private static List<int> Collect(DeliveryMap<int>.RangeCursor cursor)
    {
        var values = new List<int>();
        while (cursor.MoveNext(out var value))
        {
            values.Add(value);
        }

        return values;
    }
}
