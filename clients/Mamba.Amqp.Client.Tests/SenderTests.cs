using Mamba.Amqp.Messaging;
using Mamba.Amqp.Transport;
using Mamba.Broker.Testing;

namespace Mamba.Amqp.Client.Tests;

[CancelAfter(30_000)]
public sealed class SenderTests
{
    [Test]
    public async Task AttachStatesTheTargetAndSendEndsWithTheOutcome()
    {
        await using var peer = ScriptedPeer.Listen();
        var session = await peer.BeginAsync();
        peer.Expect<Attach>(attach =>
        {
            Assert.That(attach.Role, Is.EqualTo(Role.Sender));
            Assert.That(attach.SndSettleMode, Is.EqualTo(SenderSettleMode.Unsettled));
            Assert.That(((Target)attach.Target!).Address, Is.EqualTo("orders"));
            Assert.That(((Target)attach.Target!).Capabilities, Is.EqualTo(new Types.Symbol[] { "queue" }));
            Assert.That(attach.Source!.Outcomes, Has.Length.EqualTo(4));
        }).Respond(PeerScripts.Answer);
        peer.Grant(credit: 10);
        var sender = await session.CreateSenderAsync("orders", new SenderOptions { SettleMode = SenderSettleMode.Unsettled, Capabilities = ["queue"] });
        peer.Expect<Transfer>((transfer, frame) =>
        {
            Assert.That(transfer.Settled, Is.Not.True);
            Assert.That(AmqpMessage.Decode(frame.Payload).Value, Is.EqualTo("hello"));
        }).Respond(_ => PeerScripts.Settle(0, 0, Accepted.Instance));
        Assert.That(await sender.SendAsync(AmqpMessage.FromValue("hello")), Is.InstanceOf<Accepted>());
        Assert.That(sender.InFlight, Is.Zero);
        await peer.DoneAsync();
    }

    [Test]
    public async Task EveryOutcomeIsReturnedToItsOwnSend()
    {
        await using var peer = ScriptedPeer.Listen();
        var session = await peer.BeginAsync();
        peer.AcceptSender();
        var sender = await session.CreateSenderAsync("q");
        var sends = new List<Task<DeliveryState>>();
        for (var i = 0; i < 4; i++)
        {
            peer.Expect<Transfer>();
            sends.Add(sender.SendAsync(AmqpMessage.FromValue(i)));
        }

        peer.Send(PeerScripts.Settle(3, 3, new Modified { DeliveryFailed = true }));
        peer.Send(PeerScripts.Settle(0, 0, new Rejected { Error = new AmqpError(ErrorCondition.NotAllowed, "no") }));
        peer.Send(PeerScripts.Settle(1, 2, Released.Instance));
        var outcomes = await Task.WhenAll(sends);
        Assert.That(outcomes.Select(o => o.GetType()), Is.EqualTo(new[] { typeof(Rejected), typeof(Released), typeof(Released), typeof(Modified) }));
        var failure = Assert.Throws<AmqpException>(outcomes[0].ThrowIfNotAccepted);
        Assert.That(failure.Condition, Is.EqualTo(ErrorCondition.NotAllowed));
        Assert.That(outcomes[1].ThrowIfNotAccepted, Throws.InstanceOf<AmqpException>());
        await peer.DoneAsync();
    }

    [Test]
    public async Task AnUnsettledOutcomeIsSettledByUs()
    {
        await using var peer = ScriptedPeer.Listen();
        var session = await peer.BeginAsync();
        peer.AcceptSender();
        var sender = await session.CreateSenderAsync("q");
        peer.Expect<Transfer>().Respond(_ => PeerScripts.Settle(0, 0, Accepted.Instance, settled: false));
        peer.Expect<Disposition>(disposition =>
        {
            Assert.That(disposition.Role, Is.EqualTo(Role.Sender));
            Assert.That(disposition.Settled, Is.True);
        });
        Assert.That(await sender.SendAsync(AmqpMessage.FromValue("x")), Is.InstanceOf<Accepted>());
        await peer.DoneAsync();
    }

