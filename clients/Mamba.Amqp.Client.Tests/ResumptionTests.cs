using Mamba.Amqp.Messaging;
using Mamba.Amqp.Transport;
using Mamba.Broker.Testing;

namespace Mamba.Amqp.Client.Tests;

/// <summary>Links that go on over connections, with the real broker, which is killed between them or not.</summary>
public sealed class ResumptionTests
{
    private const int Messages = 60;

    private OwnBroker _broker = null!;

    [SetUp]
    public async Task StartBroker() => _broker = await OwnBroker.StartAsync();

    [TearDown]
    public async Task StopBroker() => await _broker.DisposeAsync();

    /// <summary>Sends while the broker is killed: the tasks of the calls end with the outcomes that later connections bring.</summary>
    [Test]
    public Task EachMessageIsSentOnce() => WithinAsync(async () =>
    {
        var unsettled = new UnsettledSends();
        List<Task<DeliveryState>> outcomes = [];
        for (var round = 0; round < 4; round++)
        {
            await using var connection = await ConnectAsync();
            var sender = await SenderAsync(connection, unsettled);
            for (var i = 0; i < Messages / 4; i++)
            {
                outcomes.Add(sender.SendAsync(Durable($"{outcomes.Count}")));
            }

            await (round == 3 ? (Task)Task.WhenAll(outcomes) : outcomes[^(Messages / 8)]);
            await (round % 2 == 0 ? _broker.KillAndRestartAsync() : connection.DisposeAsync().AsTask());
        }

        Assert.That(await Task.WhenAll(outcomes), Has.All.InstanceOf<Accepted>());
        Assert.That(unsettled.Count, Is.Zero);
        await using var last = await ConnectAsync();
        Assert.That(await DrainAsync(last, Messages), Is.EqualTo(Enumerable.Range(0, Messages).Select(static i => $"{i}")));
    });

    [Test]
    public Task WhatAnEarlierProcessHadUnsettledIsSentOnce() => WithinAsync(async () =>
    {
        var first = new UnsettledSends();
        await using (var connection = await ConnectAsync())
        {
            var sender = await SenderAsync(connection, first);
            await sender.SendAsync(Durable("settled"));
            _ = sender.SendAsync(Durable("in doubt"));
            await _broker.KillAndRestartAsync();
            await Task.WhenAny(sender.Ended);
        }

        var stored = first.List().Select(static s => (s.Tag, s.Encoded)).ToArray();
        Assert.That(stored, Has.Length.LessThanOrEqualTo(1));
        var second = new UnsettledSends([.. stored.Select(static s => new UnsettledSend(s.Tag, s.Encoded))]);
        await using var again = await ConnectAsync();
        var next = await SenderAsync(again, second);
        await Task.WhenAll(second.List().Select(static s => s.Outcome));
        Assert.That(await next.SendAsync(new UnsettledSend("my own tag"u8.ToArray(), Durable("last").Encode())), Is.InstanceOf<Accepted>());
        Assert.That(second.Count, Is.Zero);
        Assert.That(await DrainAsync(again, 3), Is.EqualTo(new[] { "settled", "in doubt", "last" }));
    });

    /// <summary>Decides on each message once, half of them when the connection they came on is gone.</summary>
    [Test]
    public Task EachMessageIsProcessedOnce() => WithinAsync(async () =>
    {
        await using (var filling = await ConnectAsync())
        {
            var sender = await (await filling.CreateSessionAsync()).CreateSenderAsync("once");
            await Task.WhenAll(Enumerable.Range(0, Messages).Select(i => sender.SendAsync(Durable($"{i}"))));
        }

        var unsettled = new UnsettledReceipts();
        List<string> processed = [];
        List<Task> settled = [];
        for (var round = 0; round < 3; round++)
        {
            await using var connection = await ConnectAsync();
            var receiver = await ReceiverAsync(connection, unsettled);
            List<ReceivedMessage> late = [];
            for (var i = 0; i < Messages / 3; i++)
            {
                var message = await receiver.ReceiveAsync();
                processed.Add((string)message.Message.Value!);
                if (i % 2 == 0)
                {
                    settled.Add(receiver.AcceptAsync(message));
                }
                else
                {
                    late.Add(message);
                }
            }

            await _broker.KillAndRestartAsync();
            await Task.WhenAny(receiver.Ended);
            settled.AddRange(late.ConvertAll(message => receiver.AcceptAsync(message)));
        }

        await using var last = await ConnectAsync();
        await ReceiverAsync(last, unsettled);
        await Task.WhenAll(settled);
        Assert.That(unsettled.Count, Is.Zero);
        Assert.That(processed, Is.EquivalentTo(Enumerable.Range(0, Messages).Select(static i => $"{i}")));
        Assert.That(processed, Is.Unique);
        Assert.That(await DrainAsync(last, 0), Is.Empty);
    });

