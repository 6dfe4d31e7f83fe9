using Mamba.Amqp.Conformance.Running;
using Mamba.Amqp.Conformance.Transport;
using Mamba.Amqp.Conformance.Wire;
using Mamba.Amqp.Messaging;
using Mamba.Amqp.Transactions;
using Mamba.Amqp.Transport;
using Mamba.Amqp.Types;

namespace Mamba.Amqp.Conformance.Transactions;

/// <summary>Work within transactions: posting, retiring, acquiring (AMQP 1.0 §4.4).</summary>
public static class WorkCases
{
    [Case("WORK-01", "4.4.1", "What is posted in a transaction is not there before the commit, and is after it")]
    public static async Task Post(CaseContext c)
    {
        var w = await WorkAsync(c);
        await w.PostAsync("x");
        await w.Receiver.ExpectEmptyAsync();
        await w.Coordinator.CommitAsync(w.Txn);
        Check.Equal((await w.Receiver.TakeAsync()).Value, "x");
    }

    [Case("WORK-02", "4.4.1", "What is posted in a transaction that is rolled back is never there", Covers = "transactions.4.3-4")]
    public static async Task PostRolledBack(CaseContext c)
    {
        var w = await WorkAsync(c);
        await w.PostAsync("x");
        Check.Is<Accepted>(await w.Coordinator.DischargeAsync(w.Txn, fail: true), "the outcome of a rollback");
        await w.Receiver.ExpectEmptyAsync();
    }

    [Case("WORK-03", "4.4.4.1", "A post is answered before the commit, with the same transaction and a provisional outcome",
        Covers = "transactions.4.4-1 transactions.4.4.4.1-2 transactions.4.4.4.1-3 transactions.4.4.4.1-4", Traps = "57")]
    public static async Task PostAnswered(CaseContext c)
    {
        var w = await WorkAsync(c);
        var state = Check.Is<TransactionalState>(await w.Sender.OutcomeAsync(await w.Sender.SendAsync("x", state: w.State)), "the state");
        Check.Equal(state.TxnId, w.Txn);
        Check.Is<Accepted>(state.Outcome, "the provisional outcome");
    }

    [Case("WORK-04", "4.4.1", "A message of several frames is posted whole, the transaction said on the first frame",
        Covers = "transactions.4.4.1-1")]
    public static async Task PostInFrames(CaseContext c)
    {
        var w = await WorkAsync(c);
        var payload = AmqpMessage.FromValue("several frames").Encode();
        await w.Sender.NeedCreditAsync();
        var first = w.Sender.NewTransfer() with { State = w.State, More = true };
        await w.Sender.SendFrameAsync(first, payload[..4]);
        await w.Sender.SendFrameAsync(new Transfer { Handle = w.Sender.Handle, State = w.State }, payload[4..]);
        w.Sender.Count();
        Check.Is<TransactionalState>(await w.Sender.OutcomeAsync(first.DeliveryId!.Value), "the state");
        await w.Receiver.ExpectEmptyAsync();
        await w.Coordinator.CommitAsync(w.Txn);
        Check.Equal((await w.Receiver.TakeAsync()).Value, "several frames");
    }

    [Case("WORK-05", "4.4.1", "A settled post is part of the transaction too")]
    public static async Task PostSettled(CaseContext c)
    {
        var w = await WorkAsync(c);
        await w.Sender.SendAsync("x", settled: true, state: w.State);
        await w.Receiver.ExpectEmptyAsync();
        await w.Coordinator.CommitAsync(w.Txn);
        Check.Equal((await w.Receiver.TakeAsync()).Value, "x");
    }

    [Case("WORK-06", "4.4.1", "A settled post that cannot be done dooms its transaction: the control link ends with rollback, or commit is refused with it",
        Covers = "transactions.4.4.1-2 transactions.4.4.4.1-1 transactions.4.4.4.1-5")]
    public static async Task PostDoomed(CaseContext c)
    {
        var missing = c.Adapter.MissingAddress ?? throw CaseContext.NotApplicable("no address is known that leads nowhere");
        var w = await WorkAsync(c);
        var relay = await Session.OptionalAsync(w.Session.SendToAsync(null), "an anonymous terminus");
        var message = AmqpMessage.FromValue("lost");
        message.Properties = new MessageProperties { To = missing };
        await w.PostAsync("kept");
        await relay.SendAsync(message, settled: true, state: w.State);
        try
        {
            var outcome = await w.Coordinator.DischargeAsync(w.Txn);
            Check.Condition(Check.Is<Rejected>(outcome, "the outcome of discharge").Error, ErrorCondition.TransactionRollback);
        }
        catch (UnexpectedFrameException e) when (e.Frame.Body is Detach)
        {
            Check.Condition(e.Error, ErrorCondition.TransactionRollback);
        }

        await w.Receiver.ExpectEmptyAsync();
    }

