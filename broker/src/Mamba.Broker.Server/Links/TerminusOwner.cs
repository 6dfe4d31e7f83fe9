using Mamba.Broker.Server.Connections;

namespace Mamba.Broker.Server.Links;

/// <summary>What a dynamic node belongs to: one link, whose connection alone may receive from the node.</summary>
internal sealed class TerminusOwner(AmqpConnection connection)
{
    public AmqpConnection Connection { get; } = connection;
}
