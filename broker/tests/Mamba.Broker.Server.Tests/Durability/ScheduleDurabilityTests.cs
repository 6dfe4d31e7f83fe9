using System.Globalization;
using Mamba.Amqp.Messaging;
using Mamba.Amqp.Transport;
using Mamba.Amqp.Types;
using Mamba.Broker.Server.Tests.Peers;

namespace Mamba.Broker.Server.Tests.Durability;

/// <summary>Repeating schedules over sockets: their copies, their refusals, and that no instant is lost or doubled by kill -9.</summary>
[TestFixture]
internal sealed class ScheduleDurabilityTests : MortalBroker
{
    [Test]
    public async Task A_copy_says_which_schedule_and_instant_it_is_of_and_has_no_schedule_itself()
    {
        await SendAsync("ticks", new AmqpMap
        {
            { new Symbol("x-opt-delivery-delay"), 1 }, { new Symbol("x-opt-delivery-period"), 5L },
            { new Symbol("x-opt-delivery-repeat"), 2u }, { new Symbol("x-opt-mine"), "kept" },
        });
        var found = await Life.DrainAsync("ticks", atLeast: 3);
        Assert.That(found, Has.Count.EqualTo(3));
        var annotations = found.ConvertAll(static m => m.Message.MessageAnnotations!);
        Assert.That(annotations.ConvertAll(static a => a[new Symbol("x-opt-schedule-id")]).Distinct().Count(), Is.EqualTo(1));
        Assert.That(annotations.ConvertAll(static a => a[new Symbol("x-opt-mine")]), Is.All.EqualTo("kept"));
        Assert.That(annotations.TrueForAll(static a => a[new Symbol("x-opt-delivery-period")] is null && a[new Symbol("x-opt-delivery-repeat")] is null), Is.True);
        var instants = found.ConvertAll(InstantOf);
        Assert.That((instants[1] - instants[0], instants[2] - instants[1]), Is.EqualTo((5L, 5L)));
    }

    [Test]
    public async Task No_instant_comes_twice_and_series_go_on_over_many_kills()
    {
        await SendAsync("ticks", Series(20));
        await SendAsync("ticks", Series(30));
        await SendAsync("topic://ticks.at.topic", Series(20));
        await using (var subscriber = await SubscribeAsync())
        {
            await subscriber.CloseAsync();
        }

        var instants = new List<(object Schedule, long Instant)>();
        for (var life = 0; life < 8; life++)
        {
            // In some lives nothing is taken: what fires then is there in the next.
            if (life % 3 != 1)
            {
                instants.AddRange((await TakeAsync("ticks", 4)).Select(static m => (ScheduleOf(m), InstantOf(m))));
                await using var subscriber = await SubscribeAsync();
                instants.AddRange((await TakeAsync(subscriber, 2)).Select(static m => (ScheduleOf(m), InstantOf(m))));
            }

            await Life.KillAndRestartAsync();
        }

        instants.AddRange((await TakeAsync("ticks", 4)).Select(static m => (ScheduleOf(m), InstantOf(m))));
        Assert.That(instants, Is.Unique);
        foreach (var series in instants.GroupBy(static one => one.Schedule))
        {
            var times = series.Select(static one => one.Instant).ToList();
            Assert.That(times, Is.Ordered);
            Assert.That(times.TrueForAll(instant => (instant - times[0]) % 10 == 0), Is.True, "all on the beat of the first");
        }
    }

    [Test]
    public async Task What_was_cancelled_by_id_stays_cancelled_over_a_kill_and_the_others_go_on()
    {
        await SendAsync("first", Series(20));
        await SendAsync("second", Series(20));
        await SendAsync("later", new AmqpMap { { new Symbol("x-opt-delivery-delay"), 3_600_000 } });
        await TakeAsync("first", 2);
        var before = await IdsAsync("first", "second", "later");
        await Life.KillAndRestartAsync();
        Assert.That(await IdsAsync("first", "second"), Is.EqualTo(before.Take(2)), "ids over a kill");
        foreach (var id in new[] { before[0], before[2] })
        {
            await using var peer = await Management.ManagementPeer.ConnectAsync(Life.Endpoint);
            var answer = await peer.AskAsync("DELETE", "org.mamba.schedule", id);
            Assert.That(answer.Status, Is.EqualTo(204), answer.Description);
        }

        await Life.DrainAsync("first");
        await Life.KillAndRestartAsync();
        Assert.That(await IdsAsync("second"), Is.EqualTo(new[] { before[1] }));
        await TakeAsync("second", 3);
        Assert.That(await IdsAsync("first", "later"), Is.Empty);
    }

