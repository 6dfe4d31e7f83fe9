using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Mamba.Broker.Server.Tests.Peers;

/// <summary>An answer of HTTP: its status, the lines of its head, and the text behind it.</summary>
internal sealed record HttpReply(int Status, IReadOnlyDictionary<string, string> Fields, string Text);

/// <summary>A client of an AMQP port that begins with whatever HTTP the test makes. Every wait is bounded. For one task at a time.</summary>
internal sealed class HttpPeer : IAsyncDisposable
{
    /// <summary>The key in RFC 6455 §1.3, and what a server makes of it.</summary>
    public const string Key = "dGhlIHNhbXBsZSBub25jZQ==";
    public const string AcceptedKey = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

    private readonly Socket _socket;
    private readonly NetworkStream _stream;

    private HttpPeer(Socket socket)
    {
        _socket = socket;
        _stream = new NetworkStream(socket, ownsSocket: true);
    }

    /// <summary>Connects, from another of the machine's own addresses if one is named.</summary>
    public static async Task<HttpPeer> ConnectAsync(IPEndPoint endpoint, IPAddress? from = null)
    {
        var socket = new Socket(endpoint.AddressFamily, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        if (from is not null)
        {
            socket.Bind(new IPEndPoint(from, 0));
        }

        using var limit = new CancellationTokenSource(RawPeer.Patience);
        await socket.ConnectAsync(endpoint, limit.Token);
        return new HttpPeer(socket);
    }

    /// <summary>A request for a WebSocket as it should be, but for lines that are left out, in another form, or added.</summary>
    public static string Upgrade(string? without = null, string? with = null, string line = "GET /amqp HTTP/1.1")
    {
        string[] fields =
        [
            "Host: localhost:5672", "Upgrade: websocket", "Connection: Upgrade", $"Sec-WebSocket-Key: {Key}",
            "Sec-WebSocket-Version: 13", "Sec-WebSocket-Protocol: amqp",
        ];
        var kept = fields.Where(field => without is null || !field.StartsWith(without + ":", StringComparison.Ordinal));
        return string.Join("\r\n", [line, .. kept, .. with is null ? Array.Empty<string>() : [with], "", ""]);
    }

    /// <summary>A binary message of a client (RFC 6455 §5.2), masked with zeros: | 0x82 | 0x80 + length | mask 4 | payload |.</summary>
    public static byte[] Binary(ReadOnlySpan<byte> payload)
    {
        Assert.That(payload.Length, Is.LessThan(126), "longer ones have another head");
        return [0x82, (byte)(0x80 | payload.Length), 0, 0, 0, 0, .. payload];
    }

    public Task SendAsync(string text) => SendAsync(Encoding.Latin1.GetBytes(text));

    public async Task SendAsync(byte[] bytes)
    {
        using var limit = new CancellationTokenSource(RawPeer.Patience);
        await _stream.WriteAsync(bytes, limit.Token);
    }

    /// <summary>Sends until the other end hangs up.</summary>
    /// <exception cref="IOException">It has.</exception>
    public async Task FloodAsync()
    {
        using var limit = new CancellationTokenSource(RawPeer.Patience);
        var bytes = new byte[64 * 1024];
        while (true)
        {
            await _stream.WriteAsync(bytes, limit.Token);
        }
    }

    public async Task<HttpReply> ReadAnswerAsync()
    {
        var head = new StringBuilder();
        while (!head.ToString().EndsWith("\r\n\r\n", StringComparison.Ordinal))
        {
            head.Append((char)(await ReadAsync(1))[0]);
        }

        var lines = head.ToString().Split("\r\n", StringSplitOptions.RemoveEmptyEntries);
        Assert.That(lines[0], Does.Match("^HTTP/1.1 [0-9]{3} [A-Z]"));
        var fields = lines.Skip(1).ToDictionary(
            static line => line[..line.IndexOf(':', StringComparison.Ordinal)],
            static line => line[(line.IndexOf(':', StringComparison.Ordinal) + 2)..],
            StringComparer.OrdinalIgnoreCase);
        var length = fields.TryGetValue("Content-Length", out var said) ? int.Parse(said, CultureInfo.InvariantCulture) : 0;
        return new HttpReply(int.Parse(lines[0].AsSpan(9, 3), CultureInfo.InvariantCulture), fields, Encoding.UTF8.GetString(await ReadAsync(length)));
    }

    /// <summary>The payload of the server's next binary message, which must be short and whole.</summary>
    public async Task<byte[]> ReadBinaryAsync()
    {
        var head = await ReadAsync(2);
        Assert.That((head[0], head[1]), Is.EqualTo(((byte)0x82, (byte)(head[1] & 0x7f))), "a binary message, unmasked");
        return await ReadAsync(head[1]);
    }

    /// <summary>What is left until the other end says that nothing more comes.</summary>
    public async Task<byte[]> ReadToEndAsync()
    {
        using var limit = new CancellationTokenSource(RawPeer.Patience);
        using var rest = new MemoryStream();
        await _stream.CopyToAsync(rest, limit.Token);
        return rest.ToArray();
    }

    public async ValueTask DisposeAsync()
    {
        await _stream.DisposeAsync();
        _socket.Dispose();
    }

    private async Task<byte[]> ReadAsync(int count)
    {
        using var limit = new CancellationTokenSource(RawPeer.Patience);
        var bytes = new byte[count];
        await _stream.ReadExactlyAsync(bytes, limit.Token);
        return bytes;
    }
}
