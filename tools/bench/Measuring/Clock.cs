using System.Diagnostics;
using System.Runtime.InteropServices;

namespace Mamba.Tools.Bench.Measuring;

/// <summary>The machine's monotonic clock in nanoseconds, the same for all processes since it started.</summary>
internal static partial class Clock
{
    private const int Monotonic = 1;
    private const int AbsoluteTime = 1;
    private const int SetTimerSlack = 29;

    private static readonly double NanosecondsPerTick = 1e9 / Stopwatch.Frequency;

    public static long Now() => Stopwatch.Frequency == 1_000_000_000 ? Stopwatch.GetTimestamp() : (long)(Stopwatch.GetTimestamp() * NanosecondsPerTick);

    /// <summary>
    /// Blocks the calling thread until the clock reads <paramref name="nanoseconds"/>. .NET's own timers have a grain of a
    /// millisecond, which an open-loop latency would show as if the broker had caused it; this one keeps within some 10 µs.
    /// For dedicated threads only.
    /// </summary>
    public static void WaitUntil(long nanoseconds)
    {
        var until = new TimeSpec(nanoseconds / 1_000_000_000, nanoseconds % 1_000_000_000);
        _ = ClockNanosleep(Monotonic, AbsoluteTime, until, 0);
    }

    /// <summary>Asks the kernel not to defer this thread's wake-ups to save power (50 µs by default).</summary>
    public static void BePrecise() => _ = Prctl(SetTimerSlack, 1);

    [LibraryImport("libc", EntryPoint = "clock_nanosleep")]
    private static partial int ClockNanosleep(int clock, int flags, in TimeSpec until, nint remaining);

    [LibraryImport("libc", EntryPoint = "prctl")]
    private static partial int Prctl(int option, nuint value);

    /// <summary>struct timespec of 64-bit Linux.</summary>
    [StructLayout(LayoutKind.Sequential)]
    private readonly record struct TimeSpec(long Seconds, long Nanoseconds);
}
