using Mamba.Amqp.Conformance.Running;
using Mamba.Amqp.Conformance.Wire;
using Mamba.Amqp.Messaging;
using Mamba.Amqp.Transport;
using Mamba.Amqp.Types;

namespace Mamba.Amqp.Conformance.Transport;

/// <summary>Links: attaching, refusing, detaching, errors (AMQP 1.0 §2.6.1 to §2.6.6, §2.7.3, §2.7.7).</summary>
public static class LinkCases
{
    [Case("LINK-01", "2.6.3", "A sender's attach is answered with the same name, the opposite role and both termini; credit follows")]
    public static async Task Sender(CaseContext c)
    {
        var session = await c.BeginAsync();
        var queue = await c.QueueAsync();
        var sender = await session.SendToAsync(queue);
        Check.Equal(sender.Remote.Name, sender.Local.Name);
        Check.That(sender.Remote.Role == Role.Receiver, "the role receiver");
        Check.Equal(Check.Is<Target>(sender.Remote.Target, "the target").Address, queue);
        await sender.WaitForCreditAsync();
    }

    [Case("LINK-02", "2.7.3", "A receiver's attach is answered with initial-delivery-count and the source's address",
        Covers = "transport.2.7.3-9", Traps = "36")]
    public static async Task Receiver(CaseContext c)
    {
        var session = await c.BeginAsync();
        var queue = await c.QueueAsync();
        var receiver = await session.ReceiveFromAsync(queue);
        Check.Equal(receiver.Remote.Name, receiver.Local.Name);
        Check.That(receiver.Remote.Role == Role.Sender, "the role sender");
        Check.Present(receiver.Remote.InitialDeliveryCount, "initial-delivery-count");
        Check.Equal(receiver.Remote.Source?.Address, queue);
    }

    [Case("LINK-03", "2.6.1", "One name serves a link in each direction")]
    public static async Task BothDirections(CaseContext c)
    {
        var session = await c.BeginAsync();
        var queue = await c.QueueAsync();
        var sender = await session.SendToAsync(queue, a => a.Name = "pair");
        var receiver = await session.ReceiveFromAsync(queue, a => a.Name = "pair");
        await sender.SendAcceptedAsync("x");
        Check.Equal((await receiver.TakeAsync()).Value, "x");
    }

    [Case("LINK-04", "2.6.1", "A link name is used once for a direction: a second attach is an error, or takes the link over",
        Covers = "transport.2.6.1-1")]
    public static async Task SameName(CaseContext c)
    {
        var session = await c.BeginAsync();
        var queue = await c.QueueAsync();
        var first = await session.ReceiveFromAsync(queue, static a => a.Name = "twice");
        var again = session.NewAttach(Role.Receiver, new Target(), new Source { Address = queue }, "twice");
        await session.SendAsync(again);
        while (true)
        {
            var frame = Check.Present(await session.Wire.NextAsync("an error about the name"), "an error about the name");
            var error = frame.Body switch
            {
                Detach { Handle: var handle, Error: { } stolen } when handle == first.Remote.Handle => stolen,
                End end => end.Error,
                Close close => close.Error,
                Attach or Flow => null,
                var other => throw new CheckFailedException($"expected an error about the name, and {other} came"),
            };
            if (error is not null || frame.Body is End or Close)
            {
                Check.Condition(error);
                return;
            }
        }
    }

    [Case("LINK-05", "2.6.1", "Attaching the same link from another session takes it over: the first is detached")]
    public static async Task Stolen(CaseContext c)
    {
        var queue = await c.QueueAsync();
        var peer = await c.OpenAsync();
        var first = await (await peer.BeginAsync(0)).ReceiveFromAsync(queue, static a => a.Name = "taken");
        var second = await peer.BeginAsync(1);
        await second.SendAsync(second.NewAttach(Role.Receiver, new Target(), new Source { Address = queue }, "taken"));
        await first.ExpectDetachAsync(ErrorCondition.Stolen);
        Check.Present((await second.ExpectAsync<Attach>()).Source, "a source: the link is the second session's");
    }

