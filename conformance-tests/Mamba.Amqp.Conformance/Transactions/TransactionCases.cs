using Mamba.Amqp.Conformance.Running;
using Mamba.Amqp.Conformance.Transport;
using Mamba.Amqp.Conformance.Wire;
using Mamba.Amqp.Messaging;
using Mamba.Amqp.Transactions;
using Mamba.Amqp.Transport;
using Mamba.Amqp.Types;

namespace Mamba.Amqp.Conformance.Transactions;

/// <summary>Declaring and discharging (AMQP 1.0 §4.1 to §4.3, §4.5).</summary>
public static class TransactionCases
{
    [Case("TXN-01", "4.5.1", "A coordinator is attached as target, answered as coordinator, and gives credit for two at least",
        Traps = "59")]
    public static async Task Attached(CaseContext c)
    {
        var coordinator = await (await c.BeginAsync()).CoordinateAsync();
        Check.Is<Coordinator>(coordinator.Remote.Target, "the target");
        await coordinator.WaitForCreditAsync(2);
    }

    [Case("TXN-02", "4.2", "Declare is answered with declared and a txn-id, settled", Traps = "58")]
    public static async Task Declared(CaseContext c) => await (await (await c.BeginAsync()).CoordinateAsync()).DeclareAsync();

    [Case("TXN-03", "4.3", "Several transactions may be open at once, with ids of their own")]
    public static async Task Several(CaseContext c)
    {
        var coordinator = await (await c.BeginAsync()).CoordinateAsync();
        HashSet<string> ids = [];
        for (var i = 0; i < 5; i++)
        {
            Check.That(ids.Add(Convert.ToHexString(await coordinator.DeclareAsync())), "an id that is not in use");
        }
    }

    [Case("TXN-04", "4.3", "An empty transaction can be committed, and another rolled back", Covers = "transactions.4.3-4")]
    public static async Task Empty(CaseContext c)
    {
        var coordinator = await (await c.BeginAsync()).CoordinateAsync();
        await coordinator.CommitAsync(await coordinator.DeclareAsync());
        Check.Is<Accepted>(await coordinator.DischargeAsync(await coordinator.DeclareAsync(), fail: true), "the outcome of a rollback");
    }

    [Case("TXN-05", "4.3", "Discharging an unknown transaction is rejected with unknown-id",
        Covers = "transactions.4.3-1 transactions.4.3-2")]
    public static async Task UnknownId(CaseContext c)
    {
        var coordinator = await (await c.BeginAsync()).CoordinateAsync();
        Check.Condition(
            Check.Is<Rejected>(await coordinator.DischargeAsync([9, 9, 9, 9]), "the outcome").Error, ErrorCondition.TransactionUnknownId);
        await coordinator.CommitAsync(await coordinator.DeclareAsync());
    }

    [Case("TXN-06", "4.3", "A transaction is discharged once: the second time its id is unknown")]
    public static async Task Twice(CaseContext c)
    {
        var coordinator = await (await c.BeginAsync()).CoordinateAsync();
        var id = await coordinator.DeclareAsync();
        await coordinator.CommitAsync(id);
        Check.Condition(Check.Is<Rejected>(await coordinator.DischargeAsync(id), "the outcome").Error, ErrorCondition.TransactionUnknownId);
    }

    [Case("TXN-07", "4.3", "Without the outcome rejected on the control link, a failed discharge detaches it with the error",
        Covers = "transactions.4.3-3")]
    public static async Task WithoutRejected(CaseContext c)
    {
        var coordinator = await (await c.BeginAsync()).CoordinateAsync(static a => a.Source = new Source { Outcomes = ["amqp:accepted:list"] });
        await coordinator.SendAsync(AmqpMessage.FromValue(new Discharge { TxnId = [9, 9, 9, 9] }));
        await coordinator.ExpectDetachAsync(ErrorCondition.TransactionUnknownId);
    }

    [Case("TXN-08", "4.5.2", "A declare that joins a global transaction, which was not offered, is rejected with an error",
        Covers = "transactions.4.2-3 transactions.4.2-4")]
    public static async Task GlobalId(CaseContext c)
    {
        var coordinator = await GlobalAsync(c, null);
        var outcome = await coordinator.OutcomeAsync(await coordinator.SendAsync(AmqpMessage.FromValue(new Declare { GlobalId = new byte[] { 1 } })));
        Check.Condition(Check.Is<Rejected>(outcome, "the outcome").Error);
    }

    [Case("TXN-09", "4.2", "Without the outcome rejected on the control link, a failed declare detaches it with the error",
        Covers = "transactions.4.2-5")]
    public static async Task GlobalIdWithoutRejected(CaseContext c)
    {
        var coordinator = await GlobalAsync(c, static a => a.Source = new Source { Outcomes = ["amqp:accepted:list"] });
        await coordinator.SendAsync(AmqpMessage.FromValue(new Declare { GlobalId = new byte[] { 1 } }));
        await coordinator.ExpectDetachAsync();
    }

    [Case("TXN-10", "4.2", "Other sections of the declare message are ignored", Covers = "transactions.4.2-1")]
    public static async Task OtherSections(CaseContext c)
    {
        var coordinator = await (await c.BeginAsync()).CoordinateAsync();
        var message = AmqpMessage.FromValue(new Declare());
        message.Header = MessageHeader.Default with { Durable = true, Priority = 9, Ttl = 1, DeliveryCount = 7 };
        message.Properties = new MessageProperties { MessageId = "declare-1", To = "nowhere" };
        message.ApplicationProperties = new AmqpMap { ["k"] = 1 };
        Check.Is<Declared>(await coordinator.OutcomeAsync(await coordinator.SendAsync(message)), "the outcome");
    }

