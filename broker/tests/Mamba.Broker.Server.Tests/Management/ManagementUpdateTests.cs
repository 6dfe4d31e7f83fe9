using Mamba.Amqp.Messaging;
using Mamba.Amqp.Transactions;
using Mamba.Amqp.Transport;
using Mamba.Amqp.Types;
using Mamba.Broker.Server.Tests.Peers;

namespace Mamba.Broker.Server.Tests.Management;

/// <summary>Settings that requests give and change, paused subscriptions, and requests by the anonymous terminus.</summary>
[TestFixture]
internal sealed class ManagementUpdateTests() : ManagedBroker("limits.maxTransactionOperations=100")
{
    private const string Queue = "org.mamba.queue";
    private const string Topic = "org.mamba.topic";
    private const string Subscription = "org.mamba.subscription";

    private static readonly AmqpMap Everything = new()
    {
        { "maxMessages", 10L }, { "maxBytes", 2_000L }, { "overflow", "dropHead" }, { "deadLetterDropped", true }, { "singleActiveConsumer", true },
        { "lastValueKey", "symbol" }, { "nonDestructive", false }, { "maxDeliveries", 4L }, { "maxAcquires", 6L }, { "deadLetterAddress", "dead" },
        { "expiryAddress", "late" }, { "retryDelay", 100L }, { "retryMaxDelay", 5_000L }, { "retryMultiplier", 1.5d }, { "retryJitter", 0d },
        { "retryOrder", "group" },
    };

    [TestCase(Queue)]
    [TestCase(Topic)]
    public async Task Every_setting_can_be_given_and_changed(string type)
    {
        var name = Unique("n");
        Assert.That(Settings(await Peer.AskAsync("CREATE", type, name, Everything), 201), Is.EqualTo(Everything));
        var other = new AmqpMap { { "maxMessages", 0 }, { "overflow", "block" }, { "lastValueKey", "" }, { "retryDelay", 0 }, { "maxDeliveries", 9u } };
        var changed = Settings(await Peer.AskAsync("UPDATE", type, name, other), 200);
        Assert.That((changed["maxMessages"], changed["overflow"], changed["lastValueKey"], changed["maxDeliveries"]), Is.EqualTo((0L, "block", (object?)null, 9L)));
        Assert.That((changed["retryDelay"], changed["retryOrder"]), Is.EqualTo((0L, "group")));
        Assert.That((changed["maxBytes"], changed["deadLetterAddress"], changed["singleActiveConsumer"]), Is.EqualTo((2_000L, "dead", true)), "what was not named");
        Assert.That(Settings(await Peer.AskAsync("READ", type, name), 200), Is.EqualTo(changed));
    }

    [Test]
    public async Task Every_setting_of_a_subscription_can_be_given_and_changed()
    {
        var topic = await MakeTopicAsync();
        var name = $"client:{topic}";
        var given = new AmqpMap();
        foreach (var (key, value) in Everything)
        {
            given.Add(key, value);
        }

        given.Add("topic", topic);
        Assert.That(Settings(await Peer.AskAsync("CREATE", Subscription, name, given), 201), Is.EqualTo(Everything));
        var changed = Settings(await Peer.AskAsync("UPDATE", Subscription, name, new AmqpMap { { "maxLength", 77 } }), 200);
        Assert.That((changed["maxMessages"], changed["maxDeliveries"]), Is.EqualTo((77L, 4L)));
    }

    [Test]
    public async Task A_subscription_may_have_a_setting_that_its_topic_has_changed()
    {
        var topic = Unique("t");
        await Peer.AskAsync("CREATE", Topic, topic, new AmqpMap { { "maxMessages", 5 } });
        var own = await Peer.AskAsync("CREATE", Subscription, $"own:{topic}", new AmqpMap { { "topic", topic }, { "maxMessages", 0 } });
        Assert.That(Settings(own, 201)["maxMessages"], Is.Zero);
        var read = await Peer.AskAsync("READ", Subscription, $"own:{topic}");
        Assert.That((await Peer.AskAsync("UPDATE", Subscription, $"own:{topic}", read.Map)).Status, Is.EqualTo(200));
        var other = await Peer.AskAsync("CREATE", Subscription, $"other:{topic}", new AmqpMap { { "topic", topic } });
        Assert.That(Settings(other, 201)["maxMessages"], Is.EqualTo(5L));
    }

