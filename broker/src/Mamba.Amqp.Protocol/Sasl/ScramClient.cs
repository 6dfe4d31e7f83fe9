using System.Security.Cryptography;
using System.Text;

namespace Mamba.Amqp.Sasl;

/// <summary>
/// The client's half of one SCRAM exchange (RFC 5802, RFC 7677), without channel binding. It verifies the server's signature
/// whether it comes as a second challenge or in the outcome, and refuses a server that asks for fewer than
/// <see cref="ScramCredential.MinIterations"/> iterations, or that reports success without a signature. Not thread-safe; one
/// instance per exchange.
/// </summary>
public sealed class ScramClient : ISaslClientMechanism
{
    private readonly ScramHash _hash;
    private readonly string _user;
    private readonly string _password;
    private readonly string _gs2Header;
    private readonly string _clientNonce;
    private byte[]? _serverSignature;
    private bool _serverProved;

    /// <summary>Creates the exchange.</summary>
    /// <param name="hash">The hash, which decides the mechanism's name.</param>
    /// <param name="user">The user name.</param>
    /// <param name="password">The password.</param>
    /// <param name="authorizationId">The identity to act as, or empty.</param>
    /// <param name="clientNonce">Fixed by tests; random when null.</param>
    /// <exception cref="SaslException">The name or the password is empty or holds a prohibited character.</exception>
    public ScramClient(ScramHash hash, string user, string password, string authorizationId = "", string? clientNonce = null)
    {
        _hash = hash;
        _user = SaslPrep.Prepare(user);
        _password = SaslPrep.Prepare(password);
        if (_user.Length == 0 || _password.Length == 0)
        {
            throw new SaslException("SCRAM needs a user name and a password, and one of them is empty.");
        }

        _gs2Header = string.IsNullOrEmpty(authorizationId) ? "n,," : $"n,a={ScramSyntax.EscapeName(authorizationId)},";
        _clientNonce = clientNonce ?? ScramSyntax.NewNonce();
    }

    /// <inheritdoc/>
    public string Name => _hash.MechanismName();

    private string ClientFirstBare => $"n={ScramSyntax.EscapeName(_user)},r={_clientNonce}";

    /// <inheritdoc/>
    public byte[] Start() => Encoding.UTF8.GetBytes(_gs2Header + ClientFirstBare);

    /// <inheritdoc/>
    public byte[] Respond(ReadOnlySpan<byte> challenge)
    {
        if (_serverSignature is null)
        {
            return RespondToFirst(challenge);
        }

        VerifyServer(challenge);
        return [];
    }

    /// <inheritdoc/>
    public void Complete(ReadOnlySpan<byte> additionalData)
    {
        if (!_serverProved)
        {
            VerifyServer(additionalData);
        }
    }

    private byte[] RespondToFirst(ReadOnlySpan<byte> challenge)
    {
        var serverFirst = ScramSyntax.Decode(challenge) ?? throw Malformed("is not UTF-8");
        ReadOnlySpan<char> rest = serverFirst;
        if (!ScramSyntax.TryTake(ref rest, 'r', out var nonce) || !ScramSyntax.IsNonce(nonce)
            || nonce.Length <= _clientNonce.Length || !nonce.StartsWith(_clientNonce, StringComparison.Ordinal))
        {
            throw Malformed("does not extend our nonce");
        }

        if (!ScramSyntax.TryTake(ref rest, 's', out var encodedSalt) || ScramSyntax.FromBase64(encodedSalt) is not { } salt
            || !ScramSyntax.TryTake(ref rest, 'i', out var count) || !ScramSyntax.TryParseIterations(count, out var iterations))
        {
            throw Malformed("has no salt or no iteration count");
        }

        if (iterations is < ScramCredential.MinIterations or > ScramCredential.MaxIterations)
        {
            throw new SaslException(
                $"The server asks for {iterations} SCRAM iterations; between {ScramCredential.MinIterations} and " +
                $"{ScramCredential.MaxIterations} are accepted. Fewer would expose the password, more would stall the client.");
        }

        var withoutProof = $"c={Convert.ToBase64String(Encoding.UTF8.GetBytes(_gs2Header))},r={nonce}";
        var authMessage = Encoding.UTF8.GetBytes($"{ClientFirstBare},{serverFirst},{withoutProof}");
        return Encoding.UTF8.GetBytes($"{withoutProof},p={Convert.ToBase64String(Prove(salt, iterations, authMessage))}");
    }

    private byte[] Prove(byte[] salt, int iterations, byte[] authMessage)
    {
        var salted = ScramCredential.SaltedPassword(_password, _hash, salt, iterations);
        var proof = _hash.Hmac(salted, "Client Key"u8);
        var signature = _hash.Hmac(_hash.Hash(proof), authMessage);
        for (var i = 0; i < proof.Length; i++)
        {
            proof[i] ^= signature[i];
        }

        _serverSignature = _hash.Hmac(_hash.Hmac(salted, "Server Key"u8), authMessage);
        return proof;
    }

    private void VerifyServer(ReadOnlySpan<byte> message)
    {
        ReadOnlySpan<char> rest = ScramSyntax.Decode(message) ?? throw Malformed("is not UTF-8");
        if (_serverSignature is null || !ScramSyntax.TryTake(ref rest, 'v', out var encoded)
            || ScramSyntax.FromBase64(encoded) is not { } signature
            || !CryptographicOperations.FixedTimeEquals(signature, _serverSignature))
        {
            throw new SaslException(
                "The server did not prove that it knows the password: its SCRAM signature is missing or wrong. " +
                "It may be an impostor; check the address and TLS.");
        }

        _serverProved = true;
    }

    private static SaslException Malformed(string what) => new($"The server's SCRAM message {what}.");
}
