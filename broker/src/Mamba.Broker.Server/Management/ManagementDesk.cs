using Mamba.Amqp.Messaging;
using Mamba.Amqp.Transport;
using Mamba.Broker.Engine;
using Mamba.Broker.Server.Connections;
using Mamba.Broker.Server.Links;
using Mamba.Broker.Server.Messages;
using Mamba.Broker.Server.Security;

namespace Mamba.Broker.Server.Management;

/// <summary>
/// One connection's business with the management node: its request links and reply links, and the requests that wait. One request
/// of a connection is carried out at a time, off its turns, and none while the client leaves many bytes of responses unread. Touched
/// only by the connection's turns.
/// </summary>
internal sealed class ManagementDesk(AmqpConnection connection) : IReplyDesk
{
    /// <summary>Links to, and links from, the node on one connection.</summary>
    private const int MaxLinks = 16;

    /// <summary>Responses that wait for credit, above which no more requests are carried out.</summary>
    private const long MaxUnreadBytes = 1024 * 1024;

    /// <summary>Requests that wait, above which none is taken from a link with credit for messages of all kinds.</summary>
    private const int MaxRelayed = 64;

    private readonly Queue<PendingRequest> _waiting = new();
    private readonly List<RequestLink> _requestLinks = [];
    private readonly List<ReplyLink> _replyLinks = [];
    private bool _isRunning;

    /// <summary>Whether an address is the management node's.</summary>
    public static bool IsNode(string? address) => string.Equals(address, ManagementNode.Address, StringComparison.Ordinal);

    /// <summary>A new link that requests come in on.</summary>
    /// <exception cref="LinkRefusedException">The user may not, or the connection has too many.</exception>
    public RequestLink OpenRequests(Amqp.Endpoints.ReceiverEndpoint link, bool canReject)
    {
        CheckAdmission(_requestLinks.Count);
        var handler = new RequestLink(connection, link, canReject);
        _requestLinks.Add(handler);
        return handler;
    }

    /// <summary>A new link that responses go out on.</summary>
    /// <exception cref="LinkRefusedException">The user may not, or the connection has too many.</exception>
    public ReplyLink OpenReplies(Amqp.Endpoints.SenderEndpoint link, Attach attach)
    {
        CheckAdmission(_replyLinks.Count);
        var handler = new ReplyLink(connection, link, (attach.Target as Target)?.Address, attach.SndSettleMode != SenderSettleMode.Unsettled, this);
        _replyLinks.Add(handler);
        return handler;
    }

    public void Remove(RequestLink link) => _requestLinks.Remove(link);

    public void Remove(ReplyLink link)
    {
        _replyLinks.Remove(link);
        RunNext();
    }

    /// <summary>Takes a request in that came by the anonymous terminus, where nobody was asked at attach who it is.</summary>
    /// <exception cref="LinkRefusedException">The user may not, the message is too large, or too many wait.</exception>
    /// <exception cref="AmqpException">It is no request.</exception>
    public void SubmitRelayed(IRequestSource link, uint deliveryId, bool settled, ReadOnlySpan<byte> message)
    {
        CheckAdmission(links: 0);
        if (message.Length > ManagementNode.MaxRequestBytes)
        {
            throw new LinkRefusedException(new AmqpError(
                ErrorCondition.MessageSizeExceeded, $"A management request has at most {ManagementNode.MaxRequestBytes} bytes; this one has {message.Length}."));
        }

        if (_waiting.Count >= MaxRelayed)
        {
            throw new LinkRefusedException(new AmqpError(
                ErrorCondition.ResourceLimitExceeded, $"{_waiting.Count} management requests of this connection wait; send more when those are answered."));
        }

        Submit(new PendingRequest(link, deliveryId, settled, ManagementRequest.Decode(message)));
    }

    /// <summary>Takes a request in; requests of a connection are carried out in this order.</summary>
    public void Submit(PendingRequest request)
    {
        _waiting.Enqueue(request);
        RunNext();
    }

    /// <summary>A response is on its way to the client.</summary>
    public void OnWritten()
    {
        if (_waiting.Count > 0 && !_isRunning)
        {
            connection.Post(RunNext);
        }
    }

    /// <summary>A new link that requests to ActiveMQ Classic's scheduler come in on.</summary>
    /// <exception cref="LinkRefusedException">The user may not, or the connection has too many.</exception>
    public RequestLink OpenScheduler(Amqp.Endpoints.ReceiverEndpoint link, bool canReject)
    {
        CheckAdmission(_requestLinks.Count);
        var handler = new SchedulerLink(connection, link, canReject);
        _requestLinks.Add(handler);
        return handler;
    }

