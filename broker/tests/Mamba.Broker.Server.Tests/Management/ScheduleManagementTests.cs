using System.Globalization;
using Mamba.Amqp.Messaging;
using Mamba.Amqp.Transport;
using Mamba.Amqp.Types;
using Mamba.Broker.Server.Tests.Peers;

namespace Mamba.Broker.Server.Tests.Management;

/// <summary>Schedules listed and cancelled by id: over the management node, and the way clients of ActiveMQ Classic do it.</summary>
[TestFixture]
internal sealed class ScheduleManagementTests() : ManagedBroker("schedules.maxPerAddress=3")
{
    private const string Schedule = "org.mamba.schedule";
    private const long Hour = 3_600_000;

    [Test]
    public async Task Delayed_and_repeating_messages_are_listed_next_due_first()
    {
        var queue = Unique("q");
        await ScheduleAsync(queue, "late", Delay(3 * Hour));
        await ScheduleAsync(queue, "series", Delay(Hour), ("x-opt-delivery-period", 5_000L), ("x-opt-delivery-repeat", 7));
        await ScheduleAsync(queue, "cron", ("x-opt-delivery-cron", "0 0 29 2 *"));
        var rows = await QueryAsync(new AmqpMap { { "address", queue } }, "messageId", "kind", "period", "repeatsLeft", "cron", "address", "subscription", "durable");
        Assert.That(rows, Has.Count.EqualTo(3));
        Assert.That(rows[0], Is.EqualTo(new object?[] { "series", "repeating", 5_000L, 7L, null, queue, null, true }));
        Assert.That(rows[1], Is.EqualTo(new object?[] { "late", "delayed", 0L, 0L, null, queue, null, true }));
        Assert.That(rows[2].Take(5), Is.EqualTo(new object?[] { "cron", "repeating", 0L, 0L, "0 0 29 2 *" }));
        var times = (await QueryAsync(new AmqpMap { { "address", queue } }, "nextAt")).ConvertAll(static row => (long)row[0]!);
        Assert.That(times, Is.Ordered);
        Assert.That(times[1] - times[0], Is.InRange(2 * Hour - 600_000, 2 * Hour + 600_000));
    }

    [Test]
    public async Task A_query_takes_a_kind_a_time_and_a_page()
    {
        var queue = Unique("q");
        for (var i = 1; i <= 4; i++)
        {
            await ScheduleAsync(queue, $"m{i}", Delay(i * Hour));
        }

        await ScheduleAsync(queue, "series", Delay(5 * Hour), ("x-opt-delivery-period", 1), ("x-opt-delivery-repeat", -1));
        var here = new AmqpMap { { "address", queue } };
        Assert.That(await NamesAsync(new AmqpMap { { "address", queue }, { "kind", "repeating" } }), Is.EqualTo(new[] { "series" }));
        Assert.That(await NamesAsync(new AmqpMap { { "address", queue }, { "offset", 1 }, { "count", 2 } }), Is.EqualTo(new[] { "m2", "m3" }));
        Assert.That(await NamesAsync(new AmqpMap { { "address", queue }, { "offset", 9 } }), Is.Empty);
        var third = (long)(await QueryAsync(here, "nextAt"))[2][0]!;
        Assert.That(await NamesAsync(new AmqpMap { { "address", queue }, { "dueBefore", new Timestamp(third) } }), Is.EqualTo(new[] { "m1", "m2" }));
        var page = await Peer.AskAsync("QUERY", more: new AmqpMap { { "entityType", Schedule }, { "address", queue }, { "count", 1 } });
        Assert.That(page.Map["total"], Is.EqualTo(5L));
    }

    [TestCase("kind", "sometimes", 400)]
    [TestCase("dueBefore", -1L, 400)]
    [TestCase("dueBefore", "soon", 400)]
    [TestCase("address", "nobody.made.this", 404)]
    public async Task A_filter_that_cannot_be_is_refused(string key, object value, int status)
    {
        var answer = await Peer.AskAsync("QUERY", more: new AmqpMap { { "entityType", Schedule }, { key, value } });
        Assert.That(answer.Status, Is.EqualTo(status));
        Assert.That(answer.Description, Does.Contain(status == 404 ? (string)value : key));
    }

