using System.Security.Cryptography.X509Certificates;
using Mamba.Amqp.Types;

namespace Mamba.Amqp.Client;

/// <summary>Where to connect, as whom, and within which bounds. Immutable; one instance may serve many connections.</summary>
public sealed record AmqpConnectionOptions
{
    private const int PlainPort = 5672;
    private const int TlsPort = 5671;

    /// <summary>Host name or address of the broker.</summary>
    public required string Host { get; init; }

    /// <summary>TCP port; 5672, or 5671 for TLS, when not set.</summary>
    public int? Port { get; init; }

    /// <summary>Whether TLS goes below AMQP. The server's certificate is always validated.</summary>
    public bool UseTls { get; init; }

    /// <summary>
    /// The authorities to trust instead of the system's; null trusts the system's. The certificate's name must match
    /// <see cref="Host"/> either way.
    /// </summary>
    public X509Certificate2Collection? TrustedAuthorities { get; init; }

    /// <summary>Our certificates with their private keys, for servers that ask for one and for SASL EXTERNAL.</summary>
    public X509Certificate2Collection? ClientCertificates { get; init; }

    /// <summary>SASL user name; null or empty authenticates as ANONYMOUS, or EXTERNAL when there is a client certificate.</summary>
    public string? User { get; init; }

    /// <summary>SASL password of <see cref="User"/>.</summary>
    public string? Password { get; init; }

    /// <summary>
    /// Whether the password may be sent as it is (PLAIN) over a connection without TLS to another machine. SCRAM needs no such
    /// leave, and loopback neither.
    /// </summary>
    public bool AllowPlainWithoutTls { get; init; }

    /// <summary>The virtual host of the Open and of SASL (AMQP 1.0 §2.7.1); null states <see cref="Host"/>.</summary>
    public string? HostName { get; init; }

    /// <summary>Our container-id; null makes a random one. Durable subscriptions belong to it.</summary>
    public string? ContainerId { get; init; }

    /// <summary>Capabilities to ask for in the Open.</summary>
    public IReadOnlyList<Symbol> DesiredCapabilities { get; init; } = [];

    /// <summary>Properties of the Open, beside product and version.</summary>
    public AmqpMap? Properties { get; init; }

    /// <summary>The largest frame we accept, in bytes, 512 or more.</summary>
    public uint MaxFrameSize { get; init; } = 65_536;

    /// <summary>The largest message we accept, in bytes.</summary>
    public ulong MaxMessageSize { get; init; } = 64 * 1024 * 1024;

    /// <summary>The silence after which the peer is given up. The Open advertises half of it. Zero is never.</summary>
    public TimeSpan IdleTimeout { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>How long connecting may take, TLS, SASL and Open included.</summary>
    public TimeSpan ConnectTimeout { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>
    /// Bytes that may wait for the socket before senders wait in turn; 64 KiB or more. This, not the number of messages,
    /// bounds what the connection buffers for output.
    /// </summary>
    public int OutputLimit { get; init; } = 512 * 1024;

    /// <summary>The clock for timeouts.</summary>
    public TimeProvider TimeProvider { get; init; } = TimeProvider.System;

    internal int PortOrDefault => Port ?? (UseTls ? TlsPort : PlainPort);

    /// <summary>Reads amqp://[user:password@]host[:port] or amqps://; user and password may be percent-encoded.</summary>
    /// <exception cref="ArgumentException">The scheme is another, or there is no host.</exception>
    public static AmqpConnectionOptions FromUri(Uri uri)
    {
        ArgumentNullException.ThrowIfNull(uri);
        if (!uri.IsAbsoluteUri || uri.Scheme is not ("amqp" or "amqps") || uri.Host.Length == 0)
        {
            throw new ArgumentException($"'{uri}' is no address of a broker; write amqp://host:5672, or amqps://host:5671 for TLS", nameof(uri));
        }

        var split = uri.UserInfo.IndexOf(':', StringComparison.Ordinal);
        return new AmqpConnectionOptions
        {
            Host = uri.IdnHost.Trim('[', ']'),
            Port = uri.Port > 0 ? uri.Port : null,
            UseTls = uri.Scheme == "amqps",
            User = uri.UserInfo.Length == 0 ? null : Uri.UnescapeDataString(split < 0 ? uri.UserInfo : uri.UserInfo[..split]),
            Password = split < 0 ? null : Uri.UnescapeDataString(uri.UserInfo[(split + 1)..]),
        };
    }

    /// <summary>What makes these options impossible; null when nothing does.</summary>
    internal string? Problem() => this switch
    {
        { Host.Length: 0 } => "Host is empty",
        { MaxFrameSize: < 512 } => "MaxFrameSize must be at least 512 (AMQP 1.0 §2.7.1)",
        { OutputLimit: < 64 * 1024 } => "OutputLimit must be at least 65536",
        { IdleTimeout.Ticks: < 0 } => "IdleTimeout must not be negative; zero is never",
        _ => null,
    };

    /// <summary>Never the password: records print all their properties otherwise.</summary>
    public override string ToString() => $"{(UseTls ? "amqps" : "amqp")}://{Host}:{PortOrDefault}";
}
