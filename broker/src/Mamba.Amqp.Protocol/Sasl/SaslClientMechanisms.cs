using System.Text;

namespace Mamba.Amqp.Sasl;

/// <summary>ANONYMOUS (RFC 4505): one message, the trace text, which the server may log.</summary>
public sealed class AnonymousClient(string trace = "") : ISaslClientMechanism
{
    /// <inheritdoc/>
    public string Name => SaslMechanismNames.Anonymous;

    /// <inheritdoc/>
    public byte[] Start() => Encoding.UTF8.GetBytes(trace);

    /// <inheritdoc/>
    public byte[] Respond(ReadOnlySpan<byte> challenge) => throw SaslClientErrors.UnexpectedChallenge(Name);

    /// <inheritdoc/>
    public void Complete(ReadOnlySpan<byte> additionalData)
    {
        // Nothing to verify: the mechanism does not authenticate the server.
    }
}

/// <summary>PLAIN (RFC 4616). Sends the password itself, so it belongs inside TLS.</summary>
public sealed class PlainClient(string user, string password, string authorizationId = "") : ISaslClientMechanism
{
    /// <inheritdoc/>
    public string Name => SaslMechanismNames.Plain;

    /// <inheritdoc/>
    public byte[] Start() => new PlainMessage(authorizationId, user, password).Format();

    /// <inheritdoc/>
    public byte[] Respond(ReadOnlySpan<byte> challenge) => throw SaslClientErrors.UnexpectedChallenge(Name);

    /// <inheritdoc/>
    public void Complete(ReadOnlySpan<byte> additionalData)
    {
        // Nothing to verify: the mechanism does not authenticate the server.
    }
}

/// <summary>EXTERNAL (RFC 4422 appendix A): the identity of the TLS client certificate.</summary>
public sealed class ExternalClient(string authorizationId = "") : ISaslClientMechanism
{
    /// <inheritdoc/>
    public string Name => SaslMechanismNames.External;

    /// <inheritdoc/>
    public byte[] Start() => Encoding.UTF8.GetBytes(authorizationId);

    /// <inheritdoc/>
    public byte[] Respond(ReadOnlySpan<byte> challenge) => throw SaslClientErrors.UnexpectedChallenge(Name);

    /// <inheritdoc/>
    public void Complete(ReadOnlySpan<byte> additionalData)
    {
        // Nothing to verify: TLS has authenticated the server.
    }
}

internal static class SaslClientErrors
{
    public static SaslException UnexpectedChallenge(string mechanism) =>
        new($"The server sent a challenge in {mechanism}, which has none.");
}
