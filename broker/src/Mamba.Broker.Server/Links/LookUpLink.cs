using Mamba.Amqp.Endpoints;
using Mamba.Broker.Server.Connections;

namespace Mamba.Broker.Server.Links;

/// <summary>A link that carries nothing: it shows a subscription, and closing it deletes that.</summary>
internal sealed class LookUpLink(AmqpConnection connection, SenderEndpoint endpoint, Func<Task> closeTerminus)
    : LinkHandler(connection, endpoint)
{
    public override Func<Task>? CloseTerminus { get; } = closeTerminus;

    protected override void Release(bool clean, bool closed)
    {
        // It holds nothing.
    }
}
