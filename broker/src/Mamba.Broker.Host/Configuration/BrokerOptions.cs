using Microsoft.Extensions.Logging;

namespace Mamba.Broker.Host.Configuration;

/// <summary>
/// All settings of a broker. Property names in camelCase are the keys of the configuration file ("limits.maxFrameSize");
/// MAMBA__LIMITS__MAXFRAMESIZE is the environment variable of the same setting.
/// </summary>
internal sealed record BrokerOptions
{
    [Setting("Where the broker listens.")]
    public ListenerOptions Listeners { get; init; } = new();

    [Setting("Certificates for AMQP over TLS.")]
    public TlsOptions Tls { get; init; } = new();

    [Setting("Who may connect, and how they prove it.")]
    public SecurityOptions Security { get; init; } = new();

    [Setting("Bounds on what one peer can ask for.")]
    public LimitOptions Limits { get; init; } = new();

    [Setting("What is asked of the links that send.")]
    public LinkOptions Links { get; init; } = new();

    [Setting("Where messages are stored, and how.")]
    public StorageOptions Storage { get; init; } = new();

    [Setting("How queues and topics come about, and what they do.")]
    public AddressOptions Addresses { get; init; } = new();

    [Setting("Messages that are delivered again and again (repeating schedules).")]
    public ScheduleOptions Schedules { get; init; } = new();

    [Setting("Temporary queues and the replies on them.")]
    public RepliesOptions Replies { get; init; } = new();

    [Setting("What connections are told.")]
    public ConnectionOptions Connections { get; init; } = new();

    [Setting("Clients that are made for another broker.")]
    public ClientOptions Clients { get; init; } = new();

    [Setting("What is logged.")]
    public LoggingOptions Logging { get; init; } = new();

    [Setting("How the process stops.")]
    public StopOptions Stop { get; init; } = new();
}

internal sealed record ListenerOptions
{
    [Setting("Endpoint for AMQP without encryption; port 0 takes a free one.", Unit = SettingUnit.Endpoint, Option = "--amqp")]
    public Endpoint Amqp { get; init; } = new("127.0.0.1", 5672);

    [Setting("Endpoint for AMQP over TLS; needs tls.certificate.", Unit = SettingUnit.Endpoint, Option = "--amqps")]
    public Endpoint Amqps { get; init; } = Endpoint.Off;

    [Setting("Endpoint for health checks and AMQP over WebSocket.", Unit = SettingUnit.Endpoint, Option = "--console")]
    public Endpoint Console { get; init; } = new("127.0.0.1", 8161);

    [Setting("Endpoint for the same over TLS (https, wss); needs tls.certificate.", Unit = SettingUnit.Endpoint, Option = "--secure-console")]
    public Endpoint SecureConsole { get; init; } = Endpoint.Off;

    [Setting("The name the broker gives itself (container-id); the same over restarts.", Min = 1, Max = 255)]
    public string ContainerId { get; init; } = "mamba";

    [Setting("Host names that clients may ask for (hostname of open, a URL's host or JMS amqp.vhost); any when empty. Clients that ask for none are served.",
        Example = "broker.example.com")]
    public IReadOnlyList<string> Hostnames { get; init; } = [];

    [Setting("Whether listeners.amqp and listeners.console may take an address that other machines can reach, without encryption.")]
    public bool AllowUnencrypted { get; init; }
}

internal sealed record TlsOptions
{
    [Setting("The broker's certificate: a PEM file with its chain, or a PFX file (.pfx, .p12). Replaced files are picked up while running.",
        Unit = SettingUnit.File, Example = "/etc/mamba/broker.pem")]
    public string? Certificate { get; init; }

    [Setting("The private key of a PEM certificate, when it is in a file of its own.", Unit = SettingUnit.File, Example = "/etc/mamba/broker.key")]
    public string? CertificateKey { get; init; }

    [Setting("A file whose first line is the password of a PFX file or of an encrypted PEM key.", Unit = SettingUnit.File,
        Example = "/etc/mamba/pfx-password")]
    public string? CertificatePasswordFile { get; init; }

    [Setting("A PEM file of the authorities whose client certificates are accepted (SASL EXTERNAL); none are asked for without it.",
        Unit = SettingUnit.File, Example = "/etc/mamba/clients-ca.pem")]
    public string? ClientCertificateAuthority { get; init; }
}

