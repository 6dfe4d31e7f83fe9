using Mamba.Amqp.Framing;
using Mamba.Amqp.Sasl;
using Mamba.Amqp.Transport;
using Mamba.Amqp.Types;
using Mamba.Broker.Testing;

namespace Mamba.Amqp.Client.Tests;

[CancelAfter(30_000)]
public sealed class ConnectionTests
{
    [Test]
    public async Task OpenStatesWhoWeAre()
    {
        await using var peer = ScriptedPeer.Listen();
        peer.ExpectSaslAnonymous();
        peer.Expect<Open>(open =>
        {
            Assert.That(open.ContainerId, Is.EqualTo("me"));
            Assert.That(open.Hostname, Is.EqualTo("tenant"));
            Assert.That(open.MaxFrameSize, Is.EqualTo(32_768));
            Assert.That(open.IdleTimeOut, Is.EqualTo(10_000), "half of our own threshold");
            Assert.That(open.DesiredCapabilities, Is.EqualTo(new Symbol[] { "SHARED-SUBS" }));
        }).Respond(_ => new Open { ContainerId = "broker", OfferedCapabilities = ["SHARED-SUBS"] });
        await using var connection = await AmqpConnection.ConnectAsync(AmqpConnectionOptions.FromUri(peer.Uri) with
        {
            ContainerId = "me",
            HostName = "tenant",
            MaxFrameSize = 32_768,
            IdleTimeout = TimeSpan.FromSeconds(20),
            DesiredCapabilities = ["SHARED-SUBS"],
        });
        Assert.That(connection.RemoteOpen.ContainerId, Is.EqualTo("broker"));
        Assert.That(connection.RemoteOpen.OfferedCapabilities, Is.EqualTo(new Symbol[] { "SHARED-SUBS" }));
        peer.Expect<Close>().Respond(_ => new Close());
        await connection.CloseAsync();
        await peer.DoneAsync();
        Assert.That(connection.Ended.IsCompletedSuccessfully, Is.True);
    }

    [TestCase("PLAIN ANONYMOUS", "PLAIN")]
    [TestCase("SCRAM-SHA-512 SCRAM-SHA-256 PLAIN ANONYMOUS", "SCRAM-SHA-512")]
    [TestCase("PLAIN SCRAM-SHA-256", "SCRAM-SHA-256")]
    public async Task TheBestMechanismTheServerOffersIsTaken(string offered, string taken)
    {
        await using var peer = ScriptedPeer.Listen();
        peer.ExpectHeader(ProtocolHeader.Sasl);
        peer.SendHeader(ProtocolHeader.Sasl);
        peer.Send(new SaslMechanisms { SaslServerMechanisms = [.. offered.Split(' ').Select(name => new Symbol(name))] });
        peer.Expect<SaslInit>(init => Assert.That(init.Mechanism.Value, Is.EqualTo(taken))).Respond(_ => new SaslOutcome { Code = SaslCode.Auth });
        peer.ExpectEndOfStream();
        var failure = Assert.ThrowsAsync<AmqpException>(() => AmqpConnection.ConnectAsync(WithUser(peer)));
        await peer.DoneAsync();
        Assert.That(failure.Condition, Is.EqualTo(ErrorCondition.UnauthorizedAccess));
        Assert.That(failure.Message, Does.Contain("check user and password").And.Not.Contain("s3cret"));
    }

    [Test]
    public async Task PlainIsNotUsedInTheClearToAnotherMachine()
    {
        var options = new AmqpConnectionOptions { Host = "broker.example", User = "u", Password = "p" };
        await Assert.MultipleAsync(() =>
        {
            Assert.That(Credentials.Mechanisms(options).Select(m => m.Name), Is.EqualTo(new[] { "SCRAM-SHA-512", "SCRAM-SHA-256" }));
            Assert.That(Credentials.Mechanisms(options with { UseTls = true }).Select(m => m.Name), Does.Contain("PLAIN"));
            Assert.That(Credentials.Mechanisms(options with { AllowPlainWithoutTls = true }).Select(m => m.Name), Does.Contain("PLAIN"));
            Assert.That(Credentials.Mechanisms(options with { Host = "127.0.0.1" }).Select(m => m.Name), Does.Contain("PLAIN"));
            Assert.That(Credentials.Mechanisms(options with { User = null }).Select(m => m.Name), Is.EqualTo(new[] { "ANONYMOUS" }));
            return Task.CompletedTask;
        });
    }

    [Test]
    public async Task ARefusedOpenFailsConnectWithTheBrokersReason()
    {
        await using var peer = ScriptedPeer.Listen();
        peer.ExpectSaslAnonymous();
        var marker = new AmqpMap();
        marker.Add(new Symbol("amqp:connection-establishment-failed"), "true");
        peer.Expect<Open>()
            .Respond(_ => new Open { ContainerId = "broker", Properties = marker })
            .Respond(_ => new Close { Error = new AmqpError(ErrorCondition.NotFound, "no such host") });
        var failure = Assert.ThrowsAsync<AmqpException>(() => AmqpConnection.ConnectAsync(peer.Uri));
        peer.Expect<Close>();
        await peer.DoneAsync();
        Assert.That(failure.Condition, Is.EqualTo(ErrorCondition.NotFound));
        Assert.That(failure.Message, Does.Contain("refused the connection").And.Contain("no such host"));
    }

    [Test]
    public async Task NobodyListeningSaysWhatToDo()
    {
        var peer = ScriptedPeer.Listen();
        var uri = peer.Uri;
        await peer.DisposeAsync();
        var failure = Assert.ThrowsAsync<AmqpException>(() => AmqpConnection.ConnectAsync(uri));
        Assert.That(failure.Condition, Is.EqualTo(ClientErrors.ConnectionLost));
        Assert.That(failure.Message, Does.Contain("is the broker running"));
    }