    [Test]
    public async Task What_was_read_can_be_sent_back_with_changes()
    {
        var name = Unique("q");
        var read = (await Peer.AskAsync("CREATE", Queue, name)).Map;
        read["maxMessages"] = 5L;
        Assert.That(Settings(await Peer.AskAsync("UPDATE", Queue, name, read), 200)["maxMessages"], Is.EqualTo(5L));
    }

    [Test]
    public async Task A_limit_is_in_force_at_once_for_links_that_are_there()
    {
        var name = Unique("q");
        await using var peer = await RawPeer.BeginAsync(Endpoint);
        await peer.AttachSenderAsync(0, name);
        Assert.That(await peer.PublishAsync(0, 0, Frames.Message("m")), Is.InstanceOf<Accepted>());
        Assert.That((await Peer.AskAsync("UPDATE", Queue, name, new AmqpMap { { "maxMessages", 1 } })).Status, Is.EqualTo(200));
        Assert.That(await peer.PublishAsync(0, 1, Frames.Message("m")), Is.InstanceOf<Rejected>());
        Assert.That((await Peer.AskAsync("UPDATE", Queue, name, new AmqpMap { { "overflow", "dropHead" } })).Status, Is.EqualTo(200));
        Assert.That(await peer.PublishAsync(0, 2, Frames.Message("m")), Is.InstanceOf<Accepted>());
        var read = (await Peer.AskAsync("READ", Queue, name)).Map;
        Assert.That((read["depth"], read["dropped"], read["rejected"]), Is.EqualTo((1L, 1L, 1L)));
    }

    [TestCase("durable", false, "durable")]
    [TestCase("name", "other", "name")]
    [TestCase("address", "other", "address")]
    [TestCase("temporary", true, "temporary")]
    [TestCase("nonDestructive", true, "non-destructive")]
    [TestCase("overflow", "explode", "reject, dropHead, page, block")]
    [TestCase("maxMessages", -1, "maxMessages")]
    [TestCase("maxMessages", "many", "maxMessages")]
    [TestCase("maxDeliveries", 1_001, "maxDeliveries")]
    [TestCase("retryJitter", 1.5, "retryJitter")]
    [TestCase("retryOrder", "none", "retryOrder")]
    [TestCase("maxMesages", 1, "maxMesages")]
    [TestCase("deadLetterAddress", "a\nb", "deadLetterAddress")]
    public async Task What_cannot_be_is_refused_by_name_and_nothing_is_changed(string attribute, object value, string said)
    {
        var name = Unique("q");
        await Peer.AskAsync("CREATE", Queue, name, new AmqpMap { { "maxBytes", 5_000 } });
        var answer = await Peer.AskAsync("UPDATE", Queue, name, new AmqpMap { { "maxBytes", 6_000 }, { attribute, value } });
        Assert.That(answer.Status, Is.EqualTo(400), answer.Description);
        Assert.That(answer.Description, Does.Contain(said));
        Assert.That((await Peer.AskAsync("READ", Queue, name)).Map["maxBytes"], Is.EqualTo(5_000L));
    }

