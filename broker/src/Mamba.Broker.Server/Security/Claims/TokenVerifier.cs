using System.Globalization;
using System.Net;
using System.Security.Cryptography;
using Mamba.Broker.Server.Management;
using Microsoft.Extensions.Logging;

namespace Mamba.Broker.Server.Security.Claims;

/// <summary>What a token grants.</summary>
/// <param name="Path">Where; see <see cref="ResourcePath"/>.</param>
/// <param name="ExpiresAt">Unix milliseconds.</param>
/// <param name="User">Whom its bearer acts as.</param>
internal sealed record Claim(string Path, long ExpiresAt, string User);

/// <summary>The answer to a token.</summary>
/// <param name="Status">As of HTTP: 202 when it holds.</param>
/// <param name="Description">What is wrong with it, and what to do.</param>
/// <param name="Claim">What it grants; null when nothing.</param>
internal sealed record TokenVerdict(int Status, string Description, Claim? Claim = null);

/// <summary>
/// Checks the tokens that are put to <c>$cbs</c> against the shared access keys. Wrong ones are counted by the address they come from
/// (a key's name alone must not be enough to lock its honest users out) and logged. Thread-safe.
/// </summary>
internal sealed partial class TokenVerifier
{
    public const string SharedAccess = "servicebus.windows.net:sastoken";

    private readonly Dictionary<string, SharedAccessKey> _keys;
    private readonly AttemptLimiter _limiter;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;

    /// <summary>What a signature by an unknown key is held against, so that it takes as long.</summary>
    private readonly byte[] _nobody = RandomNumberGenerator.GetBytes(32);

    public TokenVerifier(IEnumerable<SharedAccessKey> keys, TimeProvider time, ILogger logger)
    {
        _keys = keys.ToDictionary(static key => key.Name, StringComparer.Ordinal);
        _limiter = new AttemptLimiter(time);
        _time = time;
        _logger = logger;
    }

    /// <summary>Checks a token.</summary>
    /// <param name="type">What kind of token the request says it is.</param>
    /// <param name="audience">The URI that it is put for.</param>
    /// <param name="token">The token.</param>
    /// <param name="remote">Where the request comes from.</param>
    public TokenVerdict Verify(string? type, string? audience, string? token, IPEndPoint remote)
    {
        if (!string.Equals(type, SharedAccess, StringComparison.Ordinal))
        {
            return new TokenVerdict(
                ManagementStatus.NotImplemented,
                $"Tokens of the type '{LogText.Clean(type ?? "")}' are not understood; connect with a shared access key, whose tokens have the type {SharedAccess}.");
        }

        if (audience is null || token is null)
        {
            return new TokenVerdict(
                ManagementStatus.BadRequest, "put-token needs the application property 'name', the URI that the token is for, and the token as the body's amqp-value.");
        }

        if (!SharedAccessSignature.TryParse(token, out var parsed, out var fault))
        {
            return Refuse(remote, keyName: "", $"The token is malformed: {fault}.");
        }

        return VerifyParsed(parsed, ResourcePath.Of(audience), remote);
    }

    private TokenVerdict VerifyParsed(SharedAccessSignature token, string path, IPEndPoint remote)
    {
        if (!_limiter.Allows(remote.Address, CountedAs(token.KeyName, remote)))
        {
            return new TokenVerdict(ManagementStatus.Unauthorized, "Too many wrong tokens came from your address in the last minute; try again in a minute.");
        }

        var key = _keys.GetValueOrDefault(token.KeyName);
        var isSigned = token.IsSignedBy(key?.Bytes ?? _nobody);
        if (key is null || !isSigned)
        {
            return Refuse(
                remote, token.KeyName,
                "The token is not signed by a key of the setting security.sharedAccessKeys: give the connection string a name and a key that stand there.");
        }

        var now = _time.GetUtcNow();
        if (token.ExpiresAt <= now.ToUnixTimeMilliseconds())
        {
            var expiry = string.Create(CultureInfo.InvariantCulture, $"{DateTimeOffset.FromUnixTimeMilliseconds(token.ExpiresAt):u}");
            return new TokenVerdict(ManagementStatus.Unauthorized, $"The token expired at {expiry}; it is {now:u} here. Put a new one, and see that both clocks are right.");
        }

        return ResourcePath.Covers(token.Path, path)
            ? new TokenVerdict(ManagementStatus.Accepted, "Accepted", new Claim(path, token.ExpiresAt, key.User))
            : new TokenVerdict(ManagementStatus.Unauthorized, $"The token is for '/{token.Path}' and what is below it, and not for '/{path}'.");
    }

    private TokenVerdict Refuse(IPEndPoint remote, string keyName, string description)
    {
        _limiter.Failed(remote.Address, CountedAs(keyName, remote));
        LogRefused(remote, LogText.Clean(keyName), description);
        return new TokenVerdict(ManagementStatus.Unauthorized, description);
    }

    private static string CountedAs(string keyName, IPEndPoint remote) => $"{remote.Address} {(keyName.Length <= 255 ? keyName : keyName[..255])}";

    [LoggerMessage(1040, LogLevel.Warning, "A token from {Remote} of the shared access key \"{Key}\" was refused: {Cause}")]
    private partial void LogRefused(IPEndPoint remote, string key, string cause);
}
