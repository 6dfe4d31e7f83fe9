using System.Diagnostics;

namespace Mamba.Broker.Server.Tests.Hostile;

/// <summary>
/// How long the broker took to end each of many connections. That none hangs is the business of the reads' own bound; here it is
/// that they end within two seconds, but for the odd one that a busy machine holds up. Thread-safe.
/// </summary>
internal sealed class AnswerTimes
{
    private static readonly TimeSpan Bound = TimeSpan.FromSeconds(2);

    private int _all;
    private int _slow;

    public async Task MeasureAsync(Func<Task> conversation)
    {
        var started = Stopwatch.GetTimestamp();
        await conversation();
        Interlocked.Increment(ref _all);
        if (Stopwatch.GetElapsedTime(started) > Bound)
        {
            Interlocked.Increment(ref _slow);
        }
    }

    public void AssertWithinBound(int atLeast)
    {
        Assert.That(_all, Is.GreaterThanOrEqualTo(atLeast), "conversations");
        Assert.That(_slow, Is.LessThanOrEqualTo(_all / 100), $"conversations of {_all} that took longer than {Bound.TotalSeconds} s");
    }
}
