using System.Globalization;
using Mamba.Amqp.Messaging;
using Mamba.Amqp.Types;
using Mamba.Broker.Server.Tests.Peers;

namespace Mamba.Broker.Server.Tests.Durability;

/// <summary>Last values over kill -9: of each key one, never two nor none, and none that is older than what was accepted.</summary>
[TestFixture]
internal sealed class KilledLastValueTests() : MortalBroker("""addresses.rules=[{ "pattern": "last.#", "lastValueKey": "symbol" }]""")
{
    private const int Keys = 5;

    [Test]
    public async Task Of_each_key_there_is_the_last_accepted_value_or_a_newer_one([Values(1, 40, 200)] int confirmed)
    {
        await using var peer = await RawPeer.BeginAsync(Life.Endpoint);
        await peer.AttachSenderAsync(0, "last.q");
        var accepted = new Dictionary<int, int>();
        for (var i = 0; i < Keys + confirmed; i++)
        {
            Assert.That(await peer.PublishAsync(0, (uint)i, Value(i)), Is.InstanceOf<Accepted>());
            accepted[i % Keys] = i;
        }

        // More of them are on their way while the broker is killed.
        var last = Keys + confirmed + 300;
        for (var i = Keys + confirmed; i < last; i++)
        {
            await peer.SendAsync(Frames.Transfer(0, (uint)i, Value(i)));
        }

        await Life.KillAndRestartAsync();
        var left = (await Life.DrainAsync("last.q", Keys)).ConvertAll(static m => int.Parse(m.Body, CultureInfo.InvariantCulture));
        Assert.That(left.Select(static value => value % Keys), Is.EquivalentTo(Enumerable.Range(0, Keys)));
        Assert.That(left, Has.All.Matches<int>(value => value >= accepted[value % Keys] && value < last));
    }

    [Test]
    public async Task What_was_held_when_it_was_replaced_does_not_come_back_beside_the_newer_one()
    {
        await ReplaceWhatIsHeldAndKillAsync(Value(Keys));
        Assert.That((await Life.DrainAsync("last.q", 1)).ConvertAll(static m => m.Body), Is.EqualTo(new[] { "5" }));
    }

    [Test]
    public async Task A_held_durable_value_is_the_latest_again_when_the_one_that_replaced_it_is_lost_with_the_process()
    {
        await ReplaceWhatIsHeldAndKillAsync(Value(Keys, durable: false));
        Assert.That((await Life.DrainAsync("last.q", 1)).ConvertAll(static m => m.Body), Is.EqualTo(new[] { "0" }));
    }

    [Test]
    public async Task After_the_restart_newer_values_replace_and_consumed_ones_stay_away()
    {
        await using (var peer = await RawPeer.BeginAsync(Life.Endpoint))
        {
            await peer.AttachSenderAsync(0, "last.q");
            for (var i = 0; i < Keys * 3; i++)
            {
                await peer.PublishAsync(0, (uint)i, Value(i));
            }
        }

        await Life.KillAndRestartAsync();
        await using (var peer = await RawPeer.BeginAsync(Life.Endpoint))
        {
            await peer.AttachSenderAsync(0, "last.q");
            Assert.That(await peer.PublishAsync(0, 0, Value(17)), Is.InstanceOf<Accepted>());
        }

        Assert.That((await Life.DrainAsync("last.q", Keys)).ConvertAll(static m => m.Body), Is.EquivalentTo(new[] { "10", "11", "17", "13", "14" }));

        // The journal is written in order: this lies behind what was taken off the queue.
        await Life.PublishAsync("behind", "last");
        await Life.KillAndRestartAsync();
        Assert.That(await Life.DrainAsync("last.q"), Is.Empty);
    }

    /// <summary>A durable value 0 is held while another takes its place, and then the broker is killed.</summary>
    private async Task ReplaceWhatIsHeldAndKillAsync(byte[] newer)
    {
        await using var peer = await RawPeer.BeginAsync(Life.Endpoint);
        await peer.AttachSenderAsync(0, "last.q");
        await peer.PublishAsync(0, 0, Value(0));
        await peer.AttachReceiverAsync(1, "last.q", 1);
        await peer.ReceiveAsync();
        Assert.That(await peer.PublishAsync(0, 1, newer), Is.InstanceOf<Accepted>());
        await Life.KillAndRestartAsync();
    }

    private static byte[] Value(int number, bool durable = true) => new AmqpMessage
    {
        Header = MessageHeader.Default with { Durable = durable },
        ApplicationProperties = new AmqpMap { { "symbol", number % Keys } },
        Body = new ValueBody(number.ToString(CultureInfo.InvariantCulture)),
    }.Encode();
}
