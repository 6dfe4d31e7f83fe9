using System.Net;
using System.Security.Cryptography.X509Certificates;
using Mamba.Amqp.Sasl;
using Microsoft.Extensions.Logging;

namespace Mamba.Broker.Server.Security;

/// <summary>What the configuration says about logging in.</summary>
/// <param name="AllowAnonymous">Whether clients without credentials are served, on loopback connections only in any case.</param>
/// <param name="Mechanisms">The other mechanisms that may be offered.</param>
/// <param name="TakesTokens">Whether peers may come by ANONYMOUS, MSSBCBS or the bare AMQP header to say who they are by a token at <c>$cbs</c>; as tokens are
/// in the clear, over TLS or loopback only.</param>
public sealed record SaslPolicy(bool AllowAnonymous, IReadOnlyCollection<string> Mechanisms, bool TakesTokens = false);

/// <summary>
/// The broker's SASL policy over its credential store. Passwords in the clear (PLAIN) are taken over TLS or loopback only,
/// EXTERNAL only with a verified client certificate, and mechanisms that check passwords only when there are users.
/// </summary>
public sealed partial class SaslAuthenticator(
    SaslPolicy policy, CredentialStore store, AttemptLimiter limiter, PasswordVerifier verifier, ILogger<SaslAuthenticator> logger) : ISaslAuthenticator
{
    /// <summary>What some of Azure's libraries choose when they are going to put a token; on the wire as ANONYMOUS.</summary>
    private const string ClaimsBased = "MSSBCBS";

    /// <summary>Strongest first: clients that follow the server's order take the first one they know.</summary>
    private static readonly string[] Order =
        [SaslMechanismNames.External, SaslMechanismNames.ScramSha512, SaslMechanismNames.ScramSha256, SaslMechanismNames.Plain, ClaimsBased, SaslMechanismNames.Anonymous];

    private readonly HashSet<string> _configured = new(policy.Mechanisms, StringComparer.Ordinal);

    /// <inheritdoc/>
    public IReadOnlyList<string> Mechanisms(ListenerContext context)
    {
        var offered = new List<string>(Order.Length);
        var hasUsers = !store.IsEmpty;
        foreach (var mechanism in Order)
        {
            if (IsOffered(mechanism, context, hasUsers))
            {
                offered.Add(mechanism);
            }
        }

        return offered;
    }

    /// <inheritdoc/>
    public bool AllowsBareHeader(ListenerContext context) => AllowsAnonymous(context) || TakesTokens(context);

    /// <inheritdoc/>
    public Principal WithoutCredentials(ListenerContext context) => AllowsAnonymous(context) ? Principal.Anonymous : Principal.Provisional;

    /// <inheritdoc/>
    public SaslExchange Begin(string mechanism, ListenerContext context)
    {
        if (!IsOffered(mechanism, context, hasUsers: !store.IsEmpty))
        {
            return new RefusedExchange(this, context, mechanism);
        }

        return mechanism switch
        {
            SaslMechanismNames.Anonymous => new AnonymousExchange(WithoutCredentials(context)),
            ClaimsBased => new AnonymousExchange(Principal.Provisional),
            SaslMechanismNames.External => new ExternalExchange(this, context),
            SaslMechanismNames.Plain => new PlainExchange(this, context),
            SaslMechanismNames.ScramSha256 => new ScramExchange(this, context, ScramHash.Sha256),
            _ => new ScramExchange(this, context, ScramHash.Sha512),
        };
    }

    internal ScramCredential Find(string user, ScramHash hash) => store.Find(user, hash);

    internal bool Allows(ListenerContext context, string user) => limiter.Allows(context.Remote.Address, user);

    internal ValueTask<bool?> VerifyAsync(ScramCredential credential, string password, CancellationToken cancellationToken) =>
        verifier.VerifyAsync(credential, password, cancellationToken);

    /// <summary>Counts and logs a refusal; the peer learns only its code.</summary>
    internal SaslStep Refuse(ListenerContext context, string mechanism, string user, string cause)
    {
        limiter.Failed(context.Remote.Address, user);
        LogRefused(mechanism, context.Remote, LogText.Clean(user), cause);
        return new SaslStep.Failure(SaslFailureCode.Auth);
    }

    /// <summary>Logs that a peer was turned away for now.</summary>
    internal SaslStep Postpone(ListenerContext context, string mechanism, string user, string cause)
    {
        LogPostponed(mechanism, context.Remote, LogText.Clean(user), cause);
        return new SaslStep.Failure(SaslFailureCode.SysTemp);
    }

    /// <summary>The one common name of a certificate's subject; null when it has none or several.</summary>
    internal static string? CommonName(X509Certificate2 certificate)
    {
        const string CommonNameId = "2.5.4.3";
        string? name = null;
        foreach (var part in certificate.SubjectName.EnumerateRelativeDistinguishedNames())
        {
            if (part.HasMultipleElements || !string.Equals(part.GetSingleElementType().Value, CommonNameId, StringComparison.Ordinal))
            {
                continue;
            }

            if (name is not null)
            {
                return null;
            }

            name = part.GetSingleElementValue();
        }

        return string.IsNullOrEmpty(name) ? null : name;
    }

    private static bool HasCommonName(ListenerContext context) => context.ClientCertificate is { } certificate && CommonName(certificate) is not null;

    private bool AllowsAnonymous(ListenerContext context) => policy.AllowAnonymous && IPAddress.IsLoopback(context.Local.Address);

    private bool TakesTokens(ListenerContext context) => policy.TakesTokens && (context.IsTls || IPAddress.IsLoopback(context.Local.Address));

    private bool IsOffered(string mechanism, ListenerContext context, bool hasUsers) => mechanism switch
    {
        SaslMechanismNames.Anonymous => AllowsBareHeader(context),
        ClaimsBased => TakesTokens(context),
        _ when !_configured.Contains(mechanism) => false,
        SaslMechanismNames.External => context.IsTls && HasCommonName(context),
        SaslMechanismNames.Plain => hasUsers && (context.IsTls || IPAddress.IsLoopback(context.Local.Address)),
        SaslMechanismNames.ScramSha256 or SaslMechanismNames.ScramSha512 => hasUsers,
        _ => false,
    };

    [LoggerMessage(Level = LogLevel.Warning, Message = "SASL {Mechanism} from {Remote} as \"{User}\" refused: {Cause}.")]
    private partial void LogRefused(string mechanism, IPEndPoint remote, string user, string cause);

    [LoggerMessage(Level = LogLevel.Warning, Message = "SASL {Mechanism} from {Remote} as \"{User}\" turned away for now: {Cause}.")]
    private partial void LogPostponed(string mechanism, IPEndPoint remote, string user, string cause);
}
