using Mamba.Amqp.Messaging;
using Mamba.Amqp.Transport;
using Mamba.Broker.Server.Dialects.RabbitMq;
using Mamba.Broker.Server.Links;

namespace Mamba.Broker.Server.Security.Claims;

/// <summary>
/// What the tokens of one connection grant, and until when. All are of one user. A link needs a grant for its address, or for a path
/// above it, when it is attached and as long as it is there. Touched only by the connection's turns.
/// </summary>
internal sealed class ConnectionClaims(string user, TimeProvider time)
{
    /// <summary>Paths granted to one connection. A client asks for one for each address it uses.</summary>
    public const int MaxGrants = 1_000;

    private readonly Dictionary<string, long> _grants = new(ResourcePath.Comparer);

    public string User { get; } = user;

    /// <summary>Unix milliseconds at which the next grant ends; <see cref="long.MaxValue"/> without any.</summary>
    public long NextExpiry { get; private set; } = long.MaxValue;

    private long Now => time.GetUtcNow().ToUnixTimeMilliseconds();

    /// <summary>Adds a grant, or moves the end of one for the same path; false when there are too many.</summary>
    public bool Grant(Claim claim)
    {
        Forget();
        if (_grants.Count >= MaxGrants && !_grants.ContainsKey(claim.Path))
        {
            return false;
        }

        _grants[claim.Path] = claim.ExpiresAt;
        NextExpiry = Next();
        return true;
    }

    /// <summary>Takes out what has ended; whether anything had.</summary>
    public bool Forget()
    {
        var now = Now;
        if (now < NextExpiry)
        {
            return false;
        }

        foreach (var (path, expiresAt) in _grants)
        {
            if (expiresAt <= now)
            {
                _grants.Remove(path);
            }
        }

        NextExpiry = Next();
        return true;
    }

    /// <summary>Why a link may not be, or not be any longer; null when it is granted.</summary>
    public AmqpError? Refuse(Attach attach)
    {
        Forget();
        var path = PathOf(attach);
        foreach (var granted in _grants.Keys)
        {
            if (ResourcePath.Covers(granted, path))
            {
                return null;
            }
        }

        return new AmqpError(
            ErrorCondition.UnauthorizedAccess,
            $"No token that this connection has put to {ClaimsDesk.Address} is for '/{path}' and still holds; put one before you attach, and a new one before it expires.");
    }

    /// <summary>
    /// The address that a link asks for, as a path. What has none, a dynamic node or the anonymous terminus, needs a grant for everything;
    /// so do exchanges, which lead anywhere.
    /// </summary>
    private static string PathOf(Attach attach)
    {
        var address = LinkBinder.AddressOf(attach);
        if (address is not null && RabbitMqAddress.IsOne(address))
        {
            return RabbitMqAddress.Parse(address) is { IsQueue: true } queue ? queue.Name.Trim('/') : "";
        }

        return address is null ? "" : NodeAddress.Parse(address, default).Name.Trim('/');
    }

    private long Next()
    {
        var next = long.MaxValue;
        foreach (var expiresAt in _grants.Values)
        {
            next = Math.Min(next, expiresAt);
        }

        return next;
    }
}
