using System.Security.Cryptography;

namespace Mamba.Amqp.Sasl;

/// <summary>The hash function of a SCRAM mechanism.</summary>
public enum ScramHash
{
    /// <summary>SCRAM-SHA-256, 32-byte keys.</summary>
    Sha256,

    /// <summary>SCRAM-SHA-512, 64-byte keys.</summary>
    Sha512,
}

/// <summary>What a hash means for SCRAM.</summary>
public static class ScramHashes
{
    /// <summary>The registered mechanism name.</summary>
    public static string MechanismName(this ScramHash hash) =>
        hash == ScramHash.Sha256 ? SaslMechanismNames.ScramSha256 : SaslMechanismNames.ScramSha512;

    /// <summary>The length of a key, of a proof and of a signature, in bytes.</summary>
    public static int KeyLength(this ScramHash hash) => hash == ScramHash.Sha256 ? 32 : 64;

    internal static HashAlgorithmName AlgorithmName(this ScramHash hash) =>
        hash == ScramHash.Sha256 ? HashAlgorithmName.SHA256 : HashAlgorithmName.SHA512;

    internal static byte[] Hash(this ScramHash hash, ReadOnlySpan<byte> data) =>
        CryptographicOperations.HashData(hash.AlgorithmName(), data);

    internal static byte[] Hmac(this ScramHash hash, ReadOnlySpan<byte> key, ReadOnlySpan<byte> data) =>
        CryptographicOperations.HmacData(hash.AlgorithmName(), key, data);
}
