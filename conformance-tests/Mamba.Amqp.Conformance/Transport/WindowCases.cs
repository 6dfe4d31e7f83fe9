using Mamba.Amqp.Conformance.Running;
using Mamba.Amqp.Conformance.Wire;
using Mamba.Amqp.Messaging;
using Mamba.Amqp.Transport;

namespace Mamba.Amqp.Conformance.Transport;

/// <summary>Session flow control (AMQP 1.0 §2.5.6, §2.7.4).</summary>
public static class WindowCases
{
    [Case("WINDOW-01", "2.5.6", "The broker sends no more transfers than the client's incoming-window, and goes on when it opens",
        Covers = "transport.2.5.6-1", Traps = "27")]
    public static async Task Kept(CaseContext c)
    {
        var session = await c.BeginAsync(begin: static b => b.IncomingWindow = 2);
        var receiver = await FilledAsync(c, session, 5);
        await receiver.CreditAsync(5);
        await receiver.ReceiveAsync();
        await receiver.ReceiveAsync();
        await receiver.ExpectNoTransferAsync();
        await session.SendAsync(session.NewFlow() with { IncomingWindow = 1 });
        await receiver.ReceiveAsync();
        await receiver.ExpectNoTransferAsync();
        await session.SendAsync(session.NewFlow() with { IncomingWindow = 10 });
        await receiver.ReceiveAsync();
        await receiver.ReceiveAsync();
    }

    [Case("WINDOW-02", "2.5.6", "A window of 0 stops the session from its begin on")]
    public static async Task Closed(CaseContext c)
    {
        var session = await c.BeginAsync(begin: static b => b.IncomingWindow = 0);
        var receiver = await FilledAsync(c, session, 1);
        session.IncomingWindow = 0;
        await receiver.CreditAsync(5);
        await receiver.ExpectNoTransferAsync();
        await session.SendAsync(session.NewFlow() with { IncomingWindow = 1 });
        await receiver.ReceiveAsync();
    }

    [Case("WINDOW-03", "2.5.6", "The window counts transfer frames, not messages")]
    public static async Task CountsFrames(CaseContext c)
    {
        var session = await c.BeginAsync(static open => open.MaxFrameSize = 512, static b => b.IncomingWindow = 2);
        var receiver = await FilledAsync(c, session, 1, 2000);
        await receiver.CreditAsync(5);
        Check.That((await receiver.TransferAsync()).Transfer.More, "more frames of the message");
        Check.That((await receiver.TransferAsync()).Transfer.More, "more frames of the message");
        await receiver.ExpectNoTransferAsync();
        await session.SendAsync(session.NewFlow() with { IncomingWindow = 100 });
        while ((await receiver.TransferAsync()).Transfer.More)
        {
            Check.That(!c.Guard.IsCancellationRequested, "the message to end");
        }
    }

    [Case("WINDOW-04", "2.5.6", "The broker's window is given back: the client may send for ever")]
    public static async Task GivenBack(CaseContext c)
    {
        var session = await c.BeginAsync();
        if (session.Remote.IncomingWindow > 5000)
        {
            throw CaseContext.NotApplicable($"the broker's window of {session.Remote.IncomingWindow} frames is larger than the suite fills");
        }

        var sender = await session.SendToAsync(await c.QueueAsync());
        var total = session.Remote.IncomingWindow + 100;
        var limit = session.Local.NextOutgoingId + session.Remote.IncomingWindow;
        var payload = AmqpMessage.FromValue("w").Encode();
        for (uint sent = 0; sent < total; sent++)
        {
            while ((int)(limit - session.NextOutgoingId) <= 0)
            {
                var flow = await session.ExpectAsync<Flow>(what: "a flow that opens the broker's window");
                limit = (flow.NextIncomingId ?? 0) + flow.IncomingWindow;
            }

            await sender.SendAsync(payload, settled: true);
        }

        await session.SendAsync(session.NewFlow() with { Echo = true });
        await session.ExpectAsync<Flow>(f => f.NextIncomingId == total, $"a flow with next-incoming-id {total}");
    }

    [Case("WINDOW-05", "2.7.4", "A session flow with echo is answered with the session's state and without link fields",
        Covers = "transport.2.7.4-2 transport.2.7.4-6 transport.2.7.4-7 transport.2.7.4-8", Traps = "19")]
    public static async Task Echo(CaseContext c)
    {
        var session = await c.BeginAsync();
        var flow = await session.EchoAsync();
        Check.Equal(flow.NextIncomingId, (uint?)session.Local.NextOutgoingId);
        Check.That(flow.IncomingWindow > 0, "an incoming-window above 0");
        Check.That(flow.DeliveryCount is null && flow.LinkCredit is null && flow.Available is null && !flow.Drain, $"no link fields in {flow}");
        Check.That(!flow.Echo, "an answer that does not ask for an echo");
    }

