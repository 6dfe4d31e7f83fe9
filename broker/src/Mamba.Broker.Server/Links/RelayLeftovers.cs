using Mamba.Broker.Engine;
using Mamba.Broker.Server.Connections;
using Mamba.Broker.Server.Dialects.RabbitMq;
using Mamba.Broker.Server.Messages;
using Mamba.Broker.Server.Security;

namespace Mamba.Broker.Server.Links;

/// <summary>
/// Settled messages that an anonymous link left behind when it ended while an address was being made. They are stored in their order,
/// off the connection's turns, which may be over. One that cannot be stored is dropped, as is every settled message that is refused
/// when its link is gone: there is nobody to tell.
/// </summary>
internal static class RelayLeftovers
{
    public static async Task StoreAsync(AmqpConnection connection, List<(StoredMessage Message, string To)> messages)
    {
        var server = connection.Server;
        var access = connection.Access;
        foreach (var (message, to) in messages)
        {
            try
            {
                var node = await ResolveAsync(server, access, message, to);
                var batch = PublishBatch.Rent();
                batch.Add(node, message, observer: null, 0, node.Duplicates is { } window ? DuplicateIdentity.Read(message, window) : default);
                server.Engine.Publish(batch);
            }
            catch (Exception e)
            {
                message.Release();
                if (e is LinkRefusedException refused)
                {
                    server.LateReplies.OnRefused(to, refused.Error);
                }
                else if (e is not EngineException)
                {
                    ServerLog.ConnectionFault(server.Logger, e, connection.Id);
                }
            }
        }
    }

    /// <summary>As <see cref="AnonymousRouter"/> finds it.</summary>
    private static ValueTask<IMessageNode> ResolveAsync(ServerContext server, AddressAccess? access, StoredMessage message, string to)
    {
        if (RabbitMqAddress.IsOne(to))
        {
            return ValueTask.FromResult(RabbitMqAddress.Parse(to)?.FindTarget(server, access) ?? throw new LinkRefusedException(Refusal.Unroutable()));
        }

        var address = NodeAddress.Parse(to, default);
        access?.Require(AddressActions.Send, address);
        if (address.Kind is null && server.Addresses.Find(address) is null)
        {
            address = NodeAddress.Parse(to, DestinationType.Read(message));
        }

        return server.Addresses.ResolveTargetAsync(address, access);
    }
}
