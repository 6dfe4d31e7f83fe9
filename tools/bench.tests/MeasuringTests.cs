using Mamba.Tools.Bench.Measuring;

namespace Mamba.Tools.Bench.Tests;

public sealed class MeasuringTests
{
    [TestCase(1_000)]
    [TestCase(123_456)]
    [TestCase(77_000_000)]
    [TestCase(LatencyHistogram.Longest)]
    public void AQuantileIsWithinOnePercentAndNeverTooLow(long value)
    {
        var histogram = new LatencyHistogram();
        histogram.Record(value);
        histogram.Record(LatencyHistogram.Longest);
        Assert.That(histogram.At(0.5), Is.InRange(value, value + value / 100));
    }

    [Test]
    public void QuantilesOfARangeAreWhereTheyBelong()
    {
        var histogram = new LatencyHistogram();
        for (var i = 1; i <= 100_000; i++)
        {
            histogram.Record(i * 1_000L);
        }

        Assert.That(histogram.Count, Is.EqualTo(100_000));
        Assert.That(histogram.At(0.5), Is.EqualTo(50_000_000).Within(1).Percent);
        Assert.That(histogram.At(0.99), Is.EqualTo(99_000_000).Within(1).Percent);
        Assert.That(histogram.At(0.999), Is.EqualTo(99_900_000).Within(1).Percent);
        Assert.That(histogram.At(1), Is.EqualTo(100_000_000));
        Assert.That(histogram.Maximum, Is.EqualTo(100_000_000));
    }

    [Test]
    public void WhatIsOutOfRangeIsClampedAndCounted()
    {
        var histogram = new LatencyHistogram();
        histogram.Record(-5);
        histogram.Record(long.MaxValue);
        Assert.That((histogram.Count, histogram.At(0.1), histogram.Maximum), Is.EqualTo((2L, 0L, LatencyHistogram.Longest)));
    }

    [Test]
    public void AddingJoinsTwoHistograms()
    {
        var one = new LatencyHistogram();
        var two = new LatencyHistogram();
        one.Record(1_000);
        two.Record(9_000);
        two.Record(9_000);
        one.Add(two);
        Assert.That((one.Count, one.Maximum), Is.EqualTo((3L, 9_000L)));
        Assert.That(one.At(0.3), Is.EqualTo(1_000).Within(1).Percent);
        Assert.That(one.At(0.9), Is.EqualTo(9_000).Within(1).Percent);
        Assert.That(new LatencyHistogram().At(0.5), Is.Zero);
    }

    [Test]
    public void CpuTimeIsReadPastANameWithSpacesAndBrackets()
    {
        const string Stat = "42 (a (b) c) S 1 42 42 0 -1 4194304 100 0 0 0 700 300 0 0 20 0 9 0 1000 1 1";
        Assert.That(ProcessMeter.CpuTicks(Stat), Is.EqualTo(1000));
    }

    [Test]
    public void AProcessThatIsNotThereIsNamed() =>
        Assert.That(() => ProcessMeter.Parse("1,nobody"), Throws.ArgumentException.With.Message.Contains("nobody"));

    [Test]
    public void OurOwnMemoryAndTimeAreMeasured()
    {
        var meter = ProcessMeter.Parse($"{Environment.ProcessId}");
        Assert.That(meter.ResidentMegabytes(), Is.GreaterThan(5));
        Assert.That(meter.PeakMegabytes(), Is.GreaterThanOrEqualTo(meter.ResidentMegabytes() - 50));
        Assert.That(meter.CpuSeconds(), Is.GreaterThan(0));
    }
}
