using System.Globalization;
using Mamba.Amqp.Transport;
using Mamba.Amqp.Types;
using Mamba.Broker.Server.Connections;

namespace Mamba.Broker.Server.Management;

/// <summary>Open connections. A name is the number that the broker's log gives the connection; DELETE closes it.</summary>
internal sealed class ConnectionEntities(ConnectionRegistry connections) : EntityType("org.mamba.connection", "connection")
{
    public override IReadOnlyList<string> Attributes { get; } =
    [
        Attribute.Name, Attribute.Identity, Attribute.Type, "containerId", "user", "mechanism", "remoteAddress", "localAddress", "tls", "sole", "links",
    ];

    public override IReadOnlyList<string> Operations { get; } = [Operation.Read, Operation.Delete];

    public override IEnumerable<Entity> List()
    {
        foreach (var connection in connections.All)
        {
            if (IsOpen(connection))
            {
                yield return new Entity(this, NameOf(connection), connection);
            }
        }
    }

    public override Entity? Find(string name) =>
        long.TryParse(name, NumberStyles.None, CultureInfo.InvariantCulture, out var id) && connections.Find(id) is { } found && IsOpen(found)
            ? new Entity(this, NameOf(found), found)
            : null;

    public override Task DeleteAsync(Entity entity, AttributeBody conditions, long caller)
    {
        var reason = conditions.Text("reason");
        conditions.RefuseOthers();
        var connection = (AmqpConnection)entity.Handle;
        if (connection.Id == caller)
        {
            throw new ManagementException(
                ManagementStatus.Forbidden, $"Connection {entity.Name} is the one this request came on, which could not be answered; close it at your end.");
        }

        connection.CloseWith(new AmqpError(ErrorCondition.ConnectionForced, reason is null
            ? "The connection was closed by an administrator."
            : $"The connection was closed by an administrator: {reason}"));
        return Task.CompletedTask;
    }

    internal static string NameOf(AmqpConnection connection) => connection.Id.ToString(CultureInfo.InvariantCulture);

    protected override void Describe(object handle, AmqpMap into)
    {
        var connection = (AmqpConnection)handle;
        into.Add("containerId", connection.ContainerId);
        into.Add("user", connection.Principal.Name);
        into.Add("mechanism", connection.Principal.Mechanism);
        into.Add("remoteAddress", connection.Listener.Remote.ToString());
        into.Add("localAddress", connection.Listener.Local.ToString());
        into.Add("tls", connection.Listener.IsTls);
        into.Add("sole", connection.IsSole);
        into.Add("links", (long)connections.LinksOf(connection));
    }

    /// <summary>Open, or not quite gone: who sees that a connection is gone may rely on it that what it held is back on its queues.</summary>
    private static bool IsOpen(AmqpConnection connection) => connection.ContainerId.Length > 0 && !connection.HasGivenBack;
}
