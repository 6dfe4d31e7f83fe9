using System.Globalization;
using Mamba.Amqp.Endpoints;
using Mamba.Amqp.Messaging;
using Mamba.Amqp.Transport;
using Mamba.Amqp.Types;
using Mamba.Broker.Server.Connections;

namespace Mamba.Broker.Server.Management;

/// <summary>
/// The links that clients consume on, or produce on. A name is the connection's number, a slash and the link's name. Figures are
/// read while the connection works on, so they are those of about now.
/// </summary>
/// <param name="connections">Who has which links.</param>
/// <param name="role">What the client is on these links.</param>
/// <param name="name">The type's name.</param>
/// <param name="prefix">Of identities.</param>
internal sealed class LinkEntities(ConnectionRegistry connections, Role role, string name, string prefix) : EntityType(name, prefix)
{
    public override IReadOnlyList<string> Attributes { get; } =
    [
        Attribute.Name, Attribute.Identity, Attribute.Type, Attribute.Address, "linkName", "connection", "containerId", "user", "credit", "unsettled",
    ];

    public override IReadOnlyList<string> Operations { get; } = [Operation.Read];

    public override IEnumerable<Entity> List()
    {
        foreach (var held in connections.ListLinks(role))
        {
            if (held.Link.IsAttached)
            {
                yield return new Entity(this, NameOf(held), held);
            }
        }
    }

    public override string? AddressOf(in Entity entity) => AddressOf(((HeldLink)entity.Handle).Link) ?? ManagementNode.Address;

    public override Entity? Find(string name)
    {
        foreach (var held in connections.ListLinks(role))
        {
            if (held.Link.IsAttached && string.Equals(NameOf(held), name, StringComparison.Ordinal))
            {
                return new Entity(this, name, held);
            }
        }

        return null;
    }

    protected override void Describe(object handle, AmqpMap into)
    {
        var (connection, link) = (HeldLink)handle;
        into.Add(Attribute.Address, AddressOf(link));
        into.Add("linkName", link.Name);
        into.Add("connection", ConnectionEntities.NameOf(connection));
        into.Add("containerId", connection.ContainerId);
        into.Add("user", connection.Principal.Name);
        into.Add("credit", (long)((link as SenderEndpoint)?.Credit ?? ((ReceiverEndpoint)link).Credit));
        into.Add("unsettled", (long)((link as SenderEndpoint)?.UnsettledCount ?? ((ReceiverEndpoint)link).UnsettledCount));
    }

    private static string NameOf(HeldLink held) => string.Create(CultureInfo.InvariantCulture, $"{held.Connection.Id}/{held.Link.Name}");

    /// <summary>Our reply has the address in force, a dynamic node's too; null for the anonymous terminus.</summary>
    private static string? AddressOf(LinkEndpoint link) =>
        link is SenderEndpoint ? link.LocalAttach?.Source?.Address : (link.LocalAttach?.Target as Target)?.Address;
}
