using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Mamba.Amqp.Messaging;
using Mamba.Amqp.Transport;
using Mamba.Amqp.Types;
using Mamba.Broker.Testing;

namespace Mamba.Amqp.Client.Tests;

/// <summary>The client against the real broker, over real sockets. Each test uses addresses of its own.</summary>
[CancelAfter(60_000)]
public sealed class BrokerTests
{
    private const string User = "alice";
    private const string Password = "correct horse, battery=staple";

    private OwnBroker _broker = null!;
    private AmqpConnection _connection = null!;
    private AmqpSession _session = null!;
    private string _queue = "";

    [OneTimeSetUp]
    public async Task StartBroker() => _broker = await OwnBroker.StartAsync(static async (folder, data) =>
    {
        WriteCertificate(folder);
        await using var adding = await BrokerProcess.RunAsync(["user", "add", User, "--data", data], input: $"{Password}\n");
        Assert.That(adding.ExitCode, Is.Zero, adding.Errors);
        await File.WriteAllTextAsync(folder["mamba.json"], $$"""{ "tls": { "certificate": "{{folder["broker.pem"]}}" } }""");
        return ["--config", folder["mamba.json"], "--amqps", "127.0.0.1:0"];
    });

    [OneTimeTearDown]
    public async Task StopBroker() => await _broker.DisposeAsync();

    [SetUp]
    public async Task Connect()
    {
        _connection = await AmqpConnection.ConnectAsync(Plain);
        _session = await _connection.CreateSessionAsync();
        _queue = $"queue://client-{Guid.NewGuid():N}";
    }

    [TearDown]
    public async Task Disconnect() => await _connection.DisposeAsync();

    private AmqpConnectionOptions Plain => new() { Host = "127.0.0.1", Port = _broker.Endpoint.Port };

    [Test]
    public async Task AMessageComesBackAsItWasSent()
    {
        var sent = new AmqpMessage
        {
            Header = MessageHeader.Default with { Durable = true, Priority = 7 },
            Properties = new MessageProperties { MessageId = Guid.NewGuid(), CorrelationId = 42UL, Subject = "order", ReplyTo = "answers", ContentType = "text/plain" },
            ApplicationProperties = Map(("int", 1), ("long", -5L), ("double", 2.5), ("flag", true), ("text", "ä€𝄞"), ("when", new Timestamp(1234567890123))),
            Body = new ValueBody(new List<object?> { 1, "two", new byte[] { 3 }, null, Map(("k", "v")) }),
        };
        var sender = await _session.CreateSenderAsync(_queue);
        Assert.That(await sender.SendAsync(sent), Is.InstanceOf<Accepted>());
        var receiver = await _session.CreateReceiverAsync(_queue);
        var received = await receiver.ReceiveAsync();
        await receiver.AcceptAsync(received);
        Assert.That(received.Message.Header!.Value.Durable, Is.True);
        Assert.That(received.Message.Header!.Value.Priority, Is.EqualTo(7));
        Assert.That(Encode(new AmqpMessage { Properties = received.Message.Properties, ApplicationProperties = received.Message.ApplicationProperties, Body = received.Message.Body }),
            Is.EqualTo(Encode(new AmqpMessage { Properties = sent.Properties, ApplicationProperties = sent.ApplicationProperties, Body = sent.Body })));
    }

    [Test]
    public async Task ManyMessagesInFlightArriveInOrder()
    {
        const int Count = 2_000;
        var sender = await _session.CreateSenderAsync(_queue, new SenderOptions { MaxInFlight = 50 });
        var receiver = await _session.CreateReceiverAsync(_queue, new ReceiverOptions { Credit = 30 });
        var sends = Enumerable.Range(0, Count).Select(i => sender.SendAsync(AmqpMessage.FromValue(i))).ToArray();
        for (var i = 0; i < Count; i++)
        {
            var message = await receiver.ReceiveAsync();
            Assert.That(message.Message.Value, Is.EqualTo(i));
            await receiver.AcceptAsync(message);
        }

        var outcomes = await Task.WhenAll(sends);
        Assert.That(outcomes, Has.All.InstanceOf<Accepted>());
    }