/// <summary>Whether clients may connect without saying who they are.</summary>
internal enum AnonymousAccess
{
    /// <summary>Yes as long as every endpoint is a loopback address, otherwise no.</summary>
    Auto,

    /// <summary>Yes; refused together with an endpoint that is not loopback.</summary>
    True,

    /// <summary>No.</summary>
    False,
}

/// <summary>Who may administer the broker over AMQP ($management).</summary>
internal enum ManagementAccess
{
    /// <summary>Every user that logged in, and clients without credentials from the broker's own machine.</summary>
    Auto,

    /// <summary>Everyone who may connect.</summary>
    All,

    /// <summary>Nobody.</summary>
    None,

    /// <summary>The users that are named.</summary>
    Users,
}

internal sealed record SecurityOptions
{
    [Setting("Whether clients may connect without credentials; auto means: while every endpoint is a loopback address.",
        Choices = ["auto", "true", "false"])]
    public AnonymousAccess Anonymous { get; init; } = AnonymousAccess.Auto;

    [Setting("SASL mechanisms that may be offered, besides ANONYMOUS.",
        Choices = ["SCRAM-SHA-512", "SCRAM-SHA-256", "EXTERNAL", "PLAIN"], Example = "SCRAM-SHA-512,SCRAM-SHA-256")]
    public IReadOnlyList<string> Mechanisms { get; init; } = ["EXTERNAL", "SCRAM-SHA-512", "SCRAM-SHA-256", "PLAIN"];

    [Setting("Who may administer the broker over AMQP ($management); auto means: users who logged in, and clients without credentials on the broker's machine.",
        Choices = ["auto", "all", "none", "users"])]
    public ManagementAccess Management { get; init; } = ManagementAccess.Auto;

    [Setting("The users who may administer the broker, when security.management is users.", Example = "alice,bob")]
    public IReadOnlyList<string> ManagementUsers { get; init; } = [];

    [Setting("Who may do what at which address. The first rule for both the address and the user decides; without a rule for them nothing is allowed, and without rules at all everything.")]
    public IReadOnlyList<PermissionOptions> Permissions { get; init; } = [];

    [Setting("Users under one name, for security.permissions.")]
    public IReadOnlyList<GroupOptions> Groups { get; init; } = [];

    [Setting("Keys that Azure's client libraries (Service Bus) sign their tokens with, which are taken at $cbs over TLS or loopback; without any, no token is taken.")]
    public IReadOnlyList<SharedAccessKeyOptions> SharedAccessKeys { get; init; } = [];
}

internal sealed record LimitOptions
{
    [Setting("Largest frame the broker accepts (max-frame-size).", Unit = SettingUnit.Bytes, Min = 512, Max = 1_048_576)]
    public long MaxFrameSize { get; init; } = 131_072;

    [Setting("Highest channel number, one less than the sessions of a connection (channel-max).", Min = 0, Max = 255)]
    public int ChannelMax { get; init; } = 63;

    [Setting("Highest link handle, one less than the links of a session (handle-max).", Min = 0, Max = 1023)]
    public int HandleMax { get; init; } = 255;

    [Setting("How long a peer may be silent before its connection is closed; half of it is announced (idle-time-out).", Min = 2_000, Max = 86_400_000)]
    public TimeSpan IdleTimeout { get; init; } = TimeSpan.FromSeconds(60);

    [Setting("Largest message the broker accepts (max-message-size).", Unit = SettingUnit.Bytes, Min = 1_024, Max = 536_870_912)]
    public long MaxMessageSize { get; init; } = 16_777_216;

    [Setting("Credit kept open on each link that sends to the broker.", Min = 1, Max = 10_000)]
    public int LinkCredit { get; init; } = 1_000;

    [Setting("How long a peer may leave the broker's output unread before it is cut off.", Min = 1_000, Max = 3_600_000)]
    public TimeSpan StalledPeerTimeout { get; init; } = TimeSpan.FromSeconds(30);

    [Setting("Links whose unsettled state outlives them, attached and suspended.", Min = 0, Max = 1_000_000)]
    public int MaxResumableLinks { get; init; } = 1_000;

