using Mamba.Amqp.Messaging;
using Mamba.Amqp.Transport;
using Mamba.Broker.Server.Tests.Peers;

namespace Mamba.Broker.Server.Tests.Hostile;

/// <summary>What a peer can do wrong on links and deliveries of a sound session.</summary>
[TestFixture]
internal sealed class LinkOrderTests : RunningBroker
{
    private const uint Out = 0;
    private const uint In = 1;

    private RawPeer _peer = null!;

    [SetUp]
    public async Task Attach()
    {
        _peer = await RawPeer.BeginAsync(Endpoint);
        await _peer.AttachSenderAsync(Out, "links");
        await _peer.SendAsync(Frames.Receiver(In, "links"));
        await _peer.NextAsync<Attach>();
    }

    [TearDown]
    public async Task Hangup() => await _peer.DisposeAsync();

    [Test]
    public async Task A_name_attached_twice_in_one_direction_ends_the_session()
    {
        await _peer.SendAsync(Frames.Sender(7, "links", $"s{Out}-links"));
        await AssertSessionEndsAsync("amqp:invalid-field");
    }

    [Test]
    public async Task A_transfer_on_a_link_that_the_broker_sends_on_ends_the_session()
    {
        await _peer.SendAsync(Frames.Transfer(In, 0, Frames.Message("x")));
        await AssertSessionEndsAsync("amqp:not-allowed");
    }

    [Test]
    public async Task A_detach_after_the_detach_names_a_handle_that_is_free()
    {
        await _peer.SendAsync(Frames.Detach(Out), Frames.Detach(Out));
        Assert.That((await _peer.NextAsync<Detach>()).Handle, Is.EqualTo(Out));
        await AssertSessionEndsAsync("amqp:session:unattached-handle");
    }

    [Test]
    public async Task A_delivery_without_its_id_ends_the_session()
    {
        await _peer.SendAsync(Frames.Of(new Transfer { Handle = Out, DeliveryTag = DeliveryTag.FromUInt64(1) }, payload: Frames.Message("x")));
        await AssertSessionEndsAsync("amqp:invalid-field");
    }

    [TestCase(5u, 5u)]
    [TestCase(5u, 4u)]
    [TestCase(0u, 0x80000001u)]
    public async Task A_delivery_id_that_does_not_ascend_ends_the_session_and_what_came_before_is_stored(uint first, uint second)
    {
        var queue = $"ids-{first}-{second}";
        await _peer.AttachSenderAsync(2, queue);
        await _peer.SendAsync(Frames.Transfer(2, first, Frames.Message("kept"), settled: true), Frames.Transfer(2, second, Frames.Message("x")));
        await AssertSessionEndsAsync("amqp:invalid-field");
        Assert.That(await TakeAllAsync(queue, atLeast: 1), Is.EqualTo(1));
    }

    [Test]
    public async Task Another_delivery_inside_an_unfinished_one_ends_the_session_and_neither_is_stored()
    {
        await _peer.AttachSenderAsync(2, "inside");
        await _peer.SendAsync(Frames.Transfer(2, 0, Frames.Message("begun"), more: true), Frames.Transfer(2, 1, Frames.Message("other")));
        await AssertSessionEndsAsync("amqp:invalid-field");
        Assert.That(await TakeAllAsync("inside", atLeast: 0), Is.Zero);
    }

    [Test]
    public async Task A_transfer_beyond_the_credit_ends_its_link_only()
    {
        await _peer.SendAsync(Frames.Detach(Out), Frames.Sender(2, "beyond"));
        await _peer.NextAsync<Detach>();
        await _peer.NextAsync<Attach>();
        await _peer.CreditAsync(2);

        // The sender gives up all its credit, as if drained, and sends on.
        await _peer.SendAsync(
            Frames.Of(new Flow { NextIncomingId = 0, IncomingWindow = 100, NextOutgoingId = 0, OutgoingWindow = 100, Handle = 2, DeliveryCount = 1_000, LinkCredit = 0 }),
            Frames.Transfer(2, 0, Frames.Message("x")));
        var detach = await _peer.NextAsync<Detach>();
        Assert.That((detach.Handle, detach.Error?.Condition.Value), Is.EqualTo((2u, "amqp:link:transfer-limit-exceeded")));
        await AssertStillAttachedAsync();
    }

