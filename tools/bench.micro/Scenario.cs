namespace Mamba.Tools.Bench.Micro;

/// <summary>
/// One thing that is measured: by BenchmarkDotNet for its time, by the everyday tests for what it allocates. Used by one thread.
/// </summary>
public abstract class Scenario : IDisposable
{
    /// <summary>
    /// The bound where other threads take part and nothing is allocated for an operation: room for what else goes on in the
    /// process while it is measured, and too little for one object in a batch of 32.
    /// </summary>
    protected const double OtherThreadsBound = 0.5;

    /// <summary>Most bytes that one operation may allocate once everything is warm. The tests hold it.</summary>
    public virtual double AllocationBound => 0;

    /// <summary>Operations (messages, frames, commits) in one call of <see cref="Once"/>.</summary>
    public virtual int Operations => 1;

    /// <summary>True when other threads do part of the work, so that what they allocate counts too.</summary>
    public virtual bool UsesOtherThreads => false;

    /// <summary>Makes ready; called once, before all else.</summary>
    public virtual void Setup()
    {
    }

    /// <summary>Does it once; returns only when all of it is done, on whatever thread.</summary>
    public abstract void Once();

    public void Dispose()
    {
        Dispose(disposing: true);
        GC.SuppressFinalize(this);
    }

    protected virtual void Dispose(bool disposing)
    {
    }

    /// <summary>All scenarios there are. A new one is a new class: nothing else has to be told.</summary>
    public static IReadOnlyList<Type> All { get; } =
        [.. typeof(Scenario).Assembly.GetTypes().Where(t => t.IsSubclassOf(typeof(Scenario)) && !t.IsAbstract).OrderBy(t => t.FullName, StringComparer.Ordinal)];
}

/// <summary>A scenario of <see cref="Size"/> operations at a time, as a connection's turn has them.</summary>
public abstract class BatchScenario : Scenario
{
    /// <summary>Operations in one batch.</summary>
    public const int Size = 32;

    public override int Operations => Size;
}
