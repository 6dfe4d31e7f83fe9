using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using Mamba.Broker.Server.Tests.Peers;

namespace Mamba.Broker.Server.Tests.Limits;

/// <summary>
/// Two hundred sockets that never come to the point (target T-31): silent ones, some that stop half-way in each step, and some that
/// send a byte now and then. The deadline is absolute, so all are gone soon after it, and meanwhile others are served.
/// </summary>
[TestFixture]
internal sealed class SlowPeerTests() : RunningBroker("limits.openTimeout=1 s", "limits.maxUnauthenticatedPerAddress=300")
{
    private const int Sockets = 200;

    private static readonly TimeSpan BetweenBytes = TimeSpan.FromMilliseconds(100);

    /// <summary>The deadline, and what a busy machine may add.</summary>
    private static readonly TimeSpan Gone = TimeSpan.FromSeconds(10);

    [Test]
    public async Task All_are_gone_after_the_deadline_and_others_are_served_meanwhile()
    {
        using var limit = new CancellationTokenSource(Gone);
        var started = Stopwatch.GetTimestamp();
        var slow = Enumerable.Range(0, Sockets).Select(number => StayAsync(number, limit.Token)).ToArray();
        var all = Task.WhenAll(slow);
        do
        {
            await Honest.AssertServedAsync();
            await using var other = await RawPeer.BeginAsync(Endpoint);
            await other.CloseAsync();
        }
        while (!all.IsCompleted);

        await all;
        Assert.That(Stopwatch.GetElapsedTime(started), Is.GreaterThan(TimeSpan.FromMilliseconds(900)), "they had the time they were given");
    }

    [Test]
    public async Task Half_a_frame_behind_an_accepted_open_is_no_such_case()
    {
        await using var peer = await RawPeer.OpenAsync(Endpoint);
        var begin = Frames.Begin();
        await peer.SendAsync(begin[..11]);
        using var limit = new CancellationTokenSource(Gone);
        await StayAsync(0, limit.Token); // a silent socket that came later is gone by now
        await peer.SendAsync(begin[11..]);
        await peer.NextAsync<Amqp.Transport.Begin>();
        await peer.CloseAsync();
    }

    private async Task StayAsync(int number, CancellationToken limit)
    {
        byte[][] beginnings =
        [
            [],
            Frames.AmqpHeader[..1],
            Frames.AmqpHeader,
            Frames.SaslHeader,
            [.. Frames.SaslHeader, .. Frames.SaslAnonymous[..^1]],
            [.. Frames.SaslHeader, .. Frames.SaslAnonymous],
            [.. Frames.SaslHeader, .. Frames.SaslAnonymous, .. Frames.AmqpHeader],
            [.. Frames.AmqpHeader, .. Frames.Open()[..^1]],
            "G"u8.ToArray(),
            "GET /amqp HT"u8.ToArray(),
            "GET /amqp HTTP/1.1\r\nHost: localhost\r\n"u8.ToArray(),
        ];
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        await socket.ConnectAsync(Endpoint, limit);
        using var timer = new PeriodicTimer(BetweenBytes);
        var kind = number % (beginnings.Length + 1);
        var dripping = kind == beginnings.Length ? DripAsync(socket, timer, limit) : socket.SendAsync(beginnings[kind], limit).AsTask();
        try
        {
            var buffer = new byte[1_024];
            while (await socket.ReceiveAsync(buffer, limit) > 0)
            {
                // What the broker says by the way does not matter here.
            }
        }
        catch (SocketException e)
        {
            Assert.That(e.SocketErrorCode, Is.EqualTo(SocketError.ConnectionReset));
        }

        timer.Dispose();
        await dripping;
    }

    /// <summary>The longest valid beginning, at a byte a time: empty frames keep no deadline away.</summary>
    private static async Task<int> DripAsync(Socket socket, PeriodicTimer timer, CancellationToken limit)
    {
        byte[] bytes = [.. Frames.SaslHeader, .. Frames.SaslAnonymous, .. Frames.AmqpHeader, .. Frames.Open(new string('c', 200))];
        try
        {
            for (var i = 0; i < bytes.Length && await timer.WaitForNextTickAsync(limit); i++)
            {
                await socket.SendAsync(bytes.AsMemory(i, 1), limit);
            }
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            return 0; // cut off by the broker: that is what the reader waits for
        }

        return bytes.Length;
    }
}

/// <summary>How many sockets an address may have that have not come as far as open.</summary>
[TestFixture]
internal sealed class UnauthenticatedBoundTests() : RunningBroker("limits.maxUnauthenticatedPerAddress=4", "limits.openTimeout=1 min")
{
    private static readonly byte[] End = [];

    [Test]
    public async Task One_more_is_turned_away_and_each_that_opens_or_leaves_makes_room()
    {
        var silent = new List<Socket>();
        for (var i = 0; i < 4; i++)
        {
            silent.Add(await GreetAsync(IPAddress.Loopback));
        }

        using (var fifth = await ConnectAsync(IPAddress.Loopback))
        {
            Assert.That(await ReadAsync(fifth), Has.Length.GreaterThan(Frames.AmqpHeader.Length), "one above the bound: refused in one write");
            Assert.That(await ReadAsync(fifth), Is.EqualTo(End));
        }

        using (var elsewhere = await GreetAsync(IPAddress.Parse("127.0.0.2")))
        {
            await silent[0].SendAsync(Frames.Open("one of them"));
            Assert.That(await ReadAsync(silent[0]), Is.Not.EqualTo(End), "an open that is answered");
            using var next = await GreetAsync(IPAddress.Loopback);
        }

        silent[1].Dispose();
        await UntilGreetedAsync();
        silent.ForEach(static s => s.Dispose());
    }

    private async Task UntilGreetedAsync()
    {
        using var limit = new CancellationTokenSource(RawPeer.Patience);
        while (true)
        {
            limit.Token.ThrowIfCancellationRequested();
            using var socket = await ConnectAsync(IPAddress.Loopback);
            if ((await ReadAsync(socket)).Length == 8)
            {
                return;
            }
        }
    }

    private async Task<Socket> GreetAsync(IPAddress from)
    {
        var socket = await ConnectAsync(from);
        Assert.That(await ReadAsync(socket), Is.EqualTo(Frames.AmqpHeader));
        return socket;
    }

    private async Task<Socket> ConnectAsync(IPAddress from)
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        socket.Bind(new IPEndPoint(from, 0));
        await socket.ConnectAsync(Endpoint);
        try
        {
            await socket.SendAsync(Frames.AmqpHeader);
        }
        catch (SocketException e)
        {
            Assert.That(e.SocketErrorCode, Is.AnyOf(SocketError.ConnectionReset, SocketError.Shutdown));
        }

        return socket;
    }

    private static async Task<byte[]> ReadAsync(Socket socket)
    {
        using var limit = new CancellationTokenSource(RawPeer.Patience);
        var buffer = new byte[4_096];
        try
        {
            return buffer[..await socket.ReceiveAsync(buffer, limit.Token)];
        }
        catch (SocketException e) when (e.SocketErrorCode == SocketError.ConnectionReset)
        {
            return End;
        }
    }
}
