namespace Mamba.Amqp.Conformance.Running;

/// <summary>The broker under test, as its caller names it.</summary>
public sealed record BrokerTarget(string Host, int Port)
{
    /// <summary>The user whose name and password the broker knows; null when there is none.</summary>
    public string? User { get; init; }

    /// <summary>Log in as ANONYMOUS although there is a user, but for the cases about logging in: brokers take their time for a password.</summary>
    public bool Anonymous { get; init; }

    public string Password { get; init; } = "";

    /// <summary>Where the broker takes WebSocket connections, e.g. ws://host:port/amqp; null when it does not.</summary>
    public Uri? WebSocket { get; init; }

    /// <summary>Part of every address the suite makes, so that runs do not meet.</summary>
    public string RunId { get; init; } = Guid.NewGuid().ToString("N")[..8];

    /// <summary>From amqp://[user:password@]host[:port].</summary>
    public static BrokerTarget Parse(Uri uri, string? user = null, string? password = null)
    {
        ArgumentNullException.ThrowIfNull(uri);
        if (uri.Scheme != "amqp")
        {
            throw new ArgumentException($"{uri} is not amqp://host:port; the suite talks plain TCP", nameof(uri));
        }

        var parts = uri.UserInfo.Split(':', 2);
        return new BrokerTarget(uri.Host, uri.Port > 0 ? uri.Port : 5672)
        {
            User = user ?? (parts[0].Length > 0 ? Uri.UnescapeDataString(parts[0]) : null),
            Password = password ?? (parts.Length > 1 ? Uri.UnescapeDataString(parts[1]) : ""),
        };
    }
}
