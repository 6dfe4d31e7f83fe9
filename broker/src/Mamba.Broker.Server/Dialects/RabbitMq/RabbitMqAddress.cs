using Mamba.Amqp.Transport;
using Mamba.Broker.Engine;
using Mamba.Broker.Server.Links;
using Mamba.Broker.Server.Security;

namespace Mamba.Broker.Server.Dialects.RabbitMq;

/// <summary>
/// RabbitMQ's addresses of version 2: <c>/queues/NAME</c>, <c>/exchanges/NAME/KEY</c> and <c>/exchanges/NAME</c>, percent-encoded.
/// With a prefix (<c>queue:///queues/NAME</c>) they mean nothing in particular.
/// </summary>
/// <param name="IsQueue">Whether it is a queue's.</param>
/// <param name="Name">Name of the queue or exchange.</param>
/// <param name="Key">The routing key.</param>
internal readonly record struct RabbitMqAddress(bool IsQueue, string Name, string Key)
{
    private const string QueuePrefix = "/queues/";

    /// <summary>Whether an address is meant as one, right or wrong.</summary>
    public static bool IsOne(string address) =>
        address is ['/', ..]
        && (address.StartsWith(QueuePrefix, StringComparison.Ordinal) || address.StartsWith(ExchangeAddress.Prefix, StringComparison.Ordinal)
            || LinkPairs.IsNode(address));

    /// <summary>The address, or null when it is none.</summary>
    public static RabbitMqAddress? Parse(string address)
    {
        if (address.StartsWith(QueuePrefix, StringComparison.Ordinal))
        {
            return PercentText.Decode(address[QueuePrefix.Length..]) is { Length: > 0 } name ? new RabbitMqAddress(true, name, string.Empty) : null;
        }

        return ExchangeAddress.Parse(address) is { } exchange ? new RabbitMqAddress(false, exchange.Exchange, exchange.Key) : null;
    }

    public static AmqpError Bad(string address, Mamba.Amqp.Types.Symbol condition) => new(
        condition, $"'{address}' is no address: there is /queues/NAME, /exchanges/NAME/KEY and /exchanges/NAME, each part percent-encoded, and '{LinkPairs.Address}' for link pairs.");

    public AmqpError NotFound() => new(
        ErrorCondition.NotFound,
        IsQueue ? $"There is no queue '{Name}'; declare it first." : $"There is no exchange '{Name}'; declare it first, or send to {QueuePrefix}NAME.");

    /// <summary>Where messages sent to it go; null when there is nothing.</summary>
    /// <exception cref="LinkRefusedException">The user may not send there.</exception>
    public IMessageNode? FindTarget(ServerContext server, AddressAccess? access)
    {
        if (!IsQueue)
        {
            return FindExchange(server, access);
        }

        access?.Require(AddressActions.Send, Name, NodeKind.Queue);
        return FindQueue(server);
    }

    /// <summary>What is consumed from, or browsed; null when there is nothing.</summary>
    /// <exception cref="LinkRefusedException">The user may not, or it is an exchange, which keeps no messages.</exception>
    public IMessageNode? FindSource(ServerContext server, AddressAccess? access, bool browse)
    {
        if (!IsQueue)
        {
            throw new LinkRefusedException(new AmqpError(
                ErrorCondition.InvalidField, $"'{Name}' is an exchange, which keeps no messages: bind a queue to it, and receive from {QueuePrefix}NAME."));
        }

        access?.Require(browse ? AddressActions.Browse | AddressActions.Receive : AddressActions.Receive, Name, NodeKind.Queue);
        return FindQueue(server);
    }

    private IMessageNode? FindExchange(ServerContext server, AddressAccess? access)
    {
        var known = RabbitMqNode.PermissionName(Name);
        if (access?.Allows(AddressActions.Send, new NodeAddress(known, NodeKind.Queue, IsTemporary: false)) == false)
        {
            throw new LinkRefusedException(access.Refused(AddressActions.Send, known));
        }

        return server.Engine.FindExchange(Name) is not { Internal: true }
            ? server.Engine.FindRoute(Name, Key)
            : throw new LinkRefusedException(new AmqpError(
                ErrorCondition.UnauthorizedAccess, $"The exchange '{Name}' is internal: it takes messages from other exchanges only."));
    }

    private IMessageNode? FindQueue(ServerContext server) => server.Engine.Find(Name) is { Kind: NodeKind.Queue } queue ? queue : null;
}
