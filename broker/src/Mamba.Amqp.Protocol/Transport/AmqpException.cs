namespace Mamba.Amqp.Transport;

/// <summary>What an error ends: the link, the session, or the connection on which it happened.</summary>
public enum AmqpErrorScope
{
    Link,
    Session,
    Connection,
}

/// <summary>A failure that the peer is to be told of, with its AMQP error and what it ends.</summary>
public sealed class AmqpException : Exception
{
    /// <summary>Creates the exception.</summary>
    /// <param name="error">What the peer is told.</param>
    /// <param name="scope">What the error ends.</param>
    /// <param name="innerException">The cause, if there is one.</param>
    public AmqpException(AmqpError error, AmqpErrorScope scope = AmqpErrorScope.Connection, Exception? innerException = null)
        : base(error?.ToString(), innerException)
    {
        ArgumentNullException.ThrowIfNull(error);
        Error = error;
        Scope = scope;
    }

    /// <summary>Creates the exception from a condition and its description.</summary>
    public AmqpException(Types.Symbol condition, string description, AmqpErrorScope scope = AmqpErrorScope.Connection)
        : this(new AmqpError(condition, description), scope)
    {
    }

    /// <summary>What the peer is told.</summary>
    public AmqpError Error { get; }

    /// <summary>The condition of <see cref="Error"/>.</summary>
    public Types.Symbol Condition => Error.Condition;

    /// <summary>What the error ends.</summary>
    public AmqpErrorScope Scope { get; }

    /// <summary>The same error, ending something else.</summary>
    public AmqpException WithScope(AmqpErrorScope scope) => scope == Scope ? this : new AmqpException(Error, scope, this);
}
