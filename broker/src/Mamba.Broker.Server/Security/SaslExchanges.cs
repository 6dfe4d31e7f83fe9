using System.Text;
using Mamba.Amqp.Sasl;

namespace Mamba.Broker.Server.Security;

/// <summary>A mechanism that was not offered.</summary>
internal sealed class RefusedExchange(SaslAuthenticator owner, ListenerContext context, string mechanism) : SaslExchange
{
    public override ValueTask<SaslStep> StepAsync(ReadOnlyMemory<byte> response, CancellationToken cancellationToken) =>
        new(owner.Refuse(context, LogText.Clean(mechanism), "", "this mechanism was not offered"));
}

/// <summary>ANONYMOUS (RFC 4505): the trace information in the response means nothing here.</summary>
internal sealed class AnonymousExchange(Principal principal) : SaslExchange
{
    public override ValueTask<SaslStep> StepAsync(ReadOnlyMemory<byte> response, CancellationToken cancellationToken) =>
        new(new SaslStep.Success(principal, ReadOnlyMemory<byte>.Empty));
}

/// <summary>EXTERNAL (RFC 4422 appendix A): the user is the common name of the verified client certificate.</summary>
internal sealed class ExternalExchange(SaslAuthenticator owner, ListenerContext context) : SaslExchange
{
    public override ValueTask<SaslStep> StepAsync(ReadOnlyMemory<byte> response, CancellationToken cancellationToken)
    {
        var name = SaslAuthenticator.CommonName(context.ClientCertificate!)!;

        // The response is the identity to act as, or empty; acting as somebody else is not supported.
        if (!response.IsEmpty && !response.Span.SequenceEqual(Encoding.UTF8.GetBytes(name)))
        {
            return new(owner.Refuse(context, SaslMechanismNames.External, name, "it asks to act as another identity than its certificate's"));
        }

        return new(new SaslStep.Success(new Principal(name, SaslMechanismNames.External), ReadOnlyMemory<byte>.Empty));
    }
}

/// <summary>PLAIN (RFC 4616), verified against the SCRAM-SHA-256 keys.</summary>
internal sealed class PlainExchange(SaslAuthenticator owner, ListenerContext context) : SaslExchange
{
    private bool _challenged;

    public override async ValueTask<SaslStep> StepAsync(ReadOnlyMemory<byte> response, CancellationToken cancellationToken)
    {
        if (response.IsEmpty && !_challenged)
        {
            _challenged = true;
            return new SaslStep.Challenge(ReadOnlyMemory<byte>.Empty);
        }

        if (!PlainMessage.TryParse(response.Span, out var message) || !SaslPrep.TryPrepare(message.User, out var user))
        {
            return owner.Refuse(context, SaslMechanismNames.Plain, "", "the message is malformed");
        }

        if (message.AuthorizationId.Length > 0 && !string.Equals(message.AuthorizationId, message.User, StringComparison.Ordinal))
        {
            return owner.Refuse(context, SaslMechanismNames.Plain, user, "it asks to act as another user");
        }

        if (!owner.Allows(context, user))
        {
            return owner.Postpone(context, SaslMechanismNames.Plain, user, "too many failed attempts in the last minute");
        }

        var verified = await owner.VerifyAsync(owner.Find(user, ScramHash.Sha256), message.Password, cancellationToken);
        return verified switch
        {
            true => new SaslStep.Success(new Principal(user, SaslMechanismNames.Plain), ReadOnlyMemory<byte>.Empty),
            false => owner.Refuse(context, SaslMechanismNames.Plain, user, "wrong password or unknown user"),
            null => owner.Postpone(context, SaslMechanismNames.Plain, user, "too many passwords are waiting to be checked"),
        };
    }
}

/// <summary>SCRAM-SHA-256 and SCRAM-SHA-512 (RFC 5802, RFC 7677). The server's proof goes out with the outcome.</summary>
internal sealed class ScramExchange(SaslAuthenticator owner, ListenerContext context, ScramHash hash) : SaslExchange
{
    private readonly ScramServer _server = new(hash);
    private bool _asked;
    private bool _challenged;

    private string Mechanism => hash.MechanismName();

    public override ValueTask<SaslStep> StepAsync(ReadOnlyMemory<byte> response, CancellationToken cancellationToken)
    {
        if (_challenged)
        {
            return new(Finish(response));
        }

        if (response.IsEmpty && !_asked)
        {
            _asked = true;
            return new(new SaslStep.Challenge(ReadOnlyMemory<byte>.Empty));
        }

        return new(Challenge(response));
    }

    private SaslStep Challenge(ReadOnlyMemory<byte> clientFirst)
    {
        if (!_server.TryReceiveFirst(clientFirst.Span))
        {
            return owner.Refuse(context, Mechanism, _server.User, _server.Failure!);
        }

        if (_server.AuthorizationId.Length > 0 && !string.Equals(_server.AuthorizationId, _server.User, StringComparison.Ordinal))
        {
            return owner.Refuse(context, Mechanism, _server.User, "it asks to act as another user");
        }

        if (!owner.Allows(context, _server.User))
        {
            return owner.Postpone(context, Mechanism, _server.User, "too many failed attempts in the last minute");
        }

        _challenged = true;
        return new SaslStep.Challenge(_server.Challenge(owner.Find(_server.User, hash)));
    }

    private SaslStep Finish(ReadOnlyMemory<byte> clientFinal) => _server.TryReceiveFinal(clientFinal.Span, out var serverFinal)
        ? new SaslStep.Success(new Principal(_server.User, Mechanism), serverFinal)
        : owner.Refuse(context, Mechanism, _server.User, _server.Failure!);
}
