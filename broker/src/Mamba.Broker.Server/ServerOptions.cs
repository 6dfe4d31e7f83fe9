using System.Net;
using System.Net.Security;
using Mamba.Broker.Server.Management;
using Mamba.Broker.Server.Security;
using Mamba.Broker.Server.Security.Claims;

namespace Mamba.Broker.Server;

/// <summary>Settings of the AMQP front-end. Read once when the server starts.</summary>
public sealed record ServerOptions
{
    /// <summary>Where plain AMQP is accepted; empty for nowhere.</summary>
    public IReadOnlyList<IPEndPoint> Amqp { get; init; } = [];

    /// <summary>Where AMQP over TLS is accepted; needs <see cref="Tls"/>.</summary>
    public IReadOnlyList<IPEndPoint> Amqps { get; init; } = [];

    /// <summary>Certificate and client-certificate policy of the TLS end points, or null.</summary>
    public SslServerAuthenticationOptions? Tls { get; init; }

    /// <summary>The container-id in every open; the same over restarts. Not empty.</summary>
    public string ContainerId { get; init; } = "mamba";

    /// <summary>The host names that peers may ask for in open, in any case; empty for any. A peer that asks for none is served.</summary>
    public IReadOnlyList<string> Hostnames { get; init; } = [];

    /// <summary>Open connections, at most; null for any number.</summary>
    public int? MaxConnections { get; init; }

    /// <summary>Largest frame we accept, in bytes; 512 to 1 MiB.</summary>
    public uint MaxFrameSize { get; init; } = 128 * 1024;

    /// <summary>Largest message we accept, in bytes; up to 512 MiB.</summary>
    public ulong MaxMessageSize { get; init; } = 16 * 1024 * 1024;

    /// <summary>Highest session channel number, 0 to 255: one session less than there are numbers.</summary>
    public ushort ChannelMax { get; init; } = 63;

    /// <summary>Highest link handle per session, 0 to 1,023.</summary>
    public uint HandleMax { get; init; } = 255;

    /// <summary>Silence after which a peer counts as gone, 2 s or more; half of it is advertised. Zero for never.</summary>
    public TimeSpan IdleTimeout { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>From accept to an accepted open, absolute.</summary>
    public TimeSpan OpenDeadline { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>From accept to the end of the TLS handshake, absolute.</summary>
    public TimeSpan TlsDeadline { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>How long a peer may leave our output unread before it is cut off.</summary>
    public TimeSpan StalledWriterDeadline { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>Credit kept open on each link that sends to us: messages under way or not yet answered.</summary>
    public uint LinkCredit { get; init; } = 1000;

    /// <summary>
    /// Whether annotations that the broker does not know, and whose key does not begin with x-opt-, detach the link they come on (AMQP 1.0
    /// §3.2.10); otherwise those of messages are forwarded, and those of deliveries dropped.
    /// </summary>
    public bool RefuseUnknownAnnotations { get; init; }

    /// <summary>Links whose unsettled state outlives them, attached and suspended, at most.</summary>
    public int MaxResumableLinks { get; init; } = 1000;

    /// <summary>How long a suspended link's state is kept at most, whatever its expiry-policy says. Zero for no bound.</summary>
    public TimeSpan SuspendedLinkTimeout { get; init; } = TimeSpan.FromDays(7);

    /// <summary>Bytes of incomplete messages kept for all suspended links together; beyond it they are sent again from the beginning.</summary>
    public long MaxSuspendedBytes { get; init; } = 64 * 1024 * 1024;

    /// <summary>Unsettled deliveries per link and direction, at most.</summary>
    public int MaxUnsettledPerLink { get; init; } = 10_000;

    /// <summary>Open transactions per session, at most.</summary>
    public int MaxTransactionsPerSession { get; init; } = 16;

    /// <summary>A transaction older than this is rolled back; its commit is then refused.</summary>
    public TimeSpan TransactionTimeout { get; init; } = TimeSpan.FromSeconds(300);

    /// <summary>Whether an address that nobody made yet is made by attaching to it.</summary>
    public bool AutoCreate { get; init; } = true;

    /// <summary>Kind and creation by address; the first match wins.</summary>
    public IReadOnlyList<AddressRule> Addresses { get; init; } = [];

    /// <summary>Who may attach to <c>$management</c>.</summary>
    public IManagementPolicy Management { get; init; } = ManagementPolicy.Auto;

    /// <summary>Who may do what at which address; without rules everybody may do everything.</summary>
    public IReadOnlyList<PermissionRule> Permissions { get; init; } = [];

    /// <summary>The keys of tokens that are taken at <c>$cbs</c>; empty: none are. Names are different from each other.</summary>
    public IReadOnlyList<SharedAccessKey> SharedAccessKeys { get; init; } = [];

    /// <summary>What becomes of temporary queues whose connection is lost.</summary>
    public ReplyOptions Replies { get; init; } = new();

    /// <summary>The version of RabbitMQ that open names in place of Mamba's own product and version; empty for none.</summary>
    public string AnnouncedRabbitMqVersion { get; init; } = "";

    /// <summary>Brokers that open names for clients to turn to when they lose this one, best first; at most <see cref="MaxFailoverServers"/>.</summary>
    public IReadOnlyList<FailoverServer> FailoverServers { get; init; } = [];

    /// <summary>Most <see cref="FailoverServers"/>.</summary>
    public const int MaxFailoverServers = 16;

    /// <summary>How long a stop waits for peers to answer close, before their sockets are cut.</summary>
    public TimeSpan StopTimeout { get; init; } = TimeSpan.FromSeconds(5);
}

/// <summary>What configuration says of the addresses that match a pattern.</summary>
/// <param name="Pattern">An address; <c>*</c> stands for one word between dots, <c>#</c> for any number of words.</param>
/// <param name="Kind">Queue or topic where neither a prefix nor a capability says it; null leaves it open.</param>
/// <param name="AutoCreate">Whether attaching makes it; null for the general setting.</param>
public sealed record AddressRule(string Pattern, Engine.NodeKind? Kind, bool? AutoCreate);
