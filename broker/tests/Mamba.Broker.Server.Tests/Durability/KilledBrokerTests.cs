using System.Globalization;
using Mamba.Amqp.Messaging;
using Mamba.Amqp.Transport;
using Mamba.Amqp.Types;
using Mamba.Broker.Server.Tests.Peers;

namespace Mamba.Broker.Server.Tests.Durability;

/// <summary>
/// What was confirmed is there after kill -9, one test for each kind of thing that is stored. That a message was out is not
/// stored, so after a start none claims to be at its first acquirer.
/// </summary>
[TestFixture]
internal sealed class KilledBrokerTests : MortalBroker
{
    [Test]
    public async Task Durable_messages_are_there_in_their_order_and_others_are_gone()
    {
        await using (var peer = await RawPeer.BeginAsync(Life.Endpoint))
        {
            await peer.AttachSenderAsync(0, "mixed");
            for (uint i = 0; i < 20; i++)
            {
                Assert.That(await peer.PublishAsync(0, i, Frames.Message($"{i}", durable: i % 2 == 0)), Is.InstanceOf<Accepted>());
            }
        }

        await Life.KillAndRestartAsync();
        var found = await Life.DrainAsync("mixed");
        Assert.That(found.ConvertAll(static m => m.Body), Is.EqualTo(Enumerable.Range(0, 10).Select(static i => $"{2 * i}")));
        Assert.That(found.TrueForAll(static m => m.Header is { Durable: true, FirstAcquirer: false, DeliveryCount: 0 }), Is.True);
    }

    [Test]
    public async Task Every_accepted_message_of_a_stream_that_is_cut_is_there_once_and_in_order()
    {
        const int Sent = 800;
        var accepted = 0;
        await using (var peer = await RawPeer.BeginAsync(Life.Endpoint))
        {
            await peer.AttachSenderAsync(0, "stream");
            await peer.SendAsync([.. Enumerable.Range(0, Sent).Select(static i => Frames.Transfer(0, (uint)i, Frames.Message($"{i}", durable: true)))]);
            while (accepted < 100)
            {
                accepted += CountOf(await peer.NextAsync<Disposition>());
            }

            await Life.Broker.KillAsync();
            while (await peer.TryNextAsync() is { } frame)
            {
                accepted += frame.Performative is Disposition disposition ? CountOf(disposition) : 0;
            }
        }

        await Life.RestartAsync();
        var found = (await Life.DrainAsync("stream", accepted)).ConvertAll(static m => int.Parse(m.Body, CultureInfo.InvariantCulture));
        Assert.That(found, Is.EqualTo(Enumerable.Range(0, found.Count)), "a beginning of the stream, without gaps");
        Assert.That(found, Has.Count.InRange(accepted, Sent));
    }

    [Test]
    public async Task Accepted_deliveries_stay_away_and_unanswered_ones_come_again()
    {
        await Life.PublishAsync("work", "done", "not done", "not seen");
        await using (var peer = await RawPeer.BeginAsync(Life.Endpoint))
        {
            await peer.AttachReceiverAsync(0, "work", credit: 2);
            var done = await peer.ReceiveAsync();
            await peer.ReceiveAsync();
            await SettleAndWaitAsync(peer, done.DeliveryId, Accepted.Instance);
            await Life.KillAndRestartAsync();
        }

        Assert.That((await Life.DrainAsync("work")).ConvertAll(static m => m.Body), Is.EqualTo(new[] { "not done", "not seen" }));
    }

    [Test]
    public async Task Released_and_modified_messages_keep_their_place_and_what_is_known_of_them()
    {
        await Life.PublishAsync("again", "released", "failed", "failed twice", "fresh");
        await using (var peer = await RawPeer.BeginAsync(Life.Endpoint))
        {
            await peer.AttachReceiverAsync(0, "again", credit: 3);
            var first = (await peer.ReceiveAsync()).DeliveryId;
            await peer.ReceiveAsync();
            await peer.ReceiveAsync();
            await SettleAndWaitAsync(peer, first, Released.Instance);
            await SettleAndWaitAsync(peer, first + 1, new Modified { DeliveryFailed = true });
            await SettleAndWaitAsync(peer, first + 2, new Modified
            {
                DeliveryFailed = true,
                MessageAnnotations = new AmqpMap { { new Symbol("x-opt-tried-by"), "the test" } },
            });
        }

        await using (var peer = await RawPeer.BeginAsync(Life.Endpoint))
        {
            await peer.AttachReceiverAsync(0, "again", credit: 3);
            await peer.ReceiveAsync();
            await peer.ReceiveAsync();
            var third = await peer.ReceiveAsync();
            await SettleAndWaitAsync(peer, third.DeliveryId, new Modified { DeliveryFailed = true });
            await Life.KillAndRestartAsync();
        }

        var found = await Life.DrainAsync("again");
        Assert.That(found.ConvertAll(static m => m.Body), Is.EqualTo(new[] { "released", "failed", "failed twice", "fresh" }));
        Assert.That(found.ConvertAll(static m => m.Header.DeliveryCount), Is.EqualTo(new uint[] { 0, 1, 2, 0 }));
        Assert.That(found.TrueForAll(static m => !m.Header.FirstAcquirer), Is.True);
        Assert.That(found[2].Message.MessageAnnotations?[new Symbol("x-opt-tried-by")], Is.EqualTo("the test"));
    }