    [Case("LINK-06", "2.7.3", "A handle in use is refused with handle-in-use", Covers = "transport.2.7.3-1 transport.2.7.3-2")]
    public static async Task HandleInUse(CaseContext c)
    {
        var session = await c.BeginAsync();
        var queue = await c.QueueAsync();
        var first = await session.ReceiveFromAsync(queue);
        await session.SendAsync(session.NewAttach(Role.Receiver, new Target(), new Source { Address = queue }).OnHandle(first.Handle));
        var frame = Check.Present(await session.Wire.NextAsync("end or close"), "end or close");
        Check.Condition(frame.Body is End end ? end.Error : Check.Is<Close>(frame.Body, "the answer").Error, ErrorCondition.HandleInUse);
    }

    [Case("LINK-07", "2.6.2", "A handle is free after detach")]
    public static async Task HandleFree(CaseContext c)
    {
        var session = await c.BeginAsync();
        var queue = await c.QueueAsync();
        for (var i = 0; i < 3; i++)
        {
            var link = await session.SendToAsync(queue, static a => a.Handle = 4);
            await link.SendAcceptedAsync("x");
            await link.DetachAsync();
        }
    }

    [Case("LINK-08", "2.7.4", "A flow for an unattached handle ends the session with unattached-handle",
        Covers = "transport.2.7.4-1", Traps = "21")]
    public static async Task UnattachedFlow(CaseContext c)
    {
        var session = await c.BeginAsync();
        await session.SendAsync(session.NewFlow() with { Handle = 5, DeliveryCount = 0, LinkCredit = 1 });
        await session.ExpectEndAsync(ErrorCondition.UnattachedHandle);
    }

    [Case("LINK-09", "2.8.17", "A transfer for an unattached handle ends the session with unattached-handle", Traps = "21")]
    public static async Task UnattachedTransfer(CaseContext c)
    {
        var session = await c.BeginAsync();
        await session.SendAsync(new Transfer { Handle = 5, DeliveryId = 0, DeliveryTag = DeliveryTag.FromUInt64(1), MessageFormat = 0 }, [0, 0x53, 0x77, 0x40]);
        await session.ExpectEndAsync(ErrorCondition.UnattachedHandle);
    }

    [Case("LINK-10", "2.8.17", "A detach for an unattached handle ends the session with unattached-handle")]
    public static async Task UnattachedDetach(CaseContext c)
    {
        var session = await c.BeginAsync();
        await session.SendAsync(new Detach { Handle = 5, Closed = true });
        await session.ExpectEndAsync(ErrorCondition.UnattachedHandle);
    }

    [Case("LINK-11", "2.6.3", "A refused receiver gets attach without source, then detach with an error",
        Covers = "transport.2.6.3-1", Traps = "35")]
    public static Task RefusedReceiver(CaseContext c) => RefusedAsync(c, Role.Receiver);

    [Case("LINK-12", "2.6.3", "A refused sender gets attach without target, then detach with an error",
        Covers = "transport.2.6.3-1", Traps = "35")]
    public static Task RefusedSender(CaseContext c) => RefusedAsync(c, Role.Sender);

    [Case("LINK-13", "2.6.4", "Detach is answered with detach", Covers = "transport.2.6.4-1")]
    public static async Task Detached(CaseContext c)
    {
        var session = await c.BeginAsync();
        var queue = await c.QueueAsync();
        await (await session.SendToAsync(queue)).DetachAsync();
        await (await session.ReceiveFromAsync(queue)).DetachAsync();
    }

    [Case("LINK-14", "2.6.6", "The answer to detach has the same closed", Traps = "37")]
    public static async Task SameClosed(CaseContext c)
    {
        var session = await c.BeginAsync();
        var queue = await c.QueueAsync();
        foreach (var closed in new[] { true, false })
        {
            Check.Equal((await (await session.SendToAsync(queue)).DetachAsync(closed)).Closed, closed, $"closed in the answer to detach(closed={closed}) of a sender");
            Check.Equal((await (await session.ReceiveFromAsync(queue)).DetachAsync(closed)).Closed, closed, $"closed in the answer to detach(closed={closed}) of a receiver");
        }
    }

