using System.Net.WebSockets;
using Mamba.Broker.Server.Security;

namespace Mamba.Broker.Server.Transport.WebSockets;

/// <summary>
/// Answers the HTTP request at the beginning of a connection to an AMQP port: with a WebSocket (RFC 6455 §4.2) where it asks for one
/// by the rules of <see cref="WebSocketRules"/>, otherwise with a short text. One request a connection. How long it may take is its
/// owner's business, who ends it by closing the stream.
/// </summary>
internal sealed class WebSocketDoor(ByteTransport transport, Stream stream, ListenerContext listener, TimeProvider time)
{
    /// <summary>What an HTTP request begins with that may become a WebSocket; no AMQP connection begins like that.</summary>
    public static ReadOnlySpan<byte> Beginning => "GET "u8;

    /// <summary>A head is no longer than this, in bytes.</summary>
    private const int MaxHead = 8 * 1024;

    private const string Purpose =
        "This port speaks AMQP 1.0: connect to it with an AMQP client, or at the path /amqp with a WebSocket of the subprotocol amqp.";

    /// <summary>How long a peer that was refused has for reading why.</summary>
    private static readonly TimeSpan Farewell = TimeSpan.FromSeconds(2);

    private readonly byte[] _head = new byte[MaxHead];
    private int _read;

    /// <summary>The status of the answer; 0 before there is one.</summary>
    public int Status { get; private set; }

    /// <summary>Reads the rest of the head, answers, and returns the WebSocket, or null where there will be none.</summary>
    /// <param name="first">What came so far, at most 8 KiB.</param>
    /// <exception cref="IOException">The connection broke. What else a closed stream throws may come as well.</exception>
    public async Task<WebSocket?> OpenAsync(ReadOnlyMemory<byte> first)
    {
        first.CopyTo(_head);
        _read = first.Length;
        var length = await ReadHeadAsync();
        if (length == 0)
        {
            return null;
        }

        var answer = Judge(length, out var subprotocol);
        Status = answer.Status;
        await stream.WriteAsync(answer.ToBytes());
        if (subprotocol is null)
        {
            await LetReadAsync();
            return null;
        }

        var behind = _head.AsMemory(length + UpgradeRequest.HeadEnd.Length, _read - length - UpgradeRequest.HeadEnd.Length);
        return WebSocket.CreateFromStream(
            behind.IsEmpty ? stream : new LeadingStream(behind, stream),
            new WebSocketCreationOptions { IsServer = true, SubProtocol = subprotocol, KeepAliveInterval = TimeSpan.Zero }); // AMQP has heartbeats of its own
    }

    /// <summary>How long the head is without the empty line; 0 for the end of the stream, <see cref="MaxHead"/> where it is too long.</summary>
    private async Task<int> ReadHeadAsync()
    {
        var searched = 0;
        while (true)
        {
            var found = _head.AsSpan(searched, _read - searched).IndexOf(UpgradeRequest.HeadEnd);
            if (found >= 0)
            {
                return searched + found;
            }

            if (_read == MaxHead)
            {
                return MaxHead;
            }

            searched = Math.Max(0, _read - UpgradeRequest.HeadEnd.Length + 1);
            var more = await stream.ReadAsync(_head.AsMemory(_read));
            if (more == 0)
            {
                return 0;
            }

            _read += more;
        }
    }

    private HttpAnswer Judge(int length, out string? subprotocol)
    {
        subprotocol = null;
        if (length == MaxHead)
        {
            return new HttpAnswer(431, "Request Header Fields Too Large", $"The head of the request has more than {MaxHead} bytes.");
        }

        if (!UpgradeRequest.TryParse(_head.AsSpan(0, length), out var request))
        {
            return new HttpAnswer(400, "Bad Request", "This is no request of HTTP 1.1 that can be understood.");
        }

        return !WebSocketRules.IsServed(request.Path) ? new HttpAnswer(404, "Not Found", Purpose)
            : !request.AsksForWebSocket ? HttpAnswer.UpgradeRequired(Purpose)
            : !request.HasKnownVersion ? HttpAnswer.UpgradeRequired("The version of WebSocket here is 13.")
            : !WebSocketRules.IsFromHere(request.Origin, request.Host, listener.Local.Address) ? new HttpAnswer(403, "Forbidden", "Pages of other sites may not connect.")
            : request.AcceptKey() is not { } accept ? new HttpAnswer(400, "Bad Request", "Sec-WebSocket-Key has to be 16 bytes in base64.")
            : (subprotocol = WebSocketRules.ChooseSubprotocol(request.Subprotocols)) is null ? new HttpAnswer(400, "Bad Request", "Ask for the WebSocket subprotocol amqp.")
            : HttpAnswer.SwitchingProtocols(accept, subprotocol);
    }

    /// <summary>What is left unread would make of the close a reset, and of the answer nothing: it is read until the peer ends, or too long.</summary>
    private async Task LetReadAsync()
    {
        using var limit = new CancellationTokenSource(Farewell, time);
        try
        {
            await transport.ShutdownAsync();
            while (await stream.ReadAsync(_head, limit.Token) > 0)
            {
                // It has its answer; what it still says does not matter.
            }
        }
        catch (OperationCanceledException)
        {
            // It had its time.
        }
    }
}
