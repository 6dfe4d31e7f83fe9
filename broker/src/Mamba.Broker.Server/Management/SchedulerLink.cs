using Mamba.Amqp.Endpoints;
using Mamba.Amqp.Transport;
using Mamba.Broker.Server.Connections;

namespace Mamba.Broker.Server.Management;

/// <summary>A link that requests to <see cref="ClassicScheduler"/> come in on.</summary>
internal sealed class SchedulerLink(AmqpConnection connection, SchedulerRequests requests, ReceiverEndpoint endpoint, bool canReject)
    : RequestLink(connection, connection.Management, endpoint, canReject)
{
    protected override void Submit(PendingRequest request) => requests.Submit(request);
}

/// <summary>One connection's requests to <see cref="ClassicScheduler"/>. What BROWSE finds goes to queues, so that no response waits here.</summary>
internal sealed class SchedulerRequests(AmqpConnection connection) : RequestRunner<PendingRequest, AmqpError?>(connection)
{
    protected override long UnreadBytes() => 0;

    protected override Func<Task<AmqpError?>> Begin(PendingRequest request)
    {
        var access = Connection.Access;
        return () => Connection.Server.Scheduler.ExecuteAsync(request.Request, Connection.Id, access);
    }

    protected override void Finish(PendingRequest request, AmqpError? response) => request.Link.Answer(request.DeliveryId, request.Settled, response);
}
