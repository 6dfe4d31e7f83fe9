using Mamba.Amqp.Conformance.Running;
using Mamba.Amqp.Conformance.Wire;
using Mamba.Amqp.Messaging;
using Mamba.Amqp.Transport;
using Mamba.Amqp.Types;

namespace Mamba.Amqp.Conformance.Transport;

/// <summary>Sessions: establishing, ending, errors (AMQP 1.0 §2.5.1 to §2.5.5, §2.7.2).</summary>
public static class SessionCases
{
    [Case("SESSION-01", "2.5.1", "Begin is answered with begin whose remote-channel is the client's channel",
        Covers = "transport.2.5.1-2 transport.2.7.2-2")]
    public static async Task Begin(CaseContext c)
    {
        var session = await (await c.OpenAsync()).BeginAsync(3);
        Check.Equal(session.Remote.RemoteChannel, (ushort?)3);
        await session.EndAsync();
    }

    [Case("SESSION-02", "2.5.1", "Several sessions live side by side; the end of one leaves the others alone")]
    public static async Task Several(CaseContext c)
    {
        var peer = await c.OpenAsync();
        var first = await peer.BeginAsync(0);
        var second = await peer.BeginAsync(1);
        await first.EndAsync();
        await second.FenceAsync();
    }

    [Case("SESSION-03", "2.5.2", "A channel is free at once: end and begin may come in one segment", Traps = "28")]
    public static async Task Reuse(CaseContext c)
    {
        var session = await c.BeginAsync();
        await session.Wire.SendTogetherAsync((0, new End()), (0, new Begin { IncomingWindow = 10, OutgoingWindow = 10 }));
        Check.NoError((await session.Wire.ExpectAsync<End>()).Error);
        Check.Equal((await session.Wire.ExpectAsync<Begin>()).RemoteChannel, (ushort?)0);
    }

    [Case("SESSION-04", "2.5.4", "A session error ends the session with an error that says why; the connection lives on",
        Covers = "transport.2.5.4-1")]
    public static async Task Error(CaseContext c)
    {
        var session = await c.BeginAsync();
        await session.SendAsync(session.NewFlow() with { Handle = 9, DeliveryCount = 0, LinkCredit = 1 });
        await session.ExpectEndAsync();
    }

    [Case("SESSION-05", "2.5.4", "After ending with an error the broker discards what comes until the client's end",
        Covers = "transport.2.5.4-2 transport.2.5.5-1")]
    public static async Task Discards(CaseContext c)
    {
        var session = await c.BeginAsync();
        await session.SendAsync(session.NewFlow() with { Handle = 9, DeliveryCount = 0, LinkCredit = 1 });
        Check.Condition((await session.ExpectAsync<End>()).Error);
        await session.SendAsync(session.NewAttach(Role.Receiver, new Target(), new Source { Address = c.Name() }));
        await session.SendAsync(session.NewFlow() with { Echo = true });
        await session.SendAsync(new End());
        session.Wire.Drop(static _ => true);
        await session.Wire.SendAsync(session.Local, session.Channel);
        var next = await session.Wire.NextAsync("begin");
        Check.That(next is { Body: Amqp.Transport.Begin }, $"nothing behind the end but the answer to the next begin, and {next?.Body} came");
    }

    [Case("SESSION-06", "2.7.2", "A begin without its mandatory next-outgoing-id closes the connection with an error")]
    public static async Task WithoutId(CaseContext c)
    {
        var peer = await c.OpenAsync();
        await peer.SendRawAsync(Mamba.Amqp.Transport.Begin.Descriptor, "begin without next-outgoing-id", null, null, 10u, 10u);
        await Peer.ExpectCloseAsync(peer.Wire);
    }

    [Case("SESSION-07", "2.5.1", "A second begin on a channel in use is an error")]
    public static async Task BeginTwice(CaseContext c)
    {
        var session = await c.BeginAsync();
        await session.SendAsync(new Begin { IncomingWindow = 10, OutgoingWindow = 10 });
        var frame = Check.Present(await session.Wire.NextAsync("close or end"), "close or end");
        Check.Condition(frame.Body is End end ? end.Error : Check.Is<Close>(frame.Body, "the answer").Error);
    }

    [Case("SESSION-08", "2.5.1", "A frame on a channel without session closes the connection with an error")]
    public static async Task NoSession(CaseContext c)
    {
        var peer = await c.OpenAsync();
        await peer.Wire.SendAsync(new Flow { IncomingWindow = 1, OutgoingWindow = 1, Echo = true }, 2);
        await Peer.ExpectCloseAsync(peer.Wire);
    }