    [TestCase("x-opt-delivery-cron", "61 * * * *", "minute")]
    [TestCase("x-opt-delivery-cron", "* * *", "3 fields")]
    [TestCase("x-opt-delivery-period", 0, "x-opt-delivery-period")]
    [TestCase("x-opt-delivery-period", -5L, "x-opt-delivery-period")]
    [TestCase("x-opt-delivery-repeat", 3, "x-opt-delivery-period")]
    [TestCase("x-opt-delivery-repeat", -2, "x-opt-delivery-repeat")]
    [TestCase("x-opt-delivery-delay", "soon", "x-opt-delivery-delay")]
    public async Task What_cannot_be_is_rejected_with_the_fields_name(string key, object value, string named)
    {
        await using var peer = await RawPeer.BeginAsync(Life.Endpoint);
        await peer.AttachSenderAsync(0, "refusing");
        var outcome = await peer.PublishAsync(0, 0, Message(new AmqpMap { { new Symbol(key), value } }));
        Assert.That(outcome, Is.InstanceOf<Rejected>());
        var error = ((Rejected)outcome).Error!;
        Assert.That(error.Condition.Value, Is.EqualTo("amqp:invalid-field"));
        Assert.That(error.Description, Does.Contain(named).And.Contain(key));
    }

    private static AmqpMap Series(int period) => new()
    {
        { new Symbol("x-opt-delivery-delay"), 1 }, { new Symbol("x-opt-delivery-period"), period }, { new Symbol("x-opt-delivery-repeat"), -1 },
    };

    private static object ScheduleOf(ReceivedMessage message) => message.Message.MessageAnnotations![new Symbol("x-opt-schedule-id")]!;

    private static async Task<List<ReceivedMessage>> TakeAsync(RawPeer peer, uint count)
    {
        await peer.SendAsync(Frames.Credit(0, count));
        var taken = new List<ReceivedMessage>();
        while (taken.Count < count)
        {
            taken.Add(await peer.ReceiveAsync());
        }

        await peer.SendAsync(Frames.Settle(taken[0].DeliveryId, Accepted.Instance, taken[^1].DeliveryId, settled: false));
        for (var settled = 0u; settled < count;)
        {
            var answer = await peer.NextAsync<Disposition>();
            settled += (answer.Last ?? answer.First) - answer.First + 1;
        }

        await peer.CloseAsync();
        return taken;
    }

    /// <summary>Takes so many messages; that they were taken is on disk when this returns.</summary>
    private async Task<List<ReceivedMessage>> TakeAsync(string queue, uint count)
    {
        await using var peer = await RawPeer.BeginAsync(Life.Endpoint);
        await peer.AttachReceiverAsync(0, queue, 0);
        return await TakeAsync(peer, count);
    }

    /// <summary>A durable subscription to a pattern that takes the topic in.</summary>
    private async Task<RawPeer> SubscribeAsync()
    {
        var peer = await RawPeer.BeginAsync(Life.Endpoint, "subscriber");
        await peer.SendAsync(Frames.Of(new Attach
        {
            Name = "wild",
            Handle = 0,
            Role = Role.Receiver,
            Source = new Source { Address = "topic://ticks.#", Durable = TerminusDurability.UnsettledState, ExpiryPolicy = TerminusExpiryPolicy.Never },
            Target = new Target { Address = "here" },
        }));
        await peer.NextAsync<Attach>();
        return peer;
    }

    /// <summary>The ids of what waits for these addresses.</summary>
    private async Task<List<string>> IdsAsync(params string[] addresses)
    {
        await using var peer = await Management.ManagementPeer.ConnectAsync(Life.Endpoint);
        var found = new List<string>();
        foreach (var address in addresses)
        {
            var answer = await peer.AskAsync("QUERY", more: new AmqpMap { { "entityType", "org.mamba.schedule" }, { "address", address } });
            Assert.That(answer.Status, Is.EqualTo(200), answer.Description);
            found.AddRange(((List<object?>)answer.Map["results"]!).Select(static row => (string)((List<object?>)row!)[0]!));
        }

        return found;
    }

    private static long InstantOf(ReceivedMessage message) =>
        Convert.ToInt64(message.Message.MessageAnnotations![new Symbol("x-opt-delivery-time")], CultureInfo.InvariantCulture);

    private static byte[] Message(AmqpMap annotations) => new AmqpMessage
    {
        Header = MessageHeader.Default with { Durable = true }, MessageAnnotations = annotations, Body = new ValueBody("tick"),
    }.Encode();

    private async Task SendAsync(string address, AmqpMap annotations)
    {
        await using var peer = await RawPeer.BeginAsync(Life.Endpoint);
        await peer.AttachSenderAsync(0, address);
        Assert.That(await peer.PublishAsync(0, 0, Message(annotations)), Is.InstanceOf<Accepted>());
        await peer.CloseAsync();
    }
}
