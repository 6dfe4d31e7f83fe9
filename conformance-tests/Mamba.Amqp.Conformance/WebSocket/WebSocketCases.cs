using System.Net.WebSockets;
using Mamba.Amqp.Conformance.Running;
using Mamba.Amqp.Conformance.Wire;
using Mamba.Amqp.Framing;
using Mamba.Amqp.Messaging;
using Mamba.Amqp.Sasl;
using Mamba.Amqp.Transport;

namespace Mamba.Amqp.Conformance.WebSocket;

/// <summary>AMQP over WebSocket ("AMQP 1.0 WebSocket Binding" CS01).</summary>
public static class WebSocketCases
{
    [Case("WS-01", "wsb 2.1", "The upgrade is answered with the subprotocol amqp, and a connection opens", Traps = "74")]
    public static async Task Opens(CaseContext c)
    {
        var socket = await ConnectAsync(c, "amqp");
        Check.Equal(socket.SubProtocol, "amqp");
        var wire = c.Adopt(new WebSocketStream(socket, int.MaxValue));
        await OpenAsync(c, wire);
        await wire.SendAsync(new Close());
        await wire.ExpectAsync<Close>();
    }

    [Case("WS-02", "wsb 2.1", "Among several subprotocols exactly one is chosen, amqp before others", Traps = "74")]
    public static async Task Chooses(CaseContext c) =>
        Check.Equal((await ConnectAsync(c, "AMQPWSB10", "amqp", "binary")).SubProtocol, "amqp");

    [Case("WS-03", "wsb 2.1", "A client that offers no subprotocol of AMQP is not upgraded")]
    public static async Task Unknown(CaseContext c)
    {
        (await ConnectAsync(c, "amqp")).Dispose();
        try
        {
            var socket = await ConnectAsync(c, "conformance-nonsense");
            throw new CheckFailedException($"expected a refusal, and the upgrade succeeded with subprotocol {socket.SubProtocol ?? "none"}");
        }
        catch (WebSocketException e)
        {
            c.Trace.Add($"<- {e.Message}");
        }
    }

    [Case("WS-04", "wsb 2.2", "Frames may be split over messages, byte by byte", Traps = "74")]
    public static async Task Split(CaseContext c) => await OpenAsync(c, c.Adopt(new WebSocketStream(await ConnectAsync(c, "amqp"), 1)));

    [Case("WS-05", "wsb 2.2", "One message may hold many frames", Traps = "74")]
    public static async Task Joined(CaseContext c)
    {
        var wire = c.Adopt(new WebSocketStream(await ConnectAsync(c, "amqp"), int.MaxValue));
        await wire.SendBytesAsync(
        [
            .. Raw.Header(3, 1, 0, 0), .. Raw.Frame(SaslHandshake.Init(c.Broker)), .. Raw.Header(0, 1, 0, 0),
            .. Raw.Frame(new Open { ContainerId = c.Name() }), .. Raw.Frame(new Begin { IncomingWindow = 1, OutgoingWindow = 1 }), .. Raw.Frame(new Close()),
        ]);
        await wire.ExpectHeaderAsync(ProtocolHeader.Sasl);
        await wire.ExpectAsync<SaslMechanisms>();
        await wire.ExpectAsync<SaslOutcome>();
        await wire.ExpectHeaderAsync(ProtocolHeader.Amqp);
        await wire.ExpectAsync<Open>();
        await wire.ExpectAsync<Begin>();
        await wire.ExpectAsync<Close>();
    }

    [Case("WS-06", "wsb 2.2", "A text message is refused: the connection is closed with status 1003")]
    public static async Task Text(CaseContext c)
    {
        var socket = await ConnectAsync(c, "amqp");
        await socket.SendAsync("AMQP"u8.ToArray(), WebSocketMessageType.Text, endOfMessage: true, c.Guard);
        var result = await socket.ReceiveAsync(new byte[1024], c.Guard);
        Check.Equal(result.MessageType, WebSocketMessageType.Close);
        Check.Equal(result.CloseStatus, WebSocketCloseStatus.InvalidMessageType);
    }

    [Case("WS-07", "wsb 2.3", "After the close exchange of AMQP the WebSocket is closed with status 1000")]
    public static async Task ClosesInOrder(CaseContext c)
    {
        var socket = await ConnectAsync(c, "amqp");
        var wire = c.Adopt(new WebSocketStream(socket, int.MaxValue));
        await OpenAsync(c, wire);
        await wire.SendAsync(new Close());
        await wire.ExpectAsync<Close>();
        await wire.ExpectEndOfStreamAsync();
        Check.Equal(socket.CloseStatus, WebSocketCloseStatus.NormalClosure);
    }

    [Case("WS-09", "RFC 6455 5.5.1", "A WebSocket close of the client is answered with a close, whatever AMQP was doing")]
    public static async Task ClientCloses(CaseContext c)
    {
        var socket = await ConnectAsync(c, "amqp");
        await OpenAsync(c, c.Adopt(new WebSocketStream(socket, int.MaxValue)));
        await socket.CloseAsync(WebSocketCloseStatus.NormalClosure, null, c.Guard);
        Check.Equal(socket.State, WebSocketState.Closed);
    }

    [Case("WS-08", "wsb 2.2", "A message of 200 000 bytes goes both ways")]
    public static async Task Large(CaseContext c)
    {
        var queue = await c.QueueAsync();
        var wire = c.Adopt(new WebSocketStream(await ConnectAsync(c, "amqp"), 10_000));
        var (local, remote) = await OpenAsync(c, wire);
        var session = await new Peer(c, wire, local, remote).BeginAsync();
        var sender = await session.SendToAsync(queue);
        var payload = AmqpMessage.FromData(new byte[200_000]).Encode();
        Check.Is<Accepted>(await sender.OutcomeAsync(await sender.SendInPartsAsync([.. payload.Chunk(30_000)])));
        Check.Equal((await (await session.ReceiveFromAsync(queue)).TakeAsync()).Message.Data?.Length, 200_000);
    }

    private static async Task<(Open Local, Open Remote)> OpenAsync(CaseContext c, AmqpWire wire)
    {
        await SaslHandshake.RunAsync(wire, c.Broker);
        await wire.SendHeaderAsync(ProtocolHeader.Amqp);
        await wire.ExpectHeaderAsync(ProtocolHeader.Amqp);
        var open = new Open { ContainerId = c.Name(), Hostname = c.Broker.Host };
        await wire.SendAsync(open);
        return (open, await wire.ExpectAsync<Open>());
    }

    private static async Task<ClientWebSocket> ConnectAsync(CaseContext c, params string[] subprotocols)
    {
        var uri = c.Broker.WebSocket ?? throw CaseContext.NotApplicable("no WebSocket address was given (--ws)");
        var socket = new ClientWebSocket();
        foreach (var protocol in subprotocols)
        {
            socket.Options.AddSubProtocol(protocol);
        }

        c.Trace.Add($"-> upgrade {uri}, Sec-WebSocket-Protocol: {string.Join(", ", subprotocols)}");
        await socket.ConnectAsync(uri, c.Guard);
        c.Trace.Add($"<- upgraded, Sec-WebSocket-Protocol: {socket.SubProtocol}");
        return socket;
    }
}