    [Test]
    public async Task Other_refusals_have_codes_of_their_own()
    {
        Assert.That((await Peer.AskAsync("UPDATE", Queue, "nowhere", new AmqpMap { { "maxMessages", 1 } })).Status, Is.EqualTo(404));
        Assert.That((await Peer.AskAsync("UPDATE", "org.mamba.broker", "broker", new AmqpMap())).Status, Is.EqualTo(501));
        await using var other = await RawPeer.BeginAsync(Endpoint);
        var temporary = await other.AttachDynamicReceiverAsync(0);
        Assert.That((await Peer.AskAsync("UPDATE", Queue, temporary, new AmqpMap { { "maxMessages", 1 } })).Status, Is.EqualTo(403));
        var topic = await MakeTopicAsync();
        await Peer.AskAsync("CREATE", Subscription, $"c:{topic}", new AmqpMap { { "topic", topic } });
        var selector = await Peer.AskAsync("UPDATE", Subscription, $"c:{topic}", new AmqpMap { { "selector", "a = 1" } });
        Assert.That((selector.Status, selector.Description), Is.EqualTo((400, "The attribute 'selector' cannot be changed; make another entity, or leave it out.")));
    }

    [Test]
    public async Task A_subscription_is_paused_and_resumed()
    {
        var topic = await MakeTopicAsync();
        var name = $"client:{topic}";
        await Peer.AskAsync("CREATE", Subscription, name, new AmqpMap { { "topic", topic } });
        var paused = await Peer.AskAsync("PAUSE", Subscription, name);
        Assert.That((paused.Status, paused.Map["paused"]), Is.EqualTo((200, true)));
        await using var peer = await RawPeer.BeginAsync(Endpoint, "client");
        await peer.AttachSenderAsync(0, topic);
        Assert.That(await peer.PublishAsync(0, 0, Frames.Message("m")), Is.InstanceOf<Accepted>());
        await peer.SendAsync(Frames.Of(new Attach
        {
            Name = topic,
            Handle = 1,
            Role = Role.Receiver,
            Source = new Source { Address = topic, Durable = TerminusDurability.UnsettledState, ExpiryPolicy = TerminusExpiryPolicy.Never },
            Target = new Target { Address = "here" },
        }));
        await peer.NextAsync<Attach>();
        await peer.SendAsync(Frames.Credit(1, 1, drain: true));
        Flow flow;
        do
        {
            flow = (Flow)(await peer.TryNextAsync())!.Performative!;
        }
        while (flow is not { Handle: 1, LinkCredit: 0 });
        Assert.That(flow.DeliveryCount, Is.EqualTo(1), "drained without a message");
        Assert.That((await Peer.AskAsync("READ", Subscription, name)).Map["depth"], Is.EqualTo(1L));
        await peer.SendAsync(Frames.Credit(1, 1, deliveryCount: 1));
        Assert.That((await Peer.AskAsync("RESUME", Subscription, name)).Map["paused"], Is.False);
        Assert.That((await peer.ReceiveAsync()).Body, Is.EqualTo("m"));
    }

    [Test]
    public async Task A_topic_is_not_paused()
    {
        var answer = await Peer.AskAsync("PAUSE", Topic, await MakeTopicAsync());
        Assert.That(answer.Status, Is.EqualTo(501));
        Assert.That(answer.Description, Does.Contain("UPDATE").And.Not.Contain("PAUSE,"));
    }

    [Test]
    public async Task Requests_may_come_by_the_anonymous_terminus()
    {
        var name = Unique("q");
        await Peer.Raw.AttachRelayAsync(5);
        await Peer.Raw.SendAsync(Frames.Transfer(5, 0, Relayed("CREATE", name, new AmqpMap { { "maxMessages", 7 } })));
        var (settled, answer) = await AnswerAsync();
        Assert.That((settled, answer.Status, answer.Map["maxMessages"]), Is.EqualTo((true, 201, 7L)));
        await Peer.Raw.SendAsync(Frames.Transfer(5, 1, Relayed("READ", name, null), settled: true));
        Assert.That(Answer.Of((await Peer.Raw.ReceiveAsync()).Message).Status, Is.EqualTo(200));
    }

