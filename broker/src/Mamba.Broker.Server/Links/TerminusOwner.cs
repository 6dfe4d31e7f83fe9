using Mamba.Broker.Engine;
using Mamba.Broker.Server.Connections;

namespace Mamba.Broker.Server.Links;

/// <summary>What a dynamic node belongs to: one link, whose connection alone may receive from the node.</summary>
internal sealed class TerminusOwner(AmqpConnection connection)
{
    public AmqpConnection Connection { get; } = connection;

    /// <summary>The node, once it was made for the link or taken over by it; null for links that own none. Of the connection's turns.</summary>
    public IMessageNode? Node { get; set; }
}
