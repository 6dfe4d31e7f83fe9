namespace Mamba.Broker.Engine;

/// <summary>
/// One timer for all queues: fires when the first message falls due or expires, at most every <see cref="Granularity"/>
/// milliseconds, and ticks the queues that asked for it. Thread-safe.
/// </summary>
internal sealed class DeadlineTimer(EngineContext context) : IDisposable
{
    private const int Granularity = 20;

    /// <summary>Longest wait the timer is set to, so that a clock that jumps is noticed.</summary>
    private const long LongestWait = 60_000;

    private readonly Lock _gate = new();
    private ITimer? _timer;
    private long _next = long.MaxValue;
    private int _fired;

    /// <summary>A queue has something to do at <paramref name="at"/>, in unix milliseconds.</summary>
    public void Note(long at)
    {
        if (at >= Interlocked.Read(ref _next))
        {
            return;
        }

        lock (_gate)
        {
            if (at < _next)
            {
                Interlocked.Exchange(ref _next, at);
                Arm();
            }
        }
    }

    public void Dispose()
    {
        lock (_gate)
        {
            _timer?.Dispose();
            _timer = null;
            Interlocked.Exchange(ref _next, long.MinValue);
        }
    }

    private void Arm()
    {
        var wait = TimeSpan.FromMilliseconds(Math.Clamp(_next - context.Now, Granularity, LongestWait));
        if (_timer is null)
        {
            _timer = context.Time.CreateTimer(static state => ((DeadlineTimer)state!).Fire(), this, wait, Timeout.InfiniteTimeSpan);
        }
        else
        {
            _timer.Change(wait, Timeout.InfiniteTimeSpan);
        }
    }

    /// <summary>
    /// The timer may fire while a round is under way: it goes round once more then. Were that call dropped, nobody would set the timer
    /// again, since the deadline it was set to is still noted as the next.
    /// </summary>
    private void Fire()
    {
        var seen = Interlocked.Increment(ref _fired);
        if (seen != 1)
        {
            return;
        }

        do
        {
            seen = Volatile.Read(ref _fired);
            TickAll();
        }
        while (Interlocked.CompareExchange(ref _fired, 0, seen) != seen);
    }

    private void TickAll()
    {
        lock (_gate)
        {
            if (_timer is null)
            {
                return;
            }

            Interlocked.Exchange(ref _next, long.MaxValue);
        }

        foreach (var (_, host) in context.Hosts)
        {
            var due = host.NextDeadline;
            if (due <= context.Now)
            {
                host.Tick();
                due = host.NextDeadline;
            }

            Note(due);
        }
    }
}
