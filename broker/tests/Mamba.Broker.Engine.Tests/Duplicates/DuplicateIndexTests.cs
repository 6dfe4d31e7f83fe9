using FsCheck;
using FsCheck.Fluent;

namespace Mamba.Broker.Engine.Tests.Duplicates;

/// <summary>The ring with its tables, against a plain list.</summary>
internal sealed class DuplicateIndexTests
{
    private enum Step
    {
        Add,
        RemoveOldest,
        RemoveNewest,
        RemoveSome,
    }

    [FsCheck.NUnit.Property(MaxTest = 50)]
    public Property Behaves_like_a_list()
    {
        var step = Gen.Frequency<Step>(
            (6, Gen.Constant(Step.Add)), (2, Gen.Constant(Step.RemoveOldest)), (1, Gen.Constant(Step.RemoveNewest)), (1, Gen.Constant(Step.RemoveSome)));
        var steps = Gen.Zip(Gen.ListOf(step, 1_000), Gen.Choose(1, 40));
        return Prop.ForAll(steps.ToArbitrary(), static drawn => Holds([.. drawn.Item1], drawn.Item2));
    }

    [Test]
    public void A_window_that_slides_for_long_keeps_its_memory()
    {
        var index = new DuplicateIndex();
        var most = 0L;
        for (var i = 0; i < 200_000; i++)
        {
            index.Add(Entry(i));
            if (index.Count > 5_000)
            {
                index.Remove(index.Head);
            }

            most = i == 20_000 ? index.Footprint : most;
        }

        Assert.That(index.Footprint, Is.LessThanOrEqualTo(most * 3 / 2));
        for (var i = 0; i < 200_000; i++)
        {
            Assert.That(index.Find(HashOf(i)) != 0, Is.EqualTo(i >= 195_000), $"{i}");
        }
    }

    [Test]
    public void A_million_ids_take_40_MB()
    {
        var index = new DuplicateIndex();
        for (var i = 0; i < 1_000_000; i++)
        {
            index.Add(Entry(i));
        }

        Assert.That(index.Footprint, Is.InRange(32_000_000, 42_000_000));
        while (index.Count > 0)
        {
            index.Remove(index.Head);
        }

        Assert.That(index.Footprint, Is.Zero);
    }

    private static bool Holds(Step[] steps, int spread)
    {
        var index = new DuplicateIndex();
        var model = new List<(long Position, int Number)>();
        var number = 0;
        foreach (var step in steps)
        {
            if (step == Step.Add || model.Count == 0)
            {
                model.Add((index.Add(new KnownId { Hash = Crowded(++number), Sequence = (ulong)number }), number));
                continue;
            }

            var at = step switch { Step.RemoveOldest => 0, Step.RemoveNewest => model.Count - 1, _ => number * 7 % spread % model.Count };
            index.Remove(model[at].Position);
            model.RemoveAt(at);
        }

        for (var i = 1; i <= number; i++)
        {
            var known = model.Find(one => one.Number == i);
            if (index.Find(Crowded(i)) != known.Position || (known.Position != 0 && index.At(known.Position).Hash != Crowded(i)))
            {
                return false;
            }
        }

        return index.Count == model.Count && (model.Count == 0 || index.Head <= model[0].Position);
    }

    private static KnownId Entry(int number) => new() { Hash = HashOf(number), Sequence = (ulong)number };

    private static UInt128 HashOf(int number) => new SipHash128(1, 2).Of((ulong)number, []);

    /// <summary>A third of them in one table, and there in few slots, so that walks are long.</summary>
    private static UInt128 Crowded(int number) => number % 3 == 0 ? new UInt128((ulong)number, (ulong)(number % 5)) : HashOf(number);
}
