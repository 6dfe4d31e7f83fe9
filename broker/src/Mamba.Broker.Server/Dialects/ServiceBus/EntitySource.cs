using Mamba.Amqp.Messaging;
using Mamba.Amqp.Transport;
using Mamba.Amqp.Types;
using Mamba.Broker.Engine;
using Mamba.Broker.Server.Connections;
using Mamba.Broker.Server.Links;
using Mamba.Broker.Server.Management;
using Mamba.Broker.Server.Security;

namespace Mamba.Broker.Server.Dialects.ServiceBus;

/// <summary>
/// What a receiver's address comes to that has a meaning for clients of Service Bus only: a subscription, which is a durable one that all
/// clients share and that closing a link does not end, or the dead letters of a queue or a subscription. Made in a turn of its
/// connection.
/// </summary>
internal sealed class EntitySource(EntityAddress entity, AmqpConnection connection)
{
    private static readonly Symbol SessionFilter = new("com.microsoft:session-filter");
    private static readonly SubscriptionOptions Shared = new() { Shared = true };

    private readonly AddressAccess? _access = connection.Access;

    private MessageEngine Engine => connection.Server.Engine;

    private SubscriptionKey Key => new(ClientId: null, entity.SubscriptionKey, Durable: true);

    /// <summary>What an attach asks for; null when it is nothing special.</summary>
    /// <exception cref="LinkRefusedException">It asks for a session.</exception>
    public static EntitySource? Of(Source source, AmqpConnection connection)
    {
        if (source.Filter?.ContainsKey(SessionFilter) == true)
        {
            throw new LinkRefusedException(new AmqpError(
                ErrorCondition.NotImplemented,
                "Receivers for one session are not implemented. Use a plain one: messages of one session go to one receiver at a time, and in order."));
        }

        return source.Dynamic || EntityAddress.Parse(source.Address!) is not { IsPlain: false } special ? null : new EntitySource(special, connection);
    }

    /// <summary>The node that the messages are on.</summary>
    /// <exception cref="LinkRefusedException">There is none, or the user may not.</exception>
    public ValueTask<IMessageNode> ResolveAsync()
    {
        if (!entity.IsDeadLetter)
        {
            return ResolveAsync(new NodeAddress(entity.Name, NodeKind.Topic, IsTemporary: false));
        }

        return ResolveAsync(DeadLetterNode());
    }

    /// <summary>How the messages are consumed there.</summary>
    /// <exception cref="LinkRefusedException">The user may not.</exception>
    /// <exception cref="EngineException">It cannot be.</exception>
    public async ValueTask<SourceBinding> BindAsync(IMessageNode node)
    {
        if (!entity.IsDeadLetter)
        {
            SourceBinding.CheckCreation(connection, Key, node.Address, Shared);
            return SourceBinding.To(node, await Engine.CreateOrFindSubscriptionAsync(Key, node.Address, Shared));
        }

        return SourceBinding.To(node, new SubscribeOptions { Filter = Filter() });
    }

    /// <summary>A browser of the messages that are there; null where there is nothing to be browsed. Any thread.</summary>
    /// <exception cref="LinkRefusedException">The user may not.</exception>
    /// <exception cref="EngineException">It cannot be.</exception>
    public ISubscription? Browse(ISubscriber subscriber)
    {
        var options = new SubscribeOptions { Browse = true, Filter = entity.IsDeadLetter ? Filter() : null };
        if (entity is { Subscription: not null, IsDeadLetter: false })
        {
            _access?.Require(AddressActions.Receive, entity.Name, NodeKind.Topic);
            return Engine.FindSubscription(Key)?.Subscribe(options, subscriber);
        }

        var address = entity.IsDeadLetter ? DeadLetterNode() : NodeAddress.Parse(entity.Name, default);
        _access?.Require(AddressActions.Browse | AddressActions.Receive, address);
        var node = connection.Server.Addresses.Find(address);
        return node is { Kind: NodeKind.Topic }
            ? throw new EntityException(
                ManagementStatus.BadRequest, $"'{entity.Name}' is a topic, whose messages are with its subscriptions; peek at one of them.")
            : node?.Subscribe(options, subscriber);
    }

    /// <summary>Where several addresses have one for their dead letters, each sees its own.</summary>
    private DeadLetterFilter? Filter() => entity.Subscription is null && DeadLetterAddress().Contains("{address}", StringComparison.Ordinal)
        ? null
        : new DeadLetterFilter(entity.Name, entity.Subscription is null ? null : entity.SubscriptionKey);

    private NodeAddress DeadLetterNode()
    {
        var address = DeadLetterAddress().Replace("{address}", entity.Name, StringComparison.Ordinal);
        return address.Length == 0
            ? throw new LinkRefusedException(new AmqpError(
                ErrorCondition.NotFound, $"'{entity.Name}' has no dead-letter address; see the setting addresses.rules, deadLetterAddress."))
            : new NodeAddress(address, NodeKind.Queue, IsTemporary: false);
    }

    private string DeadLetterAddress() =>
        (entity.Subscription is null ? Engine.Find(entity.Name)?.Options : Engine.FindSubscription(Key)?.Settings)?.DeadLetterAddress
        ?? Engine.OptionsFor(entity.Name).DeadLetterAddress;

    private ValueTask<IMessageNode> ResolveAsync(NodeAddress address)
    {
        _access?.Require(AddressActions.Receive, address);
        return connection.Server.Addresses.ResolveAsync(address, _access);
    }
}
