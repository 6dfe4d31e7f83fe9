using System.Diagnostics;
using Mamba.Amqp.Messaging;
using Mamba.Amqp.Transport;
using Mamba.Amqp.Types;
using Mamba.Broker.Server.Tests.Durability;
using Mamba.Broker.Server.Tests.Management;
using Mamba.Broker.Server.Tests.Peers;

namespace Mamba.Broker.Server.Tests.Retries;

/// <summary>
/// Failed deliveries over sockets. That something waits is shown with a policy of an hour, that it comes again with one of 200 ms, of
/// which only the least is measured.
/// </summary>
[TestFixture]
internal sealed class RetryLinkTests() : RunningBroker(
    """
    addresses.rules=[
      { "pattern": "slow.#", "maxDeliveries": 3, "retry": { "delay": "1 h", "maxDelay": "1 h" } },
      { "pattern": "quick.#", "maxDeliveries": 3, "retry": { "delay": "200 ms", "multiplier": 1.5, "jitter": 0 } },
      { "pattern": "ordered.#", "retry": { "delay": "200 ms", "jitter": 0, "order": "group" } },
      { "pattern": "held.#", "retry": { "delay": "1 h", "maxDelay": "1 h", "order": "group" } }]
    """)
{
    private static readonly Modified Failed = new() { DeliveryFailed = true };

    [Test]
    public async Task Only_the_failed_delivery_waits_and_the_rest_flows_on()
    {
        await using var peer = await RawPeer.BeginAsync(Endpoint);
        await PublishAsync(peer, "slow.one", Message("a"), Message("b"), Message("c"));
        await peer.AttachReceiverAsync(1, "slow.one", credit: 1);
        await FailAsync(peer, await peer.ReceiveAsync());
        Assert.That(await DrainAsync("slow.one"), Is.EqualTo(new[] { "b", "c" }));
        Assert.That(await DepthAsync("slow.one"), Is.EqualTo(1));
    }

    [Test]
    public async Task It_comes_again_after_its_wait_counted_and_then_is_dead_lettered()
    {
        await using var peer = await RawPeer.BeginAsync(Endpoint);
        await PublishAsync(peer, "quick.dead", Message("a"));
        await peer.AttachReceiverAsync(1, "quick.dead", credit: 1);
        var since = Stopwatch.StartNew();
        for (uint count = 0; count < 3; count++)
        {
            var message = await peer.ReceiveAsync();
            Assert.That(message.Header.DeliveryCount, Is.EqualTo(count));
            Assert.That(since.ElapsedMilliseconds, Is.GreaterThanOrEqualTo(count switch { 0 => 0, 1 => 190, _ => 290 }));
            since.Restart();
            await FailAsync(peer, message);
            await peer.SendAsync(Frames.Credit(1, 1, deliveryCount: count + 1));
        }

        await peer.AttachReceiverAsync(2, "DLQ.quick.dead", credit: 1);
        var dead = await peer.ReceiveAsync();
        Assert.That(dead.Message.MessageAnnotations![new Symbol("x-opt-dead-letter-reason")], Is.EqualTo("max-deliveries"));
        Assert.That(dead.Message.MessageAnnotations![new Symbol("x-opt-delivery-count")], Is.EqualTo(3u));
    }

    [Test]
    public async Task What_the_last_consumer_says_goes_with_the_dead_letter([Values] bool undeliverableHere)
    {
        var queue = $"slow.said{undeliverableHere}";
        await using var peer = await RawPeer.BeginAsync(Endpoint);
        await PublishAsync(peer, queue, Message("a", ("x-opt-max-deliveries", undeliverableHere ? 9 : 1), ("x-opt-kept", "yes")));
        await peer.AttachReceiverAsync(1, queue, credit: 1);
        var said = new AmqpMap { { new Symbol("x-opt-error"), "no such account" }, { new Symbol("standard"), "not ours to set" } };
        var outcome = new Modified { DeliveryFailed = true, UndeliverableHere = undeliverableHere, MessageAnnotations = said };
        await KilledBrokerTests.SettleAndWaitAsync(peer, (await peer.ReceiveAsync()).DeliveryId, outcome);
        await peer.AttachReceiverAsync(2, $"DLQ.{queue}", credit: 1);
        var annotations = (await peer.ReceiveAsync()).Message.MessageAnnotations!;
        Assert.That(
            (annotations[new Symbol("x-opt-error")], annotations[new Symbol("x-opt-kept")], annotations[new Symbol("x-opt-dead-letter-reason")]),
            Is.EqualTo(("no such account", "yes", undeliverableHere ? "undeliverable" : "max-deliveries")));
        Assert.That(annotations.ContainsKey(new Symbol("standard")), Is.False);
    }

    [Test]
    public async Task What_a_lost_connection_leaves_waits_where_its_default_outcome_counts()
    {
        var gone = await RawPeer.BeginAsync(Endpoint);
        await PublishAsync(gone, "slow.lost", Message("a"), Message("b"));
        await gone.SendAsync(Frames.Of(new Attach
        {
            Name = "lost",
            Handle = 1,
            Role = Role.Receiver,
            Source = new Source { Address = "slow.lost", DefaultOutcome = Failed },
            Target = new Target { Address = "here" },
        }));
        await gone.NextAsync<Attach>();
        await gone.SendAsync(Frames.Credit(1, 1));
        await gone.ReceiveAsync();
        gone.Reset();
        await using var management = await ManagementPeer.ConnectAsync(Endpoint);
        await UntilAsync(async () => await management.ReadAsync("org.mamba.queue", "slow.lost", "acquired") is 0L);
        Assert.That(await DrainAsync("slow.lost"), Is.EqualTo(new[] { "b" }));
        Assert.That(await DepthAsync("slow.lost"), Is.EqualTo(1));
    }

    [Test]
    public async Task A_messages_own_delay_holds_without_a_policy()
    {
        await using var peer = await RawPeer.BeginAsync(Endpoint);
        await PublishAsync(peer, "plain.delay", Message("away", ("x-opt-retry-delay", 3_600_000)), Message("soon", ("x-opt-retry-delay", 200L)), Message("other"));
        await peer.AttachReceiverAsync(1, "plain.delay", credit: 2);
        var away = await peer.ReceiveAsync();
        var soon = await peer.ReceiveAsync();
        await FailAsync(peer, away);
        var since = Stopwatch.StartNew();
        await FailAsync(peer, soon);
        await peer.SendAsync(Frames.Credit(1, 2, deliveryCount: 2));
        Assert.That((await peer.ReceiveAsync()).Body, Is.EqualTo("other"));
        var again = await peer.ReceiveAsync();
        Assert.That((again.Body, again.Header.DeliveryCount), Is.EqualTo(("soon", 1u)));
        Assert.That(since.ElapsedMilliseconds, Is.GreaterThanOrEqualTo(190));
        Assert.That(again.Message.MessageAnnotations![new Symbol("x-opt-retry-delay")], Is.EqualTo(200L), "it is the message's for good");
    }

    [Test]
    public async Task A_messages_own_maximum_takes_the_place_of_the_queues()
    {
        await using var peer = await RawPeer.BeginAsync(Endpoint);
        await PublishAsync(peer, "plain.max", Message("once", ("x-opt-max-deliveries", 1u)), Message("other"));
        await peer.AttachReceiverAsync(1, "plain.max", credit: 1);
        await FailAsync(peer, await peer.ReceiveAsync());
        await peer.AttachReceiverAsync(2, "DLQ.plain.max", credit: 1);
        var dead = await peer.ReceiveAsync();
        Assert.That((dead.Body, dead.Message.MessageAnnotations![new Symbol("x-opt-dead-letter-reason")]), Is.EqualTo(("once", "max-deliveries")));
    }

    [TestCase("x-opt-retry-delay", -1)]
    [TestCase("x-opt-retry-delay", 31_536_000_001L)]
    [TestCase("x-opt-retry-delay", ulong.MaxValue)]
    [TestCase("x-opt-retry-delay", "soon")]
    [TestCase("x-opt-max-deliveries", 0)]
    [TestCase("x-opt-max-deliveries", 1_001)]
    [TestCase("x-opt-max-deliveries", true)]
    public async Task What_a_message_cannot_ask_for_is_rejected_with_the_fields_name(string key, object value)
    {
        await using var peer = await RawPeer.BeginAsync(Endpoint);
        await peer.AttachSenderAsync(0, "plain.wrong");
        var outcome = await peer.PublishAsync(0, 0, Message("a", (key, value)));
        Assert.That(outcome, Is.InstanceOf<Rejected>());
        Assert.That(((Rejected)outcome).Error!.Condition.Value, Is.EqualTo("amqp:invalid-field"));
        Assert.That(((Rejected)outcome).Error!.Description, Does.Contain(key));
    }

    [Test]
    public async Task A_consumer_may_ask_for_a_delay_which_does_not_stay_with_the_message([Values] bool failed, [Values] bool settled)
    {
        var queue = $"plain.asked-{failed}-{settled}";
        await using var peer = await RawPeer.BeginAsync(Endpoint);
        await PublishAsync(peer, queue, Message("a"));
        await peer.AttachReceiverAsync(1, queue, credit: 1);
        var first = await peer.ReceiveAsync();
        var since = Stopwatch.StartNew();
        var asks = new Modified
        {
            DeliveryFailed = failed,
            MessageAnnotations = new AmqpMap { { new Symbol("x-opt-delivery-delay"), 200u }, { new Symbol("x-opt-tried-by"), "the test" } },
        };
        await peer.SendAsync(Frames.Settle(first.DeliveryId, asks, settled: settled));
        if (!settled)
        {
            var answer = await peer.NextAsync<Disposition>();
            Assert.That((answer.Settled, answer.State?.ToString()), Is.EqualTo((true, asks.ToString())), "the answer repeats the outcome whole");
        }

        await peer.SendAsync(Frames.Credit(1, 1, deliveryCount: 1));
        var again = await peer.ReceiveAsync();
        Assert.That(since.ElapsedMilliseconds, Is.GreaterThanOrEqualTo(190));
        Assert.That(again.Header.DeliveryCount, Is.EqualTo(failed ? 1u : 0u));
        var annotations = again.Message.MessageAnnotations!;
        Assert.That(annotations[new Symbol("x-opt-tried-by")], Is.EqualTo("the test"));
        Assert.That(annotations[new Symbol("x-opt-delivery-delay")], Is.Null);
    }

    [Test]
    public async Task A_consumer_may_say_a_time_in_place_of_the_policys_wait()
    {
        await using var peer = await RawPeer.BeginAsync(Endpoint);
        await PublishAsync(peer, "slow.at", Message("now"), Message("later"));
        await peer.AttachReceiverAsync(1, "slow.at", credit: 2);
        var now = await peer.ReceiveAsync();
        var later = await peer.ReceiveAsync();
        await KilledBrokerTests.SettleAndWaitAsync(peer, later.DeliveryId, Asking("x-opt-delivery-time", new Timestamp(DateTimeOffset.MaxValue.ToUnixTimeMilliseconds() / 100)));
        await KilledBrokerTests.SettleAndWaitAsync(peer, now.DeliveryId, Asking("x-opt-delivery-time", new Timestamp(1)));
        Assert.That(await DrainAsync("slow.at"), Is.EqualTo(new[] { "now" }), "a time that passed is at once");
        Assert.That(await DepthAsync("slow.at"), Is.EqualTo(1));
    }

    [TestCase("x-opt-delivery-delay", "soon")]
    [TestCase("x-opt-delivery-delay", long.MaxValue)]
    [TestCase("x-opt-delivery-time", long.MaxValue)]
    [TestCase("x-opt-retry-delay", -5)]
    [TestCase("x-opt-max-deliveries", 0)]
    public async Task What_a_consumer_cannot_ask_for_ends_its_link_and_the_message_is_not_counted(string key, object value)
    {
        var queue = $"plain.{key}-{value}";
        await using var peer = await RawPeer.BeginAsync(Endpoint);
        await PublishAsync(peer, queue, Message("a"));
        await peer.AttachReceiverAsync(1, queue, credit: 1);
        var first = await peer.ReceiveAsync();
        await peer.SendAsync(Frames.Settle(first.DeliveryId, Asking(key, value), settled: false));
        var detach = await peer.NextAsync<Detach>();
        Assert.That((detach.Handle, detach.Error!.Condition.Value), Is.EqualTo((1u, "amqp:invalid-field")));
        Assert.That(detach.Error.Description, Does.Contain(key));
        await peer.SendAsync(Frames.Detach(1));
        await peer.AttachReceiverAsync(2, queue, credit: 1);
        var again = await peer.ReceiveAsync();
        Assert.That((again.Body, again.Header.DeliveryCount), Is.EqualTo(("a", 0u)));
    }

    [Test]
    public async Task A_group_waits_behind_its_failed_message_and_comes_in_order()
    {
        await using var peer = await RawPeer.BeginAsync(Endpoint);
        await PublishAsync(peer, "ordered.q", Grouped("a1", "a"), Grouped("a2", "a"), Grouped("b1", "b"), Message("x"), Grouped("a3", "a"));
        await peer.AttachReceiverAsync(1, "ordered.q", credit: 1);
        await FailAsync(peer, await peer.ReceiveAsync());
        await peer.SendAsync(Frames.Credit(1, 5, deliveryCount: 1));
        var found = new List<string>();
        for (var i = 0; i < 5; i++)
        {
            var message = await peer.ReceiveAsync();
            found.Add(message.Body);
            await peer.SendAsync(Frames.Settle(message.DeliveryId, Accepted.Instance));
        }

        Assert.That(found.Where(static body => body[0] == 'a'), Is.EqualTo(new[] { "a1", "a2", "a3" }));
        Assert.That(found.Where(static body => body[0] != 'a'), Is.EqualTo(new[] { "b1", "x" }));
    }

    [Test]
    public async Task Other_groups_and_messages_without_one_flow_while_a_group_waits()
    {
        await using var peer = await RawPeer.BeginAsync(Endpoint);
        await PublishAsync(peer, "held.q", Grouped("a1", "a"), Grouped("a2", "a"), Grouped("b1", "b"), Message("x"));
        await peer.AttachReceiverAsync(1, "held.q", credit: 1);
        await FailAsync(peer, await peer.ReceiveAsync());
        await peer.SendAsync(Frames.Detach(1));
        await peer.NextAsync<Detach>();
        Assert.That(await DrainAsync("held.q"), Is.EqualTo(new[] { "b1", "x" }));
        Assert.That(await DepthAsync("held.q"), Is.EqualTo(2));
    }

    private static Modified Asking(string key, object value) =>
        new() { DeliveryFailed = true, MessageAnnotations = new AmqpMap { { new Symbol(key), value } } };

    private static byte[] Message(string body, params (string Key, object Value)[] annotations)
    {
        var map = new AmqpMap();
        foreach (var (key, value) in annotations)
        {
            map.Add(new Symbol(key), value);
        }

        return new AmqpMessage
        {
            Header = MessageHeader.Default with { Durable = true }, MessageAnnotations = map.Count == 0 ? null : map, Body = new ValueBody(body),
        }.Encode();
    }

    private static byte[] Grouped(string body, string group) => new AmqpMessage
    {
        Header = MessageHeader.Default with { Durable = true }, Properties = new MessageProperties { GroupId = group }, Body = new ValueBody(body),
    }.Encode();

    private static async Task PublishAsync(RawPeer peer, string queue, params byte[][] messages)
    {
        await peer.AttachSenderAsync(0, queue);
        for (var i = 0; i < messages.Length; i++)
        {
            Assert.That(await peer.PublishAsync(0, (uint)i, messages[i]), Is.InstanceOf<Accepted>());
        }
    }

    private static Task FailAsync(RawPeer peer, ReceivedMessage message) => KilledBrokerTests.SettleAndWaitAsync(peer, message.DeliveryId, Failed);

    private static async Task UntilAsync(Func<Task<bool>> condition)
    {
        var limit = Stopwatch.StartNew();
        while (!await condition())
        {
            Assert.That(limit.Elapsed, Is.LessThan(TimeSpan.FromSeconds(60)));
        }
    }

    private async Task<string[]> DrainAsync(string queue)
    {
        await using var peer = await RawPeer.BeginAsync(Endpoint);
        return [.. (await QueueCounter.DrainAsync(peer, queue, atLeast: 0)).Select(static message => message.Body)];
    }

    private async Task<long> DepthAsync(string queue)
    {
        await using var management = await ManagementPeer.ConnectAsync(Endpoint);
        return (long)(await management.ReadAsync("org.mamba.queue", queue, "depth"))!;
    }
}