    [Setting("How long the state of a suspended link is kept at most, whatever its expiry-policy says; 0 for no bound.", Min = 0, Max = 31_536_000_000)]
    public TimeSpan SuspendedLinkTimeout { get; init; } = TimeSpan.FromDays(7);

    [Setting("Bytes of incomplete messages kept for suspended links; beyond it they are sent again from the beginning.", Unit = SettingUnit.Bytes, Min = 0, Max = 1_099_511_627_776)]
    public long MaxSuspendedBytes { get; init; } = 67_108_864;

    [Setting("Unsettled deliveries of one link.", Min = 1, Max = 100_000)]
    public int MaxUnsettledPerLink { get; init; } = 10_000;

    [Setting("Open transactions of one session.", Min = 1, Max = 1_024)]
    public int MaxTransactionsPerSession { get; init; } = 16;

    [Setting("How old a transaction may become before it is rolled back.", Min = 1_000, Max = 86_400_000)]
    public TimeSpan TransactionTimeout { get; init; } = TimeSpan.FromSeconds(300);

    [Setting("Sends and acknowledgements in one transaction.", Min = 1, Max = 1_000_000)]
    public int MaxTransactionOperations { get; init; } = 10_000;

    [Setting("Bytes of messages sent in one transaction.", Unit = SettingUnit.Bytes, Min = 1_024, Max = 1_073_741_824)]
    public long MaxTransactionBytes { get; init; } = 67_108_864;

    [Setting("How long a TLS handshake may take.", Min = 100, Max = 60_000)]
    public TimeSpan TlsHandshakeTimeout { get; init; } = TimeSpan.FromSeconds(5);

    [Setting("How long a peer may take from its first byte to open, SASL included.", Min = 100, Max = 120_000)]
    public TimeSpan OpenTimeout { get; init; } = TimeSpan.FromSeconds(10);

    [Setting("Connections that are open at a time; no bound when absent.", Min = 1, Max = 10_000_000)]
    public int? MaxConnections { get; init; }

    [Setting("Sockets that have not come as far as open, in total.", Min = 1, Max = 100_000)]
    public int MaxUnauthenticated { get; init; } = 1_000;

    [Setting("Sockets that have not come as far as open, from one IP address.", Min = 1, Max = 100_000)]
    public int MaxUnauthenticatedPerAddress { get; init; } = 100;
}

internal sealed record StorageOptions
{
    [Setting("The data directory.", Unit = SettingUnit.Directory, Option = "--data")]
    public string Directory { get; init; } = "mamba-data";

    [Setting("Size of one journal segment file.", Unit = SettingUnit.Bytes, Min = 1_048_576, Max = 1_073_741_824)]
    public long SegmentSize { get; init; } = 67_108_864;

    [Setting("Whether a message is accepted only when the disk confirmed it (fdatasync); false loses accepted messages when the power fails.")]
    public bool Sync { get; init; } = true;

    [Setting("Whether to start although stored messages are damaged: they are set aside, reported and left out.")]
    public bool AcceptDamage { get; init; }

    [Setting("Memory for message bodies; beyond it they are read back from the journal.", Unit = SettingUnit.Bytes,
        Min = 16_777_216, Max = 1_099_511_627_776)]
    public long BodyMemory { get; init; } = 67_108_864;
}

internal sealed record AddressOptions
{
    [Setting("Whether a queue or topic comes into being when a client first attaches to it; rules may say otherwise.")]
    public bool AutoCreate { get; init; } = true;

    [Setting("Rules for addresses by pattern; the first that matches holds, and inherits nothing from the others.")]
    public IReadOnlyList<AddressRuleOptions> Rules { get; init; } = [];

    [Setting("Rules by which messages that are sent to some addresses go to another one as well, or instead; more can be made with $management.")]
    public IReadOnlyList<DivertRuleOptions> Diverts { get; init; } = [];
}

internal sealed record DivertRuleOptions
{
    [Setting("Names the divert; one of all.", Min = 1, Max = 255, Required = true, Example = "audit")]
    public string Name { get; init; } = "";

    [Setting("Addresses it applies to: * is one word, # at the end any number of words. Never its own target, and no temporary queues.", Min = 1, Max = 255,
        Required = true, Example = "orders.#")]
    public string Pattern { get; init; } = "";

