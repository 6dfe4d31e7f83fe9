using System.Numerics;

namespace Mamba.Tools.Bench.Measuring;

/// <summary>
/// A log-linear histogram of durations in nanoseconds: 128 steps in each power of two, so a reported value is at most
/// 0.8 % above the recorded one. Range 0 ns to one hour; longer durations are recorded as one hour. Recording allocates
/// nothing. One writer at a time; readers may look while it is written and see a recent state.
/// </summary>
public sealed class LatencyHistogram
{
    /// <summary>One hour in nanoseconds: the longest duration told apart.</summary>
    public const long Longest = 3_600_000_000_000;

    // Values below 2 * Steps have a slot each. Above, the value's leading bit picks a group of Steps slots and the seven
    // bits below it the slot inside the group.
    private const int StepBits = 7;
    private const int Steps = 1 << StepBits;

    private readonly long[] _counts = new long[SlotOf(Longest) + 1];

    /// <summary>How many durations were recorded.</summary>
    public long Count { get; private set; }

    /// <summary>The longest recorded duration, exactly; 0 while empty.</summary>
    public long Maximum { get; private set; }

    public void Record(long nanoseconds)
    {
        var value = Math.Clamp(nanoseconds, 0, Longest);
        _counts[SlotOf(value)]++;
        Count++;
        if (value > Maximum)
        {
            Maximum = value;
        }
    }

    /// <summary>Adds all of <paramref name="other"/> to this histogram.</summary>
    public void Add(LatencyHistogram other)
    {
        for (var i = 0; i < _counts.Length; i++)
        {
            _counts[i] += other._counts[i];
        }

        Count += other.Count;
        Maximum = Math.Max(Maximum, other.Maximum);
    }

    /// <summary>The duration that the share <paramref name="quantile"/> (0 to 1) of all recorded ones does not exceed; 0 while empty.</summary>
    public long At(double quantile)
    {
        var wanted = Math.Max(1, (long)Math.Ceiling(quantile * Count));
        long seen = 0;
        for (var i = 0; i < _counts.Length; i++)
        {
            seen += _counts[i];
            if (seen >= wanted)
            {
                return Math.Min(HighestIn(i), Maximum);
            }
        }

        return Maximum;
    }

    private static int SlotOf(long value)
    {
        if (value < 2 * Steps)
        {
            return (int)value;
        }

        var shift = BitOperations.Log2((ulong)value) - StepBits;
        return (shift + 1) * Steps + (int)(value >> shift) - Steps;
    }

    private static long HighestIn(int slot)
    {
        if (slot < 2 * Steps)
        {
            return slot;
        }

        var shift = slot / Steps - 1;
        return (((long)(slot % Steps) + Steps) << shift) + (1L << shift) - 1;
    }
}