    [Test]
    public async Task ALargeMessageTakesManyFramesBothWays()
    {
        await using var small = await AmqpConnection.ConnectAsync(Plain with { MaxFrameSize = 512 });
        var session = await small.CreateSessionAsync();
        var data = RandomNumberGenerator.GetBytes(1_500_000);
        var sender = await _session.CreateSenderAsync(_queue);
        Assert.That(await sender.SendAsync(AmqpMessage.FromData(data)), Is.InstanceOf<Accepted>());
        var receiver = await session.CreateReceiverAsync(_queue);
        var message = await receiver.ReceiveAsync();
        Assert.That(message.Message.Data, Is.EqualTo(data));
        await receiver.AcceptAsync(message);
    }

    [Test]
    public async Task AReleasedMessageComesAgainAndARejectedOneDoesNot()
    {
        await SendAsync("released", "rejected");
        var receiver = await _session.CreateReceiverAsync(_queue, new ReceiverOptions { Credit = 1, AutoReplenish = false });
        await receiver.ReleaseAsync(await receiver.ReceiveAsync());
        receiver.Grant(1);
        var again = await receiver.ReceiveAsync();
        Assert.That(again.Message.Value, Is.EqualTo("released"));
        await receiver.AcceptAsync(again);
        receiver.Grant(1);
        await receiver.RejectAsync(await receiver.ReceiveAsync(), new AmqpError(ErrorCondition.DecodeError, "not an order"));
        var dead = await _session.CreateReceiverAsync(_queue.Replace("queue://", "queue://DLQ.", StringComparison.Ordinal));
        var letter = await dead.ReceiveAsync();
        Assert.That(letter.Message.Value, Is.EqualTo("rejected"));
        Assert.That(letter.Message.MessageAnnotations![new Symbol("x-opt-dead-letter-reason")]?.ToString(), Is.EqualTo("rejected"));
        await dead.AcceptAsync(letter);
    }

    [Test]
    public async Task SettlementInSecondModeIsConfirmed()
    {
        await SendAsync("x");
        var receiver = await _session.CreateReceiverAsync(_queue, new ReceiverOptions { SettleMode = ReceiverSettleMode.Second });
        await receiver.AcceptAsync(await receiver.ReceiveAsync());
        Assert.That(await CountAsync(), Is.Zero);
    }

    [Test]
    public async Task DrainEmptiesTheCredit()
    {
        await SendAsync("a", "b");
        var receiver = await _session.CreateReceiverAsync(_queue, new ReceiverOptions { Credit = 10 });
        await receiver.DrainAsync();
        Assert.That(receiver.Credit, Is.Zero);
        Assert.That(receiver.TryReceive(out _) && receiver.TryReceive(out _), Is.True, "both were sent before the credit was given up");
        Assert.That(receiver.TryReceive(out _), Is.False);
    }

    [Test]
    public async Task ACommittedTransactionMovesAMessageAndARolledBackOneDoesNot()
    {
        var other = $"{_queue}-b";
        await SendAsync("moved");
        var receiver = await _session.CreateReceiverAsync(_queue);
        var sender = await _session.CreateSenderAsync(other);
        var message = await receiver.ReceiveAsync();
        await using (var transaction = await _session.BeginTransactionAsync())
        {
            await sender.SendAsync(AmqpMessage.FromValue("never seen"), transaction: transaction);
            await transaction.RollbackAsync();
        }

        Assert.That(await CountAsync(other), Is.Zero);
        await using (var transaction = await _session.BeginTransactionAsync())
        {
            await receiver.AcceptAsync(message, transaction);
            Assert.That(await sender.SendAsync(AmqpMessage.FromValue("moved"), transaction: transaction), Is.InstanceOf<Accepted>());
            await transaction.CommitAsync();
        }

        await receiver.CloseAsync();
        Assert.That(await CountAsync(), Is.Zero);
        Assert.That(await CountAsync(other), Is.EqualTo(1));
    }

