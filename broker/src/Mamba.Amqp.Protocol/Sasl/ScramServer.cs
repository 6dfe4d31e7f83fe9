using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace Mamba.Amqp.Sasl;

/// <summary>
/// The server's half of one SCRAM exchange (RFC 5802, RFC 7677), without channel binding. Pure computation, in three steps:
/// <see cref="TryReceiveFirst"/>, <see cref="Challenge"/> with the credential the owner has looked up (for an unknown user:
/// <see cref="ScramCredential.ForUnknownUser"/>), <see cref="TryReceiveFinal"/>. Every refusal is answered alike: SASL
/// outcome 1 (auth). Not thread-safe; one instance per exchange.
/// </summary>
public sealed class ScramServer
{
    private readonly string _serverNonce;
    private string _gs2Header = "";
    private string _clientFirstBare = "";
    private string _serverFirst = "";
    private string _nonce = "";
    private ScramCredential? _credential;
    private Step _step;

    /// <summary>Creates the exchange.</summary>
    /// <param name="hash">The hash of the mechanism the client chose.</param>
    /// <param name="serverNonce">Fixed by tests; random when null.</param>
    public ScramServer(ScramHash hash, string? serverNonce = null)
    {
        Hash = hash;
        _serverNonce = serverNonce ?? ScramSyntax.NewNonce();
    }

    private enum Step
    {
        ClientFirst,
        Credential,
        ClientFinal,
        Done,
    }

    /// <summary>The hash of the mechanism.</summary>
    public ScramHash Hash { get; }

    /// <summary>The user the client wants to be, unescaped and prepared with SASLprep. Empty before the first message.</summary>
    public string User { get; private set; } = "";

    /// <summary>The identity to act as, or empty to act as <see cref="User"/>.</summary>
    public string AuthorizationId { get; private set; } = "";

    /// <summary>Why the exchange was refused, for the log; never sent to the client.</summary>
    public string? Failure { get; private set; }

    /// <summary>Whether the client has proved that it knows the password.</summary>
    public bool IsAuthenticated { get; private set; }

    /// <summary>Reads client-first (the initial response of sasl-init). False: refuse.</summary>
    public bool TryReceiveFirst(ReadOnlySpan<byte> message)
    {
        Require(Step.ClientFirst);
        _step = Step.Done;
        if (ScramSyntax.Decode(message) is not { } text)
        {
            return Refuse("client-first is not UTF-8");
        }

        ReadOnlySpan<char> rest = text;

        // "y" says the client could bind but thinks we cannot, which is true; "p=" demands binding.
        if (rest.Length < 3 || rest[0] is not ('n' or 'y') || rest[1] != ',')
        {
            return Refuse("client-first asks for channel binding, or has no GS2 header");
        }

        rest = rest[2..];
        if (rest.StartsWith("a=", StringComparison.Ordinal))
        {
            if (!ScramSyntax.TryTake(ref rest, 'a', out var identity) || ScramSyntax.UnescapeName(identity) is not { Length: > 0 } unescaped)
            {
                return Refuse("the authorisation identity is malformed");
            }

            AuthorizationId = unescaped;
        }
        else if (rest[0] == ',')
        {
            rest = rest[1..];
        }
        else
        {
            return Refuse("the GS2 header is malformed");
        }

        _clientFirstBare = rest.ToString();
        _gs2Header = text[..^rest.Length];
        return TryReadBare(rest);
    }

    /// <summary>Returns server-first, the challenge to send, for the credential of <see cref="User"/>.</summary>
    /// <exception cref="ArgumentException">The credential belongs to another hash.</exception>
    public byte[] Challenge(ScramCredential credential)
    {
        ArgumentNullException.ThrowIfNull(credential);
        Require(Step.Credential);
        if (credential.Hash != Hash)
        {
            throw new ArgumentException($"The credential is for {credential.Hash}, the exchange for {Hash}.", nameof(credential));
        }

        _credential = credential;
        _nonce += _serverNonce;
        _serverFirst = string.Create(
            CultureInfo.InvariantCulture, $"r={_nonce},s={Convert.ToBase64String(credential.Salt)},i={credential.Iterations}");
        _step = Step.ClientFinal;
        return Encoding.ASCII.GetBytes(_serverFirst);
    }

