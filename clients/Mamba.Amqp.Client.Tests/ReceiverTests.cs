using Mamba.Amqp.Messaging;
using Mamba.Amqp.Transport;
using Mamba.Broker.Testing;

namespace Mamba.Amqp.Client.Tests;

[CancelAfter(30_000)]
public sealed class ReceiverTests
{
    [Test]
    public async Task AttachStatesTheSourceAndGrantsCredit()
    {
        await using var peer = ScriptedPeer.Listen();
        var session = await peer.BeginAsync();
        var filters = new Types.AmqpMap();
        filters.Add(new Types.Symbol("selector"), new Types.DescribedValue(FilterDescriptors.SelectorCode, "colour = 'red'"));
        peer.Expect<Attach>(attach =>
        {
            Assert.That(attach.Name, Is.EqualTo("sub"));
            Assert.That(attach.Source!.Address, Is.EqualTo("news"));
            Assert.That(attach.Source.Durable, Is.EqualTo(TerminusDurability.UnsettledState));
            Assert.That(attach.Source.ExpiryPolicy, Is.EqualTo(TerminusExpiryPolicy.Never));
            Assert.That(attach.Source.Capabilities, Is.EqualTo(new Types.Symbol[] { "topic" }));
            Assert.That(attach.Source.Filter, Is.EqualTo(filters));
        }).Respond(PeerScripts.Answer);
        peer.Expect<Flow>(flow => Assert.That(flow.LinkCredit, Is.EqualTo(7)));
        await session.CreateReceiverAsync("news", new ReceiverOptions { Name = "sub", Durable = true, Credit = 7, Capabilities = ["topic"], Filters = filters });
        await peer.DoneAsync();
    }

    [Test]
    public async Task MessagesComeInOrderAndCreditIsReplenishedByHalves()
    {
        await using var peer = ScriptedPeer.Listen();
        var receiver = await ReceiverAsync(peer, new ReceiverOptions { Credit = 4 });
        for (var i = 0u; i < 4; i++)
        {
            peer.Deliver(i, $"m{i}", settled: true);
        }

        Assert.That((await receiver.ReceiveAsync()).Message.Value, Is.EqualTo("m0"));
        Assert.That((await receiver.ReceiveAsync()).Message.Value, Is.EqualTo("m1"));
        peer.Expect<Flow>(flow => Assert.That(flow.LinkCredit, Is.InRange(1, 4)));
        Assert.That((await receiver.ReceiveAsync()).Message.Value, Is.EqualTo("m2"));
        Assert.That((await receiver.ReceiveAsync()).Message.Value, Is.EqualTo("m3"));
        peer.Expect<Flow>();
        await peer.DoneAsync();
    }

    [Test]
    public async Task WithoutAutoReplenishCreditComesFromGrantAlone()
    {
        await using var peer = ScriptedPeer.Listen();
        var session = await peer.BeginAsync();
        peer.AcceptReceiver();
        var receiver = await session.CreateReceiverAsync("q", new ReceiverOptions { Credit = 0, AutoReplenish = false });
        peer.Expect<Flow>(flow => Assert.That(flow.LinkCredit, Is.EqualTo(2)));
        receiver.Grant(2);
        await peer.DoneAsync();
        peer.Deliver(0, "a", settled: true);
        peer.Deliver(1, "b", settled: true);
        await receiver.ReceiveAsync();
        await receiver.ReceiveAsync();
        peer.Expect<Flow>(flow => Assert.That((flow.DeliveryCount, flow.LinkCredit), Is.EqualTo((2u, 5u))));
        receiver.Grant(5);
        await peer.DoneAsync();
    }

    [Test]
    public async Task EveryOutcomeIsStated()
    {
        await using var peer = ScriptedPeer.Listen();
        var receiver = await ReceiverAsync(peer);
        for (var i = 0u; i < 4; i++)
        {
            peer.Deliver(i, $"m{i}");
        }

        await receiver.AcceptAsync(await receiver.ReceiveAsync());
        ExpectOutcome<Accepted>(peer, 0);
        await peer.DoneAsync();
        await receiver.RejectAsync(await receiver.ReceiveAsync(), new AmqpError(ErrorCondition.DecodeError, "no order"));
        ExpectOutcome<Rejected>(peer, 1, rejected => Assert.That(rejected.Error!.Description, Is.EqualTo("no order")));
        await peer.DoneAsync();
        await receiver.ReleaseAsync(await receiver.ReceiveAsync());
        ExpectOutcome<Released>(peer, 2);
        await peer.DoneAsync();
        await receiver.ModifyAsync(await receiver.ReceiveAsync(), deliveryFailed: true, undeliverableHere: true);
        ExpectOutcome<Modified>(peer, 3, modified => Assert.That((modified.DeliveryFailed, modified.UndeliverableHere), Is.EqualTo(((bool?)true, (bool?)true))));
        await peer.DoneAsync();
    }