    [Test]
    public async Task SeveralTransactionsOfOneSessionDoNotTouchEachOther()
    {
        var sender = await _session.CreateSenderAsync(_queue);
        var transactions = new List<AmqpTransaction>();
        for (var i = 0; i < 4; i++)
        {
            transactions.Add(await _session.BeginTransactionAsync());
            await sender.SendAsync(AmqpMessage.FromValue(i), transaction: transactions[i]);
        }

        await transactions[2].CommitAsync();
        await transactions[0].RollbackAsync();
        await transactions[3].CommitAsync();
        await transactions[1].RollbackAsync();
        Assert.That(await CountAsync(), Is.EqualTo(2));
    }

    [Test]
    public async Task AnUnfinishedTransactionDiesWithItsConnection()
    {
        await using (var doomed = await AmqpConnection.ConnectAsync(Plain))
        {
            var session = await doomed.CreateSessionAsync();
            var sender = await session.CreateSenderAsync(_queue);
            var transaction = await session.BeginTransactionAsync();
            await sender.SendAsync(AmqpMessage.FromValue("x"), transaction: transaction);
        }

        Assert.That(await CountAsync(), Is.Zero);
    }

    [Test]
    public async Task ADynamicNodeTakesReplies()
    {
        var replies = await _session.CreateReceiverAsync(null, new ReceiverOptions { Dynamic = true });
        Assert.That(replies.Address, Is.Not.Null.And.Not.Empty);
        var sender = await _session.CreateSenderAsync(replies.Address);
        await sender.SendAsync(AmqpMessage.FromValue("reply"));
        Assert.That((await replies.ReceiveAsync()).Message.Value, Is.EqualTo("reply"));
    }

    [Test]
    public async Task TheAnonymousTerminusSendsWhereEachMessageSays()
    {
        var relay = await _session.CreateSenderAsync(null);
        var message = AmqpMessage.FromValue("routed");
        message.Properties = new MessageProperties { To = _queue };
        Assert.That(await relay.SendAsync(message), Is.InstanceOf<Accepted>());
        Assert.That(await CountAsync(), Is.EqualTo(1));
    }

    [Test]
    public async Task ATopicReachesEverySubscriberAndADurableOneWhileItIsAway()
    {
        var topic = _queue.Replace("queue://", "topic://", StringComparison.Ordinal);
        var options = Plain with { ContainerId = $"subscriber-{Guid.NewGuid():N}" };
        var durable = new ReceiverOptions { Name = "sub", Durable = true };
        await using (var first = await AmqpConnection.ConnectAsync(options))
        {
            var subscription = await (await first.CreateSessionAsync()).CreateReceiverAsync(topic, durable);
            await subscription.DetachAsync();
        }

        var live = await _session.CreateReceiverAsync(topic);
        var sender = await _session.CreateSenderAsync(topic);
        await sender.SendAsync(new AmqpMessage { Header = MessageHeader.Default with { Durable = true }, Body = new ValueBody("news") });
        Assert.That((await live.ReceiveAsync()).Message.Value, Is.EqualTo("news"));
        await using var second = await AmqpConnection.ConnectAsync(options);
        var back = await (await second.CreateSessionAsync()).CreateReceiverAsync(topic, durable);
        Assert.That((await back.ReceiveAsync()).Message.Value, Is.EqualTo("news"));
        await back.CloseAsync();
    }

    [Test]
    public async Task ScramOverPlainTcpAndTlsAuthenticates([Values] bool tls)
    {
        var options = (tls ? Secure : Plain) with { User = User, Password = Password };
        await using var connection = await AmqpConnection.ConnectAsync(options);
        var session = await connection.CreateSessionAsync();
        var sender = await session.CreateSenderAsync(_queue);
        Assert.That(await sender.SendAsync(AmqpMessage.FromData(new byte[300_000])), Is.InstanceOf<Accepted>());
    }

    [Test]
    public void AWrongPasswordIsRefused()
    {
        var failure = Assert.ThrowsAsync<AmqpException>(() => AmqpConnection.ConnectAsync(Plain with { User = User, Password = "wrong" }));
        Assert.That(failure.Condition, Is.EqualTo(ErrorCondition.UnauthorizedAccess));
    }

