namespace Mamba.Tools.Bench.Micro.Scenarios;

/// <summary>Messages of 100 bytes through one queue, a batch at a time: published, acquired, accepted. See <see cref="QueueRig"/>.</summary>
public abstract class QueueScenario : BatchScenario
{
    private QueueRig _rig = null!;

    public override double AllocationBound => Durable ? OtherThreadsBound : 0;

    public override bool UsesOtherThreads => Durable;

    protected abstract bool Durable { get; }

    /// <summary>Whether the consumer waits until its settlement is stored, because it left its dispositions unsettled.</summary>
    protected abstract bool Confirmed { get; }

    public override void Setup() => _rig = new QueueRig(Durable, Size);

    public override void Once()
    {
        _rig.Publish();
        _rig.Consume(Confirmed);
    }

    protected override void Dispose(bool disposing) => _rig.Dispose();
}

/// <summary>Non-durable: everything on this thread.</summary>
public sealed class QueueTransient : QueueScenario
{
    protected override bool Durable => false;

    protected override bool Confirmed => true;
}

/// <summary>Durable, and the consumer has settled and waits for nothing: what most clients do.</summary>
public sealed class QueueDurable : QueueScenario
{
    protected override bool Durable => true;

    protected override bool Confirmed => false;
}

/// <summary>Durable, and the consumer waits for our settlement.</summary>
public sealed class QueueDurableConfirmed : QueueScenario
{
    protected override bool Durable => true;

    protected override bool Confirmed => true;
}