    [Case("WORK-07", "4.4.1", "A post to an unknown transaction is not taken: the link ends, or the message is rejected, with unknown-id")]
    public static async Task PostUnknown(CaseContext c)
    {
        var w = await WorkAsync(c);
        await w.Sender.SendAsync("x", state: new TransactionalState { TxnId = [7, 7] });
        while (true)
        {
            var frame = Check.Present(await w.Session.Wire.NextAsync("a refusal"), "a refusal");
            if (frame.Body is Flow)
            {
                continue;
            }

            var error = frame.Body switch
            {
                Detach detach => detach.Error,
                Disposition { State: Rejected rejected } => rejected.Error,
                Disposition { State: TransactionalState { Outcome: Rejected rejected } } => rejected.Error,
                var other => throw new CheckFailedException($"expected a refusal, and {other} came"),
            };
            Check.Condition(error, ErrorCondition.TransactionUnknownId);
            return;
        }
    }

    [Case("WORK-08", "4.4.2", "What is retired in a transaction is gone after the commit", Traps = "61")]
    public static async Task Retire(CaseContext c)
    {
        var w = await WorkAsync(c);
        await w.Sender.SendAcceptedAsync("x");
        await w.RetireAsync(await w.Receiver.ReceiveOneAsync(), Accepted.Instance);
        await w.Coordinator.CommitAsync(w.Txn);
        await w.Receiver.DetachAsync();
        await (await w.Session.ReceiveFromAsync(w.Queue)).ExpectEmptyAsync();
    }

    [Case("WORK-09", "4.4.4.2", "What was retired and settled comes back after a rollback, with the default outcome applied",
        Covers = "transactions.4.4.4.2-1", Traps = "61")]
    public static async Task RetireRolledBack(CaseContext c)
    {
        var w = await WorkAsync(c);
        await w.Sender.SendAcceptedAsync("x");
        await w.RetireAsync(await w.Receiver.ReceiveOneAsync(), Accepted.Instance);
        await w.Coordinator.DischargeAsync(w.Txn, fail: true);
        var again = await w.Receiver.ReceiveOneAsync();
        Check.Equal(again.Value, "x");
        Check.Equal(again.DeliveryCount, w.Receiver.Remote.Source!.DefaultOutcome is Released ? again.DeliveryCount : 1u);
    }

    [Case("WORK-10", "4.4.2", "An unsettled retirement is settled by the broker after the commit, with the outcome that was applied",
        Covers = "transactions.4.4.4.1-6", Traps = "63")]
    public static async Task RetireUnsettled(CaseContext c)
    {
        var w = await WorkAsync(c);
        await w.Sender.SendAcceptedAsync("x");
        var delivery = await w.Receiver.ReceiveOneAsync();
        await w.RetireAsync(delivery, Accepted.Instance, settled: false);
        await w.Coordinator.CommitAsync(w.Txn);
        var answer = await w.Session.ExpectAsync<Disposition>(
            d => d.Role == Role.Sender && d.Settled && d.First <= delivery.Id && delivery.Id <= d.LastOrFirst, "the broker's settlement");
        Check.That(answer.State is Accepted or TransactionalState { Outcome: Accepted }, $"the outcome accepted, and {answer.State} came");
    }

    [Case("WORK-11", "4.4.2", "Released in a transaction gives the message back at the commit")]
    public static async Task RetireReleased(CaseContext c)
    {
        var w = await WorkAsync(c);
        await w.Sender.SendAcceptedAsync("x");
        await w.RetireAsync(await w.Receiver.ReceiveOneAsync(), Released.Instance);
        await w.Receiver.ExpectEmptyAsync();
        await w.Coordinator.CommitAsync(w.Txn);
        Check.Equal((await w.Receiver.TakeAsync()).Value, "x");
    }