    [Case("TXN-11", "4.2", "A settled declare, whose id nobody could learn, ends the link with an error, or is ignored")]
    public static async Task SettledDeclare(CaseContext c)
    {
        var session = await c.BeginAsync();
        var coordinator = await session.CoordinateAsync();
        await coordinator.SendAsync(AmqpMessage.FromValue(new Declare()), settled: true);
        await session.SendAsync(session.NewFlow() with { Echo = true });
        while (true)
        {
            var frame = Check.Present(await session.Wire.NextAsync("detach, or the echo"), "detach, or the echo");
            if (frame.Body is Flow { Handle: null } or Detach { Error: not null })
            {
                return;
            }

            Check.That(frame.Body is Flow, $"detach with an error, or nothing, and {frame.Body} came");
        }
    }

    [Case("TXN-12", "4.1", "A message on the control link that is neither declare nor discharge is refused")]
    public static async Task Neither(CaseContext c)
    {
        var coordinator = await (await c.BeginAsync()).CoordinateAsync();
        await coordinator.SendAsync("nonsense");
        while (true)
        {
            var frame = Check.Present(await coordinator.Session.Wire.NextAsync("a refusal"), "a refusal");
            if (frame.Body is Flow)
            {
                continue;
            }

            Check.Condition(frame.Body is Disposition d ? Check.Is<Rejected>(d.State, "the outcome").Error : Check.Is<Detach>(frame.Body, "the refusal").Error);
            return;
        }
    }

    [Case("TXN-13", "4.3", "A discharge that does not say fail is a commit")]
    public static async Task FailAbsent(CaseContext c)
    {
        var session = await c.BeginAsync();
        var coordinator = await session.CoordinateAsync();
        var queue = await c.QueueAsync();
        var id = await coordinator.DeclareAsync();
        var sender = await session.SendToAsync(queue);
        await sender.OutcomeAsync(await sender.SendAsync("x", state: new TransactionalState { TxnId = id }));
        Check.Is<Accepted>(await coordinator.OutcomeAsync(await coordinator.SendAsync(AmqpMessage.FromValue(new Discharge { TxnId = id }))), "the outcome");
        Check.Equal((await (await session.ReceiveFromAsync(queue)).TakeAsync()).Value, "x");
    }

    [Case("TXN-14", "4.3", "Discharge and the next declare may be sent together; they are done in order", Traps = "59")]
    public static async Task Pipelined(CaseContext c)
    {
        var coordinator = await (await c.BeginAsync()).CoordinateAsync();
        var id = await coordinator.DeclareAsync();
        await coordinator.WaitForCreditOrHaveAsync(2);
        var discharge = await coordinator.SendAsync(AmqpMessage.FromValue(new Discharge { TxnId = id }));
        var declare = await coordinator.SendAsync(AmqpMessage.FromValue(new Declare()));
        Check.Is<Accepted>(await coordinator.OutcomeAsync(discharge), "the outcome of discharge");
        Check.Is<Declared>(await coordinator.OutcomeAsync(declare), "the outcome of declare");
    }

    [Case("TXN-15", "4.3", "A failing discharge does not fail the declare behind it", Traps = "59")]
    public static async Task PipelinedBehindFailure(CaseContext c)
    {
        var coordinator = await (await c.BeginAsync()).CoordinateAsync();
        await coordinator.WaitForCreditAsync(2);
        var discharge = await coordinator.SendAsync(AmqpMessage.FromValue(new Discharge { TxnId = [1, 2] }));
        var declare = await coordinator.SendAsync(AmqpMessage.FromValue(new Declare()));
        Check.Is<Rejected>(await coordinator.OutcomeAsync(discharge), "the outcome of discharge");
        Check.Is<Declared>(await coordinator.OutcomeAsync(declare), "the outcome of declare");
    }

    [Case("TXN-16", "4.1", "A transaction belongs to its connection: on another one its id is unknown")]
    public static async Task OtherConnection(CaseContext c)
    {
        var id = await (await (await c.BeginAsync()).CoordinateAsync()).DeclareAsync();
        var other = await (await c.BeginAsync()).CoordinateAsync();
        Check.Condition(Check.Is<Rejected>(await other.DischargeAsync(id), "the outcome").Error, ErrorCondition.TransactionUnknownId);
    }

    [Case("TXN-17", "4.1", "A coordinator's link name may be used on each session of a connection")]
    public static async Task SameName(CaseContext c)
    {
        var peer = await c.OpenAsync();
        var one = await (await peer.BeginAsync(0)).CoordinateAsync(static a => a.Name = "controller");
        var two = await (await peer.BeginAsync(1)).CoordinateAsync(static a => a.Name = "controller");
        await one.DeclareAsync();
        await two.DeclareAsync();
    }

    private static async Task<SenderLink> GlobalAsync(CaseContext c, Action<Attach>? change)
    {
        var coordinator = await (await c.BeginAsync()).CoordinateAsync(change);
        return ((Coordinator)coordinator.Remote.Target!).Capabilities?.Contains(new Symbol("amqp:distributed-transactions")) == true
            ? throw CaseContext.NotApplicable("the broker has distributed transactions")
            : coordinator;
    }
}
