using Mamba.Amqp.Endpoints;
using Mamba.Amqp.Messaging;
using Mamba.Amqp.Transport;
using Mamba.Broker.Server.Connections;
using Mamba.Broker.Server.Links;

namespace Mamba.Broker.Server.Management;

/// <summary>
/// One connection's business with a node that answers requests: its request links and reply links, and the requests that wait.
/// Touched only by the connection's turns, except where a member says otherwise.
/// </summary>
internal abstract class RequestDesk(AmqpConnection connection) : RequestRunner<PendingRequest, DeskResponse>(connection), IReplyDesk
{
    /// <summary>Links to, and links from, the node on one connection.</summary>
    private const int MaxLinks = 16;

    /// <summary>Bytes of requests of one connection that wait, where they are of the largest kind.</summary>
    private const long MaxWaitingBytes = 32 * 1024 * 1024;

    private readonly List<RequestLink> _requestLinks = [];
    private readonly List<ReplyLink> _replyLinks = [];

    /// <summary>The largest request, in bytes.</summary>
    public virtual ulong MaxRequestBytes => ManagementNode.MaxRequestBytes;

    /// <summary>A new link that requests come in on.</summary>
    /// <exception cref="LinkRefusedException">The user may not, or the connection has too many.</exception>
    public RequestLink OpenRequests(ReceiverEndpoint link, bool canReject)
    {
        AdmitRequests();
        return Add(new RequestLink(Connection, this, link, canReject));
    }

    /// <summary>A new link that responses go out on.</summary>
    /// <exception cref="LinkRefusedException">The user may not, or the connection has too many.</exception>
    public ReplyLink OpenReplies(SenderEndpoint link, Attach attach)
    {
        CheckUser();
        CheckCount(_replyLinks.Count);
        var handler = new ReplyLink(Connection, link, (attach.Target as Target)?.Address, attach.SndSettleMode != SenderSettleMode.Unsettled, this);
        _replyLinks.Add(handler);
        return handler;
    }

    public void Remove(RequestLink link)
    {
        _requestLinks.Remove(link);
        CloseIfUnused();
    }

    public void Remove(ReplyLink link)
    {
        _replyLinks.Remove(link);
        RunNext();
        CloseIfUnused();
    }

    public override void Submit(PendingRequest request)
    {
        Connection.WaitingRequestBytes += request.Bytes;
        base.Submit(request);
    }

    /// <summary>A request as this node reads it, if there is room for it behind those that wait.</summary>
    /// <exception cref="AmqpException">It is none; amqp:resource-limit-exceeded: too much waits, as a rule for responses to be read.</exception>
    public ManagementRequest Admit(ReadOnlySpan<byte> payload)
    {
        var waiting = Connection.WaitingRequestBytes;
        return waiting == 0 || waiting + payload.Length <= MaxWaitingBytes
            ? Decode(payload)
            : throw new AmqpException(new AmqpError(
                ErrorCondition.ResourceLimitExceeded,
                $"Requests of this connection with {waiting} bytes wait, and this one has {payload.Length}; give credit for responses, and send again when there were some."));
    }

    /// <summary>A request as this node reads it.</summary>
    /// <exception cref="AmqpException">It is none.</exception>
    public virtual ManagementRequest Decode(ReadOnlySpan<byte> payload) => ManagementRequest.Decode(payload);

    /// <summary>Refuses a new link, where the user may not have one.</summary>
    /// <exception cref="LinkRefusedException">The user may not.</exception>
    protected abstract void CheckUser();

    /// <summary>Whether a response to this address may go out on a link that names no address of its own.</summary>
    protected abstract bool IsOwnAddress(string address);

    /// <summary>What to do off the turn to carry a request out, made in the turn.</summary>
    protected abstract Func<Task<DeskResponse>> Prepare(ManagementRequest request);

    /// <summary>Sends a response to where no link of the connection leads; false when that is nowhere.</summary>
    protected virtual bool Forward(string? replyTo, byte[] response) => false;

    /// <summary>Nothing of the connection leads to or from the node any more.</summary>
    protected virtual void OnUnused()
    {
        // Most stay for links to come.
    }