    [Case("WORK-12", "4.4.2", "An outcome for a delivery whose outcome is another open transaction's is refused with rollback",
        Covers = "transactions.4.4.2-1 transactions.4.4.2-2")]
    public static async Task TwoTransactions(CaseContext c)
    {
        var w = await WorkAsync(c);
        await w.Sender.SendAcceptedAsync("x");
        var delivery = await w.Receiver.ReceiveOneAsync();
        await w.RetireAsync(delivery, Accepted.Instance, settled: false);
        var other = await w.Coordinator.DeclareAsync();
        await w.Receiver.SettleAsync(delivery, new TransactionalState { TxnId = other, Outcome = Accepted.Instance }, settled: false);
        try
        {
            var outcome = await w.Coordinator.DischargeAsync(other);
            Check.Condition(Check.Is<Rejected>(outcome, "the outcome of discharge").Error, ErrorCondition.TransactionRollback);
        }
        catch (UnexpectedFrameException e) when (e.Frame.Body is Detach)
        {
            Check.Condition(e.Error, ErrorCondition.TransactionRollback, ErrorCondition.IllegalState);
        }
    }

    [Case("WORK-13", "4.4", "Posts and retirements of one transaction happen together, over several queues")]
    public static async Task Mixed(CaseContext c)
    {
        var w = await WorkAsync(c);
        var second = await c.QueueAsync();
        await w.Sender.SendAcceptedAsync("in");
        await w.RetireAsync(await w.Receiver.ReceiveOneAsync(), Accepted.Instance);
        var sender = await w.Session.SendToAsync(second);
        await sender.OutcomeAsync(await sender.SendAsync("out", state: w.State));
        var receiver = await w.Session.ReceiveFromAsync(second);
        await receiver.ExpectEmptyAsync();
        await w.Coordinator.CommitAsync(w.Txn);
        Check.Equal((await receiver.TakeAsync()).Value, "out");
        await w.Receiver.ExpectEmptyAsync();
    }

    [Case("WORK-14", "4.4", "Transactions that are open at once do not see each other")]
    public static async Task Independent(CaseContext c)
    {
        var w = await WorkAsync(c);
        var other = await w.Coordinator.DeclareAsync();
        await w.PostAsync("first");
        await w.Sender.OutcomeAsync(await w.Sender.SendAsync("second", state: new TransactionalState { TxnId = other }));
        await w.Coordinator.DischargeAsync(w.Txn, fail: true);
        await w.Coordinator.CommitAsync(other);
        Check.Equal((await w.Receiver.TakeAsync()).Value, "second");
        await w.Receiver.ExpectEmptyAsync();
    }

    [Case("WORK-15", "4.1", "A transaction is rolled back when its control link closes", Traps = "60")]
    public static async Task LinkClosed(CaseContext c)
    {
        var w = await WorkAsync(c);
        await w.PostAsync("x");
        await w.Coordinator.DetachAsync();
        await w.Receiver.ExpectEmptyAsync();
    }

    [Case("WORK-16", "4.1", "A transaction is rolled back when its connection is lost")]
    public static async Task ConnectionLost(CaseContext c)
    {
        var w = await WorkAsync(c);
        await w.Sender.SendAcceptedAsync("kept");
        await w.RetireAsync(await w.Receiver.ReceiveOneAsync(), Accepted.Instance);
        await w.PostAsync("gone");
        w.Session.Wire.Reset();
        var receiver = await (await c.BeginAsync()).ReceiveFromAsync(w.Queue);
        Check.Equal((await receiver.TakeAsync()).Value, "kept");
        await receiver.ExpectEmptyAsync();
    }

    [Case("WORK-17", "4.5.7", "A transaction may span the sessions of its connection, if the coordinator says so")]
    public static async Task OtherSession(CaseContext c)
    {
        var w = await WorkAsync(c);
        if (((Coordinator)w.Coordinator.Remote.Target!).Capabilities?.Contains(new Symbol("amqp:multi-ssns-per-txn")) != true)
        {
            throw CaseContext.NotApplicable("the coordinator does not offer amqp:multi-ssns-per-txn");
        }

        var sender = await (await w.Session.Peer.BeginAsync(1)).SendToAsync(w.Queue);
        Check.Is<TransactionalState>(await sender.OutcomeAsync(await sender.SendAsync("x", state: w.State)), "the state");
        await w.Coordinator.CommitAsync(w.Txn);
        Check.Equal((await w.Receiver.TakeAsync()).Value, "x");
    }

