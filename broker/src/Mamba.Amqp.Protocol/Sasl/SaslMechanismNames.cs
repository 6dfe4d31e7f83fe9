namespace Mamba.Amqp.Sasl;

/// <summary>The registered names of the mechanisms this library speaks (IANA SASL registry).</summary>
public static class SaslMechanismNames
{
    /// <summary>No identity is claimed (RFC 4505).</summary>
    public const string Anonymous = "ANONYMOUS";

    /// <summary>User and password in the clear; only fit for TLS (RFC 4616).</summary>
    public const string Plain = "PLAIN";

    /// <summary>The identity TLS has established (RFC 4422 appendix A).</summary>
    public const string External = "EXTERNAL";

    /// <summary>Salted challenge and response over SHA-256 (RFC 7677).</summary>
    public const string ScramSha256 = "SCRAM-SHA-256";

    /// <summary>Salted challenge and response over SHA-512.</summary>
    public const string ScramSha512 = "SCRAM-SHA-512";
}
