using System.Globalization;
using Mamba.Amqp.Messaging;
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
    public async Task No_instant_comes_twice_and_a_series_goes_on_over_kills()
    {
        await SendAsync("ticks", new AmqpMap
        {
            { new Symbol("x-opt-delivery-delay"), 1 }, { new Symbol("x-opt-delivery-period"), 20 }, { new Symbol("x-opt-delivery-repeat"), -1 },
        });
        var instants = new List<long>();
        for (var life = 0; life < 3; life++)
        {
            instants.AddRange((await Life.DrainAsync("ticks", atLeast: 3)).ConvertAll(InstantOf));
            await Life.KillAndRestartAsync();
        }

        instants.AddRange((await Life.DrainAsync("ticks", atLeast: 3)).ConvertAll(InstantOf));
        Assert.That(instants, Is.Unique.And.Ordered);
        Assert.That(instants.TrueForAll(instant => (instant - instants[0]) % 20 == 0), Is.True, "all on the beat of the first");
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
