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

    /// <summary>The delivery-count up to which messages are answered, wrapping, if they are in turn; counted while room is shared only.</summary>
    private uint _done;

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
            _done++;
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
        var unanswered = endpoint.DeliveryCount - _done;
        var most = Math.Min(unanswered < window ? window - unanswered : 0, node!.CreditFor(producer));
        var more = most > left ? most - left : 0;
        if (more > 0 && (left == 0 || more >= most / 2))
        {
            endpoint.AddCredit((uint)more);
        }
    }

    /// <summary>The node is full: takes back what the peer may still send (AMQP 1.0 §2.6.7). What is under way is taken all the same.</summary>
    public void TakeBack()
    {
        if (node!.CreditFor(producer) == 0)
        {
            Share();
            if (endpoint.Credit > 0)
            {
                endpoint.SetCredit(0);
            }
        }
    }

    private void Renew()
    {
        if (node is not null && node.CreditFor(producer) != long.MaxValue)
        {
            Share();
            TopUp();
            return;
        }

        endpoint.AddCredit(_answered);
        _answered = 0;
    }

    /// <summary>From now on the node says how much there may be.</summary>
    private void Share()
    {
        if (!IsShared)
        {
            IsShared = true;
            _done = endpoint.DeliveryCount - (window - _answered - endpoint.Credit);
        }
    }
}
