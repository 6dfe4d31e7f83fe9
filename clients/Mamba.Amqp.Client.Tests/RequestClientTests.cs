using Mamba.Amqp.Messaging;
using Mamba.Amqp.Transport;
using Mamba.Broker.Testing;

namespace Mamba.Amqp.Client.Tests;

/// <summary>Requests and replies over a real broker, with networks that fail, a broker that is killed and responders that are late.</summary>
[CancelAfter(120_000)]
public sealed class RequestClientTests
{
    private OwnBroker _broker = null!;
    private CuttableProxy _proxy = null!;
    private AmqpConnection _connection = null!;
    private AmqpReceiver _requests = null!;
    private AmqpSender _replies = null!;
    private string _queue = "";

    [OneTimeSetUp]
    public async Task StartBroker() => _broker = await OwnBroker.StartAsync("--set", "replies.keepAfterLoss=5 min");

    [OneTimeTearDown]
    public async Task StopBroker() => await _broker.DisposeAsync();

    [SetUp]
    public async Task Connect()
    {
        _queue = $"requests-{Guid.NewGuid():N}";
        _proxy = new CuttableProxy(_broker.Endpoint);
        await ConnectResponderAsync();
    }

    [TearDown]
    public async Task Disconnect()
    {
        await _connection.DisposeAsync();
        await _proxy.DisposeAsync();
    }

    [Test]
    public async Task EachRequestGetsItsReplyWhateverTheirOrder()
    {
        await using var client = Client();
        var asked = Enumerable.Range(0, 50).Select(i => client.RequestAsync(_queue, AmqpMessage.FromValue(i))).ToList();
        var taken = new List<ReceivedMessage>();
        while (taken.Count < asked.Count)
        {
            taken.Add(await _requests.ReceiveAsync());
        }

        taken.Reverse();
        foreach (var request in taken)
        {
            await ReplyAsync(request);
        }

        Assert.That((await Task.WhenAll(asked)).Select(static reply => reply.Value), Is.EqualTo(Enumerable.Range(0, 50).Select(static i => $"re: {i}")));
        Assert.That((client.Connections, client.Pending, client.StrayReplies), Is.EqualTo((1L, 0, 0L)));
    }

    [Test]
    public async Task ARequestThatNobodyAnswersTimesOut()
    {
        await using var client = Client();
        Assert.That(
            async () => await client.RequestAsync(_queue + ".idle", AmqpMessage.FromValue("x"), TimeSpan.FromMilliseconds(50)),
            Throws.TypeOf<AmqpException>().With.Property("Condition").EqualTo(ClientErrors.TimedOut));
        Assert.That(client.Pending, Is.Zero);
    }

    [Test]
    public async Task TheRequestCarriesItsDeadlineAndTheReplyThatNobodyWaitsForIsCounted()
    {
        await using var client = Client();
        using var impatience = new CancellationTokenSource();
        var late = client.RequestAsync(_queue, AmqpMessage.FromValue("late"), ct: impatience.Token);
        var request = await _requests.ReceiveAsync();
        Assert.That(request.Message.Header!.Value.Ttl, Is.InRange(1u, 90_000u));
        await impatience.CancelAsync();
        Assert.That(async () => await late, Throws.InstanceOf<OperationCanceledException>());
        await ReplyAsync(request);
        var next = client.RequestAsync(_queue, AmqpMessage.FromValue("next"));
        await ReplyAsync(await _requests.ReceiveAsync());
        Assert.That((await next).Value, Is.EqualTo("re: next"));
        Assert.That((client.StrayReplies, client.Pending), Is.EqualTo((1L, 0)));
    }

    [Test]
    public async Task AReplySentWhileTheConnectionWasLostArrivesAndTheRequestIsNotSentAgain()
    {
        await using var client = Client();
        var asked = client.RequestAsync(_queue, AmqpMessage.FromValue("x"));
        var request = await _requests.ReceiveAsync();
        for (var i = 0; i < 3; i++)
        {
            // A round trip on the responder's own connection: the requester's outcome is behind it.
            await ReplyAsync(request, $"other-{i}");
        }

        Assert.That(() => client.StrayReplies, Is.EqualTo(3).After(60_000, 20));
        _proxy.Cut();
        await ReplyAsync(request);
        Assert.That((await asked).Value, Is.EqualTo("re: x"));
        Assert.That(client.Connections, Is.EqualTo(2));
        await _requests.DrainAsync();
        Assert.That(_requests.TryReceive(out _), Is.False, "one request, one delivery");
    }