    [Test]
    public async Task A_flow_that_has_received_what_was_never_sent_ends_the_session()
    {
        await _peer.SendAsync(Frames.Of(new Flow { NextIncomingId = 17, IncomingWindow = 10, NextOutgoingId = 0, OutgoingWindow = 10 }));
        await AssertSessionEndsAsync("amqp:session:window-violation");
    }

    [Test]
    public async Task Dispositions_about_nothing_are_passed_over()
    {
        await _peer.SendAsync(
            Frames.Settle(0, Accepted.Instance, last: uint.MaxValue),
            Frames.Settle(4_000_000_000, Released.Instance, last: 12),
            Frames.Settle(9, null, last: 3),
            Frames.Of(new Disposition { Role = Role.Sender, First = 0, Last = uint.MaxValue, Settled = true, State = Accepted.Instance }));
        await AssertStillAttachedAsync();
    }

    [Test]
    public async Task A_delivery_settled_twice_is_consumed_once()
    {
        await _peer.AttachSenderAsync(2, "twice");
        await _peer.AttachReceiverAsync(3, "twice", credit: 1);
        await _peer.SendAsync(Frames.Transfer(2, 0, Frames.Message("a"), settled: true), Frames.Transfer(2, 1, Frames.Message("b"), settled: true));
        var id = (await _peer.ReceiveAsync()).DeliveryId;
        await _peer.SendAsync(Frames.Settle(id, Accepted.Instance), Frames.Settle(id, Released.Instance), Frames.Settle(id, Accepted.Instance));
        await AssertStillAttachedAsync();
        await _peer.DisposeAsync();
        Assert.That(await TakeAllAsync("twice", atLeast: 1), Is.EqualTo(1));
    }

    [Test]
    public async Task Credit_on_a_sending_link_of_the_peer_means_nothing()
    {
        await _peer.SendAsync(Frames.Credit(Out, uint.MaxValue, deliveryCount: 0), Frames.Credit(Out, 5, deliveryCount: null));
        await AssertStillAttachedAsync();
    }

    [Test]
    public async Task Frames_that_cross_the_brokers_detach_are_discarded()
    {
        await _peer.SendAsync(Frames.Sender(2, "bad\naddress"));
        Assert.That((await _peer.NextAsync<Attach>()).Target, Is.Null);
        Assert.That((await _peer.NextAsync<Detach>()).Error?.Condition.Value, Is.EqualTo("amqp:invalid-field"));
        await _peer.SendAsync(Frames.Transfer(2, 0, Frames.Message("x")), Frames.Credit(2, 10), Frames.Detach(2));
        await AssertStillAttachedAsync(nextId: 1);
    }

    [Test]
    public async Task Handle_max_is_the_last_handle_and_the_one_behind_it_ends_the_connection()
    {
        await _peer.AttachSenderAsync(255, "handles");
        await _peer.SendAsync(Frames.Sender(256, "handles"));
        Assert.That((await _peer.NextAsync<Close>()).Error?.Condition.Value, Is.EqualTo("amqp:connection:framing-error"));
        Assert.That(await _peer.TryNextAsync(), Is.Null);
    }

    private async Task AssertSessionEndsAsync(string condition)
    {
        var error = (await _peer.NextAsync<End>()).Error;
        Assert.That(error?.Condition.Value, Is.EqualTo(condition), error?.Description);
        await _peer.SendAsync(Frames.End(), Frames.Begin());
        await _peer.NextAsync<Begin>();
        await _peer.CloseAsync();
    }

    /// <summary>A message still goes in and out on the links that were there before.</summary>
    private async Task AssertStillAttachedAsync(uint nextId = 10)
    {
        await _peer.AttachSenderAsync(20, "still");
        await _peer.AttachReceiverAsync(21, "still", credit: 1);
        await _peer.SendAsync(Frames.Transfer(20, nextId, Frames.Message("still there"), settled: true));
        var received = await _peer.ReceiveAsync();
        Assert.That(received.Body, Is.EqualTo("still there"));
        await _peer.SendAsync(Frames.Settle(received.DeliveryId, Accepted.Instance));
        await _peer.CloseAsync();
    }
}