    [Test]
    public async Task A_failed_request_by_the_anonymous_terminus_without_a_place_for_its_response_is_rejected()
    {
        await using var peer = await RawPeer.BeginAsync(Endpoint);
        await peer.AttachRelayAsync(0);
        var rejected = await peer.PublishAsync(0, 0, Relayed("READ", "nowhere", null, replyTo: null)) as Rejected;
        Assert.That(rejected?.Error?.Condition, Is.EqualTo(ErrorCondition.NotFound));
        var large = await peer.PublishAsync(0, 1, Relayed("READ", new string('n', 70_000), null, replyTo: null)) as Rejected;
        Assert.That(large?.Error?.Condition, Is.EqualTo(ErrorCondition.MessageSizeExceeded));
        Assert.That(await peer.PublishAsync(0, 2, Relayed("GET-TYPES", null, null, replyTo: null)), Is.InstanceOf<Accepted>());
    }

    [Test]
    public async Task Requests_by_the_anonymous_terminus_in_numbers_are_answered_or_refused()
    {
        await using var peer = await RawPeer.BeginAsync(Endpoint);
        await peer.AttachRelayAsync(0);
        const uint count = 300;
        for (var i = 0u; i < count; i++)
        {
            await peer.SendAsync(Frames.Transfer(0, i, Relayed("GET-TYPES", null, null, replyTo: null)));
        }

        var answered = 0u;
        while (answered < count)
        {
            var disposition = await peer.NextAsync<Disposition>();
            Assert.That(disposition.State, Is.InstanceOf<Accepted>().Or.Matches<DeliveryState>(static state => state is Rejected rejected && rejected.Error!.Condition == ErrorCondition.ResourceLimitExceeded));
            answered += (disposition.Last ?? disposition.First) - disposition.First + 1;
        }
    }

    [Test]
    public async Task A_request_is_no_part_of_a_transaction_by_the_anonymous_terminus_either()
    {
        await using var peer = await RawPeer.BeginAsync(Endpoint);
        await peer.AttachRelayAsync(0);
        await peer.AttachCoordinatorAsync(1);
        var declared = (Declared)(await peer.PublishAsync(1, 0, new AmqpMessage { Body = new ValueBody(new Declare()) }.Encode()))!;
        await peer.SendAsync(Frames.Transfer(0, 1, Relayed("GET-TYPES", null, null, replyTo: null), state: new TransactionalState { TxnId = declared.TxnId }));
        var state = (TransactionalState)(await peer.NextAsync<Disposition>()).State!;
        Assert.That((state.Outcome as Rejected)?.Error?.Condition, Is.EqualTo(ErrorCondition.NotImplemented));
    }

    private static byte[] Relayed(string operation, string? name, AmqpMap? body, string? replyTo = ManagementPeer.ReplyTo)
    {
        var properties = new AmqpMap { { "operation", operation } };
        if (name is not null)
        {
            properties.Add("type", Queue);
            properties.Add("name", name);
        }

        return new AmqpMessage
        {
            Properties = new MessageProperties { To = "$management", ReplyTo = replyTo, MessageId = "m" },
            ApplicationProperties = properties,
            Body = body is null ? null : new ValueBody(body),
        }.Encode();
    }

    /// <summary>The settings in an answer.</summary>
    private static AmqpMap Settings(Answer answer, int status)
    {
        Assert.That(answer.Status, Is.EqualTo(status), answer.Description);
        var settings = new AmqpMap();
        foreach (var (key, _) in Everything)
        {
            settings.Add(key, answer.Map[key]);
        }

        return settings;
    }

    private async Task<string> MakeTopicAsync()
    {
        var topic = Unique("t");
        Assert.That((await Peer.AskAsync("CREATE", Topic, topic)).Status, Is.EqualTo(201));
        return topic;
    }

    /// <summary>The disposition of a request and its response, which may come in any order.</summary>
    private async Task<(bool Settled, Answer Answer)> AnswerAsync()
    {
        var settled = false;
        Answer? answer = null;
        while (!settled || answer is null)
        {
            var frame = (await Peer.Raw.TryNextAsync())!;
            settled |= frame.Performative is Disposition { State: Accepted };
            answer = frame.Performative is Transfer ? Answer.Of(AmqpMessage.Decode(frame.Payload)) : answer;
        }

        return (settled, answer);
    }
}
