using Mamba.Amqp.Conformance.Running;
using Mamba.Amqp.Conformance.Transport;
using Mamba.Amqp.Conformance.Wire;
using Mamba.Amqp.Messaging;
using Mamba.Amqp.Transport;
using Mamba.Amqp.Types;

namespace Mamba.Amqp.Conformance.Messaging;

/// <summary>What each outcome does to a message of a queue (AMQP 1.0 §3.3, §3.4).</summary>
public static class OutcomeCases
{
    [Case("OUTCOME-01", "3.4.2", "An accepted message is never sent again", Covers = "messaging.3.5.2-1")]
    public static async Task IsAccepted(CaseContext c)
    {
        var receiver = await OneAsync(c);
        await receiver.TakeAsync();
        await receiver.DetachAsync();
        await (await receiver.Session.ReceiveFromAsync(receiver.Local.Source!.Address)).ExpectEmptyAsync();
    }

    [Case("OUTCOME-02", "3.4.3", "A rejected message is not sent to the queue's consumers again")]
    public static async Task IsRejected(CaseContext c)
    {
        var receiver = await OneAsync(c);
        var delivery = await receiver.ReceiveOneAsync();
        await receiver.SettleAsync(delivery, new Rejected { Error = new AmqpError("conformance:bad", "rejected as a test") });
        await receiver.ExpectEmptyAsync();
    }

    [Case("OUTCOME-03", "3.4.4", "A released message is sent again, with its delivery-count unchanged",
        Covers = "messaging.3.4.4-1", Traps = "51")]
    public static async Task IsReleased(CaseContext c)
    {
        var receiver = await OneAsync(c);
        await receiver.SettleAsync(await receiver.ReceiveOneAsync(), Released.Instance);
        var again = await receiver.ReceiveOneAsync();
        Check.Equal(again.DeliveryCount, 0u);
        Check.Equal(again.Value, "0.........");
    }

    [Case("OUTCOME-04", "3.4.5", "Modified without flags sends the message again, with its delivery-count unchanged")]
    public static async Task IsModified(CaseContext c)
    {
        var receiver = await OneAsync(c);
        await receiver.SettleAsync(await receiver.ReceiveOneAsync(), new Modified());
        Check.Equal((await receiver.ReceiveOneAsync()).DeliveryCount, 0u);
    }

    [Case("OUTCOME-05", "3.4.5", "Modified with delivery-failed raises the delivery-count by one each time", Covers = "messaging.3.4.5-1")]
    public static async Task DeliveryFailed(CaseContext c)
    {
        var receiver = await OneAsync(c);
        for (uint i = 0; i < 3; i++)
        {
            var delivery = await receiver.ReceiveOneAsync();
            Check.Equal(delivery.DeliveryCount, i);
            await receiver.SettleAsync(delivery, new Modified { DeliveryFailed = true });
        }
    }

    [Case("OUTCOME-06", "3.4.5", "Modified with undeliverable-here does not bring the message back to this link, but to another",
        Covers = "messaging.3.4.5-2", Traps = "53")]
    public static async Task UndeliverableHere(CaseContext c)
    {
        var receiver = await OneAsync(c);
        await receiver.SettleAsync(await receiver.ReceiveOneAsync(), new Modified { UndeliverableHere = true });
        await receiver.ExpectEmptyAsync();
        var other = await receiver.Session.ReceiveFromAsync(receiver.Local.Source!.Address);
        Check.Equal((await other.TakeAsync()).Value, "0.........");
    }

    [Case("OUTCOME-07", "3.4.5", "The annotations of modified are merged into the message's")]
    public static async Task ModifiedAnnotations(CaseContext c)
    {
        var session = await c.BeginAsync();
        var queue = await c.QueueAsync();
        var message = AmqpMessage.FromValue("x");
        message.MessageAnnotations = new AmqpMap { [new Symbol("x-opt-a")] = 1, [new Symbol("x-opt-b")] = 2 };
        await (await session.SendToAsync(queue)).SendAcceptedAsync(message);
        var receiver = await session.ReceiveFromAsync(queue);
        await receiver.SettleAsync(await receiver.ReceiveOneAsync(), new Modified
        {
            MessageAnnotations = new AmqpMap { [new Symbol("x-opt-b")] = 20, [new Symbol("x-opt-c")] = 30 },
        });
        var annotations = Check.Present((await receiver.ReceiveOneAsync()).Message.MessageAnnotations, "message-annotations");
        Check.Equal(annotations[new Symbol("x-opt-a")], 1);
        Check.Equal(annotations[new Symbol("x-opt-b")], 20);
        Check.Equal(annotations[new Symbol("x-opt-c")], 30);
    }