    /// <summary>A message that is being worked on when the connection goes is resumed, not delivered a second time.</summary>
    [Test]
    public Task AMessageInWorkIsDecidedOnTheNextConnection() => WithinAsync(async () =>
    {
        var unsettled = new UnsettledReceipts();
        ReceivedMessage message;
        await using (var connection = await ConnectAsync())
        {
            await (await (await connection.CreateSessionAsync()).CreateSenderAsync("once")).SendAsync(Durable("work"));
            var receiver = await ReceiverAsync(connection, unsettled);
            message = await receiver.ReceiveAsync();
            await receiver.DetachAsync();
        }

        await using var again = await ConnectAsync();
        var other = await (await again.CreateSessionAsync()).CreateReceiverAsync("once");
        Assert.That(other.TryReceive(out _), Is.False);
        await other.CloseAsync();
        var next = await ReceiverAsync(again, unsettled);
        await next.AcceptAsync(message);
        Assert.That(unsettled.Count, Is.Zero);
        Assert.That(await DrainAsync(again, 0), Is.Empty);
    });

    /// <summary>The decision is told whether it comes before, after, or while the broker says that the message is still ours.</summary>
    [Test]
    public Task ADecisionThatMeetsTheResumptionIsTold() => WithinAsync(async () =>
    {
        const int Meetings = 300;
        await using var one = await ConnectAsync();
        await using var two = await ConnectAsync();
        var (first, second) = (await one.CreateSessionAsync(), await two.CreateSessionAsync());
        var sender = await first.CreateSenderAsync("once");
        var unsettled = new UnsettledReceipts();
        for (var i = 0; i < Meetings; i++)
        {
            await sender.SendAsync(Durable($"{i}"));
            var receiver = await ReceiverAsync(first, unsettled);
            var message = await receiver.ReceiveAsync();
            await receiver.DetachAsync();
            var next = await ReceiverAsync(second, unsettled);
            await next.AcceptAsync(message);
            await next.DetachAsync();
        }

        Assert.That(unsettled.Count, Is.Zero);
        Assert.That(await DrainAsync(one, 0), Is.Empty);
    });

    [Test]
    public Task WhatAnEarlierProcessDecidedIsNotDeliveredAgain() => WithinAsync(async () =>
    {
        DeliveryTag tag;
        await using (var connection = await ConnectAsync())
        {
            var sender = await (await connection.CreateSessionAsync()).CreateSenderAsync("once");
            await sender.SendAsync(Durable("decided"));
            await sender.SendAsync(Durable("not yet"));
            var receiver = await ReceiverAsync(connection, new UnsettledReceipts());
            tag = (await receiver.ReceiveAsync()).Tag;
            await _broker.KillAndRestartAsync();
        }

        await using var again = await ConnectAsync();
        var unsettled = new UnsettledReceipts([KeyValuePair.Create<DeliveryTag, Outcome>(tag, Accepted.Instance)]);
        Assert.That(unsettled.List(), Has.Count.EqualTo(1));
        var next = await ReceiverAsync(again, unsettled);
        var message = await next.ReceiveAsync();
        Assert.That(message.Message.Value, Is.EqualTo("not yet"));
        await next.AcceptAsync(message);
        Assert.That(unsettled.Count, Is.Zero);
    });

