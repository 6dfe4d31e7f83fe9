namespace Mamba.Broker.Engine;

/// <summary>
/// What a subscription held when it was suspended: nobody else gets it until it is taken over by another subscription to the same
/// queue (<see cref="ISubscription.Adopt"/>), or released. Thread-safe.
/// </summary>
public sealed class HeldMessages : ISubscriber
{
    private Action? _onVoid;

    internal HeldMessages(QueueHost host, uint terminus) =>
        Keeper = new QueueConsumer(host, new SubscribeOptions(), this) { Terminus = terminus };

    /// <summary>Number of messages; 0 once they were taken over, released, or went with their queue.</summary>
    public long Count => Keeper.Host.CountHeld(Keeper);

    /// <summary>True once nothing can be taken over from here any more.</summary>
    public bool IsOver => !Keeper.IsAttached;

    internal QueueConsumer Keeper { get; }

    /// <summary>Called when the queue was deleted, on any thread. Set before anybody could delete it.</summary>
    public void WhenVoid(Action call) => _onVoid = call;

    /// <summary>Gives the messages back, each to its place. Idempotent.</summary>
    public void Release(SettleOnClose mode) => Keeper.Host.ReleaseKept(Keeper, mode == SettleOnClose.Failed);

    void ISubscriber.OnReady()
    {
        // A keeper waits for nothing.
    }

    void ISubscriber.OnNodeDeleted() => _onVoid?.Invoke();
}