    [Test]
    public async Task AcceptingInOrderMakesOneDisposition()
    {
        await using var peer = ScriptedPeer.Listen();
        var session = await peer.BeginAsync();
        peer.AcceptReceiver();
        peer.Expect<Flow>();
        var all = new TaskCompletionSource();
        await session.CreateReceiverAsync("q", new ReceiverOptions
        {
            Credit = 100,
            OnDelivery = (AmqpReceiver _, in RawDelivery delivery) =>
            {
                if (delivery.DeliveryId == 9)
                {
                    all.SetResult();
                }

                return Accepted.Instance;
            },
        });
        var frames = Enumerable.Range(0, 10).SelectMany(i => Frame((uint)i)).ToArray();
        peer.SendBytes(frames);
        await all.Task;
        var settled = 0u;
        peer.Expect<Disposition>(disposition => settled = disposition.Last ?? disposition.First);
        await peer.DoneAsync();
        Assert.That(settled, Is.EqualTo(9), "ten messages of one read are one range");
    }

    [Test]
    public async Task ReceivingWaitsAndCanBeCancelledWithoutLosingAMessage()
    {
        await using var peer = ScriptedPeer.Listen();
        var receiver = await ReceiverAsync(peer);
        using var cancel = new CancellationTokenSource();
        var given = receiver.ReceiveAsync(cancel.Token).AsTask();
        var waits = receiver.ReceiveAsync().AsTask();
        await cancel.CancelAsync();
        Assert.That(async () => await given, Throws.InstanceOf<OperationCanceledException>());
        peer.Deliver(0, "only", settled: true);
        Assert.That((await waits).Message.Value, Is.EqualTo("only"));
        Assert.That(receiver.TryReceive(out _), Is.False);
    }

    [Test]
    public async Task ReadAllEndsWhenWeCloseTheReceiver()
    {
        await using var peer = ScriptedPeer.Listen();
        var receiver = await ReceiverAsync(peer);
        peer.Deliver(0, "a", settled: true);
        peer.Deliver(1, "b", settled: true);
        peer.Expect<Detach>().Respond(_ => new Detach { Handle = 0, Closed = true });
        var read = new List<object?>();
        await foreach (var message in receiver.ReadAllAsync())
        {
            read.Add(message.Message.Value);
            if (read.Count == 2)
            {
                await receiver.CloseAsync();
            }
        }

        Assert.That(read, Is.EqualTo(new object[] { "a", "b" }));
        await peer.DoneAsync();
    }

    [Test]
    public async Task DrainEndsWhenTheCreditIsGivenUp()
    {
        await using var peer = ScriptedPeer.Listen();
        var receiver = await ReceiverAsync(peer, new ReceiverOptions { Credit = 10 });
        peer.Expect<Flow>(flow => Assert.That(flow.Drain, Is.True));
        peer.Deliver(0, "last", settled: true);
        peer.Grant(credit: 0, deliveryCount: 10, drain: true);
        await receiver.DrainAsync();
        Assert.That(receiver.Credit, Is.Zero);
        Assert.That(receiver.TryReceive(out var message), Is.True);
        Assert.That(message!.Message.Value, Is.EqualTo("last"));
        peer.Expect<Flow>(flow => Assert.That((flow.Drain, flow.LinkCredit), Is.EqualTo((false, 10u))));
        receiver.Resume();
        await peer.DoneAsync();
    }

    [Test]
    public async Task SecondModeWaitsForTheBrokersSettlement()
    {
        await using var peer = ScriptedPeer.Listen();
        var receiver = await ReceiverAsync(peer, new ReceiverOptions { SettleMode = ReceiverSettleMode.Second });
        peer.Deliver(0, "x");
        var message = await receiver.ReceiveAsync();
        peer.Expect<Disposition>(disposition => Assert.That(disposition.Settled, Is.False));
        var accept = receiver.AcceptAsync(message);
        await peer.DoneAsync();
        Assert.That(accept.IsCompleted, Is.False);
        peer.Send(new Disposition { Role = Role.Sender, First = 0, Settled = true, State = Accepted.Instance });
        await accept;
    }