    [Test]
    public async Task SendsWaitForCreditInTheOrderOfTheCalls()
    {
        await using var peer = ScriptedPeer.Listen();
        var session = await peer.BeginAsync();
        peer.AcceptSender(credit: 2);
        var sender = await session.CreateSenderAsync("q");
        var sends = Enumerable.Range(0, 5).Select(i => sender.SendAsync(AmqpMessage.FromValue(i))).ToArray();
        ExpectValue(peer, 0);
        ExpectValue(peer, 1);
        await peer.DoneAsync();
        Assert.That(sends.Any(s => s.IsCompleted), Is.False);
        peer.Grant(credit: 10, deliveryCount: 2, nextIncomingId: 2);
        ExpectValue(peer, 2);
        ExpectValue(peer, 3);
        ExpectValue(peer, 4);
        peer.Send(PeerScripts.Settle(0, 4, Accepted.Instance));
        await Task.WhenAll(sends);
        await peer.DoneAsync();
    }

    [Test]
    public async Task ASettledSendNeedsNoOutcome()
    {
        await using var peer = ScriptedPeer.Listen();
        var session = await peer.BeginAsync();
        peer.AcceptSender();
        var sender = await session.CreateSenderAsync("q");
        peer.Expect<Transfer>(transfer => Assert.That(transfer.Settled, Is.True));
        Assert.That(await sender.SendAsync(AmqpMessage.FromValue("x"), settled: true), Is.InstanceOf<Accepted>());
        await peer.DoneAsync();
    }

    [Test]
    public async Task NoMoreThanTheAgreedNumberIsInFlight()
    {
        await using var peer = ScriptedPeer.Listen();
        var session = await peer.BeginAsync();
        peer.AcceptSender();
        var outcomes = new List<long>();
        var sender = await session.CreateSenderAsync("q", new SenderOptions { MaxInFlight = 2, OnOutcome = (_, outcome) => outcomes.Add(outcome.Context) });
        var payload = AmqpMessage.FromValue("x").Encode();
        await sender.WaitToSendAsync();
        Assert.That(new[] { sender.TrySend(payload, false, 7), sender.TrySend(payload, false, 8), sender.TrySend(payload, false, 9) }, Is.EqualTo(new[] { true, true, false }));
        var free = sender.WaitToSendAsync();
        Assert.That(free.IsCompleted, Is.False);
        peer.Expect<Transfer>();
        peer.Expect<Transfer>().Respond(_ => PeerScripts.Settle(0, 0, Accepted.Instance));
        await free;
        Assert.That(outcomes, Is.EqualTo(new[] { 7L }));
        Assert.That(sender.TrySend(payload, false, 9), Is.True);
        await peer.DoneAsync();
    }

    [Test]
    public async Task ABatchAsksOnlyForWhatItCanSend()
    {
        await using var peer = ScriptedPeer.Listen();
        var session = await peer.BeginAsync();
        peer.AcceptSender(credit: 3);
        var sendable = new TaskCompletionSource();
        var sender = await session.CreateSenderAsync("q", new SenderOptions { OnSendable = _ => sendable.TrySetResult() });
        await sender.WaitToSendAsync();
        var source = new Numbers();
        Assert.That(sender.SendBatch(10, source, static (Numbers n, out long context) => n.Next(out context), settled: true), Is.EqualTo(3));
        Assert.That(source.Asked, Is.EqualTo(3));
        ExpectValue(peer, 0L);
        ExpectValue(peer, 1L);
        ExpectValue(peer, 2L);
        peer.Grant(credit: 1, deliveryCount: 3, nextIncomingId: 3);
        await sendable.Task;
        await peer.DoneAsync();
    }