    /// <summary>Whether the user may administer the broker at all.</summary>
    /// <exception cref="LinkRefusedException">amqp:unauthorized-access.</exception>
    public void CheckPermission()
    {
        if (!connection.Server.Options.Management.Allows(connection.Principal, connection.Listener))
        {
            throw new LinkRefusedException(new AmqpError(
                ErrorCondition.UnauthorizedAccess,
                $"The user '{connection.Principal.Name}' may not administer the broker; log in as one that may, or see the setting security.management."));
        }
    }

    private void CheckAdmission(int links)
    {
        CheckPermission();
        if (links >= MaxLinks)
        {
            throw new LinkRefusedException(new AmqpError(
                ErrorCondition.ResourceLimitExceeded, $"The connection has {links} such links to the management node, which is the limit; use one for all requests."));
        }
    }

    private void RunNext()
    {
        if (_isRunning || connection.IsBroken || UnreadBytes() >= MaxUnreadBytes || !_waiting.TryDequeue(out var next))
        {
            return;
        }

        _isRunning = true;
        // What came before it on this connection is to be in its queues when it is carried out.
        connection.PublishCollected();
        var access = connection.Access;
        _ = Task.Run(() => RunAsync(next, access));
    }

    private async Task RunAsync(PendingRequest pending, AddressAccess? access)
    {
        var response = await connection.Server.Management.ExecuteAsync(pending.Request, connection.Id, access);
        var bytes = response.Encode(pending.Request);
        connection.Post(() => Finish(pending, response, bytes));
    }

    private void Finish(PendingRequest pending, ManagementResponse response, byte[] bytes)
    {
        _isRunning = false;
        var isRouted = Reply(pending, bytes);
        pending.Link.Answer(pending.DeliveryId, pending.Settled, isRouted || pending.Settled ? null : ErrorOf(response));
        RunNext();
    }

    /// <summary>Sends a response to where the request's reply-to says; false when that is nowhere.</summary>
    private bool Reply(PendingRequest pending, byte[] bytes)
    {
        if (FindLink(pending) is { } link)
        {
            link.Send(link.Fits(bytes.Length) ? bytes : TooLarge(bytes.Length).Encode(pending.Request));
            return true;
        }

        return pending.Request.ReplyTo is { } address && FindNode(address) is { } node && Publish(node, bytes);
    }

    /// <summary>The link whose own address is the reply-to, of the request's session before those of other sessions.</summary>
    private ReplyLink? FindLink(PendingRequest pending)
    {
        ReplyLink? elsewhere = null;
        foreach (var link in _replyLinks)
        {
            var isMeant = pending.Request.ReplyTo is not { } address
                || string.Equals(link.Address, address, StringComparison.Ordinal)
                || (link.Address is null && IsNode(address));
            if (isMeant && ReferenceEquals(link.Session, pending.Link.Session))
            {
                return link;
            }

            elsewhere ??= isMeant ? link : null;
        }

        return elsewhere;
    }

    private IMessageNode? FindNode(string address)
    {
        try
        {
            var parsed = NodeAddress.Parse(address, default);
            connection.Access?.Require(AddressActions.Send, parsed);
            return connection.Server.Addresses.Find(parsed);
        }
        catch (LinkRefusedException e)
        {
            ServerLog.ResponseDropped(connection.Server.Logger, connection.Id, address, e.Message);
            return null;
        }
    }

    private bool Publish(IMessageNode node, byte[] bytes)
    {
        var message = MessageIngress.Read(bytes, connection.Now, wantTo: false, out _, out _)!;
        connection.Batch.Add(node, message, observer: null, 0);
        return true;
    }

    private long UnreadBytes()
    {
        long bytes = 0;
        foreach (var link in _replyLinks)
        {
            bytes += link.PendingBytes;
        }

        return bytes;
    }

    /// <summary>For a request that failed and has no place for its response: what its outcome says.</summary>
    private static AmqpError? ErrorOf(ManagementResponse response) => response.Status switch
    {
        < ManagementStatus.BadRequest => null,
        ManagementStatus.Forbidden => new AmqpError(ErrorCondition.UnauthorizedAccess, response.Description),
        ManagementStatus.NotFound => new AmqpError(ErrorCondition.NotFound, response.Description),
        ManagementStatus.Conflict => new AmqpError(ErrorCondition.PreconditionFailed, response.Description),
        ManagementStatus.NotImplemented => new AmqpError(ErrorCondition.NotImplemented, response.Description),
        ManagementStatus.InternalError => new AmqpError(ErrorCondition.InternalError, response.Description),
        _ => new AmqpError(ErrorCondition.InvalidField, response.Description),
    };

    private static ManagementResponse TooLarge(int bytes) => new(
        ManagementStatus.BadRequest,
        $"The response has {bytes} bytes, more than the max-message-size of your link; ask for fewer attributes, or for a part with offset and count.");
}
