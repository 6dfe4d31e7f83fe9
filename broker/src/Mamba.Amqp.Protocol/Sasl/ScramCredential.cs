using System.Security.Cryptography;
using System.Text;

namespace Mamba.Amqp.Sasl;

/// <summary>
/// What a server keeps instead of a password (RFC 5802 §3): from it the password cannot be read, and a client cannot be
/// impersonated without breaking the hash. Immutable, thread-safe.
/// </summary>
public sealed class ScramCredential
{
    /// <summary>The least iteration count a credential may have (RFC 7677 §4).</summary>
    public const int MinIterations = 4096;

    /// <summary>The most: above it, one log-in costs a server seconds.</summary>
    public const int MaxIterations = 10_000_000;

    private readonly byte[] _salt;
    private readonly byte[] _storedKey;
    private readonly byte[] _serverKey;

    /// <summary>Restores a stored credential.</summary>
    /// <exception cref="ArgumentException">A key has the wrong length for the hash, the salt is shorter than 8 bytes, or the
    /// iteration count is outside <see cref="MinIterations"/> to <see cref="MaxIterations"/>.</exception>
    public ScramCredential(ScramHash hash, byte[] salt, int iterations, byte[] storedKey, byte[] serverKey)
    {
        ArgumentNullException.ThrowIfNull(salt);
        ArgumentNullException.ThrowIfNull(storedKey);
        ArgumentNullException.ThrowIfNull(serverKey);
        ArgumentOutOfRangeException.ThrowIfLessThan(iterations, MinIterations);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(iterations, MaxIterations);
        ArgumentOutOfRangeException.ThrowIfLessThan(salt.Length, 8, nameof(salt));
        ArgumentOutOfRangeException.ThrowIfNotEqual(storedKey.Length, hash.KeyLength(), nameof(storedKey));
        ArgumentOutOfRangeException.ThrowIfNotEqual(serverKey.Length, hash.KeyLength(), nameof(serverKey));
        Hash = hash;
        Iterations = iterations;
        _salt = [.. salt];
        _storedKey = [.. storedKey];
        _serverKey = [.. serverKey];
    }

    /// <summary>The hash all of it was computed with.</summary>
    public ScramHash Hash { get; }

    /// <summary>The PBKDF2 iteration count.</summary>
    public int Iterations { get; }

    /// <summary>The salt.</summary>
    public ReadOnlySpan<byte> Salt => _salt;

    /// <summary>H(ClientKey): recognises the client.</summary>
    public ReadOnlySpan<byte> StoredKey => _storedKey;

    /// <summary>HMAC(SaltedPassword, "Server Key"): proves the server.</summary>
    public ReadOnlySpan<byte> ServerKey => _serverKey;

    /// <summary>Computes the credential of a password.</summary>
    /// <param name="password">The password; prepared with SASLprep here.</param>
    /// <param name="hash">The hash.</param>
    /// <param name="iterations">At least <see cref="MinIterations"/>.</param>
    /// <param name="salt">The salt; 16 random bytes when null.</param>
    /// <exception cref="SaslException">The password holds a prohibited character.</exception>
    public static ScramCredential Create(string password, ScramHash hash, int iterations = MinIterations, byte[]? salt = null)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(iterations, MinIterations);
        salt ??= RandomNumberGenerator.GetBytes(16);
        var salted = SaltedPassword(SaslPrep.Prepare(password), hash, salt, iterations);
        var storedKey = hash.Hash(hash.Hmac(salted, "Client Key"u8));
        return new ScramCredential(hash, salt, iterations, storedKey, hash.Hmac(salted, "Server Key"u8));
    }

    /// <summary>
    /// A credential nobody can log in with, for a user that does not exist. Salt and iteration count look the same at every
    /// attempt, so that a client cannot tell an unknown user from a wrong password (RFC 5802 §9), and checking it costs
    /// the same time.
    /// </summary>
    /// <param name="user">The name the client gave.</param>
    /// <param name="hash">The hash of the mechanism in use.</param>
    /// <param name="serverSecret">At least 16 secret bytes that outlive a restart.</param>
    /// <param name="iterations">The count real credentials have.</param>
    public static ScramCredential ForUnknownUser(string user, ScramHash hash, ReadOnlySpan<byte> serverSecret, int iterations = MinIterations)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(serverSecret.Length, 16, nameof(serverSecret));
        var name = Encoding.UTF8.GetBytes(user);
        var salt = hash.Hmac(serverSecret, [.. "salt\0"u8, .. name])[..16];
        var storedKey = hash.Hmac(serverSecret, [.. "stored\0"u8, .. name]);
        var serverKey = hash.Hmac(serverSecret, [.. "server\0"u8, .. name]);
        return new ScramCredential(hash, salt, iterations, storedKey, serverKey);
    }

    /// <summary>
    /// Checks a password sent in the clear (PLAIN). Does the full key derivation and compares in fixed time, whatever the
    /// password is.
    /// </summary>
    public bool Verify(string password)
    {
        var valid = SaslPrep.TryPrepare(password, out var prepared);
        var salted = SaltedPassword(prepared ?? "", Hash, _salt, Iterations);
        var storedKey = Hash.Hash(Hash.Hmac(salted, "Client Key"u8));
        return CryptographicOperations.FixedTimeEquals(storedKey, _storedKey) && valid;
    }

    internal static byte[] SaltedPassword(string prepared, ScramHash hash, ReadOnlySpan<byte> salt, int iterations) =>
        Rfc2898DeriveBytes.Pbkdf2(Encoding.UTF8.GetBytes(prepared), salt, iterations, hash.AlgorithmName(), hash.KeyLength());
}