    [Test]
    public async Task A_rejected_message_is_on_the_dead_letter_queue_with_its_story_and_nowhere_else()
    {
        await Life.PublishAsync("orders", "poison", "good");
        await using (var peer = await RawPeer.BeginAsync(Life.Endpoint))
        {
            await peer.AttachReceiverAsync(0, "orders", credit: 1);
            var id = (await peer.ReceiveAsync()).DeliveryId;
            await SettleAndWaitAsync(peer, id, new Rejected { Error = new AmqpError(new Symbol("shop:no-such-article"), "number 7") });
        }

        await Life.KillAndRestartAsync();
        Assert.That((await Life.DrainAsync("orders")).ConvertAll(static m => m.Body), Is.EqualTo(new[] { "good" }));
        var dead = await Life.DrainAsync("DLQ.orders");
        Assert.That(dead.ConvertAll(static m => m.Body), Is.EqualTo(new[] { "poison" }));
        var story = dead[0].Message.MessageAnnotations!;
        Assert.That(story[new Symbol("x-opt-dead-letter-reason")], Is.EqualTo("rejected"));
        Assert.That(story[new Symbol("x-opt-dead-letter-error")]?.ToString(), Is.EqualTo("shop:no-such-article"));
        Assert.That(story[new Symbol("x-opt-orig-address")], Is.EqualTo("orders"));
    }

    [Test]
    public async Task A_durable_subscription_is_there_with_what_it_has_not_acknowledged()
    {
        await using (var subscriber = await SubscribeAsync(credit: 0))
        {
            await subscriber.SendAsync(Frames.Detach(0, closed: false));
            await subscriber.NextAsync<Detach>();
            await subscriber.CloseAsync();
        }

        await Life.PublishAsync("topic://news", "1", "2", "3", "4");
        await using (var subscriber = await SubscribeAsync(credit: 4))
        {
            var first = (await subscriber.ReceiveAsync()).DeliveryId;
            await subscriber.ReceiveAsync();
            await subscriber.ReceiveAsync();
            await subscriber.ReceiveAsync();
            await SettleAndWaitAsync(subscriber, first, Accepted.Instance);
            await SettleAndWaitAsync(subscriber, first + 2, Accepted.Instance);

            await Life.KillAndRestartAsync();
        }

        await Life.PublishAsync("topic://news", "5");
        await using var again = await SubscribeAsync(credit: 10);
        var found = new List<string>();
        for (var i = 0; i < 3; i++)
        {
            found.Add((await again.ReceiveAsync()).Body);
        }

        Assert.That(found, Is.EqualTo(new[] { "2", "4", "5" }));
    }

    [Test]
    public async Task A_durable_subscription_selects_after_the_start_as_before_it()
    {
        var selector = new AmqpMap { { new Symbol("jms-selector"), new DescribedValue(FilterDescriptors.SelectorCode, "JMSPriority > 4") } };
        await using (var subscriber = await SubscribeAsync(credit: 0, selector))
        {
            await subscriber.SendAsync(Frames.Detach(0, closed: false));
            await subscriber.NextAsync<Detach>();
            await subscriber.CloseAsync();
        }

        await PublishWithPriorityAsync("low before", 1);
        await PublishWithPriorityAsync("high before", 8);
        await Life.KillAndRestartAsync();
        await PublishWithPriorityAsync("low after", 1);
        await PublishWithPriorityAsync("high after", 8);
        await using var again = await SubscribeAsync(credit: 10, selector);
        Assert.That((await again.ReceiveAsync()).Body, Is.EqualTo("high before"));
        Assert.That((await again.ReceiveAsync()).Body, Is.EqualTo("high after"));
    }

    private async Task PublishWithPriorityAsync(string body, byte priority)
    {
        await using var peer = await RawPeer.BeginAsync(Life.Endpoint);
        await peer.AttachSenderAsync(0, "topic://news");
        var message = Frames.Message(body, MessageHeader.Default with { Durable = true, Priority = priority });
        Assert.That(await peer.PublishAsync(0, 0, message), Is.InstanceOf<Accepted>());
    }

    /// <summary>Settles with an outcome and waits until the broker says that it has it stored.</summary>
    internal static async Task SettleAndWaitAsync(RawPeer peer, uint id, Outcome outcome)
    {
        await peer.SendAsync(Frames.Settle(id, outcome, settled: false));
        var answer = await peer.NextAsync<Disposition>();
        Assert.That((answer.Role, answer.First, answer.Settled), Is.EqualTo((Role.Sender, id, true)));
    }

    private async Task<RawPeer> SubscribeAsync(uint credit, AmqpMap? filter = null)
    {
        var peer = await RawPeer.BeginAsync(Life.Endpoint, "subscriber");
        await peer.SendAsync(Frames.Of(new Attach
        {
            Name = "daily",
            Role = Role.Receiver,
            Source = new Source
            {
                Address = "topic://news", Durable = TerminusDurability.UnsettledState, ExpiryPolicy = TerminusExpiryPolicy.Never, Filter = filter,
            },
            Target = new Target { Address = "here" },
        }));
        Assert.That((await peer.NextAsync<Attach>()).Source, Is.Not.Null);
        await peer.SendAsync(Frames.Credit(0, credit));
        return peer;
    }

    private static int CountOf(in Disposition disposition)
    {
        Assert.That(disposition.State, Is.InstanceOf<Accepted>());
        return (int)(disposition.LastOrFirst - disposition.First) + 1;
    }
}