    /// <summary>Whether there may be one more link that requests come in on.</summary>
    /// <exception cref="LinkRefusedException">There may not.</exception>
    protected void AdmitRequests()
    {
        CheckUser();
        CheckCount(_requestLinks.Count);
    }

    protected RequestLink Add(RequestLink link)
    {
        _requestLinks.Add(link);
        return link;
    }

    private static void CheckCount(int links)
    {
        if (links >= MaxLinks)
        {
            throw new LinkRefusedException(new AmqpError(
                ErrorCondition.ResourceLimitExceeded, $"The connection has {links} such links to this node, which is the limit; use one for all requests."));
        }
    }

    private void CloseIfUnused()
    {
        if (_requestLinks.Count == 0 && _replyLinks.Count == 0)
        {
            OnUnused();
        }
    }

    protected sealed override Func<Task<DeskResponse>> Begin(PendingRequest pending)
    {
        Connection.WaitingRequestBytes -= pending.Bytes;
        var execute = Prepare(pending.Request);
        return () => GuardAsync(pending.Request, execute);
    }

    protected sealed override void Finish(PendingRequest pending, DeskResponse response)
    {
        response = response.InTurn?.Invoke() ?? response;
        var isRouted = Reply(pending, response);
        pending.Link.Answer(pending.DeliveryId, pending.Settled, isRouted || pending.Settled ? null : response.Error);
    }

    protected sealed override long UnreadBytes()
    {
        long bytes = 0;
        foreach (var link in _replyLinks)
        {
            bytes += link.PendingBytes;
        }

        return bytes;
    }

    /// <summary>Whatever happens, the request has its answer, and the next one its turn.</summary>
    private async Task<DeskResponse> GuardAsync(ManagementRequest request, Func<Task<DeskResponse>> execute)
    {
        try
        {
            return await execute();
        }
        catch (Exception e)
        {
            ServerLog.ManagementFault(Connection.Server.Logger, e);
            var failure = new ManagementResponse(ManagementStatus.InternalError, "The request failed inside the broker; see its log.");
            return new DeskResponse(failure.Encode(request), new AmqpError(ErrorCondition.InternalError, failure.Description));
        }
    }

    /// <summary>Sends a response to where the request's reply-to says; false when that is nowhere.</summary>
    private bool Reply(PendingRequest pending, in DeskResponse response)
    {
        if (FindLink(pending) is not { } link)
        {
            return Forward(pending.Request.ReplyTo, response.Bytes);
        }

        var bytes = response.Bytes;
        link.Send(link.Fits(bytes.Length) ? bytes : TooLarge(bytes.Length).Encode(pending.Request));
        return true;
    }

    /// <summary>The link whose own address is the reply-to, of the request's session before those of other sessions.</summary>
    private ReplyLink? FindLink(PendingRequest pending)
    {
        ReplyLink? elsewhere = null;
        foreach (var link in _replyLinks)
        {
            var isMeant = pending.Request.ReplyTo is not { } address
                || string.Equals(link.Address, address, StringComparison.Ordinal)
                || (link.Address is null && (IsOwnAddress(address) || string.Equals(link.Endpoint.Name, address, StringComparison.Ordinal)));
            if (isMeant && ReferenceEquals(link.Session, pending.Link.Session))
            {
                return link;
            }

            elsewhere ??= isMeant ? link : null;
        }

        return elsewhere;
    }

    private static ManagementResponse TooLarge(int bytes) => new(
        ManagementStatus.BadRequest,
        $"The response has {bytes} bytes, more than the max-message-size of your link; ask for fewer attributes, or for a part with offset and count.");
}

/// <summary>How a request ended.</summary>
/// <param name="Bytes">The response as a message.</param>
/// <param name="Error">What the request's outcome says where the response has no place to go; null when it succeeded.</param>
/// <param name="InTurn">What is left to do in the connection's turn before the response leaves; its result takes the response's place.</param>
internal readonly record struct DeskResponse(byte[] Bytes, AmqpError? Error, Func<DeskResponse>? InTurn = null);
