namespace Mamba.Broker.Server.Security.Claims;

/// <summary>A key that Azure's client libraries sign their tokens with.</summary>
/// <param name="name">What tokens call it (skn).</param>
/// <param name="key">The secret; as text, whose UTF-8 bytes are the key of the HMAC.</param>
/// <param name="user">Whom a connection acts as that shows such a token.</param>
public sealed class SharedAccessKey(string name, string key, string user)
{
    /// <summary>What tokens call it (skn).</summary>
    public string Name { get; } = name;

    /// <summary>Whom a connection acts as that shows such a token.</summary>
    public string User { get; } = user;

    internal byte[] Bytes { get; } = System.Text.Encoding.UTF8.GetBytes(key);
}
