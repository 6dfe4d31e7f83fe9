using Mamba.Amqp.Messaging;
using Mamba.Amqp.Transactions;
using Mamba.Amqp.Transport;
using Mamba.Amqp.Types;
using Mamba.Broker.Server.Tests.Management;
using Mamba.Broker.Server.Tests.Peers;

namespace Mamba.Broker.Server.Tests.Kinds;

/// <summary>What senders see of a queue that makes them wait for room: credit, and nothing else.</summary>
[TestFixture]
internal sealed class BlockedSenderTests() : RunningBroker(
    "limits.linkCredit=8",
    """
    addresses.rules=[
      { "pattern": "tight.#", "maxLength": 4, "overflow": "block" },
      { "pattern": "heavy.#", "maxBytes": 1000, "overflow": "block" },
      { "pattern": "news.#", "kind": "topic", "maxLength": 4, "overflow": "block" }]
    """)
{
    private const uint Window = 8;

    [Test]
    public async Task A_link_gets_credit_for_the_room_there_is()
    {
        await using var peer = await RawPeer.BeginAsync(Endpoint);
        await peer.SendAsync(Frames.Sender(0, "tight.credit"));
        await peer.NextAsync<Attach>();
        Assert.That((await FlowAsync(peer, 0)).LinkCredit, Is.EqualTo(4));
    }

    [Test]
    public async Task A_link_to_a_full_queue_gets_none_before_there_is_room([Values] bool durable)
    {
        var queue = $"tight.full.{durable}";
        await FillAsync(queue, durable);
        await using var peer = await RawPeer.BeginAsync(Endpoint);
        await peer.SendAsync(Frames.Sender(0, queue));
        await peer.NextAsync<Attach>();
        await peer.SendAsync(Echo(0));
        Assert.That((await FlowAsync(peer, 0)).LinkCredit, Is.Zero);
        Assert.That(await TakeAllAsync(queue, 4), Is.EqualTo(4));
        Flow flow;
        do
        {
            flow = await FlowAsync(peer, 0);
        }
        while (flow.LinkCredit == 0);
        Assert.That(flow.LinkCredit, Is.InRange(1, 4));
        Assert.That(await peer.PublishAsync(0, 0, Frames.Message("again", durable)), Is.InstanceOf<Accepted>());
    }

    [Test]
    public async Task Settled_messages_take_room_too()
    {
        await using var peer = await RawPeer.BeginAsync(Endpoint);
        await peer.AttachSenderAsync(0, "tight.settled");
        for (var i = 0; i < 4; i++)
        {
            await peer.SendAsync(Frames.Transfer(0, (uint)i, Frames.Message("m"), settled: true));
        }

        await using var other = await RawPeer.BeginAsync(Endpoint);
        await other.AttachReceiverAsync(0, "tight.settled", 4);
        for (var i = 0; i < 4; i++)
        {
            await other.ReceiveAsync();
        }

        await peer.SendAsync(Echo(0));
        Assert.That((await FlowAsync(peer, 0)).LinkCredit, Is.Zero, () => peer.Trace);
        await other.SendAsync(Frames.Settle(0, Accepted.Instance, 3));
        await peer.CreditAsync(0);
    }

    [Test]
    public async Task Credit_that_was_given_is_taken_back_when_the_queue_is_full()
    {
        await using var idle = await RawPeer.BeginAsync(Endpoint);
        await idle.AttachSenderAsync(0, "tight.back");
        await FillAsync("tight.back", durable: true);
        await StoppedAsync(idle, 0);
        Assert.That(await TakeAllAsync("tight.back", 4), Is.EqualTo(4));
        await idle.CreditAsync(0);
        Assert.That(await idle.PublishAsync(0, 0, Frames.Message("m")), Is.InstanceOf<Accepted>());
    }

    [Test]
    public async Task What_was_under_way_then_is_taken_and_counted_and_no_more_than_that()
    {
        await using var peer = await RawPeer.BeginAsync(Endpoint);
        await peer.AttachSenderAsync(0, "tight.under-way");
        await FillAsync("tight.under-way", durable: false);
        await StoppedAsync(peer, 0);

        // Its credit was four: what it sent before it heard is the broker's to take.
        for (var i = 0u; i < 4; i++)
        {
            await peer.SendAsync(Frames.Transfer(0, i, Frames.Message("late")));
            var said = await FlowAsync(peer, 0);
            Assert.That((said.DeliveryCount, said.LinkCredit), Is.EqualTo((i + 1, 0u)));
            Assert.That((await peer.NextAsync<Disposition>()).State, Is.InstanceOf<Accepted>());
        }

        await peer.SendAsync(Frames.Transfer(0, 4, Frames.Message("too much")));
        Assert.That((await peer.NextAsync<Detach>()).Error?.Condition, Is.EqualTo(ErrorCondition.TransferLimitExceeded));
        Assert.That(await TakeAllAsync("tight.under-way", 8), Is.EqualTo(8));
    }

    [Test]
    public async Task A_sender_that_is_stopped_with_a_message_under_way_loses_none_of_its_window()
    {
        await using var peer = await RawPeer.BeginAsync(Endpoint);
        await peer.AttachSenderAsync(0, "tight.goes-on");
        for (var round = 0u; round < 2 * Window; round++)
        {
            await FillAsync("tight.goes-on", durable: false);
            await StoppedAsync(peer, 0);
            Assert.That(await peer.PublishAsync(0, round, Frames.Message("late")), Is.InstanceOf<Accepted>());
            Assert.That(await TakeAllAsync("tight.goes-on", 5), Is.EqualTo(5));
            await peer.CreditAsync(0);
        }
    }

    [Test]
    public async Task A_limit_that_is_set_later_takes_credit_back_too()
    {
        await using var peer = await RawPeer.BeginAsync(Endpoint);
        await peer.AttachSenderAsync(0, "free.limited");
        Assert.That(await peer.PublishAsync(0, 0, Frames.Message("m")), Is.InstanceOf<Accepted>());
        await using var admin = await ManagementPeer.ConnectAsync(Endpoint);
        var limit = new AmqpMap { { "maxMessages", 1 }, { "overflow", "block" } };
        Assert.That((await admin.AskAsync("UPDATE", "org.mamba.queue", "free.limited", limit)).Status, Is.EqualTo(200));
        await StoppedAsync(peer, 0);
        Assert.That(await TakeAllAsync("free.limited", 1), Is.EqualTo(1));
        await peer.CreditAsync(0);
    }

    [Test]
    public async Task A_waiting_link_holds_up_no_other_of_its_session()
    {
        await FillAsync("tight.alone", durable: false);
        await using var peer = await RawPeer.BeginAsync(Endpoint);
        await peer.SendAsync(Frames.Sender(0, "tight.alone"));
        await peer.NextAsync<Attach>();
        await peer.AttachSenderAsync(1, "free.queue");
        await peer.AttachReceiverAsync(2, "free.queue", 10);
        for (var i = 0; i < 10; i++)
        {
            await peer.SendAsync(Frames.Transfer(1, (uint)i, Frames.Message($"{i}"), settled: true));
            Assert.That((await peer.ReceiveAsync()).Body, Is.EqualTo($"{i}"));
        }
    }

    [Test]
    public async Task Deleting_the_queue_ends_the_wait()
    {
        await FillAsync("tight.deleted", durable: true);
        await using var peer = await RawPeer.BeginAsync(Endpoint);
        await peer.SendAsync(Frames.Sender(0, "tight.deleted"));
        await peer.NextAsync<Attach>();
        await using var admin = await ManagementPeer.ConnectAsync(Endpoint);
        Assert.That((await admin.AskAsync("DELETE", "org.mamba.queue", "tight.deleted")).Status, Is.EqualTo(204));
        Assert.That((await peer.NextAsync<Detach>()).Error?.Condition, Is.EqualTo(ErrorCondition.ResourceDeleted));
    }

    [Test]
    public async Task Purging_makes_room_and_management_says_who_waits()
    {
        await FillAsync("tight.purged", durable: false);
        await using var peer = await RawPeer.BeginAsync(Endpoint);
        await peer.SendAsync(Frames.Sender(0, "tight.purged"));
        await peer.NextAsync<Attach>();
        await using var admin = await ManagementPeer.ConnectAsync(Endpoint);
        Assert.That(await admin.ReadAsync("org.mamba.queue", "tight.purged", "blocked"), Is.True);
        Assert.That((await admin.AskAsync("PURGE", "org.mamba.queue", "tight.purged")).Status, Is.EqualTo(200));
        await peer.CreditAsync(0);
        Assert.That(await admin.ReadAsync("org.mamba.queue", "tight.purged", "blocked"), Is.False);
    }

    [Test]
    public async Task A_relay_is_refused_where_a_link_would_wait_and_goes_on_elsewhere()
    {
        await FillAsync("tight.relay", durable: false);
        await using var peer = await RawPeer.BeginAsync(Endpoint);
        await peer.AttachRelayAsync(0);
        var refused = await peer.PublishAsync(0, 0, To("tight.relay")) as Rejected;
        Assert.That(refused?.Error?.Condition, Is.EqualTo(ErrorCondition.ResourceLimitExceeded));
        Assert.That(await peer.PublishAsync(0, 1, To("free.relay")), Is.InstanceOf<Accepted>());
    }

    [Test]
    public async Task A_transaction_does_not_wait_for_itself()
    {
        await using var peer = await RawPeer.BeginAsync(Endpoint);
        await peer.AttachSenderAsync(0, "tight.transaction");
        await peer.AttachCoordinatorAsync(1);
        var declared = await peer.PublishAsync(1, 0, new AmqpMessage { Body = new ValueBody(new Declare()) }.Encode()) as Declared;
        for (var i = 1u; i <= 12; i++)
        {
            await peer.SendAsync(Frames.Transfer(0, i, Frames.Message("m"), state: new TransactionalState { TxnId = declared!.TxnId }));
            Assert.That((await peer.NextAsync<Disposition>()).State, Is.InstanceOf<TransactionalState>());
        }

        var discharge = new AmqpMessage { Body = new ValueBody(new Discharge { TxnId = declared!.TxnId, Fail = false }) }.Encode();
        Assert.That(await peer.PublishAsync(1, 13, discharge), Is.InstanceOf<Accepted>());
        Assert.That(await TakeAllAsync("tight.transaction", 12), Is.EqualTo(12));
        Assert.That(await peer.PublishAsync(0, 14, Frames.Message("m")), Is.InstanceOf<Accepted>());
    }

    [Test]
    public async Task A_topics_senders_wait_for_its_slowest_subscription()
    {
        await using var slow = await RawPeer.BeginAsync(Endpoint);
        await slow.SendAsync(Frames.Receiver(0, "news.slow"));
        await slow.NextAsync<Attach>();
        await using var quick = await RawPeer.BeginAsync(Endpoint);
        await quick.AttachReceiverAsync(0, "news.slow", 100);
        await using var peer = await RawPeer.BeginAsync(Endpoint);
        await peer.AttachSenderAsync(0, "news.slow");
        for (var i = 0u; i < 4; i++)
        {
            Assert.That(await peer.PublishAsync(0, i, Frames.Message("m")), Is.InstanceOf<Accepted>());
            await quick.SendAsync(Frames.Settle((await quick.ReceiveAsync()).DeliveryId, Accepted.Instance));
        }

        await peer.SendAsync(Echo(0));
        Assert.That((await FlowAsync(peer, 0)).LinkCredit, Is.Zero, () => peer.Trace);
        await slow.SendAsync(Frames.Detach(0));
        await peer.CreditAsync(0);
    }

    [Test]
    public async Task Bytes_are_limited_as_messages_are()
    {
        await using var peer = await RawPeer.BeginAsync(Endpoint);
        await peer.AttachSenderAsync(0, "heavy.q");
        Assert.That(await peer.PublishAsync(0, 0, Frames.Message(new string('x', 1_200))), Is.InstanceOf<Accepted>());
        await using var other = await RawPeer.BeginAsync(Endpoint);
        await other.SendAsync(Frames.Sender(0, "heavy.q"));
        await other.NextAsync<Attach>();
        await other.SendAsync(Echo(0));
        Assert.That((await FlowAsync(other, 0)).LinkCredit, Is.Zero);
        Assert.That(await TakeAllAsync("heavy.q", 1), Is.EqualTo(1));
        await other.CreditAsync(0);
    }

    private static byte[] To(string address) => new AmqpMessage { Properties = new MessageProperties { To = address }, Body = new ValueBody("m") }.Encode();

    /// <summary>Asks for the state of a link.</summary>
    private static byte[] Echo(uint handle) => Frames.Of(new Flow
    {
        NextIncomingId = null,
        IncomingWindow = 1_000_000,
        NextOutgoingId = 0,
        OutgoingWindow = 1_000_000,
        Handle = handle,
        DeliveryCount = 0,
        LinkCredit = 0,
        Echo = true,
    });

    /// <summary>Waits until a link has no credit any more.</summary>
    private static async Task StoppedAsync(RawPeer peer, uint handle)
    {
        while ((await FlowAsync(peer, handle)).LinkCredit != 0)
        {
            // It was about credit that is there still.
        }
    }

    private static async Task<Flow> FlowAsync(RawPeer peer, uint handle)
    {
        while (true)
        {
            if ((await peer.TryNextAsync())?.Performative is Flow flow && flow.Handle == handle)
            {
                return flow;
            }
        }
    }

    private async Task FillAsync(string queue, bool durable)
    {
        await using var peer = await RawPeer.BeginAsync(Endpoint);
        await peer.AttachSenderAsync(0, queue);
        for (var i = 0u; i < 4; i++)
        {
            Assert.That(await peer.PublishAsync(0, i, Frames.Message("m", durable)), Is.InstanceOf<Accepted>());
        }

        await peer.CloseAsync();
    }
}
