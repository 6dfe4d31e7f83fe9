using System.Net;
using System.Security.Cryptography.X509Certificates;

namespace Mamba.Broker.Server.Security;

/// <summary>
/// Who may come in and how: the SASL policy of one broker (AMQP 1.0 §5.3). Implementations are thread-safe;
/// the exchanges they begin are not, each belongs to one connection.
/// </summary>
public interface ISaslAuthenticator
{
    /// <summary>
    /// Mechanisms to offer in sasl-mechanisms on this connection, strongest first, ANONYMOUS last.
    /// Never empty where a client could get in; empty means that nothing is offered and the socket is to be closed.
    /// </summary>
    IReadOnlyList<string> Mechanisms(ListenerContext context);

    /// <summary>Whether a peer may skip SASL and start with the bare AMQP header (true where ANONYMOUS is offered).</summary>
    bool AllowsBareHeader(ListenerContext context);

    /// <summary>Who a peer is that does so, until it says more.</summary>
    Principal WithoutCredentials(ListenerContext context) => Principal.Anonymous;

    /// <summary>
    /// Starts the exchange a client chose in sasl-init. A mechanism that was not offered yields an exchange whose
    /// first step fails, so that a caller needs no second path.
    /// </summary>
    SaslExchange Begin(string mechanism, ListenerContext context);
}

/// <summary>One SASL exchange. Not thread-safe; one step at a time.</summary>
public abstract class SaslExchange
{
    /// <summary>
    /// Takes the client's response (first the initial-response of sasl-init, empty if absent, then each sasl-response)
    /// and says what goes back. After <see cref="SaslStep.Success"/> or <see cref="SaslStep.Failure"/> it must not be
    /// called again. May take as long as one key derivation (some 300 ms) plus the queue in front of it; it never
    /// throws for anything a peer sent.
    /// </summary>
    public abstract ValueTask<SaslStep> StepAsync(ReadOnlyMemory<byte> response, CancellationToken cancellationToken);
}

/// <summary>What the server answers to one client response.</summary>
public abstract record SaslStep
{
    private SaslStep()
    {
    }

    /// <summary>Send these bytes in a sasl-challenge and wait for a sasl-response.</summary>
    public sealed record Challenge(ReadOnlyMemory<byte> Data) : SaslStep;

    /// <summary>Send sasl-outcome with code ok and, unless empty, <paramref name="AdditionalData"/>.</summary>
    public sealed record Success(Principal Principal, ReadOnlyMemory<byte> AdditionalData) : SaslStep;

    /// <summary>Send sasl-outcome with this code and close the socket. The cause is logged, never told to the peer.</summary>
    public sealed record Failure(SaslFailureCode Code) : SaslStep;
}

/// <summary>The sasl-code of a refusal (AMQP 1.0 §5.3.3.6); the values are those on the wire.</summary>
public enum SaslFailureCode : byte
{
    /// <summary>The credentials are not right, or are not accepted here (code 1).</summary>
    Auth = 1,

    /// <summary>Too many attempts or derivations at the moment: try again later (code 4).</summary>
    SysTemp = 4,
}

/// <summary>What the policy has to know about a connection.</summary>
/// <param name="Local">The address the connection arrived at; it decides what is loopback.</param>
/// <param name="Remote">The peer's address; failures are counted by it.</param>
/// <param name="IsTls">Whether the bytes are protected by TLS (amqps, or wss).</param>
/// <param name="ClientCertificate">The peer's certificate, only when its chain was verified against the configured authority.</param>
public sealed record ListenerContext(IPEndPoint Local, IPEndPoint Remote, bool IsTls, X509Certificate2? ClientCertificate);

/// <summary>Who a connection acts as, and how that was established.</summary>
public sealed record Principal(string Name, string Mechanism)
{
    /// <summary>The principal of a peer that did not say who it is.</summary>
    public static Principal Anonymous { get; } = new("anonymous", "ANONYMOUS");

    /// <summary>The same where nobody is let in anonymously: it may show a token that says who it is, and nothing else.</summary>
    internal static Principal Provisional { get; } = Anonymous with { IsProvisional = true };

    /// <summary>Whether it may do nothing but show a token.</summary>
    internal bool IsProvisional { get; private init; }

    /// <summary>Whether the peer did not say who it is.</summary>
    internal bool IsAnonymous => string.Equals(Mechanism, Anonymous.Mechanism, StringComparison.Ordinal);
}