    [Test]
    public async Task ALargeMessageGoesInFramesThePeerTakesAndWaitsForItsWindow()
    {
        await using var peer = ScriptedPeer.Listen();
        var session = await peer.BeginAsync(window: 2, maxFrameSize: 512);
        peer.AcceptSender(credit: 1, window: 2);
        var sender = await session.CreateSenderAsync("q");
        var data = new byte[1200];
        Random.Shared.NextBytes(data);
        var received = new List<byte>();
        var send = sender.SendAsync(AmqpMessage.FromData(data));
        ExpectPart(peer, received, more: true);
        ExpectPart(peer, received, more: true);
        await peer.DoneAsync();
        peer.Grant(credit: 0, window: 10, deliveryCount: 1, nextIncomingId: 2);
        ExpectPart(peer, received, more: false);
        peer.Send(PeerScripts.Settle(0, 0, Accepted.Instance));
        await send;
        await peer.DoneAsync();
        Assert.That(AmqpMessage.Decode(received.ToArray()).Data, Is.EqualTo(data));
    }

    [Test]
    public async Task AMessageAboveThePeersLimitFailsAloneAndSaysSo()
    {
        await using var peer = ScriptedPeer.Listen();
        var session = await peer.BeginAsync();
        peer.Expect<Attach>().Respond(attach =>
        {
            var answer = PeerScripts.Answer(attach);
            answer.MaxMessageSize = 100;
            return answer;
        });
        peer.Grant(credit: 10);
        var sender = await session.CreateSenderAsync("q");
        var failure = Assert.ThrowsAsync<AmqpException>(() => sender.SendAsync(AmqpMessage.FromData(new byte[200])));
        Assert.That(failure.Condition, Is.EqualTo(ErrorCondition.MessageSizeExceeded));
        Assert.That(failure.Message, Does.Contain("100 at most"));
        peer.Expect<Transfer>().Respond(_ => PeerScripts.Settle(0, 0, Accepted.Instance));
        await sender.SendAsync(AmqpMessage.FromData(new byte[20]));
        await peer.DoneAsync();
    }

    [Test]
    public async Task ACancelledSendThatHasNotLeftIsNotSent()
    {
        await using var peer = ScriptedPeer.Listen();
        var session = await peer.BeginAsync();
        peer.AcceptSender(credit: 0);
        var sender = await session.CreateSenderAsync("q");
        using var cancel = new CancellationTokenSource();
        var first = sender.SendAsync(AmqpMessage.FromValue("never"), ct: cancel.Token);
        var second = sender.SendAsync(AmqpMessage.FromValue("second"));
        await cancel.CancelAsync();
        Assert.That(async () => await first, Throws.InstanceOf<OperationCanceledException>());
        peer.Grant(credit: 10);
        peer.Expect<Transfer>((_, frame) => Assert.That(AmqpMessage.Decode(frame.Payload).Value, Is.EqualTo("second")))
            .Respond(_ => PeerScripts.Settle(0, 0, Accepted.Instance));
        await second;
        await peer.DoneAsync();
    }

    [Test]
    public async Task ARefusedLinkFailsWithTheBrokersReason()
    {
        await using var peer = ScriptedPeer.Listen();
        var session = await peer.BeginAsync();
        peer.Expect<Attach>()
            .Respond(attach => new Attach { Name = attach.Name, Handle = 0, Role = Role.Receiver, Source = attach.Source })
            .Respond(_ => new Detach { Handle = 0, Closed = true, Error = new AmqpError(ErrorCondition.UnauthorizedAccess, "not yours") });
        peer.Expect<Detach>(detach => Assert.That(detach.Closed, Is.True));
        var failure = Assert.ThrowsAsync<AmqpException>(() => session.CreateSenderAsync("secret"));
        Assert.That(failure.Condition, Is.EqualTo(ErrorCondition.UnauthorizedAccess));
        Assert.That(failure.Message, Does.Contain("sender to 'secret'").And.Contain("not yours"));
        await peer.DoneAsync();
    }

    [Test]
    public async Task ALinkTheBrokerDetachesFailsItsSendsAndLeavesOthersAlone()
    {
        await using var peer = ScriptedPeer.Listen();
        var session = await peer.BeginAsync();
        peer.AcceptSender();
        var doomed = await session.CreateSenderAsync("a");
        peer.AcceptSender();
        var other = await session.CreateSenderAsync("b");
        peer.Expect<Transfer>();
        var send = doomed.SendAsync(AmqpMessage.FromValue("x"));
        peer.Send(new Detach { Handle = 0, Closed = true, Error = new AmqpError(ErrorCondition.ResourceDeleted, "the queue is gone") });
        peer.Expect<Detach>();
        var failure = Assert.ThrowsAsync<AmqpException>(() => send);
        Assert.That(failure.Condition, Is.EqualTo(ErrorCondition.ResourceDeleted));
        Assert.That(other.Ended.IsCompleted, Is.False);
        await peer.DoneAsync();
    }

