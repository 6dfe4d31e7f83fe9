namespace Mamba.Amqp.Sasl;

/// <summary>
/// The client's half of one SASL mechanism, for one connection attempt: create a new one for each. Pure computation, called
/// in order by the connection engine. Not thread-safe.
/// </summary>
public interface ISaslClientMechanism
{
    /// <summary>The registered name, matched exactly against what the server offers.</summary>
    string Name { get; }

    /// <summary>The initial response of sasl-init (AMQP 1.0 §5.3.3.2), or null for none.</summary>
    byte[]? Start();

    /// <summary>Answers a challenge.</summary>
    /// <exception cref="SaslException">The challenge is malformed, or proves the server false.</exception>
    byte[] Respond(ReadOnlySpan<byte> challenge);

    /// <summary>
    /// Called when the server reported success. A mechanism that authenticates the server too verifies here that it has
    /// done so; <paramref name="additionalData"/> is the outcome's additional-data, empty when absent.
    /// </summary>
    /// <exception cref="SaslException">The server has not proved that it knows the credentials.</exception>
    void Complete(ReadOnlySpan<byte> additionalData);
}