    [Setting("The address that messages go to; made when it is missing, as a queue unless a rule says topic.", Min = 1, Max = 255, Required = true, Example = "audit.orders")]
    public string Target { get; init; } = "";

    [Setting("Which messages, as a JMS selector; all when absent.", Min = 1, Max = 8_192, Example = "amount > 1000")]
    public string? Selector { get; init; }

    [Setting("Whether messages go to the target instead of the address they were sent to.")]
    public bool Move { get; init; }

    [Setting("Diverts of higher priority are looked at first; the first that moves a message ends the search.", Min = -1_000_000, Max = 1_000_000)]
    public int Priority { get; init; }
}

internal enum AddressKind
{
    Queue,
    Topic,
}

/// <summary>See <see cref="Mamba.Broker.Engine.OverflowPolicy"/>.</summary>
internal enum Overflow
{
    Reject,
    DropHead,
    Page,
    Block,
}

/// <summary>See <see cref="Mamba.Broker.Engine.RetryOrder"/>.</summary>
internal enum RetryOrderChoice
{
    Free,
    Group,
}

/// <summary>See <see cref="Mamba.Broker.Engine.RetryPolicy"/>.</summary>
internal sealed record RetryOptions
{
    [Setting("The wait after the first failed delivery; 0 ms is none.", Min = 0, Max = 31_536_000_000)]
    public TimeSpan Delay { get; init; } = TimeSpan.FromSeconds(1);

    [Setting("By how much the wait grows with each further failure.", Min = 1, Max = 1_000)]
    public double Multiplier { get; init; } = 2;

    [Setting("By which share of itself a wait is made shorter or longer at random.", Min = 0, Max = 1)]
    public double Jitter { get; init; } = 0.2;

    [Setting("The longest wait, jitter included.", Min = 1, Max = 31_536_000_000)]
    public TimeSpan MaxDelay { get; init; } = TimeSpan.FromMinutes(5);

    [Setting("Whether only the failed delivery waits (free), or also what is behind it in its message group (group).", Choices = ["free", "group"])]
    public RetryOrderChoice Order { get; init; } = RetryOrderChoice.Free;
}

internal sealed record AddressRuleOptions
{
    [Setting("Addresses it applies to, words divided by dots: * is one word, # any number of words, all else stands for itself.", Min = 1, Max = 255,
        Required = true, Example = "orders.*")]
    public string Pattern { get; init; } = "";

    [Setting("What an address is when neither a prefix (queue://, topic://) nor a terminus capability says so.", Choices = ["queue", "topic"])]
    public AddressKind Kind { get; init; } = AddressKind.Queue;

    [Setting("Whether it comes into being on first use; addresses.autoCreate when absent.")]
    public bool? AutoCreate { get; init; }

    [Setting("Failed deliveries after which a message is dead-lettered; 0 is never.", Min = 0, Max = 1_000)]
    public int MaxDeliveries { get; init; } = 10;

    [Setting("How long a failed delivery waits for its next try; without it the message is back in its place at once.")]
    public RetryOptions? Retry { get; init; }

    [Setting("Queue that takes rejected and undeliverable messages; {address} stands for the address they were on.", Min = 1, Max = 255)]
    public string DeadLetterAddress { get; init; } = "DLQ.{address}";

    [Setting("Queue that takes expired messages; deadLetterAddress when absent.", Min = 1, Max = 255)]
    public string? ExpiryAddress { get; init; }

    [Setting("Most messages it holds; no bound when absent.", Min = 1)]
    public long? MaxLength { get; init; }

    [Setting("Most bytes of messages it holds; no bound when absent.", Unit = SettingUnit.Bytes, Min = 1)]
    public long? MaxBytes { get; init; }

    [Setting("Topics only: how many of the last messages are kept for new subscriptions, which get them first; 0 is none.", Min = 0, Max = 10_000)]
    public int Retain { get; init; }

    [Setting("Most bytes of messages that retain keeps; older ones give way.", Unit = SettingUnit.Bytes, Min = 1_024, Max = 67_108_864)]
    public long RetainBytes { get; init; } = 16_777_216;

    [Setting("What happens beyond maxLength and maxBytes: the sender is refused, the oldest message is dropped (a ring), bodies stay on disk, or links that send wait for credit.",
        Choices = ["reject", "dropHead", "page", "block"])]
    public Overflow Overflow { get; init; } = Overflow.Reject;

