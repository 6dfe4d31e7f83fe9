using Mamba.Amqp.Endpoints;
using Mamba.Amqp.Messaging;
using Mamba.Amqp.Transport;
using Mamba.Broker.Server.Connections;
using Mamba.Broker.Server.Links;

namespace Mamba.Broker.Server.Management;

/// <summary>
/// A link from a node of the broker's own that responses go out on, to the address the client chose for its end. Responses are kept in
/// memory until there is credit, and are not kept for a link that comes later: whoever loses one asks again.
/// </summary>
internal sealed class ReplyLink : SendingLink
{
    private readonly SenderEndpoint _endpoint;
    private readonly bool _settled;
    private readonly IReplyDesk _desk;
    private readonly Queue<byte[]> _responses = new();
    private OutgoingDelivery _current;
    private ulong _lastTag;

    /// <param name="connection">Its connection.</param>
    /// <param name="endpoint">Its end of the link.</param>
    /// <param name="address">The target's address: the reply-to of the requests that are answered here; null for those without one.</param>
    /// <param name="settled">Whether the client lets us send settled.</param>
    /// <param name="desk">Hears of what is written, and of its end.</param>
    public ReplyLink(AmqpConnection connection, SenderEndpoint endpoint, string? address, bool settled, IReplyDesk desk)
        : base(connection, endpoint)
    {
        _endpoint = endpoint;
        Address = address;
        _settled = settled;
        _desk = desk;
    }

    public string? Address { get; }

    /// <summary>Whose responses it sends.</summary>
    public IReplyDesk Desk => _desk;

    public SessionEndpoint Session => _endpoint.Session;

    /// <summary>Bytes of responses that are not written yet.</summary>
    public long PendingBytes { get; private set; }

    /// <summary>Whether the client takes a message of this size.</summary>
    public bool Fits(int bytes) => _endpoint.RemoteMaxMessageSize == 0 || (ulong)bytes <= _endpoint.RemoteMaxMessageSize;

    public void Send(byte[] response)
    {
        _responses.Enqueue(response);
        PendingBytes += response.Length;
        Connection.MarkReady(this);
    }

    public override bool Pump(int maxBytes)
    {
        if (IsGone)
        {
            return false;
        }

        var limit = Connection.OutputLength + maxBytes;
        while (_responses.TryPeek(out var response))
        {
            var room = limit - Connection.OutputLength;
            if (room <= 0)
            {
                return true;
            }

            if (!_current.IsStarted)
            {
                _current = new OutgoingDelivery { Tag = DeliveryTag.FromUInt64(_lastTag), IsSettled = _settled };
            }

            var result = _endpoint.Send(ref _current, default, response, room);
            if (result == SendResult.Partial)
            {
                return true;
            }

            if (result == SendResult.UnsettledLimit)
            {
                Connection.WaitForRoom(this);
            }

            if (result is not (SendResult.Sent or SendResult.TooLarge))
            {
                return false;
            }

            Written(response);
        }

        if (_endpoint is { Drain: true, Credit: > 0 })
        {
            _endpoint.Drained();
        }

        return false;
    }

    /// <summary>Whatever the client makes of a response, it is settled.</summary>
    public override void OnDisposition(uint deliveryId, long token, DeliveryState? state, bool settled)
    {
        if (!IsGone && !settled && state is Outcome outcome)
        {
            _endpoint.Settle(deliveryId, outcome);
        }
    }

    protected override void Release(bool clean, bool closed)
    {
        _responses.Clear();
        PendingBytes = 0;
        _desk.Remove(this);
    }

    private void Written(byte[] response)
    {
        _responses.Dequeue();
        PendingBytes -= response.Length;
        _lastTag++;
        _current = default;
        _desk.OnWritten();
    }
}

/// <summary>Whose responses a <see cref="ReplyLink"/> sends.</summary>
internal interface IReplyDesk
{
    /// <summary>A response is on its way to the client.</summary>
    void OnWritten();

    /// <summary>The link is gone.</summary>
    void Remove(ReplyLink link);
}
