using Mamba.Amqp.Types;

namespace Mamba.Broker.Server;

/// <summary>What the broker says of itself.</summary>
internal static class Identity
{
    private static readonly Symbol Product = new("product");
    private static readonly Symbol Version = new("version");
    private static readonly Symbol Platform = new("platform");
    private static readonly Symbol Node = new("node");
    private static readonly Symbol Information = new("information");

    private static readonly Symbol FailoverServerList = new("failover-server-list");
    private static readonly Symbol NetworkHost = new("network-host");
    private static readonly Symbol Port = new("port");
    private static readonly Symbol Scheme = new("scheme");
    private static readonly Symbol Path = new("path");

    /// <summary>Its own name and version.</summary>
    public static AmqpMap Own { get; } = new()
    {
        { Product, "Mamba" },
        { Version, typeof(Identity).Assembly.GetName().Version?.ToString(3) ?? "0" },
        { Platform, $".NET {Environment.Version}" },
    };

    /// <summary>The properties of open: its own, or those that clients of RabbitMQ insist on.</summary>
    public static AmqpMap InOpen(ServerOptions options)
    {
        if (options.AnnouncedRabbitMqVersion.Length == 0)
        {
            return Own.Clone();
        }

        return new AmqpMap
        {
            { Product, "RabbitMQ" },
            { Version, options.AnnouncedRabbitMqVersion },
            { Platform, Own[Platform] },
            { Node, options.ContainerId },
            { Information, $"Mamba {Own[Version]}, announced as RabbitMQ by its setting clients.rabbitMqVersion" },
        };
    }

    /// <summary>The same with the brokers that clients may turn to when they lose this one, as Qpid JMS reads them.</summary>
    public static AmqpMap WithFailover(AmqpMap properties, IReadOnlyList<FailoverServer> servers)
    {
        if (servers.Count == 0)
        {
            return properties;
        }

        var all = properties.Clone();
        all.Add(FailoverServerList, servers.Select(static object? (server) => InOpen(server)).ToList());
        return all;
    }

    private static AmqpMap InOpen(FailoverServer server)
    {
        var map = new AmqpMap { { NetworkHost, server.Host }, { Port, server.Port }, { Scheme, server.Scheme } };
        if (server.Path is not null)
        {
            map.Add(Path, server.Path);
        }

        return map;
    }
}
