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
}
