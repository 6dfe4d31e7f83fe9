using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace Mamba.Broker.Server.Security.Claims;

/// <summary>
/// A token of the type <c>servicebus.windows.net:sastoken</c>, taken apart:
/// <code>
///   SharedAccessSignature sr=RESOURCE&amp;sig=SIGNATURE&amp;se=EXPIRY&amp;skn=KEY       in any order, values percent-encoded
///   SIGNATURE = base64(HMAC-SHA256(key, sr LF se))                        over the two values as they stand in the token
/// </code>
/// RESOURCE is a URI, EXPIRY Unix seconds.
/// </summary>
internal sealed class SharedAccessSignature
{
    private const string Scheme = "SharedAccessSignature ";
    private const int MaxLength = 4096;

    private readonly byte[] _signed;
    private readonly byte[] _signature;

    private SharedAccessSignature(string resource, string expiry, string signature, string keyName, long expirySeconds)
    {
        _signed = Encoding.UTF8.GetBytes($"{resource}\n{expiry}");
        _signature = Convert.FromBase64String(Uri.UnescapeDataString(signature));
        Path = ResourcePath.Of(Uri.UnescapeDataString(resource));
        KeyName = Uri.UnescapeDataString(keyName);
        ExpiresAt = expirySeconds * 1000;
    }

    /// <summary>What the token is for; see <see cref="ResourcePath"/>.</summary>
    public string Path { get; }

    public string KeyName { get; }

    /// <summary>Unix milliseconds from which it is worth nothing.</summary>
    public long ExpiresAt { get; }

    public static bool TryParse(string token, [NotNullWhen(true)] out SharedAccessSignature? parsed, [NotNullWhen(false)] out string? fault)
    {
        parsed = null;
        if (token.Length > MaxLength || !token.StartsWith(Scheme, StringComparison.Ordinal))
        {
            fault = $"it must begin with \"{Scheme.TrimEnd()}\" and a space, and have at most {MaxLength} characters";
            return false;
        }

        var parts = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var part in token[Scheme.Length..].Split('&'))
        {
            var at = part.IndexOf('=', StringComparison.Ordinal);
            if (at <= 0 || !parts.TryAdd(part[..at], part[(at + 1)..]))
            {
                fault = "it must consist of different NAME=VALUE with & between them";
                return false;
            }
        }

        fault = Missing(parts);
        if (fault is not null)
        {
            return false;
        }

        if (!long.TryParse(parts["se"], NumberStyles.None, CultureInfo.InvariantCulture, out var seconds) || seconds > long.MaxValue / 1000)
        {
            fault = "its expiry (se) must be a number of seconds";
            return false;
        }

        try
        {
            parsed = new SharedAccessSignature(parts["sr"], parts["se"], parts["sig"], parts["skn"], seconds);
            return true;
        }
        catch (FormatException)
        {
            fault = "its signature (sig) must be percent-encoded base64";
            return false;
        }
    }

    /// <summary>Whether it was signed with this key. Takes as long for a wrong signature as for the right one.</summary>
    public bool IsSignedBy(ReadOnlySpan<byte> key)
    {
        Span<byte> expected = stackalloc byte[HMACSHA256.HashSizeInBytes];
        HMACSHA256.HashData(key, _signed, expected);
        return CryptographicOperations.FixedTimeEquals(expected, _signature);
    }

    private static string? Missing(Dictionary<string, string> parts)
    {
        foreach (var name in (ReadOnlySpan<string>)["sr", "sig", "se", "skn"])
        {
            if (!parts.TryGetValue(name, out var value) || value.Length == 0)
            {
                return $"it has no {name}";
            }
        }

        return null;
    }
}
