using Mamba.Amqp.Endpoints;
using Mamba.Amqp.Transport;
using Mamba.Amqp.Types;
using Mamba.Broker.Server.Connections;
using Mamba.Broker.Server.Links;
using Mamba.Broker.Server.Management;
using Mamba.Broker.Server.Security;
using Target = Mamba.Amqp.Messaging.Target;

namespace Mamba.Broker.Server.Dialects.RabbitMq;

/// <summary>
/// The link pairs of one connection (Link Pair, committee specification 1): a link to <c>/management</c> for requests and one from it for
/// responses, with the same name and the same address of the client's end. Touched only by the connection's turns.
/// </summary>
internal sealed class LinkPairs(AmqpConnection connection) : RequestRunner<PairedDelivery, byte[]>(connection), IReplyDesk
{
    public const string Address = "/management";

    /// <summary>What a connection says that takes link pairs.</summary>
    public static readonly Symbol Capability = new("LINK_PAIR_V1_0");

    /// <summary>Pairs of one connection.</summary>
    private const int MaxPairs = 16;

    private static readonly Symbol Paired = new("paired");

    private readonly List<LinkPair> _pairs = [];
    private PairedCaller? _caller;

    public static bool IsNode(string? address) => string.Equals(address, Address, StringComparison.Ordinal);

    /// <summary>The half of a pair that requests come in on.</summary>
    /// <exception cref="LinkRefusedException">It is no half of a pair, does not fit the other one, or may not be.</exception>
    public PairedRequestLink OpenRequests(ReceiverEndpoint link, Attach attach, bool canReject)
    {
        var pair = Join(link, attach, attach.Source?.Address, static pair => pair.Requests);
        return pair.Requests = new PairedRequestLink(Connection, link, canReject, pair, this);
    }

    /// <summary>The half of a pair that responses go out on.</summary>
    /// <exception cref="LinkRefusedException">It is no half of a pair, does not fit the other one, or may not be.</exception>
    public ReplyLink OpenReplies(SenderEndpoint link, Attach attach)
    {
        var address = (attach.Target as Target)?.Address;
        var pair = Join(link, attach, address, static pair => pair.Replies);
        return pair.Replies = new ReplyLink(Connection, link, address, settled: true, this);
    }

    public void Remove(PairedRequestLink link)
    {
        link.Pair.Requests = null;
        Forget(link.Pair);
    }

    public void Remove(ReplyLink link)
    {
        if (_pairs.Find(pair => ReferenceEquals(pair.Replies, link)) is { } left)
        {
            left.Replies = null;
            Forget(left);
        }

        RunNext();
    }

    /// <summary>The connection is gone, and its exclusive queues with it.</summary>
    public void OnConnectionGone()
    {
        if (_caller is not null)
        {
            Connection.Server.Engine.CloseOwner(_caller.Owner);
        }
    }

    private LinkPair Join(LinkEndpoint link, Attach attach, string? clientAddress, Func<LinkPair, LinkHandler?> half)
    {
        CheckAdmission(attach);
        var found = _pairs.Find(pair => ReferenceEquals(pair.Session, link.Session) && string.Equals(pair.Name, attach.Name, StringComparison.Ordinal));
        if (found is null)
        {
            CheckCount();
            found = new LinkPair(link.Session, attach.Name, clientAddress);
            _pairs.Add(found);
        }
        else if (half(found) is not null || !string.Equals(found.ClientAddress, clientAddress, StringComparison.Ordinal))
        {
            throw new LinkRefusedException(new AmqpError(
                ErrorCondition.PreconditionFailed,
                $"The link pair '{attach.Name}' is one link each way whose address on the client's side is the same; there is '{found.ClientAddress}' already, and this one has '{clientAddress}'."));
        }

        return found;
    }

    private void CheckAdmission(Attach attach)
    {
        if (attach.Properties?[Paired] is not true)
        {
            throw new LinkRefusedException(new AmqpError(
                ErrorCondition.InvalidField,
                $"'{Address}' takes link pairs only: set the link property 'paired' to true. Clients without pairs use '{ManagementNode.Address}'."));
        }

        Connection.Management.CheckPermission();
    }

    private void CheckCount()
    {
        if (_pairs.Count >= MaxPairs)
        {
            throw new LinkRefusedException(new AmqpError(
                ErrorCondition.ResourceLimitExceeded, $"The connection has {_pairs.Count} link pairs, which is the limit; use one for all requests."));
        }
    }

    private void Forget(LinkPair pair)
    {
        if (pair.Requests is null && pair.Replies is null)
        {
            _pairs.Remove(pair);
        }
    }

    protected override Func<Task<byte[]>>? Begin(PairedDelivery delivery)
    {
        if (delivery.Link.Pair.Replies is null)
        {
            delivery.Link.Fail(new AmqpError(
                ErrorCondition.PreconditionFailed, "There was a request while only half of the link pair was there: attach the link for responses first."));
            return null;
        }

        _caller ??= new PairedCaller(Connection);
        var caller = _caller with { Access = Connection.Access };
        return async () => (await Connection.Server.RabbitMq.ExecuteAsync(delivery.Request, caller)).Encode(delivery.Request.Id);
    }

    protected override void Finish(PairedDelivery delivery, byte[] response)
    {
        if (delivery.Link.Pair.Replies is { } replies)
        {
            replies.Send(replies.Fits(response.Length) ? response : new PairedResponse(
                400, $"the response has {response.Length} bytes, more than the max-message-size of your link").Encode(delivery.Request.Id));
        }

        delivery.Link.Answer(delivery.DeliveryId, delivery.Settled, error: null);
    }

    protected override long UnreadBytes()
    {
        long bytes = 0;
        foreach (var pair in _pairs)
        {
            bytes += pair.Replies?.PendingBytes ?? 0;
        }

        return bytes;
    }
}

/// <summary>A request on its way, and the delivery to answer when it is done.</summary>
internal readonly record struct PairedDelivery(PairedRequestLink Link, uint DeliveryId, bool Settled, PairedRequest Request);

/// <summary>Two links that belong together.</summary>
internal sealed class LinkPair(SessionEndpoint session, string name, string? clientAddress)
{
    public SessionEndpoint Session { get; } = session;

    public string Name { get; } = name;

    /// <summary>The address of the client's end of both.</summary>
    public string? ClientAddress { get; } = clientAddress;

    public PairedRequestLink? Requests { get; set; }

    public ReplyLink? Replies { get; set; }
}

/// <summary>Who asks.</summary>
/// <param name="Connection">The connection that the request came on.</param>
internal sealed record PairedCaller(AmqpConnection Connection)
{
    /// <summary>What its exclusive queues belong to.</summary>
    public TerminusOwner Owner { get; } = new(Connection);

    /// <summary>What its user may do; null for everything.</summary>
    public AddressAccess? Access { get; init; }
}

/// <summary>The half of a link pair that requests come in on.</summary>
internal sealed class PairedRequestLink(AmqpConnection connection, ReceiverEndpoint endpoint, bool canReject, LinkPair pair, LinkPairs desk)
    : RequestLink(connection, connection.Management, endpoint, canReject)
{
    public LinkPair Pair { get; } = pair;

    public void Fail(AmqpError error) => Detach(error);

    protected override void Take(in IncomingDelivery delivery, ReadOnlySpan<byte> payload) =>
        desk.Submit(new PairedDelivery(this, delivery.DeliveryId, delivery.IsSettled, PairedRequest.Decode(payload)));

    protected override void Release(bool clean, bool closed) => desk.Remove(this);
}