    [Test]
    public async Task A_schedule_is_read_and_cancelled_by_its_id([Values] bool repeating)
    {
        var queue = Unique("q");
        await ScheduleAsync(queue, "x", repeating ? [Delay(Hour), ("x-opt-delivery-period", 1L), ("x-opt-delivery-repeat", -1)] : [Delay(Hour)]);
        var name = (string)(await QueryAsync(new AmqpMap { { "address", queue } }, "name"))[0][0]!;
        var read = (await Peer.AskAsync("READ", Schedule, name)).Map;
        Assert.That((read["identity"], read["messageId"], read["kind"]), Is.EqualTo(($"schedule/{name}", "x", repeating ? "repeating" : "delayed")));
        Assert.That((await Peer.AskAsync("DELETE", Schedule, name, new AmqpMap { { "force", true } })).Status, Is.EqualTo(400));
        Assert.That((await Peer.AskAsync("DELETE", more: new AmqpMap { { "identity", $"schedule/{name}" } })).Status, Is.EqualTo(204));
        Assert.That((await Peer.AskAsync("READ", Schedule, name)).Status, Is.EqualTo(404));
        Assert.That((await Peer.AskAsync("DELETE", Schedule, name)).Status, Is.EqualTo(404));
        Assert.That(await NamesAsync(new AmqpMap { { "address", queue } }), Is.Empty);
    }

    [TestCase("PURGE", 501)]
    [TestCase("READ", 404)]
    [TestCase("CREATE", 501)]
    public async Task What_is_no_schedule_is_not_found_and_what_cannot_be_done_is_said(string operation, int status)
    {
        var queue = Unique("q");
        await ScheduleAsync(queue, "x", Delay(Hour));
        var name = status == 404 ? "+1" : (string)(await QueryAsync(new AmqpMap { { "address", queue } }, "name"))[0][0]!;
        Assert.That((await Peer.AskAsync(operation, Schedule, name)).Status, Is.EqualTo(status));
    }

    [Test]
    public async Task A_delayed_message_of_a_topic_is_listed_for_each_subscription_and_cancelled_on_all()
    {
        var stem = Unique("news");
        await using var consumer = await RawPeer.BeginAsync(Endpoint, stem);
        await SubscribeAsync(consumer, 0, "plain", $"topic://{stem}.eu");
        await SubscribeAsync(consumer, 1, "wild", $"topic://{stem}.*");
        await ScheduleAsync($"topic://{stem}.eu", "x", Delay(Hour));
        var rows = (await QueryAsync(new AmqpMap(), "messageId", "name", "address", "subscription")).FindAll(row => row[2] is string at && at.StartsWith(stem, StringComparison.Ordinal));
        Assert.That(rows.ConvertAll(static row => row[0]), Is.EqualTo(new[] { "x", "x" }));
        Assert.That(rows.ConvertAll(static row => row[3]), Is.EquivalentTo(new[] { $"{stem}:plain", $"{stem}:wild" }));
        Assert.That(rows[0][1], Is.EqualTo(rows[1][1]), "one id");
        Assert.That(await NamesAsync(new AmqpMap { { "address", $"{stem}.*" } }), Is.EqualTo(new[] { "x" }), "by pattern");
        Assert.That((await Peer.AskAsync("DELETE", Schedule, (string)rows[0][1]!)).Status, Is.EqualTo(204));
        Assert.That(await NamesAsync(new AmqpMap { { "address", $"{stem}.*" } }), Is.Empty);
        Assert.That(await NamesAsync(new AmqpMap { { "address", $"{stem}.eu" } }), Is.Empty);
    }

    [Test]
    public async Task An_address_takes_as_many_schedules_as_its_setting_says()
    {
        var queue = Unique("q");
        var series = new[] { Delay(Hour), ("x-opt-delivery-period", (object)1L), ("x-opt-delivery-repeat", -1) };
        for (var i = 0; i < 3; i++)
        {
            await ScheduleAsync(queue, $"m{i}", series);
        }

        var refused = await PublishAsync(Message("one too many", series));
        Assert.That((refused as Rejected)?.Error?.Condition, Is.EqualTo(ErrorCondition.ResourceLimitExceeded));
    }

