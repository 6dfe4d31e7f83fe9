using Mamba.Amqp.Endpoints;
using Mamba.Broker.Engine;

namespace Mamba.Broker.Server.Links;

/// <summary>
/// The credit of a link that messages come in on: a window over those that the peer may send, those under way and those not yet
/// answered. Where the node makes senders wait for room, no more than their share of it. Touched only by the connection's turns.
/// </summary>
/// <param name="endpoint">Our end of the link.</param>
/// <param name="node">Where messages go; null for an anonymous terminus.</param>
/// <param name="producer">The link, to the node.</param>
/// <param name="window">Most messages.</param>
internal sealed class LinkCredit(ReceiverEndpoint endpoint, IMessageNode? node, IProducer producer, uint window)
{
    /// <summary>Messages answered, whose credit was not given back yet.</summary>
    private uint _answered;

    /// <summary>Messages the peer may send, and those not answered; counted while room is shared only.</summary>
    private uint _granted;

    /// <summary>Whether the node says how much there may be.</summary>
    public bool IsShared { get; private set; }

    /// <summary>The first credit.</summary>
    public void Open()
    {
        _answered = window;
        Renew();
    }

    /// <summary>A message is done with.</summary>
    public void GiveBack()
    {
        if (IsShared)
        {
            _granted--;
            TopUp();
        }
        else if (++_answered >= window / 2)
        {
            Renew();
        }
    }

    /// <summary>There may be room again, or the node says something else now.</summary>
    public void TopUp()
    {
        if (!IsShared)
        {
            return;
        }

        var left = endpoint.Credit;
        var most = (uint)Math.Min(window - _granted + left, node!.CreditFor(producer));
        var more = most > left ? most - left : 0;
        if (more > 0 && (left == 0 || more >= most / 2))
        {
            _granted += more;
            endpoint.AddCredit(more);
        }
    }

    private void Renew()
    {
        if (node is not null && node.CreditFor(producer) != long.MaxValue)
        {
            IsShared = true;
            _granted = window - _answered;
            TopUp();
            return;
        }

        endpoint.AddCredit(_answered);
        _answered = 0;
    }
}
