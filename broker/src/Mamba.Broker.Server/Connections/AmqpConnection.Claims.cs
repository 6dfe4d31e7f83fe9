using Mamba.Amqp.Transport;
using Mamba.Broker.Server.Links;
using Mamba.Broker.Server.Management;
using Mamba.Broker.Server.Security;
using Mamba.Broker.Server.Security.Claims;
using Mamba.Broker.Server.Dialects.ServiceBus;

namespace Mamba.Broker.Server.Connections;

// Claims-based security: a connection that says who it is by tokens, after open. Until it has shown one it may do nothing else, unless
// everybody may, and counts among those that have not authenticated.
internal sealed partial class AmqpConnection
{
    private ConnectionClaims? _claims;
    private ClaimsDesk? _claimsDesk;
    private bool _admitted;

    /// <summary>Its business with the node that takes tokens. The turn's own.</summary>
    public ClaimsDesk ClaimsDesk => _claimsDesk ??= new ClaimsDesk(this);

    /// <summary>What a client of Service Bus has beyond others; null for all that have not shown a token. The turn's own.</summary>
    public ServiceBusDialect? ServiceBus { get; private set; }

    /// <summary>A link may be attached, unless the connection lives by its tokens and has none for it.</summary>
    /// <exception cref="LinkRefusedException">amqp:unauthorized-access.</exception>
    public void CheckClaims(Attach attach)
    {
        if (_claims is not null)
        {
            if (_claims.Refuse(attach) is { } error)
            {
                throw new LinkRefusedException(error);
            }
        }
        else if (Principal.IsProvisional)
        {
            throw new LinkRefusedException(new AmqpError(
                ErrorCondition.UnauthorizedAccess,
                $"This connection has not said whose it is: put a token to {ClaimsDesk.Address} first, or log in with a user's name and password."));
        }
    }

    /// <summary>Takes what a token grants; why it cannot be, or null. The turn's own.</summary>
    public string? Accept(Claim claim)
    {
        if (_claims is null)
        {
            if (!Principal.IsAnonymous)
            {
                return $"The connection is logged in as '{Principal.Name}'; tokens are for connections that come by ANONYMOUS.";
            }

            if (!_links.All(IsOfClaims))
            {
                return "The connection has links already; put the first token before you attach others.";
            }

            _claims = new ConnectionClaims(claim.User, _server.Time);
            Principal = new Principal(claim.User, "CBS");
            ServiceBus = new ServiceBusDialect(this);
            _access = null;
            Admit();
        }

        if (!string.Equals(_claims.User, claim.User, StringComparison.Ordinal))
        {
            return $"The connection acts as '{_claims.User}' by its first token; use another connection for keys of another user.";
        }

        if (!_claims.Grant(claim))
        {
            return $"The connection has tokens for {ConnectionClaims.MaxGrants} addresses, which is the limit; use another connection, or a token for an address above them.";
        }

        WantTickAt(NextClaimsTick());
        return null;
    }

    /// <summary>The peer has authenticated: it counts as others do, and may stay.</summary>
    private void Admit()
    {
        _admitted = true;
        _ticket.Dispose();
        ClearDeadline();
    }

    /// <summary>Ends the links whose grant has ended, if any has; when to look again.</summary>
    private long ExpireClaims()
    {
        if (_claims is null)
        {
            return long.MaxValue;
        }

        if (_claims.Forget())
        {
            foreach (var link in _links.ToArray())
            {
                if (!IsOfClaims(link) && _claims.Refuse(link.Endpoint.RemoteAttach!) is { } error)
                {
                    link.Expel(error);
                }
            }
        }

        return NextClaimsTick();
    }

    private bool IsOfClaims(LinkHandler link) => link switch
    {
        RequestLink requests => requests.Desk == _claimsDesk,
        ReplyLink replies => replies.Desk == _claimsDesk,
        _ => false,
    };

    private long NextClaimsTick() => _claims!.NextExpiry == long.MaxValue
        ? long.MaxValue
        : _server.NowMilliseconds + Math.Max(1, _claims.NextExpiry - _server.Time.GetUtcNow().ToUnixTimeMilliseconds());
}