    [Setting("Whether messages that overflow dropHead drops go to deadLetterAddress instead of being discarded.")]
    public bool DeadLetterDropped { get; init; }

    [Setting("Whether one consumer gets all messages, and the next takes over when it leaves.")]
    public bool SingleActiveConsumer { get; init; }

    [Setting("The message annotation or application property whose value is a message's key: a newer message replaces an older one with the same key that nobody holds. Messages do not replace each other when absent.",
        Min = 1, Max = 255, Example = "symbol")]
    public string? LastValueKey { get; init; }

    [Setting("Whether consumers get copies and leave messages where they are, mostly beside lastValueKey.")]
    public bool NonDestructive { get; init; }

    [Setting("Whether a message that was sent before is left out, and how that is told; it is answered as accepted. No message is left out when absent.")]
    public DuplicateRuleOptions? Duplicates { get; init; }
}

internal sealed record DuplicateRuleOptions
{
    [Setting("How many of the last ids are remembered, over restarts; about 40 MB of memory for a million.", Min = 1, Max = 10_000_000)]
    public int Window { get; init; } = 1_000_000;

    [Setting("How long an id is remembered; as long as it is among the last ones when absent.", Min = 1_000, Max = 31_536_000_000)]
    public TimeSpan? Time { get; init; }

    [Setting("Where the id stands: message-id, or the name of a message annotation, or else of an application property.", Min = 1, Max = 255,
        Example = "x-opt-duplicate-id")]
    public string By { get; init; } = "message-id";
}

/// <summary>See <see cref="Mamba.Broker.Engine.MissedInstants"/>.</summary>
internal enum MissedInstantsPolicy
{
    DeliverOnce,
    Skip,
}

internal sealed record ScheduleOptions
{
    [Setting("Most repeating schedules of one queue or topic, the series that crontab entries began included.", Min = 1, Max = 1_000_000)]
    public int MaxPerAddress { get; init; } = 10_000;

    [Setting("What becomes of instants that passed while the broker was not running: one delivery makes up for all that a schedule missed, or they are left out.",
        Choices = ["deliverOnce", "skip"])]
    public MissedInstantsPolicy MissedInstants { get; init; } = MissedInstantsPolicy.DeliverOnce;
}

internal sealed record RepliesOptions
{
    [Setting("How long a temporary queue or topic is kept, with its messages, for its client to come back after its connection was lost; 0 ends it at once.",
        Min = 0, Max = 600_000)]
    public TimeSpan KeepAfterLoss { get; init; } = TimeSpan.FromSeconds(30);

    [Setting("Temporary queues and topics kept at a time; beyond it they end with their connection.", Min = 0, Max = 1_000_000)]
    public int MaxKept { get; init; } = 10_000;

    [Setting("Of these, those of one client (container-id and user).", Min = 0, Max = 1_000_000)]
    public int MaxKeptByClient { get; init; } = 1_000;

    [Setting("Bytes of messages on a kept temporary queue, above which it refuses more until its client is back.", Unit = SettingUnit.Bytes,
        Min = 1_024, Max = 1_073_741_824)]
    public long MaxKeptBytes { get; init; } = 16_777_216;
}

internal sealed record ClientOptions
{
    [Setting("The version of RabbitMQ that open names as the broker's product and version, for client libraries of RabbitMQ that insist on one (4.0.0 or later). Mamba's own when empty.",
        Example = "4.2.0")]
    public string RabbitMqVersion { get; init; } = "";
}

internal enum LogFormat
{
    Text,
    Json,
}

internal sealed record LoggingOptions
{
    [Setting("Least severity that is logged.", Choices = ["trace", "debug", "information", "warning", "error", "critical"])]
    public LogLevel Level { get; init; } = LogLevel.Information;

    [Setting("One line of text per event, or one line of JSON.", Choices = ["text", "json"])]
    public LogFormat Format { get; init; } = LogFormat.Text;
}

internal sealed record StopOptions
{
    [Setting("How long a graceful stop may take before connections are cut.", Min = 0, Max = 600_000)]
    public TimeSpan Timeout { get; init; } = TimeSpan.FromSeconds(10);
}