    [Test]
    public void ACertificateNobodyVouchesForIsRefused()
    {
        var failure = Assert.ThrowsAsync<AmqpException>(() => AmqpConnection.ConnectAsync(Secure with { TrustedAuthorities = null }));
        Assert.That(failure.Condition, Is.EqualTo(ClientErrors.ConnectionLost));
        Assert.That(failure.Message, Does.Contain("TLS failed"));
    }

    [Test]
    public async Task RawSendingAndReceivingAllocatesNothingPerMessage()
    {
        const int Count = 20_000;
        var done = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var arrived = 0;
        var before = 0L;
        await _session.CreateReceiverAsync(_queue, new ReceiverOptions
        {
            Credit = 1_000,
            OnDelivery = (AmqpReceiver _, in RawDelivery _) =>
            {
                arrived++;
                if (arrived == Count)
                {
                    before = GC.GetTotalAllocatedBytes(precise: true);
                }
                else if (arrived == 2 * Count)
                {
                    done.SetResult();
                }

                return Accepted.Instance;
            },
        });
        var source = new Repeated(2 * Count);
        var sender = await _session.CreateSenderAsync(_queue, new SenderOptions { MaxInFlight = 500, OnOutcome = (_, _) => { }, OnSendable = source.Send });
        await sender.WaitToSendAsync();
        source.Send(sender);
        await done.Task;
        var perMessage = (GC.GetTotalAllocatedBytes(precise: true) - before) / (double)Count;
        Assert.That(perMessage, Is.LessThan(64), "what is left is per read and per write, which are batches");
    }

    private AmqpConnectionOptions Secure => new()
    {
        Host = "localhost",
        Port = _broker.Process.Amqps.Port,
        UseTls = true,
        TrustedAuthorities = [X509CertificateLoader.LoadCertificateFromFile(_broker.Folder["ca.pem"])],
    };

    private async Task SendAsync(params string[] texts)
    {
        await using var sender = await _session.CreateSenderAsync(_queue);
        foreach (var text in texts)
        {
            Assert.That(await sender.SendAsync(AmqpMessage.FromValue(text)), Is.InstanceOf<Accepted>());
        }
    }

    /// <summary>Takes all there is, on a connection of its own.</summary>
    private async Task<int> CountAsync(string? address = null)
    {
        await using var connection = await AmqpConnection.ConnectAsync(Plain);
        var session = await connection.CreateSessionAsync();
        var receiver = await session.CreateReceiverAsync(address ?? _queue, new ReceiverOptions { Credit = 100, AutoReplenish = false });
        await receiver.DrainAsync();
        var count = 0;
        while (receiver.TryReceive(out var message))
        {
            await receiver.AcceptAsync(message);
            count++;
        }

        return count;
    }

    private static byte[] Encode(AmqpMessage message) => message.Encode();

    private static AmqpMap Map(params (string Key, object? Value)[] entries)
    {
        var map = new AmqpMap();
        foreach (var (key, value) in entries)
        {
            map.Add(key, value);
        }

        return map;
    }

    private static void WriteCertificate(TempDirectory folder)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=localhost", key, HashAlgorithmName.SHA256);
        var names = new SubjectAlternativeNameBuilder();
        names.AddDnsName("localhost");
        request.CertificateExtensions.Add(names.Build());
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(certificateAuthority: true, hasPathLengthConstraint: false, 0, critical: true));
        var now = TimeProvider.System.GetUtcNow();
        using var certificate = request.CreateSelfSigned(now.AddDays(-1), now.AddDays(1));
        File.WriteAllText(folder["ca.pem"], certificate.ExportCertificatePem());
        File.WriteAllText(folder["broker.pem"], certificate.ExportCertificatePem() + "\n" + key.ExportPkcs8PrivateKeyPem());
    }

    private sealed class Repeated(int count)
    {
        private readonly byte[] _payload = AmqpMessage.FromData(new byte[100]).Encode();
        private int _left = count;

        public void Send(AmqpSender sender)
        {
            while (_left > 0)
            {
                var sent = sender.SendBatch(Math.Min(_left, 1_000), _payload, static (byte[] payload, out long context) =>
                {
                    context = 0;
                    return payload;
                }, settled: false);
                _left -= sent;
                if (sent == 0)
                {
                    return;
                }
            }
        }
    }
}