    [Test]
    public async Task Classic_clients_browse_what_is_scheduled_and_remove_it_by_its_job_id([Values("", "topic://")] string prefix)
    {
        var queue = Unique("q");
        await ScheduleAsync(queue, "first", Delay(Hour), ("x-opt-delivery-period", 2_000L), ("x-opt-delivery-repeat", 4));
        await ScheduleAsync(queue, "second", Delay(2 * Hour));
        await using var classic = await RawPeer.BeginAsync(Endpoint);
        var replyTo = await classic.AttachDynamicReceiverAsync(0);
        await classic.SendAsync(Frames.Credit(0, 1_000));
        await classic.AttachSenderAsync(1, $"{prefix}ActiveMQ.Scheduler.Management");
        var jobs = (await BrowseAsync(classic, replyTo, 0)).FindAll(job => job.Message.Properties?.To is { } to && string.Equals(to, queue, StringComparison.Ordinal));
        Assert.That(jobs.ConvertAll(static job => job.Body), Is.EqualTo(new[] { "body of first", "body of second" }));
        var first = jobs[0].Message.ApplicationProperties!;
        Assert.That((first["AMQ_SCHEDULED_PERIOD"], first["AMQ_SCHEDULED_REPEAT"], first["mine"]), Is.EqualTo((2_000L, 4, "kept")));
        Assert.That(jobs[0].Message.MessageAnnotations!.Count, Is.Zero, "it is not scheduled again");
        var id = (string)first["scheduledJobId"]!;
        var removed = await classic.PublishAsync(1, 1, Action("REMOVE", ("scheduledJobId", id)));
        Assert.That(removed, Is.TypeOf<Accepted>());
        Assert.That(await NamesAsync(new AmqpMap { { "address", queue } }), Is.EqualTo(new[] { "second" }));
        Assert.That(await classic.PublishAsync(1, 2, Action("REMOVE", ("scheduledJobId", id))), Is.TypeOf<Accepted>(), "it is gone, as was asked for");
        var at = long.Parse((string)(await QueryAsync(new AmqpMap { { "address", queue } }, "nextAt"))[0][0]!.ToString()!, CultureInfo.InvariantCulture);
        Assert.That(await classic.PublishAsync(1, 3, Action("REMOVEALL", ("ACTION_START_TIME", at + 1), ("ACTION_END_TIME", at + 1))), Is.TypeOf<Accepted>());
        Assert.That(await NamesAsync(new AmqpMap { { "address", queue } }), Is.EqualTo(new[] { "second" }), "not in the range");
        var text = at.ToString(CultureInfo.InvariantCulture);
        Assert.That(await classic.PublishAsync(1, 4, Action("REMOVEALL", ("ACTION_START_TIME", text), ("ACTION_END_TIME", text))), Is.TypeOf<Accepted>());
        Assert.That(await NamesAsync(new AmqpMap { { "address", queue } }), Is.Empty);
    }

    [Test]
    public async Task Classic_requests_that_do_not_wait_for_each_other_are_carried_out_in_their_order()
    {
        var queue = Unique("q");
        await ScheduleAsync(queue, "waits", Delay(Hour));
        await using var classic = await RawPeer.BeginAsync(Endpoint);
        var replyTo = await classic.AttachDynamicReceiverAsync(0);
        await classic.SendAsync(Frames.Credit(0, 1_000_000));
        await classic.AttachSenderAsync(1, "ActiveMQ.Scheduler.Management");
        for (var round = 0u; round < 20; round++)
        {
            for (var i = 0u; i < 4; i++)
            {
                await classic.SendAsync(Frames.Transfer(1, (round * 4) + i, Browse(replyTo, (ulong)i)));
            }

            var order = new List<object?>();
            var answered = 0;
            while (answered < 4 || order.Count < 4)
            {
                var frame = await classic.TryNextAsync() ?? throw new InvalidOperationException("the stream ended");
                answered += frame.Performative is Disposition { First: var first, Last: var last } ? (int)((last ?? first) - first) + 1 : 0;
                if (frame.Performative is Transfer && AmqpMessage.Decode(frame.Payload).Properties is { CorrelationId: var asked, MessageId: "waits" })
                {
                    order.Add(asked);
                }
            }

            Assert.That(order, Is.EqualTo(new object[] { 0ul, 1ul, 2ul, 3ul }));
        }
    }

