using Mamba.Amqp.Endpoints;
using Mamba.Amqp.Transport;
using Mamba.Amqp.Types;
using Mamba.Broker.Engine;
using Mamba.Broker.Server.Connections;
using Mamba.Broker.Server.Dialects.RabbitMq;
using Mamba.Broker.Server.Links;
using Mamba.Broker.Server.Links.Replies;
using Mamba.Broker.Server.Links.Resumption;
using Mamba.Broker.Server.Management;
using Mamba.Broker.Server.Security;
using Mamba.Broker.Server.Security.Claims;
using Microsoft.Extensions.Logging;

namespace Mamba.Broker.Server;

/// <summary>What every connection of a server shares. Thread-safe.</summary>
internal sealed class ServerContext
{
    private readonly long _startedAt;
    private volatile ConnectionSettings? _lastSettings;

    public ServerContext(
        ServerOptions options, MessageEngine engine, ISaslAuthenticator authenticator, TimeProvider time, ILogger logger, CancellationToken stopping)
    {
        Options = options;
        Engine = engine;
        Authenticator = authenticator;
        Time = time;
        Logger = logger;
        Stopping = stopping;
        Addresses = new AddressDirectory(engine, options);
        Connections = new ConnectionRegistry();
        Kept = new KeptNodes(engine, options.Replies);
        Management = MakeManagement();
        RabbitMq = new RabbitMqNode(this);
        Scheduler = new ClassicScheduler(this);
        Permissions = new PermissionTable(options.Permissions);
        Tokens = options.SharedAccessKeys.Count == 0 ? null : new TokenVerifier(options.SharedAccessKeys, time, logger);
        _startedAt = time.GetTimestamp();
        Termini = new TerminusRegistry(engine, options, logger, NowMilliseconds);
        OpenProperties = new OpenProperties(options);
    }

    public ServerOptions Options { get; }

    public MessageEngine Engine { get; }

    public ISaslAuthenticator Authenticator { get; }

    public TimeProvider Time { get; }

    public ILogger Logger { get; }

    public CancellationToken Stopping { get; }

    public AddressDirectory Addresses { get; }

    public ConnectionRegistry Connections { get; }

    /// <summary>Temporary nodes that wait for their client to come back.</summary>
    public KeptNodes Kept { get; }

    /// <summary>Replies that came after their queue was gone.</summary>
    public LateReplies LateReplies { get; } = new();

    /// <summary>The termini of resumable links.</summary>
    public TerminusRegistry Termini { get; }

    /// <summary>Who may do what.</summary>
    public PermissionTable Permissions { get; }

    /// <summary>Who a token at <c>$cbs</c> is of; null where none are taken.</summary>
    public TokenVerifier? Tokens { get; }

    /// <summary>The node that clients administer the broker through.</summary>
    public ManagementNode Management { get; }

    /// <summary>What clients of RabbitMQ ask at /management.</summary>
    public RabbitMqNode RabbitMq { get; }

    /// <summary>What clients of ActiveMQ Classic ask about scheduled messages.</summary>
    public ClassicScheduler Scheduler { get; }

    /// <summary>The properties of every open we send.</summary>
    public OpenProperties OpenProperties { get; }

    /// <summary>Monotonic milliseconds since the server began, from 1: deadlines are in these.</summary>
    public long NowMilliseconds => 1 + (long)Time.GetElapsedTime(_startedAt).TotalMilliseconds;

    private ManagementNode MakeManagement() => new(
        new EntityCatalog(
        [
            new SelfEntities(),
            new BrokerEntities(this),
            new NodeEntities(Engine, NodeKind.Queue, "org.mamba.queue", "queue"),
            new NodeEntities(Engine, NodeKind.Topic, "org.mamba.topic", "topic"),
            new SubscriptionEntities(Engine, Time),
            new ScheduleEntities(Engine),
            new DivertEntities(Engine, Addresses),
            new ExchangeEntities(Engine),
            new ConnectionEntities(Connections),
            new LinkEntities(Connections, Role.Receiver, "org.mamba.consumer", "consumer"),
            new LinkEntities(Connections, Role.Sender, "org.mamba.producer", "producer"),
        ]),
        Logger,
        new RouteInspector(Engine, Time));

    /// <summary>What a connection grants its peer: the same object for all that came in the same way.</summary>
    public ConnectionSettings SettingsFor(ListenerContext listener)
    {
        var requireSasl = !Authenticator.AllowsBareHeader(listener);
        var mechanisms = Authenticator.Mechanisms(listener);
        if (_lastSettings is { } last && last.RequireSasl == requireSasl
            && last.OfferedSaslMechanisms.SequenceEqual(mechanisms, StringComparer.Ordinal))
        {
            return last;
        }

        return _lastSettings = new ConnectionSettings
        {
            IsServer = true,
            ContainerId = Options.ContainerId,
            MaxFrameSize = Options.MaxFrameSize,
            ChannelMax = Options.ChannelMax,
            HandleMax = Options.HandleMax,
            IdleTimeoutMilliseconds = (uint)Options.IdleTimeout.TotalMilliseconds,
            MaxSessionsInUse = Options.ChannelMax + 1,
            MaxMessageSize = Options.MaxMessageSize,
            MaxUnsettledPerLink = Options.MaxUnsettledPerLink,
            RequireSasl = requireSasl,
            OfferedSaslMechanisms = mechanisms,
        };
    }
}