    [Case("WORK-18", "4.4.3", "Transactional acquisition works, or ends the link with not-implemented; it is not passed over",
        Covers = "transactions.4.4.3-1")]
    public static async Task Acquisition(CaseContext c)
    {
        var w = await WorkAsync(c);
        await w.Sender.SendAcceptedAsync("x");
        await w.Receiver.CreditAsync(1, properties: new AmqpMap { [new Symbol("txn-id")] = w.Txn });
        try
        {
            var delivery = await w.Receiver.ReceiveAsync();
            var state = Check.Is<TransactionalState>(delivery.First.State, "the state of a delivery that was acquired in a transaction");
            Check.Equal(state.TxnId, w.Txn);
            await w.Coordinator.DischargeAsync(w.Txn, fail: true);
            Check.Equal((await (await w.Session.ReceiveFromAsync(w.Queue)).ReceiveOneAsync()).Value, "x");
        }
        catch (UnexpectedFrameException e) when (e.Frame.Body is Detach)
        {
            Check.Condition(e.Error, ErrorCondition.NotImplemented);
        }
    }

    [Case("WORK-19", "4.4", "Rolled-back and released messages stand in their old order", Traps = "62")]
    public static async Task OrderAfterRollback(CaseContext c)
    {
        var w = await WorkAsync(c);
        for (var i = 0; i < 4; i++)
        {
            await w.Sender.SendAcceptedAsync($"{i}");
        }

        var deliveries = new Delivery[4];
        for (var i = 0; i < 4; i++)
        {
            deliveries[i] = await w.Receiver.ReceiveOneAsync();
        }

        await w.RetireAsync(deliveries[0], Accepted.Instance);
        await w.RetireAsync(deliveries[1], Accepted.Instance);
        await w.Coordinator.DischargeAsync(w.Txn, fail: true);
        await w.Receiver.SettleAsync(deliveries[2], Released.Instance);
        await w.Receiver.SettleAsync(deliveries[3], Released.Instance);
        for (var i = 0; i < 4; i++)
        {
            Check.Equal((await w.Receiver.TakeAsync()).Value, $"{i}");
        }
    }

    [Case("WORK-20", "4.4.3", "A message half sent when the transaction that acquired it fails is aborted or ended before the discharge is answered",
        Covers = "transactions.4.4.3-3 transactions.4.4.3-4")]
    public static async Task AcquisitionCutShort(CaseContext c)
    {
        var session = await c.BeginAsync(static open => open.MaxFrameSize = 512, static begin => begin.IncomingWindow = 2);
        var coordinator = await session.CoordinateAsync();
        var txn = await coordinator.DeclareAsync();
        var receiver = await WindowCases.FilledAsync(c, session, 1, 2000);
        await receiver.CreditAsync(1, properties: new AmqpMap { [new Symbol("txn-id")] = txn });
        try
        {
            Check.That((await receiver.TransferAsync()).Transfer.More && (await receiver.TransferAsync()).Transfer.More, "more frames than the window lets through");
        }
        catch (UnexpectedFrameException e) when (e.Frame.Body is Detach)
        {
            throw CaseContext.NotApplicable($"the broker does not acquire in transactions: {e.Error}");
        }

        var discharge = await coordinator.SendAsync(AmqpMessage.FromValue(new Discharge { TxnId = txn, Fail = true }));
        session.IncomingWindow = 100;
        await session.SendAsync(session.NewFlow());
        await receiver.ExpectEndOfDeliveryBeforeAsync(discharge);
        Check.That((await (await session.ReceiveFromAsync(receiver.Local.Source!.Address)).ReceiveOneAsync()).Value is string, "the message again, free");
    }

    private static async Task<Work> WorkAsync(CaseContext c)
    {
        var session = await c.BeginAsync();
        var coordinator = await session.CoordinateAsync();
        var queue = await c.QueueAsync();
        var txn = await coordinator.DeclareAsync();
        session.Wire.Drop(static f => f.Body is Disposition);
        return new Work(session, coordinator, txn, queue, await session.SendToAsync(queue), await session.ReceiveFromAsync(queue));
    }

    private sealed record Work(Session Session, SenderLink Coordinator, byte[] Txn, string Queue, SenderLink Sender, ReceiverLink Receiver)
    {
        public TransactionalState State => new() { TxnId = Txn };

        public async Task PostAsync(string body) => Check.Is<TransactionalState>(
            await Sender.OutcomeAsync(await Sender.SendAsync(body, state: State)), "the state of a post");

        public Task RetireAsync(Delivery delivery, Outcome outcome, bool settled = true) =>
            Receiver.SettleAsync(delivery, new TransactionalState { TxnId = Txn, Outcome = outcome }, settled);
    }
}