    [Case("LINK-15", "2.6.4", "A detached link can be attached again under its name")]
    public static async Task Again(CaseContext c)
    {
        var session = await c.BeginAsync();
        var queue = await c.QueueAsync();
        for (var i = 0; i < 3; i++)
        {
            var link = await session.SendToAsync(queue, static a => a.Name = "again");
            await link.SendAcceptedAsync($"{i}");
            await link.DetachAsync(closed: false);
        }
    }

    [Case("LINK-16", "2.6.5", "An error of a link detaches it with the error and leaves the session alone",
        Covers = "transport.2.6.5-1 transport.2.6.5-2")]
    public static async Task LinkError(CaseContext c)
    {
        var session = await c.BeginAsync();
        var sender = await FailedLinkAsync(c, session);
        await session.SendAsync(new Detach { Handle = sender.Handle, Closed = true });
        await session.FenceAsync();
    }

    [Case("LINK-17", "2.6.5", "What still comes for a link ended by an error ends the session with errant-link, or is discarded as on its way",
        Covers = "transport.2.6.5-3", Traps = "21")]
    public static async Task Errant(CaseContext c)
    {
        var session = await c.BeginAsync();
        var sender = await FailedLinkOrNoneAsync(c, session);
        await sender.SendFrameAsync(sender.NewTransfer(settled: true), [0, 0x53, 0x77, 0x41]);
        await session.SendAsync(session.NewFlow() with { Echo = true });
        var frame = Check.Present(await session.Wire.NextAsync("end or the echo"), "end or the echo");
        if (frame.Body is End end)
        {
            Check.Condition(end.Error, ErrorCondition.ErrantLink);
            return;
        }

        Check.Is<Flow>(frame.Body, "the answer");
        await session.SendAsync(new Detach { Handle = sender.Handle, Closed = true });
        await session.FenceAsync();
    }

    [Case("LINK-18", "2.6.5", "An attach on the handle of a link ended by an error, before its detach is answered, ends the session with an error",
        Covers = "transport.2.6.5-6")]
    public static async Task PipelinedAttach(CaseContext c)
    {
        var session = await c.BeginAsync();
        var sender = await FailedLinkOrNoneAsync(c, session);
        await session.SendAsync(session.NewAttach(Role.Sender, new Target { Address = await c.QueueAsync() }, new Source(), sender.Local.Name).OnHandle(sender.Handle));
        await session.ExpectEndAsync(ErrorCondition.ErrantLink, ErrorCondition.HandleInUse);
    }

    [Case("LINK-19", "2.6.3", "The answer states the source as it is in force: a filter that is not applied is not confirmed",
        Covers = "transport.2.6.3-3")]
    public static async Task ActualSource(CaseContext c)
    {
        var session = await c.BeginAsync();
        var queue = await c.QueueAsync();
        var receiver = await Session.OptionalAsync(session.ReceiveFromAsync(queue, static a => a.Source!.Filter = new AmqpMap
        {
            [new Symbol("conformance:nonsense")] = new DescribedValue(new Symbol("conformance:nonsense-filter:string"), "x"),
        }), "an unknown filter");
        Check.That(receiver.Remote.Source!.Filter is not { Count: > 0 }, $"no filter to be confirmed, and {receiver.Remote.Source.Filter} is");
    }

    [Case("LINK-20", "2.6.3", "The answer states the source as it is in force: a capability that is not known is not confirmed",
        Covers = "transport.2.6.3-3")]
    public static async Task ActualCapabilities(CaseContext c)
    {
        var session = await c.BeginAsync();
        var queue = await c.QueueAsync();
        var receiver = await Session.OptionalAsync(
            session.ReceiveFromAsync(queue, static a => a.Source!.Capabilities = ["conformance:nonsense"]), "an unknown capability");
        Check.That(
            receiver.Remote.Source!.Capabilities?.Contains(new Symbol("conformance:nonsense")) != true, "the unknown capability not to be confirmed");
    }

