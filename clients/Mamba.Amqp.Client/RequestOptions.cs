namespace Mamba.Amqp.Client;

/// <summary>How a <see cref="RequestClient"/> asks. Immutable.</summary>
public sealed record RequestOptions
{
    /// <summary>How long a request that names no time waits for its reply; the request's ttl, too.</summary>
    public TimeSpan Timeout { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>Requests that may wait for their replies at a time; further ones are refused.</summary>
    public int MaxPending { get; init; } = 10_000;

    /// <summary>The wait before the second attempt to connect; it doubles with each, up to <see cref="MaxReconnectDelay"/>.</summary>
    public TimeSpan ReconnectDelay { get; init; } = TimeSpan.FromMilliseconds(50);

    /// <summary>The longest wait between two attempts to connect.</summary>
    public TimeSpan MaxReconnectDelay { get; init; } = TimeSpan.FromSeconds(2);
}
