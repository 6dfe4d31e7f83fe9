namespace Mamba.Amqp.Endpoints;

/// <summary>
/// Keep-alive in both directions (AMQP 1.0 §2.4.5). Traffic only sets a flag; time is looked at in Tick alone, so that the
/// hot path reads no clock.
/// </summary>
/// <remarks>
/// With ticks a quarter of the peer's idle-time-out apart, and an empty frame at each tick that saw no writing since the one
/// before, the longest silence is two ticks: half of what the peer allows. All arithmetic is in 64 bits: peers send
/// 4294967295 for "none".
/// </remarks>
internal struct IdleMonitor
{
    private long _lastRead;
    private long _nextHeartbeat;
    private bool _started;

    /// <summary>Our own threshold, in milliseconds; 0 for none.</summary>
    public long LocalTimeout { get; init; }

    /// <summary>The peer's idle-time-out, in milliseconds; 0 for none.</summary>
    public long RemoteTimeout { get; private set; }

    /// <summary>Set whenever bytes arrive.</summary>
    public bool HasRead { get; set; }

    /// <summary>Set whenever bytes are written.</summary>
    public bool HasWritten { get; set; }

    /// <summary>Takes over the idle-time-out of the peer's Open; 0, absent and 4294967295 all mean none.</summary>
    public void OnRemoteOpen(uint? idleTimeoutMilliseconds)
    {
        RemoteTimeout = idleTimeoutMilliseconds is null or uint.MaxValue ? 0 : idleTimeoutMilliseconds.Value;
        _started = false;
    }

    /// <summary>Looks at the clock.</summary>
    /// <param name="now">Milliseconds of a monotonic clock.</param>
    /// <param name="next">When to look again at the latest.</param>
    /// <param name="heartbeat">Whether an empty frame is due.</param>
    /// <returns>False when the peer has been silent for longer than our threshold.</returns>
    public bool Tick(long now, out long next, out bool heartbeat)
    {
        if (!_started)
        {
            _started = true;
            _lastRead = now;
            _nextHeartbeat = now + HeartbeatInterval;
        }

        if (HasRead)
        {
            HasRead = false;
            _lastRead = now;
        }

        heartbeat = false;
        next = long.MaxValue;
        if (RemoteTimeout > 0)
        {
            if (now >= _nextHeartbeat)
            {
                heartbeat = !HasWritten;
                HasWritten = false;
                _nextHeartbeat = now + HeartbeatInterval;
            }

            next = _nextHeartbeat;
        }

        if (LocalTimeout == 0)
        {
            return true;
        }

        next = Math.Min(next, Math.Max(now + 1, Math.Min(now + Math.Max(1, LocalTimeout / 4), _lastRead + LocalTimeout)));
        return now - _lastRead < LocalTimeout;
    }

    private readonly long HeartbeatInterval => Math.Max(1, RemoteTimeout / 4);
}
