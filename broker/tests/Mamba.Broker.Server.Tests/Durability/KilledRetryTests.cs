using System.Diagnostics;
using Mamba.Amqp.Messaging;
using Mamba.Amqp.Transport;
using Mamba.Amqp.Types;
using Mamba.Broker.Server.Tests.Management;
using Mamba.Broker.Server.Tests.Peers;

namespace Mamba.Broker.Server.Tests.Durability;

/// <summary>Failed deliveries wait on over kill -9, with their counts: none comes early, none is lost, none comes twice.</summary>
[TestFixture]
internal sealed class KilledRetryTests() : MortalBroker(
    """
    addresses.rules=[
      { "pattern": "slow.#", "retry": { "delay": "1 h", "maxDelay": "1 h" } },
      { "pattern": "brief.#", "maxDeliveries": 0, "retry": { "delay": "300 ms", "multiplier": 1, "jitter": 0.5 } },
      { "pattern": "held.#", "retry": { "delay": "1 h", "maxDelay": "1 h", "order": "group" } }]
    """)
{
    private static readonly Modified Failed = new() { DeliveryFailed = true };

    [Test]
    public async Task What_waits_does_so_after_a_kill_and_the_rest_is_in_its_place()
    {
        await Life.PublishAsync("slow.q", "0", "1", "2", "3", "4");
        await using (var peer = await RawPeer.BeginAsync(Life.Endpoint))
        {
            await peer.AttachReceiverAsync(0, "slow.q", credit: 4);
            var taken = new List<ReceivedMessage>();
            for (var i = 0; i < 4; i++)
            {
                taken.Add(await peer.ReceiveAsync());
            }

            await KilledBrokerTests.SettleAndWaitAsync(peer, taken[0].DeliveryId, Failed);
            await KilledBrokerTests.SettleAndWaitAsync(peer, taken[2].DeliveryId, Failed);
            await Life.KillAndRestartAsync();
        }

        Assert.That((await Life.DrainAsync("slow.q")).ConvertAll(static m => (m.Body, m.Header.DeliveryCount)), Is.EqualTo(new[] { ("1", 0u), ("3", 0u), ("4", 0u) }));
        Assert.That(await DepthAsync("slow.q"), Is.EqualTo(2));
        await Life.KillAndRestartAsync();
        Assert.That(await Life.DrainAsync("slow.q"), Is.Empty);
        Assert.That(await DepthAsync("slow.q"), Is.EqualTo(2));
    }

    [Test]
    public async Task What_waits_comes_when_it_is_due_and_with_its_count_however_often_the_broker_is_killed()
    {
        await Life.PublishAsync("slow.asked", "a");
        var since = Stopwatch.StartNew();
        await using (var peer = await RawPeer.BeginAsync(Life.Endpoint))
        {
            await peer.AttachReceiverAsync(0, "slow.asked", credit: 1);
            await KilledBrokerTests.SettleAndWaitAsync(peer, (await peer.ReceiveAsync()).DeliveryId, new Modified
            {
                DeliveryFailed = true,
                MessageAnnotations = new AmqpMap { { new Symbol("x-opt-delivery-delay"), 3_000 }, { new Symbol("x-opt-tried-by"), "the test" } },
            });
        }

        await Life.KillAndRestartAsync();
        await Life.KillAndRestartAsync();
        var found = await Life.DrainAsync("slow.asked", atLeast: 1);
        Assert.That(since.ElapsedMilliseconds, Is.GreaterThanOrEqualTo(2_900));
        Assert.That(found.ConvertAll(static m => (m.Body, m.Header.DeliveryCount)), Is.EqualTo(new[] { ("a", 1u) }));
        Assert.That(found[0].Message.MessageAnnotations![new Symbol("x-opt-tried-by")], Is.EqualTo("the test"));
    }

    [Test]
    public async Task A_stream_of_failures_that_is_cut_loses_and_doubles_nothing()
    {
        const int Sent = 300;
        await Life.PublishAsync("brief.stream", [.. Enumerable.Range(0, Sent).Select(static i => $"{i}")]);
        var answered = new HashSet<uint>();
        await using (var peer = await RawPeer.BeginAsync(Life.Endpoint))
        {
            await peer.AttachReceiverAsync(0, "brief.stream", credit: Sent);
            for (var i = 0; i < Sent; i++)
            {
                Assert.That((await peer.ReceiveAsync()).DeliveryId, Is.EqualTo((uint)i));
            }

            await peer.SendAsync([.. Enumerable.Range(0, Sent).Select(static i => Frames.Settle((uint)i, Failed, settled: false))]);
            while (answered.Count < 20)
            {
                Note(await peer.NextAsync<Disposition>(), answered);
            }

            await Life.Broker.KillAsync();
            while (await peer.TryNextAsync() is { } frame)
            {
                if (frame.Performative is Disposition disposition)
                {
                    Note(disposition, answered);
                }
            }
        }

        await Life.RestartAsync();
        var found = await Life.DrainAsync("brief.stream", Sent);
        Assert.That(found.ConvertAll(static m => m.Body), Is.EquivalentTo(Enumerable.Range(0, Sent).Select(static i => $"{i}")));
        foreach (var message in found)
        {
            var number = uint.Parse(message.Body, System.Globalization.CultureInfo.InvariantCulture);
            Assert.That(message.Header.DeliveryCount, answered.Contains(number) ? Is.EqualTo(1) : Is.LessThanOrEqualTo(1), message.Body);
        }

        Assert.That(await DepthAsync("brief.stream"), Is.Zero);
    }

    [Test]
    public async Task A_messages_own_word_and_the_order_of_groups_hold_after_a_kill()
    {
        await using (var peer = await RawPeer.BeginAsync(Life.Endpoint))
        {
            await peer.AttachSenderAsync(0, "held.q");
            byte[][] messages = [Message("a1", "a"), Message("a2", "a"), Message("b1", "b", ("x-opt-max-deliveries", 2)), Message("b2", "b")];
            for (var i = 0; i < messages.Length; i++)
            {
                Assert.That(await peer.PublishAsync(0, (uint)i, messages[i]), Is.InstanceOf<Accepted>());
            }

            await peer.AttachReceiverAsync(1, "held.q", credit: 1);
            await KilledBrokerTests.SettleAndWaitAsync(peer, (await peer.ReceiveAsync()).DeliveryId, Failed);
            await peer.SendAsync(Frames.Credit(1, 1, deliveryCount: 1));
            var b1 = await peer.ReceiveAsync();
            Assert.That(b1.Body, Is.EqualTo("b1"));
            await KilledBrokerTests.SettleAndWaitAsync(peer, b1.DeliveryId, new Modified
            {
                DeliveryFailed = true, MessageAnnotations = new AmqpMap { { new Symbol("x-opt-delivery-delay"), 0 } },
            });
        }

        await Life.KillAndRestartAsync();
        await using (var peer = await RawPeer.BeginAsync(Life.Endpoint))
        {
            await peer.AttachReceiverAsync(1, "held.q", credit: 1);
            var b1 = await peer.ReceiveAsync();
            Assert.That((b1.Body, b1.Header.DeliveryCount), Is.EqualTo(("b1", 1u)), "group a waits");
            await KilledBrokerTests.SettleAndWaitAsync(peer, b1.DeliveryId, Failed);
        }

        Assert.That((await Life.DrainAsync("held.q", atLeast: 1)).ConvertAll(static m => m.Body), Is.EqualTo(new[] { "b2" }));
        Assert.That((await Life.DrainAsync("DLQ.held.q", atLeast: 1)).ConvertAll(static m => m.Body), Is.EqualTo(new[] { "b1" }));
        Assert.That(await DepthAsync("held.q"), Is.EqualTo(2), "a1 and a2");
    }

    private static void Note(in Disposition disposition, HashSet<uint> answered)
    {
        Assert.That(disposition.Settled, Is.True);
        for (var id = disposition.First; id <= disposition.LastOrFirst; id++)
        {
            answered.Add(id);
        }
    }

    private static byte[] Message(string body, string group, params (string Key, object Value)[] annotations)
    {
        var map = new AmqpMap();
        foreach (var (key, value) in annotations)
        {
            map.Add(new Symbol(key), value);
        }

        return new AmqpMessage
        {
            Header = MessageHeader.Default with { Durable = true },
            MessageAnnotations = map.Count == 0 ? null : map,
            Properties = new MessageProperties { GroupId = group },
            Body = new ValueBody(body),
        }.Encode();
    }

    private async Task<long> DepthAsync(string queue)
    {
        await using var management = await ManagementPeer.ConnectAsync(Life.Endpoint);
        return (long)(await management.ReadAsync("org.mamba.queue", queue, "depth"))!;
    }
}