    [Test]
    public async Task ADeliveryOfSeveralFramesIsJoined()
    {
        await using var peer = ScriptedPeer.Listen();
        var receiver = await ReceiverAsync(peer);
        var encoded = AmqpMessage.FromValue("split in three").Encode();
        peer.Send(new Transfer { Handle = 0, DeliveryId = 0, DeliveryTag = default(DeliveryTag), MessageFormat = 0, Settled = true, More = true }, payload: encoded[..5]);
        peer.Send(new Transfer { Handle = 0, More = true }, payload: encoded[5..9]);
        peer.Send(new Transfer { Handle = 0, More = false }, payload: encoded[9..]);
        Assert.That((await receiver.ReceiveAsync()).Message.Value, Is.EqualTo("split in three"));
    }

    [Test]
    public async Task AnUnreadableMessageFailsAloneAndCanBeRejected()
    {
        await using var peer = ScriptedPeer.Listen();
        var receiver = await ReceiverAsync(peer);
        peer.Send(new Transfer { Handle = 0, DeliveryId = 0, DeliveryTag = default(DeliveryTag), MessageFormat = 0 }, payload: [0x00, 0x53, 0xFF]);
        var message = await receiver.ReceiveAsync();
        Assert.That(() => message.Message, Throws.InstanceOf<AmqpException>());
        await receiver.RejectAsync(message);
        ExpectOutcome<Rejected>(peer, 0);
        await peer.DoneAsync();
    }

    [Test]
    public async Task AFailedLinkKeepsWhatWasSettledAndDropsWhatWillComeAgain()
    {
        await using var peer = ScriptedPeer.Listen();
        var receiver = await ReceiverAsync(peer);
        peer.Deliver(0, "comes again");
        peer.Deliver(1, "only we have it", settled: true);
        peer.Send(new Detach { Handle = 0, Closed = true, Error = new AmqpError(ErrorCondition.Stolen, "another consumer") });
        Assert.That(async () => await receiver.Ended, Throws.InstanceOf<AmqpException>());
        Assert.That((await receiver.ReceiveAsync()).Message.Value, Is.EqualTo("only we have it"));
        var failure = Assert.ThrowsAsync<AmqpException>(async () => await receiver.ReceiveAsync());
        Assert.That(failure.Condition, Is.EqualTo(ErrorCondition.Stolen));
    }

    [Test]
    public async Task AnEndedSessionFailsItsLinks()
    {
        await using var peer = ScriptedPeer.Listen();
        var receiver = await ReceiverAsync(peer);
        peer.Send(new End { Error = new AmqpError(ErrorCondition.WindowViolation, "too many") });
        peer.Expect<End>();
        var failure = Assert.ThrowsAsync<AmqpException>(async () => await receiver.ReceiveAsync());
        Assert.That(failure.Condition, Is.EqualTo(ErrorCondition.WindowViolation));
        Assert.That(receiver.Session.Connection.Ended.IsCompleted, Is.False);
        await peer.DoneAsync();
    }

    private static async Task<AmqpReceiver> ReceiverAsync(ScriptedPeer peer, ReceiverOptions? options = null)
    {
        var session = await peer.BeginAsync();
        peer.AcceptReceiver();
        peer.Expect<Flow>();
        return await session.CreateReceiverAsync("q", options);
    }

    private static void ExpectOutcome<T>(ScriptedPeer peer, uint id, Action<T>? check = null)
        where T : Outcome
    {
        peer.Expect<Disposition>(disposition =>
        {
            Assert.That((disposition.Role, disposition.First, disposition.Settled), Is.EqualTo((Role.Receiver, id, (bool?)true)));
            Assert.That(disposition.State, Is.InstanceOf<T>());
            check?.Invoke((T)disposition.State!);
        });
    }

    private static byte[] Frame(uint id)
    {
        using var buffer = new Codec.ByteBuffer();
        var transfer = new Transfer { Handle = 0, DeliveryId = id, DeliveryTag = DeliveryTag.FromUInt64(id), MessageFormat = 0 };
        Framing.FrameWriter.Write(buffer, 0, in transfer, AmqpMessage.FromValue("x").Encode());
        return buffer.ToArray();
    }
}
