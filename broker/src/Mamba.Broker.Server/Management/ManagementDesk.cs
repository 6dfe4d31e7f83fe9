using Mamba.Amqp.Messaging;
using Mamba.Amqp.Transport;
using Mamba.Broker.Engine;
using Mamba.Broker.Server.Connections;
using Mamba.Broker.Server.Links;
using Mamba.Broker.Server.Messages;
using Mamba.Broker.Server.Security;

namespace Mamba.Broker.Server.Management;

/// <summary>One connection's business with the management node. Touched only by the connection's turns.</summary>
internal class ManagementDesk(AmqpConnection connection) : RequestDesk(connection)
{
    /// <summary>Requests that wait, above which none is taken from a link with credit for messages of all kinds.</summary>
    private const int MaxRelayed = 64;

    private SchedulerRequests? _scheduler;

    /// <summary>Whether an address is the management node's.</summary>
    public static bool IsNode(string? address) => string.Equals(address, ManagementNode.Address, StringComparison.Ordinal);

    /// <summary>Takes a request in that came by the anonymous terminus, where nobody was asked at attach who it is.</summary>
    /// <exception cref="LinkRefusedException">The user may not, the message is too large, or too many wait.</exception>
    /// <exception cref="AmqpException">It is no request.</exception>
    public void SubmitRelayed(IRequestSource link, uint deliveryId, bool settled, ReadOnlySpan<byte> message)
    {
        CheckUser();
        if (message.Length > ManagementNode.MaxRequestBytes)
        {
            throw new LinkRefusedException(new AmqpError(
                ErrorCondition.MessageSizeExceeded, $"A management request has at most {ManagementNode.MaxRequestBytes} bytes; this one has {message.Length}."));
        }

        if (Waiting >= MaxRelayed)
        {
            throw new LinkRefusedException(new AmqpError(
                ErrorCondition.ResourceLimitExceeded, $"{Waiting} management requests of this connection wait; send more when those are answered."));
        }

        Submit(new PendingRequest(link, deliveryId, settled, Decode(message)));
    }

    /// <summary>A new link that requests to ActiveMQ Classic's scheduler come in on.</summary>
    /// <exception cref="LinkRefusedException">The user may not, or the connection has too many.</exception>
    public RequestLink OpenScheduler(Amqp.Endpoints.ReceiverEndpoint link, bool canReject)
    {
        AdmitRequests();
        return Add(new SchedulerLink(Connection, _scheduler ??= new SchedulerRequests(Connection), link, canReject));
    }

    /// <summary>Whether the user may administer the broker at all.</summary>
    /// <exception cref="LinkRefusedException">amqp:unauthorized-access.</exception>
    public void CheckPermission()
    {
        if (!Connection.Server.Options.Management.Allows(Connection.Principal, Connection.Listener))
        {
            throw new LinkRefusedException(new AmqpError(
                ErrorCondition.UnauthorizedAccess,
                $"The user '{Connection.Principal.Name}' may not administer the broker; log in as one that may, or see the setting security.management."));
        }
    }

    protected override bool IsOwnAddress(string address) => IsNode(address);

    protected override void CheckUser() => CheckPermission();

    protected override Func<Task<DeskResponse>> Prepare(ManagementRequest request)
    {
        var access = Connection.Access;
        return async () =>
        {
            var response = await Connection.Server.Management.ExecuteAsync(request, Connection.Id, access);
            return new DeskResponse(response.Encode(request), ErrorOf(response));
        };
    }

    /// <summary>To a queue or topic that is there.</summary>
    protected override bool Forward(string? replyTo, byte[] response)
    {
        if (replyTo is null || FindNode(replyTo) is not { } node)
        {
            return false;
        }

        var message = MessageIngress.Read(response, Connection.Now, wantTo: false, out _, out _)!;
        Connection.Batch.Add(node, message, observer: null, 0);
        return true;
    }

    private IMessageNode? FindNode(string address)
    {
        try
        {
            var parsed = NodeAddress.Parse(address, default);
            Connection.Access?.Require(AddressActions.Send, parsed);
            return Connection.Server.Addresses.Find(parsed);
        }
        catch (LinkRefusedException e)
        {
            ServerLog.ResponseDropped(Connection.Server.Logger, Connection.Id, address, e.Message);
            return null;
        }
    }

    /// <summary>For a request that failed and has no place for its response: what its outcome says.</summary>
    protected static AmqpError? ErrorOf(ManagementResponse response) => response.Status switch
    {
        < ManagementStatus.BadRequest => null,
        ManagementStatus.Forbidden => new AmqpError(ErrorCondition.UnauthorizedAccess, response.Description),
        ManagementStatus.NotFound => new AmqpError(ErrorCondition.NotFound, response.Description),
        ManagementStatus.Conflict => new AmqpError(ErrorCondition.PreconditionFailed, response.Description),
        ManagementStatus.NotImplemented => new AmqpError(ErrorCondition.NotImplemented, response.Description),
        ManagementStatus.InternalError => new AmqpError(ErrorCondition.InternalError, response.Description),
        _ => new AmqpError(ErrorCondition.InvalidField, response.Description),
    };
}
