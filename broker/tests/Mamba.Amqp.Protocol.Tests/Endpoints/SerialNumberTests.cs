using Mamba.Amqp.Endpoints;

namespace Mamba.Amqp.Tests.Endpoints;

/// <summary>RFC 1982 arithmetic, at the places where plain integers go wrong.</summary>
public sealed class SerialNumberTests
{
    [TestCase(0u, 1u, 1)]
    [TestCase(1u, 0u, -1)]
    [TestCase(uint.MaxValue, 0u, 1)]
    [TestCase(0u, uint.MaxValue, -1)]
    [TestCase(0u, 0x7FFFFFFFu, int.MaxValue)]
    [TestCase(0x80000001u, 0u, int.MaxValue)]
    [TestCase(0xFFFFFFFDu, 2u, 5)]
    [TestCase(0x7FFFFFFFu, 0x80000000u, 1)]
    public void Distance_takes_the_shorter_way_round(uint from, uint to, int distance)
    {
        var a = new SerialNumber(from);
        var b = new SerialNumber(to);
        Assert.That(b - a, Is.EqualTo(distance));
        Assert.That(b.DistanceFrom(a), Is.EqualTo(distance));
        Assert.That(a < b, Is.EqualTo(distance > 0));
        Assert.That(a > b, Is.EqualTo(distance < 0));
        Assert.That(a <= b, Is.EqualTo(distance >= 0));
        Assert.That(a >= b, Is.EqualTo(distance <= 0));
        Assert.That(Math.Sign(b.CompareTo(a)), Is.EqualTo(Math.Sign(distance)));
    }

    [Test]
    public void Numbers_half_the_circle_apart_have_no_order()
    {
        var a = new SerialNumber(0);
        var b = new SerialNumber(0x80000000);
        Assert.That(a - b, Is.EqualTo(int.MinValue));
        Assert.That(b - a, Is.EqualTo(int.MinValue));
        Assert.That(a < b && b < a, Is.True);
    }

    [Test]
    public void Addition_and_subtraction_wrap()
    {
        Assert.That((new SerialNumber(uint.MaxValue) + 3).Value, Is.EqualTo(2u));
        Assert.That((new SerialNumber(2) - 3).Value, Is.EqualTo(uint.MaxValue));
        Assert.That(new SerialNumber(uint.MaxValue).Next.Value, Is.Zero);
    }

    [Test]
    public void Adding_a_count_below_half_the_circle_moves_forward()
    {
        var random = new Random(1982);
        for (var i = 0; i < 100_000; i++)
        {
            var start = new SerialNumber((uint)random.NextInt64(1L << 32));
            var count = (uint)random.NextInt64(1, 1L << 31);
            Assert.That(start + count > start && start + count - start == (int)count, Is.True, $"{start} + {count}");
        }
    }
}
