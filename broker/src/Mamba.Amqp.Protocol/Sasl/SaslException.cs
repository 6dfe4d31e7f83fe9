namespace Mamba.Amqp.Sasl;

/// <summary>
/// An authentication exchange that cannot go on: a malformed message, a server that does not prove itself, or no common
/// mechanism. The message never holds a password or a proof.
/// </summary>
public sealed class SaslException : Exception
{
    /// <summary>Creates the exception.</summary>
    public SaslException(string message)
        : base(message)
    {
    }

    /// <summary>Creates the exception with its cause.</summary>
    public SaslException(string message, Exception innerException)
        : base(message, innerException)
    {
    }
}
