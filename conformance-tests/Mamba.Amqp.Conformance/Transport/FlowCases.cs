using Mamba.Amqp.Conformance.Running;
using Mamba.Amqp.Conformance.Wire;
using Mamba.Amqp.Messaging;
using Mamba.Amqp.Transport;

namespace Mamba.Amqp.Conformance.Transport;

/// <summary>Link flow control: credit, drain, echo (AMQP 1.0 §2.6.7 to §2.6.10, §2.7.4).</summary>
public static class FlowCases
{
    [Case("FLOW-01", "2.6.7", "The broker sends as many deliveries as the credit allows, and no more",
        Covers = "transport.2.6.7-1 transport.2.6.7-4")]
    public static async Task CreditKept(CaseContext c)
    {
        var receiver = await FilledAsync(c, 5);
        await receiver.CreditAsync(2);
        await receiver.ReceiveAsync();
        await receiver.ReceiveAsync();
        await receiver.ExpectNoTransferAsync();
    }

    [Case("FLOW-02", "2.6.7", "Credit counts from the receiver's delivery-count: what came since is subtracted",
        Covers = "transport.2.6.7-2")]
    public static async Task CreditFormula(CaseContext c)
    {
        var receiver = await FilledAsync(c, 5);
        await receiver.CreditAsync(2);
        await receiver.ReceiveAsync();
        await receiver.ReceiveAsync();
        receiver.DeliveryCount = receiver.Remote.InitialDeliveryCount ?? 0;
        await receiver.CreditAsync(3);
        await receiver.ReceiveAsync();
        await receiver.ExpectNoTransferAsync();
    }

    [Case("FLOW-03", "2.6.7", "Without delivery-count the credit counts from the broker's first",
        Covers = "transport.2.6.7-3", Traps = "20")]
    public static async Task WithoutDeliveryCount(CaseContext c)
    {
        var receiver = await FilledAsync(c, 4);
        var session = receiver.Session;
        await session.SendAsync(session.NewFlow() with { Handle = receiver.Handle, LinkCredit = 2 });
        await receiver.ReceiveAsync();
        await receiver.ReceiveAsync();
        await session.SendAsync(session.NewFlow() with { Handle = receiver.Handle, LinkCredit = 3 });
        await receiver.ReceiveAsync();
        await receiver.ExpectNoTransferAsync();
    }

    [Case("FLOW-04", "2.6.7", "Attach and credit may be sent together, before the broker's delivery-count is known", Traps = "20")]
    public static async Task Pipelined(CaseContext c)
    {
        var session = await c.BeginAsync();
        var queue = await c.QueueAsync();
        await (await session.SendToAsync(queue)).SendAcceptedAsync("x");
        var attach = session.NewAttach(Role.Receiver, new Target(), new Source { Address = queue });
        await session.Wire.SendTogetherAsync((0, attach), (0, session.NewFlow() with { Handle = attach.Handle, LinkCredit = 5 }));
        var answer = await session.ExpectAsync<Attach>(a => a.Name == attach.Name);
        await session.ExpectAsync<Transfer>(t => t.Handle == answer.Handle);
    }

    [Case("FLOW-05", "2.6.7", "A drain without messages is answered: delivery-count moves by the credit, which is then 0",
        Covers = "transport.2.6.7-6 transport.2.7.4-3", Traps = "24")]
    public static async Task DrainEmpty(CaseContext c)
    {
        var receiver = await FilledAsync(c, 0);
        await receiver.CreditAsync(7, drain: true);
        var flow = await receiver.FlowAsync("the end of the drain");
        Check.Equal(flow.DeliveryCount, (uint?)(receiver.DeliveryCount + 7));
        Check.Equal(flow.LinkCredit ?? 0, 0u);
        Check.That(flow.Drain, "drain in the answer, which clients look for");
    }

