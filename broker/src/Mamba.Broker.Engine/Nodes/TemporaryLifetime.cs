namespace Mamba.Broker.Engine;

/// <summary>
/// Decides when a temporary node is deleted (AMQP 1.0 §3.5.10 to §3.5.13). Asked whenever one of the conditions may have become
/// true; says yes once. Thread-safe.
/// </summary>
internal sealed class TemporaryLifetime(LifetimePolicy policy, object owner)
{
    private object _owner = owner;
    private int _ownerClosed;
    private int _decided;

    public object Owner
    {
        get => Volatile.Read(ref _owner);
        set => Volatile.Write(ref _owner, value);
    }

    public void CloseOwner() => Volatile.Write(ref _ownerClosed, 1);

    /// <summary>True, once, when the node is to be deleted now.</summary>
    public bool IsOver(int links, long messages)
    {
        if (Volatile.Read(ref _ownerClosed) == 0)
        {
            return false;
        }

        var over = policy switch
        {
            LifetimePolicy.DeleteOnClose => true,
            LifetimePolicy.DeleteOnNoLinks => links == 0,
            LifetimePolicy.DeleteOnNoMessages => messages == 0,
            _ => links == 0 && messages == 0,
        };
        return over && Interlocked.Exchange(ref _decided, 1) == 0;
    }
}
