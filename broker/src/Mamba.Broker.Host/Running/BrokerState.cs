namespace Mamba.Broker.Host.Running;

/// <summary>Where the broker is in its life, for the health endpoints and the exit code. Thread-safe.</summary>
internal sealed class BrokerState
{
    private volatile bool _isReady;
    private volatile string? _failure;

    /// <summary>Whether clients are served: false before the start is complete, and from the first moment of a stop.</summary>
    public bool IsReady
    {
        get => _isReady && _failure is null;
        set => _isReady = value;
    }

    /// <summary>Why the broker cannot go on, or null.</summary>
    public string? Failure => _failure;

    /// <summary>Notes why the broker cannot go on; the first cause wins.</summary>
    public bool Fail(string cause) => Interlocked.CompareExchange(ref _failure, cause, null) is null;
}