    [Test]
    public Task AMessageThatWasKeptForTooLongIsSaidToBeGone() => WithinAsync(async () =>
    {
        var unsettled = new UnsettledReceipts();
        await using var connection = await ConnectAsync();
        await (await (await connection.CreateSessionAsync()).CreateSenderAsync("once")).SendAsync(Durable("slow"));
        var receiver = await ReceiverAsync(connection, unsettled, TimeSpan.FromSeconds(1));
        var slow = await receiver.ReceiveAsync();
        await receiver.DetachAsync();
        Assert.That(await DrainAsync(connection, 1), Is.EqualTo(new[] { "slow" }), "another has it now");
        var next = await ReceiverAsync(connection, unsettled, TimeSpan.FromSeconds(1));
        var failure = Assert.ThrowsAsync<AmqpException>(() => next.AcceptAsync(slow));
        Assert.That(failure!.Condition, Is.EqualTo(ErrorCondition.IllegalState));
    });

    [Test]
    public Task ALinkThatIsToBeResumedNeedsAName() => WithinAsync(async () =>
    {
        await using var connection = await ConnectAsync();
        var session = await connection.CreateSessionAsync();
        Assert.ThrowsAsync<ArgumentException>(() => session.CreateSenderAsync("once", new SenderOptions { Unsettled = new UnsettledSends() }));
        Assert.ThrowsAsync<ArgumentException>(() => session.CreateReceiverAsync("once", new ReceiverOptions { Unsettled = new UnsettledReceipts() }));
    });

    /// <summary>A queue that does not say that it keeps anything: a link to the management node, for one.</summary>
    [Test]
    public Task ANodeThatKeepsNothingIsSaidSo() => WithinAsync(async () =>
    {
        await using var connection = await ConnectAsync();
        var session = await connection.CreateSessionAsync();
        var failure = Assert.ThrowsAsync<AmqpException>(
            () => session.CreateSenderAsync("$management", new SenderOptions { Name = "once", Unsettled = new UnsettledSends() }));
        Assert.That(failure!.Condition, Is.EqualTo(ErrorCondition.NotImplemented));
    });

    /// <summary>A test that waits for what never comes fails, and holds nobody up.</summary>
    private static Task WithinAsync(Func<Task> test) => test().WaitAsync(TimeSpan.FromMinutes(2));

    private Task<AmqpConnection> ConnectAsync() =>
        AmqpConnection.ConnectAsync(new AmqpConnectionOptions { Host = "127.0.0.1", Port = _broker.Endpoint.Port, ContainerId = "once-client" });

    private static async Task<AmqpSender> SenderAsync(AmqpConnection connection, UnsettledSends unsettled) =>
        await (await connection.CreateSessionAsync()).CreateSenderAsync("once", new SenderOptions { Name = "once-sender", Unsettled = unsettled });

    private static async Task<AmqpReceiver> ReceiverAsync(AmqpConnection connection, UnsettledReceipts unsettled, TimeSpan? keepFor = null) =>
        await ReceiverAsync(await connection.CreateSessionAsync(), unsettled, keepFor);

    private static Task<AmqpReceiver> ReceiverAsync(AmqpSession session, UnsettledReceipts unsettled, TimeSpan? keepFor = null) =>
        session.CreateReceiverAsync("once", new ReceiverOptions { Name = "once-receiver", Unsettled = unsettled, Credit = 10, KeepFor = keepFor });

    private static AmqpMessage Durable(string body) => new() { Header = MessageHeader.Default with { Durable = true }, Body = new ValueBody(body) };

    private static async Task<List<string>> DrainAsync(AmqpConnection connection, int atLeast)
    {
        var receiver = await (await connection.CreateSessionAsync()).CreateReceiverAsync("once");
        List<string> found = [];
        while (found.Count < atLeast)
        {
            found.Add(await TakeAsync(receiver, await receiver.ReceiveAsync()));
        }

        await receiver.DrainAsync();
        while (receiver.TryReceive(out var message))
        {
            found.Add(await TakeAsync(receiver, message));
        }

        return found;
    }

    private static async Task<string> TakeAsync(AmqpReceiver receiver, ReceivedMessage message)
    {
        await receiver.AcceptAsync(message);
        return (string)message.Message.Value!;
    }
}