    [Case("FLOW-06", "2.6.7", "A drain delivers what is there, then ends the credit; the flow comes behind the transfers", Traps = "23")]
    public static async Task DrainSome(CaseContext c)
    {
        var receiver = await FilledAsync(c, 2);
        await receiver.CreditAsync(10, drain: true);
        await receiver.ReceiveAsync();
        await receiver.ReceiveAsync();
        var flow = await receiver.FlowAsync("the end of the drain");
        Check.Equal(flow.DeliveryCount, (uint?)((receiver.Remote.InitialDeliveryCount ?? 0) + 10));
        Check.Equal(flow.LinkCredit ?? 0, 0u);
        await receiver.ExpectNoTransferAsync();
    }

    [Case("FLOW-07", "2.6.7", "A drain with no credit is answered too", Traps = "22")]
    public static async Task DrainNothing(CaseContext c)
    {
        var receiver = await FilledAsync(c, 1);
        await receiver.CreditAsync(0, drain: true);
        var flow = await receiver.FlowAsync("the answer to a drain without credit");
        Check.Equal(flow.LinkCredit ?? 0, 0u);
        Check.Equal(flow.DeliveryCount, (uint?)receiver.DeliveryCount);
    }

    [Case("FLOW-08", "2.6.7", "After a drain ordinary credit works again")]
    public static async Task AfterDrain(CaseContext c)
    {
        var session = await c.BeginAsync();
        var queue = await c.QueueAsync();
        var receiver = await session.ReceiveFromAsync(queue);
        for (var i = 0; i < 3; i++)
        {
            await receiver.CreditAsync(10, drain: true);
            receiver.DeliveryCount = Check.Present((await receiver.FlowAsync()).DeliveryCount, "delivery-count in the answer to a drain");
        }

        await receiver.CreditAsync(1);
        await (await session.SendToAsync(queue)).SendAcceptedAsync("x");
        Check.Equal((await receiver.ReceiveAsync()).Value, "x");
    }

    [Case("FLOW-09", "2.6.10", "Credit taken back stops the link")]
    public static async Task Stop(CaseContext c)
    {
        var session = await c.BeginAsync();
        var queue = await c.QueueAsync();
        var receiver = await session.ReceiveFromAsync(queue);
        await receiver.CreditAsync(10);
        await receiver.CreditAsync(0, echo: true);
        Check.Equal((await receiver.FlowAsync("the answer to echo")).LinkCredit ?? 0, 0u);
        await (await session.SendToAsync(queue)).SendAcceptedAsync("x");
        await receiver.ExpectNoTransferAsync();
    }

    [Case("FLOW-10", "2.6.9", "Standing credit delivers what comes later without being asked again")]
    public static async Task Notification(CaseContext c)
    {
        var session = await c.BeginAsync();
        var queue = await c.QueueAsync();
        var receiver = await session.ReceiveFromAsync(queue);
        await receiver.CreditAsync(10);
        var sender = await session.SendToAsync(queue);
        for (var i = 0; i < 5; i++)
        {
            await sender.SendAcceptedAsync($"{i}");
            Check.Equal((await receiver.ReceiveAsync()).Value, $"{i}");
        }
    }

    [Case("FLOW-11", "2.6.8", "A synchronous get: credit of one with drain gives one message, or the end of the drain")]
    public static async Task SynchronousGet(CaseContext c)
    {
        var receiver = await FilledAsync(c, 1);
        await receiver.CreditAsync(1, drain: true);
        await receiver.ReceiveAsync();
        receiver.DeliveryCount = (receiver.Remote.InitialDeliveryCount ?? 0) + 1;
        await receiver.ExpectEmptyAsync();
    }

