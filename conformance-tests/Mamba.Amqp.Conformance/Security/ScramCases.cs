using System.Security.Cryptography;
using System.Text;
using Mamba.Amqp.Conformance.Running;
using Mamba.Amqp.Conformance.Wire;
using Mamba.Amqp.Sasl;

namespace Mamba.Amqp.Conformance.Security;

/// <summary>SCRAM (RFC 5802, RFC 7677), computed here from the RFC so that broker and suite share nothing.</summary>
public static class ScramCases
{
    [Case("SCRAM-01", "5.3", "SCRAM-SHA-256 lets the user in, and the server proves itself with its signature", Traps = "6")]
    public static Task Sha256(CaseContext c) => LogInAsync(c, "SCRAM-SHA-256", HashAlgorithmName.SHA256);

    [Case("SCRAM-02", "5.3", "SCRAM-SHA-512 lets the user in, and the server proves itself with its signature", Traps = "6")]
    public static Task Sha512(CaseContext c) => LogInAsync(c, "SCRAM-SHA-512", HashAlgorithmName.SHA512);

    [Case("SCRAM-03", "5.3", "SCRAM-SHA-1 lets the user in, and the server proves itself with its signature")]
    public static Task Sha1(CaseContext c) => LogInAsync(c, "SCRAM-SHA-1", HashAlgorithmName.SHA1);

    [Case("SCRAM-04", "5.3", "A wrong proof gets outcome auth, and the socket is closed")]
    public static async Task WrongProof(CaseContext c)
    {
        var (wire, first, challenge) = await ChallengeAsync(c, "SCRAM-SHA-256");
        var (response, _) = Answer(HashAlgorithmName.SHA256, "not the password", first, challenge);
        await wire.SendAsync(new SaslResponse { Response = Encoding.ASCII.GetBytes(response) });
        Check.Equal((await wire.ExpectAsync<SaslOutcome>()).Code, SaslCode.Auth);
        await wire.ExpectEndOfStreamAsync();
    }

    [Case("SCRAM-05", "5.3", "The server's nonce begins with the client's, and goes on; salt and count are there", Traps = "6")]
    public static async Task Challenge(CaseContext c)
    {
        var (_, first, challenge) = await ChallengeAsync(c, "SCRAM-SHA-256");
        var parts = challenge.Split(',');
        var nonce = first[(first.IndexOf("r=", StringComparison.Ordinal) + 2)..];
        Check.That(parts[0].StartsWith($"r={nonce}", StringComparison.Ordinal) && parts[0].Length > nonce.Length + 2, $"a longer nonce, and it is {parts[0]}");
        Check.That(parts[1].StartsWith("s=", StringComparison.Ordinal), "the salt as second part");
        Check.That(int.Parse(parts[2][2..]) >= 4096, $"an iteration count of 4096 or more, and it is {parts[2]}");
    }

    private static async Task LogInAsync(CaseContext c, string mechanism, HashAlgorithmName hash)
    {
        var (wire, first, challenge) = await ChallengeAsync(c, mechanism);
        var (response, signature) = Answer(hash, c.Broker.Password, first, challenge);
        await wire.SendAsync(new SaslResponse { Response = Encoding.ASCII.GetBytes(response) });
        var frame = Check.Present(await wire.NextAsync("the server's signature"), "the server's signature");
        if (frame.Body is SaslChallenge final)
        {
            Check.Equal(Encoding.ASCII.GetString(final.Challenge), signature, "the server's signature");
            await wire.SendAsync(new SaslResponse());
            await SaslCases.GoOnAsync(wire, c);
            return;
        }

        var outcome = Check.Is<SaslOutcome>(frame.Body, "the answer");
        Check.Equal(outcome.Code, SaslCode.Ok);
        Check.Equal(Encoding.ASCII.GetString(Check.Present(outcome.AdditionalData, "the server's signature")), signature, "the server's signature");
    }

    private static async Task<(AmqpWire Wire, string First, string Challenge)> ChallengeAsync(CaseContext c, string mechanism)
    {
        var user = c.Broker.User ?? throw CaseContext.NotApplicable("the suite was not given a user (--user)");
        var (wire, offered) = await SaslCases.OfferAsync(c);
        SaslCases.Need(offered, mechanism);
        var escaped = user.Replace("=", "=3D", StringComparison.Ordinal).Replace(",", "=2C", StringComparison.Ordinal);
        var first = $"n={escaped},r={Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(12))}";
        await wire.SendAsync(new SaslInit { Mechanism = mechanism, InitialResponse = Encoding.UTF8.GetBytes($"n,,{first}") });
        return (wire, first, Encoding.ASCII.GetString((await wire.ExpectAsync<SaslChallenge>()).Challenge));
    }

    // RFC 5802 §3. ClientProof = ClientKey XOR HMAC(H(ClientKey), AuthMessage); ServerSignature = HMAC(HMAC(salted, "Server Key"), AuthMessage)
    private static (string Response, string Signature) Answer(HashAlgorithmName hash, string password, string first, string challenge)
    {
        var parts = challenge.Split(',');
        var salted = Rfc2898DeriveBytes.Pbkdf2(
            Encoding.UTF8.GetBytes(password), Convert.FromBase64String(parts[1][2..]), int.Parse(parts[2][2..]), hash, CryptographicOperations.HashData(hash, []).Length);
        var clientKey = CryptographicOperations.HmacData(hash, salted, "Client Key"u8);
        var withoutProof = $"c=biws,{parts[0]}";
        var authMessage = Encoding.UTF8.GetBytes($"{first},{challenge},{withoutProof}");
        var proof = CryptographicOperations.HmacData(hash, CryptographicOperations.HashData(hash, clientKey), authMessage);
        for (var i = 0; i < proof.Length; i++)
        {
            proof[i] ^= clientKey[i];
        }

        var signature = CryptographicOperations.HmacData(hash, CryptographicOperations.HmacData(hash, salted, "Server Key"u8), authMessage);
        return ($"{withoutProof},p={Convert.ToBase64String(proof)}", $"v={Convert.ToBase64String(signature)}");
    }
}
