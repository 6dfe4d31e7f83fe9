using Mamba.Amqp.Conformance.Running;
using Mamba.Amqp.Conformance.Wire;
using Mamba.Amqp.Transport;

namespace Mamba.Amqp.Conformance.Transport;

/// <summary>Closing a connection, and idle ones (AMQP 1.0 §2.4.3 to §2.4.6).</summary>
public static class CloseCases
{
    [Case("CLOSE-01", "2.4.3", "Close is answered with close without error, on channel 0, and the socket is closed",
        Covers = "transport.2.4.3-1 transport.2.4.3-5 transport.2.7.9-1")]
    public static async Task Answered(CaseContext c)
    {
        var peer = await c.OpenAsync();
        await peer.Wire.SendAsync(new Close());
        var close = await peer.Wire.ExpectFrameAsync<Close>();
        Check.NoError(((Close)close.Body!).Error);
        Check.Equal(close.Channel, (ushort)0);
        await peer.Wire.ExpectEndOfStreamAsync();
    }

    [Case("CLOSE-02", "2.4.3", "Nothing follows the broker's close, whatever was under way", Covers = "transport.2.4.3-2", Traps = "16")]
    public static async Task NothingAfter(CaseContext c)
    {
        var session = await c.BeginAsync();
        var queue = await c.QueueAsync();
        var sender = await session.SendToAsync(queue);
        for (var i = 0; i < 20; i++)
        {
            await sender.SendAcceptedAsync($"m{i}");
        }

        var receiver = await session.ReceiveFromAsync(queue);
        await receiver.CreditAsync(100);
        await session.Wire.SendAsync(new Close());
        await session.Wire.ExpectAsync<Close>();
        await session.Wire.ExpectEndOfStreamAsync();
    }

    [Case("CLOSE-03", "2.4.6", "After closing with an error the broker discards what comes until the client's close",
        Covers = "transport.2.4.6-1")]
    public static async Task Discards(CaseContext c)
    {
        var peer = await FailAsync(c);
        await peer.Wire.SendAsync(new Begin { IncomingWindow = 10, OutgoingWindow = 10 }, 5);
        await peer.Wire.SendAsync(new Close());
        await peer.Wire.ExpectEndOfStreamAsync();
    }

    [Case("CLOSE-04", "2.4.3", "After closing with an error the broker reads on for a while, waiting for the client's close",
        Covers = "transport.2.4.3-3")]
    public static async Task ReadsOn(CaseContext c)
    {
        var peer = await FailAsync(c);
        await peer.Wire.SendBytesAsync(Raw.EmptyFrame(), "(empty frame)");
        await peer.Wire.SendBytesAsync(Raw.EmptyFrame(), "(empty frame)");
        await peer.Wire.SendAsync(new Close());
        await peer.Wire.ExpectEndOfStreamAsync();
        Check.That(
            !c.Trace.Lines.Any(static line => line.Contains("connection reset", StringComparison.Ordinal) || line.Contains("could not be sent", StringComparison.Ordinal)),
            "the broker to read until the client's close");
    }

    [Case("CLOSE-05", "2.4.3", "A client that never answers the broker's close is given up", Covers = "transport.2.4.3-4")]
    public static async Task GivesUp(CaseContext c)
    {
        var peer = await FailAsync(c);
        await peer.Wire.ExpectEndOfStreamAsync();
    }

    [Case("CLOSE-06", "2.7.9", "A close with an error is answered without one")]
    public static async Task WithError(CaseContext c)
    {
        var peer = await c.OpenAsync();
        await peer.Wire.SendAsync(new Close { Error = new AmqpError("conformance:on-purpose", "as a test") });
        Check.NoError((await peer.Wire.ExpectAsync<Close>()).Error);
    }

    [Case("CLOSE-07", "2.4.3", "Close ends sessions and links that are still there")]
    public static async Task EndsAll(CaseContext c)
    {
        var session = await c.BeginAsync();
        var queue = await c.QueueAsync();
        var receiver = await session.ReceiveFromAsync(queue);
        await receiver.CreditAsync(10);
        await session.Peer.CloseAsync();
    }

    [Case("CLOSE-08", "2.4", "A client that shuts its side of the socket without close is closed too")]
    public static async Task ShutDown(CaseContext c)
    {
        var peer = await c.OpenAsync();
        peer.Wire.ShutdownSend();
        await peer.Wire.ExpectEndOfStreamAsync(tolerateFrames: true);
    }