    [Case("FLOW-12", "2.7.4", "A link flow with echo is answered with the link's delivery-count and credit",
        Covers = "transport.2.7.4-3", Traps = "19")]
    public static async Task Echo(CaseContext c)
    {
        var receiver = await FilledAsync(c, 2);
        await receiver.CreditAsync(5);
        await receiver.ReceiveAsync();
        await receiver.ReceiveAsync();
        await receiver.CreditAsync(3, echo: true);
        var flow = await receiver.FlowAsync("the answer to echo");
        Check.Equal(flow.DeliveryCount, (uint?)receiver.DeliveryCount);
        Check.Equal(flow.LinkCredit, (uint?)3);
        Check.Present(flow.NextIncomingId, "next-incoming-id");
    }

    [Case("FLOW-13", "2.7.4", "The broker's flow to a sender carries the sender's delivery-count as last known",
        Covers = "transport.2.7.4-4")]
    public static async Task LastKnown(CaseContext c)
    {
        var session = await c.BeginAsync();
        var sender = await session.SendToAsync(await c.QueueAsync());
        for (var i = 0; i < 3; i++)
        {
            await sender.SendAcceptedAsync("x");
        }

        await session.SendAsync(session.NewFlow() with
        {
            Handle = sender.Handle, DeliveryCount = sender.DeliveryCount, LinkCredit = sender.Credit, Available = 0, Echo = true,
        });
        await session.ExpectAsync<Flow>(f => f.Handle == sender.Remote.Handle && f.DeliveryCount == 3, "a flow with delivery-count 3");
    }

    [Case("FLOW-14", "2.6.7", "Every flow that gives credit has a delivery-count and the session's state", Traps = "19")]
    public static async Task CompleteFlow(CaseContext c)
    {
        var session = await c.BeginAsync();
        var sender = await session.SendToAsync(await c.QueueAsync(), static a => a.InitialDeliveryCount = 100);
        var flow = await sender.WaitForCreditAsync();
        Check.Present(flow.NextIncomingId, "next-incoming-id");
        Check.Equal(flow.DeliveryCount, (uint?)100);
        Check.That(flow.LinkCredit > 0, "a link-credit above 0");
    }

    [Case("FLOW-15", "2.8.10", "Delivery-counts are serial numbers: the client's may begin near 2^32 and wrap", Traps = "17")]
    public static async Task Wraps(CaseContext c)
    {
        var session = await c.BeginAsync();
        var sender = await session.SendToAsync(await c.QueueAsync(), static a => a.InitialDeliveryCount = uint.MaxValue - 1);
        for (var i = 0; i < 5; i++)
        {
            await sender.SendAcceptedAsync($"{i}");
        }
    }

    [Case("FLOW-16", "2.6.7", "The broker gives credit back: a sender may send for ever")]
    public static async Task CreditRefilled(CaseContext c)
    {
        var session = await c.BeginAsync();
        var sender = await session.SendToAsync(await c.QueueAsync());
        await sender.WaitForCreditAsync();
        if (sender.Credit > 5000)
        {
            throw CaseContext.NotApplicable($"a credit of {sender.Credit} is more than the suite uses up");
        }

        var total = sender.Credit + 10;
        var payload = AmqpMessage.FromValue("c").Encode();
        uint last = 0;
        for (uint i = 0; i < total; i++)
        {
            last = await sender.SendAsync(payload);
        }

        Check.Is<Accepted>(await sender.OutcomeAsync(last));
    }

    [Case("FLOW-17", "2.6.7", "Credit of one link does not move another")]
    public static async Task TwoLinks(CaseContext c)
    {
        var session = await c.BeginAsync();
        var one = await WindowCases.FilledAsync(c, session, 3);
        var two = await WindowCases.FilledAsync(c, session, 3);
        await one.CreditAsync(3);
        await two.CreditAsync(1);
        await two.ReceiveAsync();
        await one.ReceiveAsync();
        await one.ReceiveAsync();
        await one.ReceiveAsync();
        await two.ExpectNoTransferAsync();
    }

    private static async Task<ReceiverLink> FilledAsync(CaseContext c, int messages) =>
        await WindowCases.FilledAsync(c, await c.BeginAsync(), messages);
}