    [Test]
    public async Task ConnectingIsGivenUpInTime()
    {
        await using var peer = ScriptedPeer.Listen();
        peer.ExpectHeader(ProtocolHeader.Sasl);
        var options = AmqpConnectionOptions.FromUri(peer.Uri) with { ConnectTimeout = TimeSpan.FromMilliseconds(300) };
        var failure = Assert.ThrowsAsync<AmqpException>(() => AmqpConnection.ConnectAsync(options));
        Assert.That(failure.Condition, Is.EqualTo(ClientErrors.TimedOut));
    }

    [Test]
    public async Task ConnectingCanBeCancelled()
    {
        await using var peer = ScriptedPeer.Listen();
        using var cancel = new CancellationTokenSource();
        peer.ExpectHeader(ProtocolHeader.Sasl).Do(cancel.Cancel);
        Assert.That(async () => await AmqpConnection.ConnectAsync(peer.Uri, cancel.Token), Throws.InstanceOf<OperationCanceledException>());
    }

    [Test]
    public async Task ALostConnectionFailsAllThatWaitsWithTheFirstCause()
    {
        await using var peer = ScriptedPeer.Listen();
        var session = await peer.BeginAsync();
        peer.AcceptSender();
        var sender = await session.CreateSenderAsync("q");
        await sender.WaitToSendAsync();
        peer.Expect<Transfer>();
        var send = sender.SendAsync(AmqpMessage("one"));
        peer.Expect<Begin>();
        var begin = session.Connection.CreateSessionAsync();
        await peer.DoneAsync();
        peer.Hangup(reset: true);
        var first = Assert.ThrowsAsync<AmqpException>(() => send);
        var second = Assert.ThrowsAsync<AmqpException>(() => begin);
        var third = Assert.ThrowsAsync<AmqpException>(() => session.Connection.Ended);
        Assert.That(first.Condition, Is.EqualTo(ClientErrors.ConnectionLost));
        Assert.That(second, Is.SameAs(first));
        Assert.That(third, Is.SameAs(first));
        var later = Assert.ThrowsAsync<AmqpException>(() => sender.SendAsync(AmqpMessage("two")));
        Assert.That(later.Condition, Is.EqualTo(ClientErrors.ConnectionLost));
        await session.Connection.DisposeAsync();
    }

    [Test]
    public async Task TheBrokersCloseFailsAllWithItsReason()
    {
        await using var peer = ScriptedPeer.Listen();
        var session = await peer.BeginAsync();
        peer.AcceptReceiver();
        peer.Expect<Flow>();
        var receiver = await session.CreateReceiverAsync("q");
        var receive = receiver.ReceiveAsync().AsTask();
        peer.Send(new Close { Error = new AmqpError(ErrorCondition.ConnectionForced, "going down for maintenance") });
        peer.Expect<Close>();
        peer.ExpectEndOfStream();
        var failure = Assert.ThrowsAsync<AmqpException>(() => receive);
        await peer.DoneAsync();
        Assert.That(failure.Condition, Is.EqualTo(ErrorCondition.ConnectionForced));
        Assert.That(failure.Message, Does.Contain("going down for maintenance"));
    }

    [Test]
    public async Task AHeartbeatKeepsTheConnection()
    {
        await using var peer = ScriptedPeer.Listen();
        peer.ExpectSaslAnonymous();
        peer.Expect<Open>().Respond(_ => new Open { ContainerId = "peer", IdleTimeOut = 200 });
        await using var connection = await AmqpConnection.ConnectAsync(peer.Uri);
        peer.ExpectBytes(0, 0, 0, 8, 2, 0, 0, 0);
        peer.ExpectBytes(0, 0, 0, 8, 2, 0, 0, 0);
        await peer.DoneAsync();
        Assert.That(connection.Ended.IsCompleted, Is.False);
    }

    [Test]
    public async Task GarbageFromThePeerEndsTheConnectionWithAReason()
    {
        await using var peer = ScriptedPeer.Listen();
        await using var connection = await peer.ConnectAsync();
        peer.SendBytes(0, 0, 0, 4, 2, 0, 0, 0);
        peer.Expect<Close>(close => Assert.That(close.Error?.Condition, Is.EqualTo(ErrorCondition.FramingError)));
        peer.ExpectEndOfStream();
        await peer.DoneAsync();
        var failure = Assert.ThrowsAsync<AmqpException>(() => connection.Ended);
        Assert.That(failure.Condition, Is.EqualTo(ErrorCondition.FramingError));
    }

    [TestCase("http://host", false)]
    [TestCase("amqp://user:p%40ss@[::1]:5673", true)]
    [TestCase("amqps://broker.example", true)]
    public void UrisAreRead(string uri, bool good)
    {
        if (!good)
        {
            Assert.That(() => AmqpConnectionOptions.FromUri(new Uri(uri)), Throws.ArgumentException);
            return;
        }

        var options = AmqpConnectionOptions.FromUri(new Uri(uri));
        Assert.That(options.ToString(), Is.EqualTo(options.UseTls ? "amqps://broker.example:5671" : "amqp://::1:5673"));
        Assert.That(options.Password, Is.EqualTo(options.UseTls ? null : "p@ss"));
    }

    private static Messaging.AmqpMessage AmqpMessage(string text) => Messaging.AmqpMessage.FromValue(text);

    private static AmqpConnectionOptions WithUser(ScriptedPeer peer) =>
        AmqpConnectionOptions.FromUri(peer.Uri) with { User = "u", Password = "s3cret" };
}