    [Case("WINDOW-06", "2.5.6", "next-incoming-id follows every transfer that comes", Covers = "transport.2.5.6-2")]
    public static async Task NextIncomingId(CaseContext c)
    {
        var session = await c.BeginAsync();
        var sender = await session.SendToAsync(await c.QueueAsync());
        await sender.SendAsync("a", settled: true);
        await sender.SendInPartsAsync([[0, 0x53, 0x77], [0x41]], settled: true);
        Check.Equal((await session.EchoAsync()).NextIncomingId, (uint?)3);
    }

    [Case("WINDOW-07", "2.5.6", "next-incoming-id is taken from the next-outgoing-id of the client's flow", Covers = "transport.2.5.6-3")]
    public static async Task FollowsFlow(CaseContext c)
    {
        var session = await c.BeginAsync();
        session.NextOutgoingId += 5;
        Check.Equal((await session.EchoAsync()).NextIncomingId, (uint?)5);
    }

    [Case("WINDOW-08", "2.5.6", "A next-incoming-id of transfers that were never sent ends the session with an error")]
    public static async Task FromTheFuture(CaseContext c)
    {
        var session = await c.BeginAsync();
        session.NextIncomingId += 1000;
        await session.SendAsync(session.NewFlow());
        await session.ExpectEndAsync(ErrorCondition.WindowViolation, ErrorCondition.InvalidField, ErrorCondition.NotAllowed);
    }

    [Case("WINDOW-09", "2.5.6", "A flow without next-incoming-id counts from the broker's first transfer", Traps = "20")]
    public static async Task WithoutNextIncomingId(CaseContext c)
    {
        var session = await c.BeginAsync(begin: static b => b.IncomingWindow = 0);
        var receiver = await FilledAsync(c, session, 3);
        await session.SendAsync(new Flow { IncomingWindow = 2, NextOutgoingId = session.NextOutgoingId, OutgoingWindow = 10, Handle = receiver.Handle, LinkCredit = 10 });
        await receiver.ReceiveAsync();
        await receiver.ReceiveAsync();
        await receiver.ExpectNoTransferAsync();
    }

    [Case("WINDOW-10", "2.8.9", "Transfer-ids are serial numbers: the client's may begin near 2^32 and wrap", Traps = "18")]
    public static async Task Wraps(CaseContext c)
    {
        var session = await c.BeginAsync(begin: static b => b.NextOutgoingId = uint.MaxValue - 1);
        var sender = await session.SendToAsync(await c.QueueAsync());
        for (var i = 0; i < 5; i++)
        {
            await sender.SendAcceptedAsync($"m{i}");
        }

        Check.Equal((await session.EchoAsync()).NextIncomingId, (uint?)3);
    }

    [Case("WINDOW-11", "2.8.8", "Delivery-ids are serial numbers: the client's may begin near 2^32 and wrap")]
    public static async Task DeliveryIdsWrap(CaseContext c)
    {
        var session = await c.BeginAsync();
        session.NextDeliveryId = uint.MaxValue - 1;
        var sender = await session.SendToAsync(await c.QueueAsync());
        for (var i = 0; i < 5; i++)
        {
            await sender.SendAcceptedAsync($"m{i}");
        }
    }

    [Case("WINDOW-12", "2.5.6", "A stalled session does not stall another one of the connection", Traps = "25")]
    public static async Task Isolated(CaseContext c)
    {
        var stalled = await c.BeginAsync(begin: static b => b.IncomingWindow = 1);
        var receiver = await FilledAsync(c, stalled, 3);
        await receiver.CreditAsync(3);
        await receiver.ReceiveAsync();
        var other = await stalled.Peer.BeginAsync(1);
        var free = await FilledAsync(c, other, 3);
        for (var i = 0; i < 3; i++)
        {
            await free.TakeAsync();
        }

        await receiver.ExpectNoTransferAsync();
    }

    /// <summary>A receiver on a new queue that holds some messages.</summary>
    internal static async Task<ReceiverLink> FilledAsync(CaseContext c, Session session, int messages, int size = 10)
    {
        var queue = await c.QueueAsync();
        var sender = await session.SendToAsync(queue);
        for (var i = 0; i < messages; i++)
        {
            await sender.SendAcceptedAsync($"{i}".PadRight(size, '.'));
        }

        return await session.ReceiveFromAsync(queue);
    }
}
