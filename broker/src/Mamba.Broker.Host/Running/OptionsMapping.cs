using System.Net;
using Mamba.Broker.Engine;
using Mamba.Broker.Host.Configuration;
using Mamba.Broker.Server;
using Mamba.Broker.Server.Management;
using Mamba.Broker.Server.Security;

namespace Mamba.Broker.Host.Running;

/// <summary>From the settings to what each part of the broker takes. Every setting is used here, or where the process is built.</summary>
internal static class OptionsMapping
{
    public static EngineOptions ToEngine(BrokerOptions options, string journal) => new()
    {
        Directory = journal,
        SegmentBytes = options.Storage.SegmentSize,
        Sync = options.Storage.Sync,
        AcceptDamage = options.Storage.AcceptDamage,
        BodyMemoryBytes = options.Storage.BodyMemory,
        MaxTransactionOperations = options.Limits.MaxTransactionOperations,
        MaxTransactionBytes = options.Limits.MaxTransactionBytes,
        MaxSchedulesPerAddress = options.Schedules.MaxPerAddress,
        MissedInstants = (MissedInstants)options.Schedules.MissedInstants,
        Diverts = [.. ToDiverts(options.Addresses)],
        Patterns = [.. options.Addresses.Rules.Select(rule => new NodePattern(rule.Pattern, new NodeOptions
        {
            MaxMessages = rule.MaxLength ?? 0,
            MaxBytes = rule.MaxBytes ?? 0,
            Overflow = (OverflowPolicy)rule.Overflow,
            DeadLetterDropped = rule.DeadLetterDropped,
            SingleActiveConsumer = rule.SingleActiveConsumer,
            LastValueKey = rule.LastValueKey,
            NonDestructive = rule.NonDestructive,
            Duplicates = ToEngine(rule.Duplicates),
            MaxDeliveries = rule.MaxDeliveries,
            Retry = PolicyOf(rule.Retry),
            DeadLetterAddress = rule.DeadLetterAddress,
            ExpiryAddress = rule.ExpiryAddress,
            Retain = rule.Retain,
            RetainBytes = rule.RetainBytes,
        }))],
    };

    private static DuplicateOptions? ToEngine(DuplicateRuleOptions? rule) => rule is null ? null : new DuplicateOptions
    {
        Window = rule.Window,
        Seconds = (long)Math.Ceiling(rule.Time?.TotalSeconds ?? 0),
        By = rule.By,
    };

    /// <summary>A target that is missing is made as the rules say.</summary>
    public static IEnumerable<DivertOptions> ToDiverts(AddressOptions addresses) => addresses.Diverts.Select(divert => new DivertOptions
    {
        Name = divert.Name,
        Pattern = divert.Pattern,
        Target = divert.Target,
        TargetKind = KindOf(addresses.Rules.FirstOrDefault(rule => new AddressPattern(rule.Pattern).Matches(divert.Target))?.Kind ?? AddressKind.Queue),
        Move = divert.Move,
        Priority = divert.Priority,
        Selector = divert.Selector,
    });

    public static ServerOptions ToServer(BrokerOptions options, ResolvedEndpoints endpoints, TlsCertificates? tls) => new()
    {
        Amqp = ListOf(endpoints.Amqp),
        Amqps = ListOf(endpoints.Amqps),
        Tls = tls?.Options,
        ContainerId = options.Listeners.ContainerId,
        Hostnames = options.Listeners.Hostnames,
        MaxConnections = options.Limits.MaxConnections,
        MaxFrameSize = (uint)options.Limits.MaxFrameSize,
        MaxMessageSize = (ulong)options.Limits.MaxMessageSize,
        ChannelMax = (ushort)options.Limits.ChannelMax,
        HandleMax = (uint)options.Limits.HandleMax,
        IdleTimeout = options.Limits.IdleTimeout,
        OpenDeadline = options.Limits.OpenTimeout,
        TlsDeadline = options.Limits.TlsHandshakeTimeout,
        StalledWriterDeadline = options.Limits.StalledPeerTimeout,
        LinkCredit = (uint)options.Limits.LinkCredit,
        RefuseUnknownAnnotations = options.Links.UnknownAnnotations == UnknownAnnotations.Refuse,
        MaxResumableLinks = options.Limits.MaxResumableLinks,
        SuspendedLinkTimeout = options.Limits.SuspendedLinkTimeout,
        MaxSuspendedBytes = options.Limits.MaxSuspendedBytes,
        MaxUnsettledPerLink = options.Limits.MaxUnsettledPerLink,
        MaxTransactionsPerSession = options.Limits.MaxTransactionsPerSession,
        TransactionTimeout = options.Limits.TransactionTimeout,
        AutoCreate = options.Addresses.AutoCreate,
        Addresses = [.. options.Addresses.Rules.Select(rule => new AddressRule(rule.Pattern, KindOf(rule.Kind), rule.AutoCreate))],
        Management = PolicyOf(options.Security),
        Permissions = PermissionMapping.RulesOf(options.Security),
        SharedAccessKeys = PermissionMapping.KeysOf(options.Security),
        Replies = new ReplyOptions
        {
            KeepAfterLoss = options.Replies.KeepAfterLoss,
            MaxKept = options.Replies.MaxKept,
            MaxKeptByClient = options.Replies.MaxKeptByClient,
            MaxKeptBytes = options.Replies.MaxKeptBytes,
        },
        FailoverServers = [.. options.Connections.FailoverServers.Select(ServerOf)],
        AnnouncedRabbitMqVersion = options.Clients.RabbitMqVersion,
        StopTimeout = options.Stop.Timeout,
    };

    public static ConnectionAdmission ToAdmission(LimitOptions limits) => new(limits.MaxUnauthenticated, limits.MaxUnauthenticatedPerAddress);

    private static FailoverServer ServerOf(string text) => FailoverServer.TryParse(text, out var server, out var fault)
        ? server
        : throw new ArgumentException($"'{text}' {fault}, and was not checked.", nameof(text));

    private static IReadOnlyList<IPEndPoint> ListOf(IPEndPoint? endpoint) => endpoint is null ? [] : [endpoint];

    private static IManagementPolicy PolicyOf(SecurityOptions security) => security.Management switch
    {
        ManagementAccess.All => ManagementPolicy.All,
        ManagementAccess.None => ManagementPolicy.None,
        ManagementAccess.Users => ManagementPolicy.Users(security.ManagementUsers),
        _ => ManagementPolicy.Auto,
    };

    private static RetryPolicy? PolicyOf(RetryOptions? retry) => retry is null ? null : new RetryPolicy
    {
        InitialDelay = retry.Delay,
        Multiplier = retry.Multiplier,
        Jitter = retry.Jitter,
        MaxDelay = retry.MaxDelay,
        Order = (RetryOrder)retry.Order,
    };

    private static NodeKind KindOf(AddressKind kind) => kind == AddressKind.Topic ? NodeKind.Topic : NodeKind.Queue;
}