    [Case("SESSION-09", "2.7.2", "The broker attaches no handle above the client's handle-max", Covers = "transport.2.7.2-3", Traps = "30")]
    public static async Task OwnHandles(CaseContext c)
    {
        var queue = await c.QueueAsync();
        var session = await c.BeginAsync(begin: static b => b.HandleMax = 1);
        var first = await session.SendToAsync(queue);
        var second = await session.ReceiveFromAsync(queue);
        Check.That(first.Remote.Handle <= 1 && second.Remote.Handle <= 1, $"handles 0 and 1, and {first.Remote.Handle} and {second.Remote.Handle} came");
        await first.DetachAsync();
        var third = await session.SendToAsync(queue, static a => a.Handle = 0);
        Check.That(third.Remote.Handle <= 1, $"a handle of 0 or 1, and {third.Remote.Handle} came");
    }

    [Case("SESSION-10", "2.7.2", "A handle above the broker's handle-max closes the connection with framing-error",
        Covers = "transport.2.7.2-4")]
    public static async Task HandleAboveLimit(CaseContext c)
    {
        var session = await c.BeginAsync();
        if (session.Remote.HandleMax == uint.MaxValue)
        {
            throw CaseContext.NotApplicable("the broker takes every handle");
        }

        var attach = session.NewAttach(Role.Receiver, new Target(), new Source { Address = await c.QueueAsync() });
        attach.Handle = session.Remote.HandleMax + 1;
        await session.SendAsync(attach);
        await Peer.ExpectCloseAsync(session.Wire, ErrorCondition.FramingError);
    }

    [Case("SESSION-11", "2.5.2", "The end of a session ends its links, and gives back what it had not settled")]
    public static async Task GivesBack(CaseContext c)
    {
        var queue = await c.QueueAsync();
        var session = await c.BeginAsync();
        await (await session.SendToAsync(queue)).SendAcceptedAsync("back");
        await (await session.ReceiveFromAsync(queue)).ReceiveOneAsync();
        await session.EndAsync();
        var again = await session.Peer.BeginAsync();
        Check.Equal((await (await again.ReceiveFromAsync(queue)).TakeAsync()).Value, "back");
    }

    [Case("SESSION-12", "2.5.3", "After the client's end nothing but end comes on the channel", Traps = "29")]
    public static async Task OnlyEnd(CaseContext c)
    {
        var queue = await c.QueueAsync();
        var session = await c.BeginAsync();
        var sender = await session.SendToAsync(queue);
        for (var i = 0; i < 10; i++)
        {
            await sender.SendAcceptedAsync($"m{i}");
        }

        var receiver = await session.ReceiveFromAsync(queue);
        await receiver.CreditAsync(100);
        await session.EndAsync();
        var other = await session.Peer.BeginAsync(1);
        await other.FenceAsync();
        await session.Wire.ExpectQuietAsync(f => f.Channel == session.RemoteChannel && f.Body is Detach or End);
    }

    [Case("SESSION-13", "2.7.2", "Unknown capabilities and properties of begin are taken")]
    public static async Task Unknown(CaseContext c)
    {
        var session = await c.BeginAsync(begin: static b =>
        {
            b.DesiredCapabilities = ["conformance:unknown-wish"];
            b.Properties = new AmqpMap { [new Symbol("x")] = 1 };
        });
        await session.FenceAsync();
    }

    [Case("SESSION-14", "2.5.2", "End with an error is answered with end without one")]
    public static async Task EndWithError(CaseContext c)
    {
        var session = await c.BeginAsync();
        await session.SendAsync(new End { Error = new AmqpError("conformance:on-purpose", "as a test") });
        Check.NoError((await session.ExpectAsync<End>()).Error);
        await session.Peer.ProveAliveAsync();
    }

    [Case("SESSION-15", "2.7.2", "The broker's begin allows transfers both ways: windows above 0, and its ids start low", Traps = "17")]
    public static async Task Numbers(CaseContext c)
    {
        var session = await c.BeginAsync();
        Check.That(session.Remote.IncomingWindow > 0, "an incoming-window above 0");
        Check.That(session.Remote.NextOutgoingId <= 1, $"a next-outgoing-id of 0 or 1, which clients without serial arithmetic need, and it is {session.Remote.NextOutgoingId}");
        var receiver = await session.ReceiveFromAsync(await c.QueueAsync());
        Check.Equal(receiver.Remote.InitialDeliveryCount, (uint?)0);
    }
}