    [Case("OUTCOME-08", "3.4", "Settled without any outcome is not accepted: the source's default outcome applies")]
    public static async Task NoOutcome(CaseContext c)
    {
        var session = await c.BeginAsync();
        var queue = await c.QueueAsync();
        await (await session.SendToAsync(queue)).SendAcceptedAsync("x");
        var receiver = await session.ReceiveFromAsync(queue, static a => a.Source!.DefaultOutcome = new Modified { DeliveryFailed = true });
        var modifies = receiver.Remote.Source!.DefaultOutcome is Modified { DeliveryFailed: true };
        await receiver.SettleAsync(await receiver.ReceiveOneAsync(), state: null);
        var again = await receiver.ReceiveOneAsync();
        Check.Equal(again.DeliveryCount, modifies ? 1u : 0u);
    }

    [Case("OUTCOME-09", "3.4.1", "Received is not an outcome: the message stays with its receiver")]
    public static async Task IsReceived(CaseContext c)
    {
        var receiver = await OneAsync(c);
        var delivery = await receiver.ReceiveOneAsync();
        await receiver.SettleAsync(delivery, new Received { SectionNumber = 0, SectionOffset = 0 }, settled: false);
        await receiver.ExpectEmptyAsync();
        await receiver.SettleAsync(delivery, Accepted.Instance);
        await receiver.DetachAsync();
        await (await receiver.Session.ReceiveFromAsync(receiver.Local.Source!.Address)).ExpectEmptyAsync();
    }

    [Case("OUTCOME-10", "3.4.1", "No transfer of a new delivery, and no disposition, of the broker carries the state received",
        Covers = "messaging.3.4.1-1")]
    public static async Task NoReceived(CaseContext c)
    {
        var session = await c.BeginAsync(static open => open.MaxFrameSize = 512);
        var receiver = await WindowCases.FilledAsync(c, session, 3, 2000);
        await receiver.CreditAsync(3);
        for (var i = 0; i < 3; i++)
        {
            var delivery = await receiver.ReceiveAsync();
            Check.That(delivery.Transfers.All(static t => t.State is not Received), "no transfer with the state received");
            await receiver.SettleAsync(delivery, Accepted.Instance, settled: false);
            var answer = await session.ExpectAsync<Disposition>(static d => d.Role == Role.Sender);
            Check.That(answer.State is not Received, "no disposition with the state received");
        }
    }

    [Case("OUTCOME-11", "3.3", "A message that is with one consumer is not sent to another")]
    public static async Task Acquired(CaseContext c)
    {
        var receiver = await OneAsync(c);
        await receiver.ReceiveOneAsync();
        await (await receiver.Session.ReceiveFromAsync(receiver.Local.Source!.Address)).ExpectEmptyAsync();
    }

    [Case("OUTCOME-12", "3.3", "A queue gives messages out in the order they came, and a returned one in its old place")]
    public static async Task Order(CaseContext c)
    {
        var session = await c.BeginAsync();
        var receiver = await WindowCases.FilledAsync(c, session, 4);
        var first = await receiver.ReceiveOneAsync();
        var second = await receiver.ReceiveOneAsync();
        await receiver.SettleAsync(second, Released.Instance);
        await receiver.SettleAsync(first, Released.Instance);
        for (var i = 0; i < 4; i++)
        {
            Check.Equal((await receiver.TakeAsync()).Value, $"{i}".PadRight(10, '.'));
        }
    }

    [Case("OUTCOME-13", "3.3", "What a link held unsettled goes back when the connection is lost")]
    public static async Task ConnectionLost(CaseContext c)
    {
        var receiver = await OneAsync(c);
        await receiver.ReceiveOneAsync();
        receiver.Session.Wire.Reset();
        var again = await (await c.BeginAsync()).ReceiveFromAsync(receiver.Local.Source!.Address);
        Check.Equal((await again.TakeAsync()).Value, "0.........");
    }

    [Case("OUTCOME-14", "3.4.5", "Expired or failed for good at the client (modified with both flags) does not stay with the only consumer",
        Traps = "52")]
    public static async Task BothFlags(CaseContext c)
    {
        var session = await c.BeginAsync();
        var receiver = await WindowCases.FilledAsync(c, session, 2);
        await receiver.SettleAsync(await receiver.ReceiveOneAsync(), new Modified { DeliveryFailed = true, UndeliverableHere = true });
        Check.Equal((await receiver.ReceiveOneAsync()).Value, "1.........");
    }

    private static async Task<ReceiverLink> OneAsync(CaseContext c) => await WindowCases.FilledAsync(c, await c.BeginAsync(), 1);
}
