using Mamba.Amqp.Messaging;
using Mamba.Amqp.Transactions;
using Mamba.Amqp.Transport;
using Mamba.Broker.Testing;

namespace Mamba.Amqp.Client.Tests;

[CancelAfter(30_000)]
public sealed class TransactionTests
{
    private static readonly byte[] First = [1];
    private static readonly byte[] Second = [2];

    [Test]
    public async Task ACommitIsDeclareSendDischarge()
    {
        await using var peer = ScriptedPeer.Listen();
        var session = await peer.BeginAsync();
        peer.AcceptSender();
        var sender = await session.CreateSenderAsync("q");
        ExpectCoordinator(peer);
        ExpectDeclare(peer, 0, First);
        await using var transaction = await session.BeginTransactionAsync();
        Assert.That(transaction.Id.ToArray(), Is.EqualTo(First));
        peer.Expect<Transfer>(transfer => Assert.That(((TransactionalState)transfer.State!).TxnId, Is.EqualTo(First)))
            .Respond(_ => PeerScripts.Settle(1, 1, new TransactionalState { TxnId = First, Outcome = Accepted.Instance }));
        Assert.That(await sender.SendAsync(AmqpMessage.FromValue("x"), transaction: transaction), Is.InstanceOf<Accepted>());
        ExpectDischarge(peer, 2, First, fail: false, Accepted.Instance);
        await transaction.CommitAsync();
        Assert.That(() => transaction.RollbackAsync(), Throws.InvalidOperationException);
        await peer.DoneAsync();
    }

    [Test]
    public async Task SeveralTransactionsShareOneCoordinatorAndEndInAnyOrder()
    {
        await using var peer = ScriptedPeer.Listen();
        var session = await peer.BeginAsync();
        ExpectCoordinator(peer);
        ExpectDeclare(peer, 0, First);
        ExpectDeclare(peer, 1, Second);
        var first = await session.BeginTransactionAsync();
        var second = await session.BeginTransactionAsync();
        ExpectDischarge(peer, 2, Second, fail: false, Accepted.Instance);
        await second.CommitAsync();
        ExpectDischarge(peer, 3, First, fail: true, Accepted.Instance);
        await first.RollbackAsync();
        await peer.DoneAsync();
    }

    [Test]
    public async Task ACommitTheBrokerRollsBackThrows()
    {
        await using var peer = ScriptedPeer.Listen();
        var session = await peer.BeginAsync();
        ExpectCoordinator(peer);
        ExpectDeclare(peer, 0, First);
        var transaction = await session.BeginTransactionAsync();
        ExpectDischarge(peer, 1, First, fail: false, new Rejected { Error = new AmqpError(ErrorCondition.TransactionRollback, "a queue is full") });
        var failure = Assert.ThrowsAsync<AmqpException>(() => transaction.CommitAsync());
        Assert.That(failure.Condition, Is.EqualTo(ErrorCondition.TransactionRollback));
        Assert.That(failure.Message, Does.Contain("nothing of it took effect").And.Contain("a queue is full"));
        await peer.DoneAsync();
    }

    [Test]
    public async Task AcknowledgementsNameTheTransactionAndLeaveBeforeTheCommit()
    {
        await using var peer = ScriptedPeer.Listen();
        var session = await peer.BeginAsync();
        peer.AcceptReceiver();
        peer.Expect<Flow>();
        var receiver = await session.CreateReceiverAsync("q");
        ExpectCoordinator(peer, handle: 1);
        ExpectDeclare(peer, 0, First);
        var transaction = await session.BeginTransactionAsync();
        peer.Deliver(0, "x");
        var message = await receiver.ReceiveAsync();
        peer.Expect<Disposition>(disposition =>
        {
            var state = (TransactionalState)disposition.State!;
            Assert.That(state.TxnId, Is.EqualTo(First));
            Assert.That(state.Outcome, Is.InstanceOf<Accepted>());
        });
        ExpectDischarge(peer, 1, First, fail: false, Accepted.Instance);
        await receiver.AcceptAsync(message, transaction);
        await transaction.CommitAsync();
        await peer.DoneAsync();
    }

    [Test]
    public async Task DisposingRollsBack()
    {
        await using var peer = ScriptedPeer.Listen();
        var session = await peer.BeginAsync();
        ExpectCoordinator(peer);
        ExpectDeclare(peer, 0, First);
        ExpectDischarge(peer, 1, First, fail: true, Accepted.Instance);
        await using (await session.BeginTransactionAsync())
        {
        }

        await peer.DoneAsync();
    }

    [Test]
    public async Task ABrokerWithoutTransactionsSaysSoAtBegin()
    {
        await using var peer = ScriptedPeer.Listen();
        var session = await peer.BeginAsync();
        peer.Expect<Attach>()
            .Respond(attach => new Attach { Name = attach.Name, Handle = 0, Role = Role.Receiver, Source = attach.Source })
            .Respond(_ => new Detach { Handle = 0, Closed = true, Error = new AmqpError(ErrorCondition.NotImplemented, "no transactions here") });
        peer.Expect<Detach>();
        var failure = Assert.ThrowsAsync<AmqpException>(() => session.BeginTransactionAsync());
        Assert.That(failure.Condition, Is.EqualTo(ErrorCondition.NotImplemented));
        await peer.DoneAsync();
    }

    [Test]
    public async Task ALostConnectionFailsTheCommitInsteadOfLeavingItOpen()
    {
        await using var peer = ScriptedPeer.Listen();
        var session = await peer.BeginAsync();
        ExpectCoordinator(peer);
        ExpectDeclare(peer, 0, First);
        var transaction = await session.BeginTransactionAsync();
        peer.Expect<Transfer>();
        peer.Hangup();
        var failure = Assert.ThrowsAsync<AmqpException>(() => transaction.CommitAsync());
        Assert.That(failure.Condition, Is.EqualTo(ClientErrors.ConnectionLost));
    }

    private static void ExpectCoordinator(ScriptedPeer peer, uint handle = 0)
    {
        uint assigned = 0;
        peer.Expect<Attach>(attach =>
        {
            Assert.That(attach.Target, Is.InstanceOf<Coordinator>());
            assigned = attach.Handle;
        }).Respond(PeerScripts.Answer);
        peer.Send(_ => new Flow
        {
            NextIncomingId = 0,
            IncomingWindow = 1000,
            NextOutgoingId = 0,
            OutgoingWindow = 1000,
            Handle = assigned,
            DeliveryCount = 0,
            LinkCredit = 100,
        });
        Assert.That(handle, Is.LessThan(10), "handles are small");
    }

    private static void ExpectDeclare(ScriptedPeer peer, uint id, byte[] transaction) => peer
        .Expect<Transfer>((_, frame) => Assert.That(frame.Payload[..6], Is.EqualTo(new byte[] { 0x00, 0x53, 0x77, 0x00, 0x53, 0x31 })))
        .Respond(_ => PeerScripts.Settle(id, id, new Declared { TxnId = transaction }));

    private static void ExpectDischarge(ScriptedPeer peer, uint id, byte[] transaction, bool fail, DeliveryState answer) => peer
        .Expect<Transfer>((_, frame) =>
        {
            var value = (Types.DescribedValue)AmqpMessage.Decode(frame.Payload).Value!;
            var fields = (IList<object?>)value.Value!;
            Assert.That(value.Descriptor, Is.EqualTo(0x32UL));
            Assert.That(fields[0], Is.EqualTo(transaction));
            Assert.That(fields[1], Is.EqualTo(fail));
        })
        .Respond(_ => PeerScripts.Settle(id, id, answer));
}