    [Case("LINK-21", "2.7.3", "An attach without its mandatory name is an error")]
    public static async Task WithoutName(CaseContext c)
    {
        var session = await c.BeginAsync();
        await session.Peer.SendRawAsync(Attach.Descriptor, "attach without name", null, 0u, true);
        var frame = Check.Present(await session.Wire.NextAsync("end or close"), "end or close");
        Check.Condition(frame.Body is End end ? end.Error : Check.Is<Close>(frame.Body, "the answer").Error);
    }

    [Case("LINK-22", "2.7.3", "The handles of both sides are independent: the client's may be any up to handle-max")]
    public static async Task SparseHandles(CaseContext c)
    {
        var session = await c.BeginAsync(begin: static b => b.HandleMax = 60_000);
        var handle = Math.Min(session.Remote.HandleMax, 50_000);
        var link = await session.SendToAsync(await c.QueueAsync(), a => a.Handle = handle);
        Check.That(link.Remote.Handle <= 60_000, $"a handle within the client's handle-max, and {link.Remote.Handle} came");
        await link.SendAcceptedAsync("x");
    }

    [Case("LINK-23", "2.6.3", "Link properties and capabilities that nobody knows are taken")]
    public static async Task Unknown(CaseContext c)
    {
        var session = await c.BeginAsync();
        var link = await session.SendToAsync(await c.QueueAsync(), static a =>
        {
            a.OfferedCapabilities = ["conformance:offer"];
            a.DesiredCapabilities = ["conformance:wish"];
            a.Properties = new AmqpMap { [new Symbol("conformance:property")] = "value" };
        });
        await link.SendAcceptedAsync("x");
    }

    private static async Task RefusedAsync(CaseContext c, Role role)
    {
        // A broker that knows no missing address refuses a terminus that is null: there is nothing to attach to.
        var address = c.Adapter.MissingAddress;
        var session = await c.BeginAsync();
        var missing = role == Role.Receiver
            ? session.NewAttach(role, new Target(), address is null ? null : new Source { Address = address })
            : session.NewAttach(role, address is null ? null : new Target { Address = address }, new Source());
        await session.SendAsync(missing);
        var answer = await session.ExpectAsync<Attach>(a => a.Name == missing.Name);
        Check.That(role == Role.Receiver ? answer.Source is null : answer.Target is null, "an attach whose terminus is null");
        var detach = await session.ExpectAsync<Detach>(d => d.Handle == answer.Handle);
        Check.That(detach.Closed, "closed in the detach");
        Check.Condition(detach.Error);
        await session.SendAsync(new Detach { Handle = missing.Handle, Closed = true });
        await session.FenceAsync();
    }

    private static async Task<SenderLink> FailedLinkOrNoneAsync(CaseContext c, Session session)
    {
        try
        {
            return await FailedLinkAsync(c, session);
        }
        catch (Exception e) when (e is CheckFailedException or UnexpectedFrameException)
        {
            throw CaseContext.NotApplicable("the broker ends no link for a broken message (LINK-16), so there is none to try this on");
        }
    }

    /// <summary>A link that the broker has detached with an error, which is not answered yet: a message that is no message.</summary>
    private static async Task<SenderLink> FailedLinkAsync(CaseContext c, Session session)
    {
        var sender = await session.SendToAsync(await c.QueueAsync());
        await sender.SendAsync([0x00, 0x53, 0x70, 0x40, 0xff, 0xff], settled: true);
        var detach = await session.ExpectAsync<Detach>(d => d.Handle == sender.Remote.Handle, "a detach for a message that cannot be decoded");
        Check.Condition(detach.Error);
        return sender;
    }
}
