using System.Net;
using System.Net.WebSockets;
using Mamba.Broker.Server.Tests.Peers;

namespace Mamba.Broker.Server.Tests.Connections;

/// <summary>An AMQP port that is spoken to in HTTP becomes a WebSocket (RFC 6455 §4.2), or says why not.</summary>
[TestFixture]
internal sealed class WebSocketUpgradeTests() : RunningBroker("limits.openTimeout=2 min", "limits.maxUnauthenticatedPerAddress=300")
{
    [TestCase("/amqp", "amqp", "amqp")]
    [TestCase("/", "binary,AMQPWSB10,amqp", "amqp")]
    [TestCase("/amqp?sv=1", "AMQPWSB10", "AMQPWSB10")]
    public async Task A_WebSocket_is_served(string path, string asked, string chosen)
    {
        using var socket = new ClientWebSocket();
        foreach (var name in asked.Split(','))
        {
            socket.Options.AddSubProtocol(name);
        }

        using var limit = new CancellationTokenSource(RawPeer.Patience);
        await socket.ConnectAsync(new Uri($"ws://{Endpoint}{path}"), limit.Token);
        Assert.That(socket.SubProtocol, Is.EqualTo(chosen));
        await socket.SendAsync(Frames.AmqpHeader, WebSocketMessageType.Binary, endOfMessage: true, limit.Token);
        var answer = new byte[64];
        var result = await socket.ReceiveAsync(answer, limit.Token);
        Assert.That(answer[..result.Count], Is.EqualTo(Frames.AmqpHeader));
    }

    [Test]
    public async Task The_key_is_answered_as_the_rfc_has_it_and_nothing_else_is_said()
    {
        await using var peer = await HttpPeer.ConnectAsync(Endpoint);
        await peer.SendAsync(HttpPeer.Upgrade());
        var answer = await peer.ReadAnswerAsync();
        Assert.That(answer.Status, Is.EqualTo(101));
        Assert.That(answer.Fields, Is.EquivalentTo(new Dictionary<string, string>(StringComparer.Ordinal)
        {
            ["Upgrade"] = "websocket",
            ["Connection"] = "Upgrade",
            ["Sec-WebSocket-Accept"] = HttpPeer.AcceptedKey,
            ["Sec-WebSocket-Protocol"] = "amqp",
        }));
    }

    [Test]
    public async Task The_head_may_come_in_any_cut()
    {
        await using var peer = await HttpPeer.ConnectAsync(Endpoint);
        foreach (var letter in HttpPeer.Upgrade())
        {
            await peer.SendAsync(letter.ToString());
        }

        Assert.That((await peer.ReadAnswerAsync()).Status, Is.EqualTo(101));
        await peer.SendAsync(HttpPeer.Binary(Frames.AmqpHeader));
        Assert.That(await peer.ReadBinaryAsync(), Is.EqualTo(Frames.AmqpHeader));
    }

    [Test]
    public async Task Messages_right_behind_the_head_are_not_lost()
    {
        await using var peer = await HttpPeer.ConnectAsync(Endpoint);
        await peer.SendAsync([.. HttpPeer.Upgrade().Select(static c => (byte)c), .. HttpPeer.Binary(Frames.AmqpHeader[..3]), .. HttpPeer.Binary(Frames.AmqpHeader[3..])]);
        Assert.That((await peer.ReadAnswerAsync()).Status, Is.EqualTo(101));
        Assert.That(await peer.ReadBinaryAsync(), Is.EqualTo(Frames.AmqpHeader));
    }

