using System.Buffers;
using System.Diagnostics.CodeAnalysis;
using System.Security.Cryptography;
using System.Text;

namespace Mamba.Broker.Server.Transport.WebSockets;

/// <summary>
/// The head of an HTTP GET, read strictly (RFC 9112): lines end with CR LF, no line goes on in the next one, names are tokens, values
/// have no control characters, there is one Host and no body. What comes more than once is one list (RFC 9110 §5.3).
/// </summary>
internal sealed class UpgradeRequest
{
    /// <summary>Behind every head.</summary>
    public static ReadOnlySpan<byte> HeadEnd => "\r\n\r\n"u8;

    private const int KeyBytes = 16;

    private static readonly SearchValues<char> TokenCharacters =
        SearchValues.Create("!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz");

    private readonly Dictionary<string, string> _fields = new(StringComparer.OrdinalIgnoreCase);

    private UpgradeRequest()
    {
    }

    /// <summary>The target up to its query.</summary>
    public string Path { get; private set; } = string.Empty;

    public string Host => Field("Host");

    public string? Origin => _fields.GetValueOrDefault("Origin");

    public IEnumerable<string> Subprotocols => Elements("Sec-WebSocket-Protocol");

    /// <summary>Whether it asks for a WebSocket of any version (RFC 6455 §4.2.1).</summary>
    public bool AsksForWebSocket => IsHttp11
        && Elements("Upgrade").Contains("websocket", StringComparer.OrdinalIgnoreCase)
        && Elements("Connection").Contains("upgrade", StringComparer.OrdinalIgnoreCase);

    /// <summary>Whether the version is the one there is.</summary>
    public bool HasKnownVersion => Field("Sec-WebSocket-Version") is "13";

    private bool IsHttp11 { get; set; }

    /// <summary>Reads a head, without the empty line at its end. False where it is none.</summary>
    public static bool TryParse(ReadOnlySpan<byte> head, [NotNullWhen(true)] out UpgradeRequest? request)
    {
        var read = new UpgradeRequest();
        request = null;
        var text = Encoding.Latin1.GetString(head);
        var lines = text.Split("\r\n");
        if (!read.TakeRequestLine(lines[0]) || !lines.Skip(1).All(read.TakeField) || !read.IsSound())
        {
            return false;
        }

        request = read;
        return true;
    }

    /// <summary>The answer to the key of the request (RFC 6455 §4.2.2), or null where the key is none: 16 bytes in base64.</summary>
    [SuppressMessage("Security", "CA5350", Justification = "RFC 6455 has SHA-1 here, as a sign that the server knows WebSockets; it protects nothing.")]
    public string? AcceptKey()
    {
        const string webSocketGuid = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
        var key = Field("Sec-WebSocket-Key");
        Span<byte> nonce = stackalloc byte[KeyBytes];
        return Convert.TryFromBase64String(key, nonce, out var length) && length == KeyBytes
            ? Convert.ToBase64String(SHA1.HashData(Encoding.Latin1.GetBytes(key + webSocketGuid)))
            : null;
    }

    private bool TakeRequestLine(string line)
    {
        var parts = line.Split(' ');
        if (parts is not ["GET", ['/', ..] target, "HTTP/1.1" or "HTTP/1.0"] || target.Any(static c => c is <= ' ' or >= '\x7f'))
        {
            return false;
        }

        IsHttp11 = parts[2] is "HTTP/1.1";
        var query = target.IndexOf('?', StringComparison.Ordinal);
        Path = query < 0 ? target : target[..query];
        return true;
    }

    private bool TakeField(string line)
    {
        var colon = line.IndexOf(':', StringComparison.Ordinal);
        if (colon <= 0 || line.AsSpan(0, colon).ContainsAnyExcept(TokenCharacters))
        {
            return false;
        }

        var value = line[(colon + 1)..].Trim(' ', '\t');
        if (value.Any(static c => c is (< ' ' and not '\t') or '\x7f'))
        {
            return false;
        }

        var name = line[..colon];
        _fields[name] = _fields.TryGetValue(name, out var before) ? $"{before},{value}" : value;
        return true;
    }

    private bool IsSound()
    {
        var hasHost = _fields.TryGetValue("Host", out var host) ? !host.Contains(',', StringComparison.Ordinal) : !IsHttp11;
        return hasHost && !_fields.ContainsKey("Transfer-Encoding") && Field("Content-Length") is "" or "0";
    }

    private string Field(string name) => _fields.GetValueOrDefault(name, string.Empty);

    private string[] Elements(string name) =>
        Field(name).Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
}