    [Case("CLOSE-09", "5.1", "The socket is closed in order: its stream ends, and is not reset", Covers = "security.5.1-1")]
    public static async Task InOrder(CaseContext c)
    {
        var peer = await c.OpenAsync();
        await peer.CloseAsync();
        await peer.Wire.ExpectEndOfStreamAsync();
        Check.That(!c.Trace.Lines.Any(static line => line.Contains("connection reset", StringComparison.Ordinal)), "the end of the stream and no reset");
    }

    [Case("CLOSE-10", "2.4.3", "What a connection held is free for others once its close is answered, whenever its socket goes")]
    public static async Task GivesBack(CaseContext c)
    {
        var session = await c.BeginAsync();
        var receiver = await WindowCases.FilledAsync(c, session, 1);
        await receiver.ReceiveOneAsync();
        await session.Wire.SendAsync(new Close());
        await session.Wire.ExpectAsync<Close>();
        var other = await c.BeginAsync();
        await (await other.ReceiveFromAsync(receiver.Local.Source!.Address)).ExpectOneNowAsync();
    }

    [Case("IDLE-01", "2.4.5", "Empty frames keep a quiet connection alive, on channel 0, more often than the client's idle-time-out",
        Covers = "transport.2.4.5-1 transport.2.4.5-2")]
    public static async Task Heartbeats(CaseContext c)
    {
        var peer = await c.OpenAsync(static open => open.IdleTimeOut = 1000);
        await peer.Wire.ExpectEmptyFrameAsync();
        await peer.Wire.ExpectEmptyFrameAsync();
        Check.That(!c.Trace.Lines.Any(static line => line.Contains("(empty frame)", StringComparison.Ordinal) && !line.Contains("[0]", StringComparison.Ordinal)),
            "empty frames on channel 0");
    }

    [Case("IDLE-02", "2.4.5", "A silent client is closed with an error that says why, not merely cut off", Covers = "transport.2.4.5-3")]
    public static async Task SilentClient(CaseContext c)
    {
        var peer = await c.OpenAsync();
        var threshold = Threshold(c, peer);

        c.Trace.Add($"-- silent until the broker's threshold of about {threshold.TotalSeconds} s");
        peer.Wire.StopKeepAlive();
        var close = await peer.Wire.ExpectAsync<Close>();
        Check.Condition(close.Error);
    }

    [Case("IDLE-03", "2.4.5", "Empty frames of the client keep its connection alive")]
    public static async Task ClientHeartbeats(CaseContext c)
    {
        var peer = await c.OpenAsync();
        var threshold = Threshold(c, peer);

        await peer.Wire.ExpectQuietAsync(period: threshold + TimeSpan.FromMilliseconds(500));
        await peer.ProveAliveAsync();
    }

    [Case("IDLE-04", "2.4.5", "An idle-time-out of 0 and of 2^32-1 are taken", Traps = "11")]
    public static async Task ExtremeTimeouts(CaseContext c)
    {
        await (await c.OpenAsync(static open => open.IdleTimeOut = 0)).CloseAsync();
        await (await c.OpenAsync(static open => open.IdleTimeOut = uint.MaxValue)).CloseAsync();
    }

    [Case("IDLE-05", "2.4.5", "The broker announces an idle-time-out, without which some clients never send empty frames", Traps = "12")]
    public static async Task Announced(CaseContext c)
    {
        var remote = (await c.OpenAsync()).Remote;
        Check.That(remote.IdleTimeOut is > 0, $"an idle-time-out above 0, and it is {remote.IdleTimeOut?.ToString() ?? "absent"}");
    }

    // A broker's threshold should be at least twice what it announces.
    private static TimeSpan Threshold(CaseContext c, Peer peer)
    {
        var threshold = TimeSpan.FromMilliseconds((peer.Remote.IdleTimeOut ?? 0) * 2.0);
        return threshold > TimeSpan.Zero && threshold + TimeSpan.FromSeconds(1.5) < c.Patience
            ? threshold
            : throw CaseContext.NotApplicable($"the broker's idle-time-out is {peer.Remote.IdleTimeOut?.ToString() ?? "absent"}: waiting for it is beyond a case's time");
    }

    // A second open is an error of the connection.
    private static async Task<Peer> FailAsync(CaseContext c)
    {
        var peer = await c.OpenAsync();
        await peer.Wire.SendAsync(new Open { ContainerId = c.Name() });
        await peer.Wire.ExpectAsync<Close>();
        return peer;
    }
}