    [Test]
    public async Task RequestsGoOnOverManyLosses()
    {
        await using var client = Client();
        var responding = Task.Run(async () =>
        {
            await foreach (var request in _requests.ReadAllAsync())
            {
                await ReplyAsync(request);
            }
        });
        for (var round = 0; round < 5; round++)
        {
            var asked = Enumerable.Range(0, 20).Select(i => client.RequestAsync(_queue, AmqpMessage.FromValue(i))).ToList();
            _proxy.Cut();
            Assert.That((await Task.WhenAll(asked)).Select(static reply => reply.Value), Is.EqualTo(Enumerable.Range(0, 20).Select(static i => $"re: {i}")));
        }

        await _requests.DisposeAsync();
        await responding;
    }

    [Test]
    public async Task ARequestSurvivesABrokerThatIsKilled()
    {
        await using var client = Client();
        var asked = client.RequestAsync(_queue, AmqpMessage.FromValue("x"), TimeSpan.FromSeconds(90));
        await _requests.ReceiveAsync();
        await _broker.KillAndRestartAsync();
        await _connection.DisposeAsync();
        await ConnectResponderAsync();
        await ReplyAsync(await _requests.ReceiveAsync());
        Assert.That((await asked).Value, Is.EqualTo("re: x"));
    }

    [Test]
    public async Task WhatTheBrokerDoesNotTakeFails()
    {
        await using var client = new RequestClient(Options, new RequestOptions { MaxPending = 1 });
        Assert.That(
            async () => await client.RequestAsync("temp-0123456789abcdef", AmqpMessage.FromValue("x")),
            Throws.TypeOf<AmqpException>().With.Property("Condition").EqualTo(ErrorCondition.NotFound));
        var waiting = client.RequestAsync(_queue, AmqpMessage.FromValue("waits"));
        Assert.That(
            async () => await client.RequestAsync(_queue, AmqpMessage.FromValue("too many")),
            Throws.TypeOf<AmqpException>().With.Property("Condition").EqualTo(ErrorCondition.ResourceLimitExceeded));
        await ReplyAsync(await _requests.ReceiveAsync());
        await waiting;
    }

    [Test]
    public async Task DisposingEndsWhatWaits()
    {
        var client = Client();
        var asked = client.RequestAsync(_queue, AmqpMessage.FromValue("x"));
        await _requests.ReceiveAsync();
        await client.DisposeAsync();
        Assert.That(async () => await asked, Throws.InstanceOf<ObjectDisposedException>());
        Assert.That(async () => await client.RequestAsync(_queue, AmqpMessage.FromValue("y")), Throws.InstanceOf<ObjectDisposedException>());
        await client.DisposeAsync();
    }

    private AmqpConnectionOptions Options => new() { Host = "127.0.0.1", Port = _proxy.Port };

    private RequestClient Client() => new(Options, new RequestOptions { Timeout = TimeSpan.FromSeconds(90) });

    private async Task ConnectResponderAsync()
    {
        _connection = await AmqpConnection.ConnectAsync(new AmqpConnectionOptions { Host = "127.0.0.1", Port = _broker.Endpoint.Port });
        var session = await _connection.CreateSessionAsync();
        _requests = await session.CreateReceiverAsync(_queue);
        _replies = await session.CreateSenderAsync(address: null);
    }

    private async Task ReplyAsync(ReceivedMessage request, string? correlation = null)
    {
        var properties = request.Message.Properties!;
        var outcome = await _replies.SendAsync(new AmqpMessage
        {
            Properties = new MessageProperties { To = properties.ReplyTo, CorrelationId = correlation ?? properties.CorrelationId },
            Body = new ValueBody($"re: {request.Message.Value}"),
        });
        outcome.ThrowIfNotAccepted();
        await request.Receiver.AcceptAsync(request);
    }
}