    [Test]
    public async Task ADynamicTargetTellsItsAddress()
    {
        await using var peer = ScriptedPeer.Listen();
        var session = await peer.BeginAsync();
        peer.Expect<Attach>(attach =>
        {
            Assert.That(((Target)attach.Target!).Dynamic, Is.True);
            Assert.That(((Target)attach.Target!).Address, Is.Null);
        }).Respond(attach =>
        {
            var answer = PeerScripts.Answer(attach);
            answer.Target = new Target { Address = "tmp-1", Dynamic = true };
            return answer;
        });
        var sender = await session.CreateSenderAsync(null, new SenderOptions { Dynamic = true });
        Assert.That(sender.Address, Is.EqualTo("tmp-1"));
        await peer.DoneAsync();
    }

    [Test]
    public async Task DetachAndCloseDifferInOneFlag([Values] bool close)
    {
        await using var peer = ScriptedPeer.Listen();
        var session = await peer.BeginAsync();
        peer.AcceptSender();
        var sender = await session.CreateSenderAsync("q");
        peer.Expect<Detach>(detach => Assert.That(detach.Closed, Is.EqualTo(close))).Respond(detach => new Detach { Handle = 0, Closed = detach.Closed });
        await (close ? sender.CloseAsync() : sender.DetachAsync());
        Assert.That(sender.Ended.IsCompletedSuccessfully, Is.True);
        var late = Assert.ThrowsAsync<AmqpException>(() => sender.SendAsync(AmqpMessage.FromValue("late")));
        Assert.That(late.Condition, Is.EqualTo(ClientErrors.Closed));
        await peer.DoneAsync();
    }

    [Test]
    public async Task ADrainIsAnsweredWhenNothingIsLeftToSend()
    {
        await using var peer = ScriptedPeer.Listen();
        var session = await peer.BeginAsync();
        peer.AcceptSender(credit: 0);
        await session.CreateSenderAsync("q");
        peer.Grant(credit: 5, drain: true);
        peer.Expect<Flow>(flow =>
        {
            Assert.That(flow.LinkCredit, Is.Zero);
            Assert.That(flow.DeliveryCount, Is.EqualTo(5));
            Assert.That(flow.Drain, Is.True);
        });
        await peer.DoneAsync();
    }

    [Test]
    public async Task ACallbackThatThrowsEndsTheConnectionAndIsNamed()
    {
        await using var peer = ScriptedPeer.Listen();
        var session = await peer.BeginAsync();
        peer.AcceptSender(credit: 0);
        var sender = await session.CreateSenderAsync("q", new SenderOptions { OnSendable = _ => throw new FormatException("my mistake") });
        Assert.That(sender.TrySend([0], settled: true), Is.False);
        peer.Grant(credit: 1);
        var failure = Assert.ThrowsAsync<AmqpException>(() => session.Connection.Ended);
        Assert.That(failure.Message, Does.Contain("my mistake"));
    }

    private static void ExpectValue(ScriptedPeer peer, object value) =>
        peer.Expect<Transfer>((_, frame) => Assert.That(AmqpMessage.Decode(frame.Payload).Value, Is.EqualTo(value)));

    private static void ExpectPart(ScriptedPeer peer, List<byte> into, bool more) => peer.Expect<Transfer>((transfer, frame) =>
    {
        Assert.That(transfer.More, Is.EqualTo(more));
        into.AddRange(frame.Payload);
    });

    private sealed class Numbers
    {
        public int Asked { get; private set; }

        public ReadOnlySpan<byte> Next(out long context)
        {
            context = Asked;
            return AmqpMessage.FromValue((long)Asked++).Encode();
        }
    }
}
