using System.Globalization;
using System.Text;

namespace Mamba.Broker.Server.Transport.WebSockets;

/// <summary>An answer to an HTTP request, the last one of its connection unless it switches to a WebSocket.</summary>
/// <param name="Status">The status code.</param>
/// <param name="Reason">What it is called.</param>
/// <param name="Text">One line for a person; null where nothing may follow the head.</param>
/// <param name="Fields">More lines of the head, each with its end.</param>
internal sealed record HttpAnswer(int Status, string Reason, string? Text, string Fields = "Connection: close\r\n")
{
    /// <summary>The connection belongs to a WebSocket from here on (RFC 6455 §4.2.2).</summary>
    public static HttpAnswer SwitchingProtocols(string accept, string subprotocol) => new(
        101,
        "Switching Protocols",
        Text: null,
        $"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\nSec-WebSocket-Protocol: {subprotocol}\r\n");

    /// <summary>There is nothing here but WebSockets of version 13 (RFC 9110 §15.5.22, RFC 6455 §4.4).</summary>
    public static HttpAnswer UpgradeRequired(string text) => new(
        426, "Upgrade Required", text, "Upgrade: websocket\r\nConnection: Upgrade, close\r\nSec-WebSocket-Version: 13\r\n");

    public byte[] ToBytes()
    {
        var head = $"HTTP/1.1 {Status.ToString(CultureInfo.InvariantCulture)} {Reason}\r\n{Fields}";
        return Encoding.UTF8.GetBytes(Text is null
            ? head + "\r\n"
            : $"{head}Content-Type: text/plain; charset=utf-8\r\nCache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n"
                + $"Content-Length: {(Encoding.UTF8.GetByteCount(Text) + 1).ToString(CultureInfo.InvariantCulture)}\r\n\r\n{Text}\n");
    }
}