    /// <summary>
    /// Reads client-final and checks the proof. True: the client is authenticated, and <paramref name="serverFinal"/> must
    /// reach it, as a further challenge or as the outcome's additional-data; without it, Qpid JMS fails the log-in.
    /// </summary>
    public bool TryReceiveFinal(ReadOnlySpan<byte> message, [NotNullWhen(true)] out byte[]? serverFinal)
    {
        Require(Step.ClientFinal);
        _step = Step.Done;
        serverFinal = null;
        if (ScramSyntax.Decode(message) is not { } text)
        {
            return Refuse("client-final is not UTF-8");
        }

        ReadOnlySpan<char> rest = text;
        if (!ScramSyntax.TryTake(ref rest, 'c', out var binding)
            || ScramSyntax.FromBase64(binding) is not { } header
            || !header.AsSpan().SequenceEqual(Encoding.UTF8.GetBytes(_gs2Header)))
        {
            return Refuse("the channel binding field does not repeat the GS2 header");
        }

        if (!ScramSyntax.TryTake(ref rest, 'r', out var nonce) || !nonce.SequenceEqual(_nonce))
        {
            return Refuse("the nonce is not the one of this exchange");
        }

        // Extensions may stand between r= and p=; the proof is always last (RFC 5802 §7).
        var proofAt = text.LastIndexOf(",p=", StringComparison.Ordinal);
        if (ScramSyntax.IsMandatoryExtension(rest) || proofAt < 0
            || ScramSyntax.FromBase64(text.AsSpan(proofAt + 3)) is not { } proof || proof.Length != Hash.KeyLength())
        {
            return Refuse("the proof is missing or malformed");
        }

        var authMessage = Encoding.UTF8.GetBytes($"{_clientFirstBare},{_serverFirst},{text[..proofAt]}");
        if (!ProofHolds(proof, authMessage))
        {
            return Refuse("wrong password or unknown user");
        }

        IsAuthenticated = true;
        var signature = Hash.Hmac(_credential!.ServerKey, authMessage);
        serverFinal = Encoding.ASCII.GetBytes("v=" + Convert.ToBase64String(signature));
        return true;
    }

    private bool TryReadBare(ReadOnlySpan<char> rest)
    {
        if (ScramSyntax.IsMandatoryExtension(rest))
        {
            return Refuse("client-first demands an extension");
        }

        if (!ScramSyntax.TryTake(ref rest, 'n', out var name) || ScramSyntax.UnescapeName(name) is not { Length: > 0 } user
            || !SaslPrep.TryPrepare(user, out var prepared))
        {
            return Refuse("the user name is malformed");
        }

        if (!ScramSyntax.TryTake(ref rest, 'r', out var nonce) || !ScramSyntax.IsNonce(nonce))
        {
            return Refuse("the client nonce is malformed");
        }

        User = prepared;
        _nonce = nonce.ToString();
        _step = Step.Credential;
        return true;
    }

    private bool ProofHolds(byte[] proof, byte[] authMessage)
    {
        var clientKey = Hash.Hmac(_credential!.StoredKey, authMessage);
        for (var i = 0; i < clientKey.Length; i++)
        {
            clientKey[i] ^= proof[i];
        }

        return CryptographicOperations.FixedTimeEquals(Hash.Hash(clientKey), _credential.StoredKey);
    }

    private bool Refuse(string failure)
    {
        Failure = failure;
        return false;
    }

    private void Require(Step step)
    {
        if (_step != step)
        {
            throw new InvalidOperationException($"The SCRAM exchange expects {_step}, not {step}: call its steps in order, once each.");
        }
    }
}