    [TestCase("GET /amqp HTTP/1.1", null, "X-Proxy: \tvia here ", 101, TestName = "More fields do not matter")]
    [TestCase("GET /amqp HTTP/1.1", "Connection", "connection: keep-alive, UPGRADE", 101, TestName = "Connection is a list, in any case")]
    [TestCase("GET /amqp HTTP/1.1", null, "Origin: http://localhost:5672", 101, TestName = "A page of this address may connect")]
    [TestCase("GET /amqp HTTP/1.1", null, "Origin: http://evil.example", 403, TestName = "A page of another site may not")]
    [TestCase("GET /amqp HTTP/1.1", "Host", "Host: evil.example\r\nOrigin: http://evil.example", 403, TestName = "Nor one by a foreign name of this address")]
    [TestCase("GET /amqp HTTP/1.1", null, "Origin: null", 403, TestName = "Nor one that does not say whose it is")]
    [TestCase("GET /elsewhere HTTP/1.1", null, null, 404, TestName = "Another path")]
    [TestCase("GET /amqp HTTP/1.0", null, null, 426, TestName = "HTTP 1.0 cannot be upgraded")]
    [TestCase("GET /amqp HTTP/1.1", "Upgrade", null, 426, TestName = "Without Upgrade")]
    [TestCase("GET /amqp HTTP/1.1", "Upgrade", "Upgrade: h2c", 426, TestName = "An upgrade to something else")]
    [TestCase("GET /amqp HTTP/1.1", "Connection", "Connection: close", 426, TestName = "Without Connection: Upgrade")]
    [TestCase("GET /amqp HTTP/1.1", "Sec-WebSocket-Version", "Sec-WebSocket-Version: 8", 426, TestName = "Another version")]
    [TestCase("GET /amqp HTTP/1.1", "Sec-WebSocket-Key", null, 400, TestName = "Without a key")]
    [TestCase("GET /amqp HTTP/1.1", "Sec-WebSocket-Key", "Sec-WebSocket-Key: c2hvcnQ=", 400, TestName = "A short key")]
    [TestCase("GET /amqp HTTP/1.1", "Sec-WebSocket-Key", "Sec-WebSocket-Key: no base64 at all!!!!!!", 400, TestName = "A key that is none")]
    [TestCase("GET /amqp HTTP/1.1", null, "Sec-WebSocket-Key: " + HttpPeer.Key, 400, TestName = "Two keys")]
    [TestCase("GET /amqp HTTP/1.1", "Sec-WebSocket-Protocol", null, 400, TestName = "Without a subprotocol")]
    [TestCase("GET /amqp HTTP/1.1", "Sec-WebSocket-Protocol", "Sec-WebSocket-Protocol: mqtt", 400, TestName = "Another subprotocol")]
    [TestCase("GET /amqp HTTP/1.1", "Host", null, 400, TestName = "Without a host")]
    [TestCase("GET /amqp HTTP/1.1", null, "Host: another", 400, TestName = "Two hosts")]
    [TestCase("GET /amqp HTTP/1.1", null, "Content-Length: 5", 400, TestName = "A body")]
    [TestCase("GET /amqp HTTP/1.1", null, "Transfer-Encoding: chunked", 400, TestName = "A body in chunks")]
    [TestCase("GET /amqp HTTP/1.1", null, "no field", 400, TestName = "A line without a colon")]
    [TestCase("GET /amqp HTTP/1.1", null, "Bad name: x", 400, TestName = "A name that is no token")]
    [TestCase("GET /amqp HTTP/1.1", null, "X: a\r\n folded: b", 400, TestName = "A folded line")]
    [TestCase("GET /amqp HTTP/1.1", null, "X: a\nY: b", 400, TestName = "A bare line feed")]
    [TestCase("GET /amqp HTTP/1.1", null, "X: a\0b", 400, TestName = "A zero byte")]
    [TestCase("GET amqp HTTP/1.1", null, null, 400, TestName = "A target that is no path")]
    [TestCase("GET /amqp HTTP/2.0", null, null, 400, TestName = "A version that there is not")]
    [TestCase("GET /amqp", null, null, 400, TestName = "Without a version")]
    public async Task A_request_is_answered(string line, string? without, string? with, int status)
    {
        await using var peer = await HttpPeer.ConnectAsync(Endpoint);
        await peer.SendAsync(HttpPeer.Upgrade(without, with, line));
        var answer = await peer.ReadAnswerAsync();
        Assert.That(answer.Status, Is.EqualTo(status), answer.Text);
        if (status == 101)
        {
            return;
        }

        Assert.That(answer.Fields.GetValueOrDefault("Upgrade"), Is.EqualTo(status == 426 ? "websocket" : null));
        Assert.That(answer.Fields["Connection"], Does.EndWith("close"));
        Assert.That(await peer.ReadToEndAsync(), Is.Empty, "behind the answer");
    }

    [TestCase("", HttpStatusCode.UpgradeRequired)]
    [TestCase("amqp", HttpStatusCode.UpgradeRequired)]
    [TestCase("favicon.ico", HttpStatusCode.NotFound)]
    public async Task A_browser_is_told_what_the_port_is(string path, HttpStatusCode status)
    {
        using var http = new HttpClient { Timeout = RawPeer.Patience };
        using var answer = await http.GetAsync(new Uri($"http://{Endpoint}/{path}"));
        Assert.That(answer.StatusCode, Is.EqualTo(status));
        Assert.That(await answer.Content.ReadAsStringAsync(), Does.StartWith("This port speaks AMQP 1.0:"));
        Assert.That(answer.Content.Headers.ContentType?.ToString(), Is.EqualTo("text/plain; charset=utf-8"));
    }

    [Test]
    public async Task A_head_without_end_is_refused_and_the_peer_cut_off()
    {
        await using var peer = await HttpPeer.ConnectAsync(Endpoint);
        var line = "X-Field: and so on and so on and so on\r\n"u8.ToArray();
        await peer.SendAsync("GET / HTTP/1.1\r\n");
        for (var sent = 0; sent < 8 * 1024; sent += line.Length)
        {
            await peer.SendAsync(line);
        }

        Assert.That((await peer.ReadAnswerAsync()).Status, Is.EqualTo(431));
        Assert.That(peer.FloodAsync, Throws.InstanceOf<IOException>(), "it is not read for ever");
    }

    [Test]
    public async Task A_request_inside_a_WebSocket_is_no_AMQP_header()
    {
        await using var peer = await HttpPeer.ConnectAsync(Endpoint);
        await peer.SendAsync(HttpPeer.Upgrade());
        await peer.ReadAnswerAsync();
        await peer.SendAsync(HttpPeer.Binary(HttpPeer.Upgrade()[..100].Select(static c => (byte)c).ToArray()));
        Assert.That(await peer.ReadBinaryAsync(), Is.EqualTo(Frames.AmqpHeader));
    }

    [TestCase("GEX")]
    [TestCase("POST / HTTP/1.1\r\n\r\n")]
    [TestCase("get / HTTP/1.1\r\n\r\n")]
    public async Task What_only_looks_like_it_is_answered_with_a_header_of_AMQP(string beginning)
    {
        await using var peer = await HttpPeer.ConnectAsync(Endpoint);
        await peer.SendAsync(beginning[..1]);
        await peer.SendAsync(beginning[1..]);
        Assert.That(await peer.ReadToEndAsync(), Is.EqualTo(Frames.AmqpHeader));
    }
}
