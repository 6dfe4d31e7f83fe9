using Mamba.Amqp.Messaging;
using Mamba.Amqp.Transport;
using Mamba.Broker.Server.Connections;
using Mamba.Broker.Server.Links;

namespace Mamba.Broker.Server.Dialects.ServiceBus;

/// <summary>
/// What one connection of a Service Bus client has beyond other connections. Whoever shows a token at <c>$cbs</c> is taken for one.
/// Touched only by the connection's turns.
/// </summary>
internal sealed class ServiceBusDialect(AmqpConnection connection)
{
    private readonly Dictionary<string, EntityDesk> _desks = new(StringComparer.Ordinal);

    /// <summary>The connection's business with the management node of an entity; null for other addresses.</summary>
    public EntityDesk? DeskOf(string? address)
    {
        if (EntityAddress.Managed(address) is not { } entity)
        {
            return null;
        }

        if (!_desks.TryGetValue(address!, out var desk))
        {
            _desks.Add(address!, desk = new EntityDesk(connection, address!, EntityAddress.Parse(entity), () => _desks.Remove(address!)));
        }

        return desk;
    }

    /// <summary>Puts the path in place of a URL where a link names the broker's node by one.</summary>
    public static void NameByPath(Attach attach)
    {
        switch (attach)
        {
            case { Role: Role.Sender, Target: Target { Address: { } address } target }:
                target.Address = EntityAddress.WithoutHost(address);
                break;
            case { Role: Role.Receiver, Source: { Address: { } address } source }:
                source.Address = EntityAddress.WithoutHost(address);
                break;
        }
    }

    /// <summary>Refuses to send to what is for receiving only.</summary>
    /// <exception cref="LinkRefusedException">amqp:not-allowed.</exception>
    public static void CheckTarget(string? address)
    {
        if (address is not null && !EntityAddress.Parse(address).IsPlain)
        {
            throw new LinkRefusedException(new AmqpError(
                ErrorCondition.NotAllowed, $"'{address}' is for receiving; send to the queue, or to the topic."));
        }
    }

    public EntitySource? SourceOf(Source source) => EntitySource.Of(source, connection);

    public EntityReceiver Receiver(bool settled) => new(connection, locks: !settled);

    /// <summary>Whether one of the connection's receivers, or the one of this name, holds the delivery with a lock token.</summary>
    public bool Holds(string? linkName, Guid lockToken)
    {
        foreach (var link in connection.Links)
        {
            if (link is OutboundLink { Receiver: { } receiver } && (linkName is null || string.Equals(link.Endpoint.Name, linkName, StringComparison.Ordinal))
                && receiver.Holds(lockToken))
            {
                return true;
            }
        }

        return false;
    }
}
