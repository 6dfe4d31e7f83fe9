namespace Mamba.Broker.Engine;

/// <summary>What kind of refusal an <see cref="EngineException"/> is; the server maps it to an AMQP error condition.</summary>
public enum EngineError
{
    /// <summary>No such node or subscription (amqp:not-found).</summary>
    NotFound,

    /// <summary>An exclusive or active consumer is in the way (amqp:resource-locked).</summary>
    ResourceLocked,

    /// <summary>The operation does not fit the node (amqp:not-allowed).</summary>
    NotAllowed,

    /// <summary>The node exists with another kind or other settings (amqp:precondition-failed).</summary>
    Mismatch,

    /// <summary>A limit was reached (amqp:resource-limit-exceeded).</summary>
    LimitExceeded,

    /// <summary>Stored bytes are damaged (amqp:internal-error).</summary>
    Damaged,

    /// <summary>The journal failed (amqp:internal-error).</summary>
    JournalFailed,

    /// <summary>The engine is closed.</summary>
    Closed,
}

/// <summary>A refusal by the engine.</summary>
public sealed class EngineException : Exception
{
    public EngineException(EngineError error, string message, Exception? cause = null)
        : base(message, cause)
    {
        Error = error;
    }

    /// <summary>The kind of refusal.</summary>
    public EngineError Error { get; }
}
