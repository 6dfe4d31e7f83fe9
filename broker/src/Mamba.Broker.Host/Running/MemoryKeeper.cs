using Mamba.Broker.Engine;

namespace Mamba.Broker.Host.Running;

/// <summary>What a process takes at one moment.</summary>
/// <param name="Cpu">CPU time used so far.</param>
/// <param name="Resident">Resident memory in bytes.</param>
/// <param name="Messages">Bytes of it that messages need: bodies in memory and the index.</param>
internal readonly record struct MemoryReading(TimeSpan Cpu, long Resident, long Messages);

/// <summary>What is to be done about memory.</summary>
internal enum MemoryStep
{
    /// <summary>Nothing: what is taken is needed, or little.</summary>
    None,

    /// <summary>Collect beside the work, without stopping it.</summary>
    CollectInBackground,

    /// <summary>Give up what is kept for reuse, collect and give the memory to the system: it stops the process for some milliseconds.</summary>
    Release,
}

/// <summary>
/// The collector runs when something is allocated, and a broker that pools what it needs hardly allocates: after a backlog was drained
/// its memory would stay with the process until the next one. So the broker looks now and then at what it takes beyond what
/// its messages need. While it is quiet it gives that back at once; while it works it collects in the background, seldom, and
/// only when much is to be had.
/// </summary>
internal sealed class MemoryKeeper
{
    public static readonly TimeSpan Interval = TimeSpan.FromSeconds(10);

    /// <summary>Less than this is not worth a pause.</summary>
    private const long WorthRelease = 16L << 20;
    private const long WorthCollection = 96L << 20;

    /// <summary>Intervals between two collections under load.</summary>
    private const int RestUnderLoad = 6;

    /// <summary>Quiet is at most this part of one core.</summary>
    private const double QuietShare = 0.02;

    private TimeSpan _cpu;
    private long _base;
    private int _rest;

    public MemoryKeeper(in MemoryReading start) => Settle(start);

    /// <summary>To be called once per <see cref="Interval"/>; what follows is up to the caller, who calls <see cref="Settle"/> after it.</summary>
    public MemoryStep Decide(in MemoryReading now)
    {
        var isQuiet = now.Cpu - _cpu < Interval * QuietShare;
        var excess = now.Resident - now.Messages - _base;
        _cpu = now.Cpu;
        _rest = Math.Max(0, _rest - 1);
        if (isQuiet)
        {
            return excess > WorthRelease ? MemoryStep.Release : MemoryStep.None;
        }

        return excess > WorthCollection && _rest == 0 ? MemoryStep.CollectInBackground : MemoryStep.None;
    }

    /// <summary>What is taken after a step is the least there is for now: the next one has to be worth it beyond that.</summary>
    public void Settle(in MemoryReading after)
    {
        _cpu = after.Cpu;
        _base = after.Resident - after.Messages;
        _rest = RestUnderLoad;
    }

    /// <summary>Watches the running process until disposed.</summary>
    public static ITimer Watch(MessageEngine engine, TimeProvider time)
    {
        var keeper = new MemoryKeeper(Read(engine));
        return time.CreateTimer(_ => keeper.Tick(engine), state: null, Interval, Interval);
    }

    private static MemoryReading Read(MessageEngine engine) =>
        new(Environment.CpuUsage.TotalTime, Environment.WorkingSet, engine.MessageMemoryBytes);

    private void Tick(MessageEngine engine)
    {
        switch (Decide(Read(engine)))
        {
            case MemoryStep.Release:
                engine.ReleaseIdleMemory();
                GC.Collect(GC.MaxGeneration, GCCollectionMode.Aggressive, blocking: true, compacting: true);
                Settle(Read(engine));
                break;
            case MemoryStep.CollectInBackground:
                GC.Collect(GC.MaxGeneration, GCCollectionMode.Forced, blocking: false);
                Settle(Read(engine));
                break;
        }
    }
}
