using Mamba.Amqp.Transport;
using Mamba.Amqp.Types;

namespace Mamba.Amqp.Client;

/// <summary>Conditions of failures that this client found out itself, beside those the peer reports.</summary>
public static class ClientErrors
{
    /// <summary>The connection ended, or could not be made, without a word from the peer.</summary>
    public static readonly Symbol ConnectionLost = new("mamba:connection-lost");

    /// <summary>The connection, session or link was closed by our own side.</summary>
    public static readonly Symbol Closed = new("mamba:closed");

    /// <summary>Something did not happen in the time that was given for it.</summary>
    public static readonly Symbol TimedOut = new("mamba:timed-out");

    /// <summary>The peer ended it and gave no reason.</summary>
    public static readonly Symbol ClosedByPeer = new("mamba:closed-by-peer");

    /// <summary>SASL failed: the peer does not know the credentials, or does not offer a mechanism we can use.</summary>
    public static readonly Symbol AuthenticationFailed = new("amqp:unauthorized-access");

    internal static AmqpException Make(Symbol condition, string text, AmqpErrorScope scope, Exception? cause = null) =>
        new(new AmqpError(condition, text), scope, cause);

    /// <summary>What the peer said, with what it was said about put in front.</summary>
    internal static AmqpException FromPeer(string what, AmqpError? error, AmqpErrorScope scope) => error is null
        ? Make(ClosedByPeer, $"{what}: the peer closed it and gave no reason", scope)
        : new AmqpException(new AmqpError(error.Condition, error.Description is { Length: > 0 } text ? $"{what}: {text}" : what, error.Info), scope);
}