    [TestCase("BROWSE", "reply-to")]
    [TestCase("REMOVE", "scheduledJobId")]
    [TestCase("SHAKE", "AMQ_SCHEDULER_ACTION")]
    public async Task A_classic_request_that_cannot_be_is_rejected(string action, string named)
    {
        await using var classic = await RawPeer.BeginAsync(Endpoint);
        await classic.AttachSenderAsync(0, "activemq.scheduler.management");
        var error = ((Rejected)(await classic.PublishAsync(0, 0, Action(action)))!).Error!;
        Assert.That(error.Condition, Is.EqualTo(ErrorCondition.InvalidField));
        Assert.That(error.Description, Does.Contain(named));
        await classic.SendAsync(Frames.Receiver(1, "ActiveMQ.Scheduler.Management"));
        await classic.NextAsync<Attach>();
        Assert.That((await classic.NextAsync<Detach>()).Error!.Condition, Is.EqualTo(ErrorCondition.NotAllowed), "nothing is to be received from it");
    }

    private static (string, object) Delay(long milliseconds) => ("x-opt-delivery-delay", milliseconds);

    private static byte[] Message(string id, IEnumerable<(string Key, object Value)> annotations, string? to = null)
    {
        var map = new AmqpMap();
        foreach (var (key, value) in annotations)
        {
            map.Add(new Symbol(key), value);
        }

        return new AmqpMessage
        {
            Header = MessageHeader.Default with { Durable = true },
            MessageAnnotations = map,
            Properties = new MessageProperties { MessageId = id, To = to },
            ApplicationProperties = new AmqpMap { { "mine", "kept" } },
            Body = new ValueBody($"body of {id}"),
        }.Encode();
    }

    private static byte[] Browse(string replyTo, object? correlationId = null) =>
        Request(new MessageProperties { ReplyTo = replyTo, CorrelationId = correlationId }, "BROWSE");

    private static byte[] Action(string action, params (string Key, object Value)[] more) => Request(new MessageProperties(), action, more);

    private static byte[] Request(MessageProperties about, string action, params (string Key, object Value)[] more)
    {
        var properties = new AmqpMap { { "AMQ_SCHEDULER_ACTION", action } };
        foreach (var (key, value) in more)
        {
            properties.Add(key, value);
        }

        return new AmqpMessage { Properties = about, ApplicationProperties = properties }.Encode();
    }

    private static async Task SubscribeAsync(RawPeer peer, uint handle, string name, string address)
    {
        await peer.SendAsync(Frames.Of(new Attach
        {
            Name = name,
            Handle = handle,
            Role = Role.Receiver,
            Source = new Source { Address = address, Durable = TerminusDurability.UnsettledState, ExpiryPolicy = TerminusExpiryPolicy.Never },
            Target = new Target { Address = "here" },
        }));
        Assert.That((await peer.NextAsync<Attach>()).Source?.Address, Is.EqualTo(address), () => peer.Trace);
    }

    /// <summary>Everything that one BROWSE is answered with: it is accepted when all is sent, and other tests' schedules may be among it.</summary>
    private static async Task<List<ReceivedMessage>> BrowseAsync(RawPeer peer, string replyTo, uint id)
    {
        var found = new List<ReceivedMessage>();
        var answered = false;
        await peer.SendAsync(Frames.Transfer(1, id, Browse(replyTo)));
        while (!answered)
        {
            var frame = await peer.TryNextAsync() ?? throw new InvalidOperationException("the stream ended");
            answered |= frame.Performative is Disposition;
            Collect(frame, found);
        }

        // All is on the queue now: a drain says where its end is.
        await peer.SendAsync(Frames.Credit(0, 1_000, (uint)found.Count, drain: true));
        while (await peer.TryNextAsync() is { } frame && frame.Performative is not Flow { Drain: true, LinkCredit: 0 })
        {
            Collect(frame, found);
        }

        return found;
    }

    private static void Collect(Testing.PeerFrame frame, List<ReceivedMessage> into)
    {
        if (frame.Performative is Transfer transfer)
        {
            into.Add(new ReceivedMessage(transfer.DeliveryId!.Value, transfer.Handle, AmqpMessage.Decode(frame.Payload)));
        }
    }

    private async Task ScheduleAsync(string address, string id, params (string Key, object Value)[] annotations)
    {
        await AttachProducerAsync(address);
        Assert.That(await PublishAsync(Message(id, annotations, address)), Is.TypeOf<Accepted>());
    }

    private async Task<List<object?>> NamesAsync(AmqpMap filters) => (await QueryAsync(filters, "messageId")).ConvertAll(static row => row[0]);

    private Task<List<List<object?>>> QueryAsync(AmqpMap filters, params string[] attributes) => Peer.QueryAsync(Schedule, filters, attributes);
}
