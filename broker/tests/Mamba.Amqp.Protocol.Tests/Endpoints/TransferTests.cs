using Mamba.Amqp.Endpoints;
using Mamba.Amqp.Messaging;
using Mamba.Amqp.Transactions;
using Mamba.Amqp.Transport;

namespace Mamba.Amqp.Tests.Endpoints;

/// <summary>Transfers of one frame and of several, both ways, and their settlement (contract §3.2, §3.7, §4).</summary>
public sealed class TransferTests
{
    private static readonly DeliveryTag Tag = DeliveryTag.FromUInt64(1);

    [Test]
    public void A_message_of_one_frame_is_delivered()
    {
        using var wire = WireScript.ServerWithReceiver();
        wire.Send(new Transfer { Handle = 0, DeliveryId = 7, DeliveryTag = Tag, MessageFormat = 0 }, [1, 2, 3]);
        var (id, payload, delivery) = wire.Handler.Deliveries.Single();
        Assert.That(id, Is.EqualTo(7u));
        Assert.That(payload, Is.EqualTo(new byte[] { 1, 2, 3 }));
        Assert.That(delivery.Tag, Is.EqualTo(Tag));
        Assert.That(wire.Handler.Receiver.UnsettledCount, Is.EqualTo(1));
        Assert.That(wire.Handler.Receiver.Credit, Is.EqualTo(99u));
    }

    /// <summary>Trap 33: continuation frames may omit all they repeat, and ProtonJ2 ends a message with an empty frame.</summary>
    [Test]
    public void Trap_33_a_message_of_several_frames_is_joined()
    {
        using var wire = WireScript.ServerWithReceiver();
        wire.Send(new Transfer { Handle = 0, DeliveryId = 0, DeliveryTag = Tag, MessageFormat = 0, More = true }, [1]);
        wire.Send(new Transfer { Handle = 0, More = true }, [2, 3]);
        Assert.That(wire.Handler.Deliveries, Is.Empty);
        wire.Send(new Transfer { Handle = 0 });
        Assert.That(wire.Handler.Deliveries.Single().Payload, Is.EqualTo(new byte[] { 1, 2, 3 }));
        Assert.That(wire.Handler.Receiver.Credit, Is.EqualTo(99u), "credit counts deliveries");
        Assert.That(wire.Session.IncomingWindow, Is.EqualTo(2045u), "the window counts frames");
    }

    [TestCase(0)]
    [TestCase(1)]
    [TestCase(2)]
    public void A_delivery_is_settled_if_any_frame_says_so(int which)
    {
        using var wire = WireScript.ServerWithReceiver();
        for (var i = 0; i < 3; i++)
        {
            wire.Send(new Transfer { Handle = 0, DeliveryId = i == 0 ? 0 : null, Settled = i == which ? true : null, More = i < 2 }, [1]);
        }

        Assert.That(wire.Handler.Deliveries.Single().Delivery.IsSettled, Is.True);
        Assert.That(wire.Handler.Receiver.UnsettledCount, Is.Zero);
    }

    [TestCase(0)]
    [TestCase(2)]
    public void A_state_may_be_on_any_frame(int which)
    {
        using var wire = WireScript.ServerWithReceiver();
        for (var i = 0; i < 3; i++)
        {
            var state = i == which ? new TransactionalState { TxnId = [7] } : null;
            wire.Send(new Transfer { Handle = 0, DeliveryId = i == 0 ? 0 : null, State = state, More = i < 2 }, [1]);
        }

        Assert.That(((TransactionalState)wire.Handler.Deliveries.Single().Delivery.State!).TxnId, Is.EqualTo(new byte[] { 7 }));
    }

    /// <summary>Trap 34: an aborted delivery is dropped without a disposition, and its credit is used up.</summary>
    [Test]
    public void Trap_34_an_aborted_delivery_is_discarded()
    {
        using var wire = WireScript.ServerWithReceiver();
        wire.Send(new Transfer { Handle = 0, DeliveryId = 0, DeliveryTag = Tag, More = true }, [1]);
        wire.Send(new Transfer { Handle = 0, Aborted = true });
        wire.Send(new Transfer { Handle = 0, DeliveryId = 1, DeliveryTag = Tag, Aborted = true });
        wire.ExpectNothing();
        Assert.That(wire.Handler.Events, Is.EqualTo(new[] { "aborted 0", "aborted 1" }));
        Assert.That(wire.Handler.Receiver.Credit, Is.EqualTo(98u));
        Assert.That(wire.Handler.Receiver.UnsettledCount, Is.Zero);
        wire.Send(new Transfer { Handle = 0, DeliveryId = 2, Settled = true }, [9]);
        Assert.That(wire.Handler.Deliveries.Single().Payload, Is.EqualTo(new byte[] { 9 }));
    }

    /// <summary>Trap 48: settled transfers on a link negotiated unsettled are accepted. Trap 49: their tags may be empty and repeat.</summary>
    [Test]
    public void Trap_48_and_49_settled_transfers_need_no_mode_and_no_tag()
    {
        using var wire = WireScript.ServerWithReceiver();
        for (uint i = 0; i < 3; i++)
        {
            wire.Send(new Transfer { Handle = 0, DeliveryId = i, DeliveryTag = default(DeliveryTag), Settled = true }, [1]);
        }

        Assert.That(wire.Handler.Deliveries, Has.Count.EqualTo(3));
        wire.ExpectNothing();
    }

    [Test]
    public void A_message_above_max_message_size_detaches_the_link()
    {
        using var single = WireScript.ServerWithReceiver(WireScript.ServerSettings with { MaxMessageSize = 10 });
        single.Send(new Transfer { Handle = 0, DeliveryId = 0 }, new byte[11]);
        Assert.That(single.Expect<Detach>().Error!.Condition, Is.EqualTo(ErrorCondition.MessageSizeExceeded));

        using var joined = WireScript.ServerWithReceiver(WireScript.ServerSettings with { MaxMessageSize = 10 });
        joined.Send(new Transfer { Handle = 0, DeliveryId = 0, More = true }, new byte[6]);
        joined.Send(new Transfer { Handle = 0, More = true }, new byte[5]);
        Assert.That(joined.Expect<Detach>().Error!.Condition, Is.EqualTo(ErrorCondition.MessageSizeExceeded));
        joined.Send(new Transfer { Handle = 0 }, new byte[5]).ExpectNothing();
        Assert.That(joined.Handler.Deliveries, Is.Empty);
    }

    [Test]
    public void The_incomplete_messages_of_a_connection_are_bounded_together()
    {
        using var wire = WireScript.ServerWithReceiver(WireScript.ServerSettings with { MaxMessageSize = 100, MaxPartialBytesPerConnection = 50 });
        wire.Send(new Attach { Name = "two", Handle = 1, Role = Role.Sender, InitialDeliveryCount = 0 });
        wire.Handler.Receiver.SetCredit(5);
        wire.Rest();
        wire.Send(new Transfer { Handle = 0, DeliveryId = 0, More = true }, new byte[60]).ExpectNothing();
        wire.Send(new Transfer { Handle = 1, DeliveryId = 1, More = true }, new byte[60]);
        Assert.That(wire.Expect<Detach>().Error!.Condition, Is.EqualTo(ErrorCondition.ResourceLimitExceeded));
        wire.Send(new Transfer { Handle = 0, DeliveryId = 0 }, new byte[40]);
        Assert.That(wire.Handler.Deliveries.Single().Payload, Has.Length.EqualTo(100));
    }

    [Test]
    public void An_incomplete_message_without_progress_detaches_the_link()
    {
        using var wire = WireScript.ServerWithReceiver();
        wire.Engine.Tick(0);
        wire.Send(new Transfer { Handle = 0, DeliveryId = 0, More = true }, [1]);
        wire.Engine.Tick(10_000);
        wire.Send(new Transfer { Handle = 0, More = true }, [1]);
        wire.Engine.Tick(20_000);
        wire.SendBytes([0, 0, 0, 8, 2, 0, 0, 0]);
        wire.Engine.Tick(49_999);
        wire.ExpectNothing();
        wire.Engine.Tick(50_000);
        Assert.That(wire.Expect<Detach>().Error!.Condition, Is.EqualTo(ErrorCondition.ResourceLimitExceeded));
    }

    [Test]
    public void Another_delivery_in_the_middle_of_one_ends_the_session()
    {
        using var wire = WireScript.ServerWithReceiver();
        wire.Send(new Transfer { Handle = 0, DeliveryId = 0, More = true }, [1]);
        wire.Send(new Transfer { Handle = 0, DeliveryId = 1 }, [1]);
        Assert.That(wire.Expect<End>().Error!.Condition, Is.EqualTo(ErrorCondition.InvalidField));
    }

    [Test]
    public void Delivery_ids_are_there_and_ascend()
    {
        using var missing = WireScript.ServerWithReceiver();
        missing.Send(new Transfer { Handle = 0 }, [1]);
        Assert.That(missing.Expect<End>().Error!.Condition, Is.EqualTo(ErrorCondition.InvalidField));

        using var twice = WireScript.ServerWithReceiver();
        twice.Send(new Transfer { Handle = 0, DeliveryId = 4294967295 }, [1]);
        twice.Send(new Transfer { Handle = 0, DeliveryId = 0 }, [1]);
        twice.ExpectNothing();
        twice.Send(new Transfer { Handle = 0, DeliveryId = 0 }, [1]);
        Assert.That(twice.Expect<End>().Error!.Condition, Is.EqualTo(ErrorCondition.InvalidField));
    }

    [Test]
    public void Deliveries_of_two_links_may_interleave()
    {
        using var wire = WireScript.ServerWithReceiver();
        wire.Send(new Attach { Name = "two", Handle = 1, Role = Role.Sender, InitialDeliveryCount = 0 });
        wire.Handler.Receiver.SetCredit(5);
        wire.Rest();
        wire.Send(new Transfer { Handle = 0, DeliveryId = 0, More = true }, [1]);
        wire.Send(new Transfer { Handle = 1, DeliveryId = 1, More = true }, [11]);
        wire.Send(new Transfer { Handle = 0 }, [2]);
        wire.Send(new Transfer { Handle = 1 }, [12]);
        Assert.That(wire.Handler.Deliveries.Select(delivery => delivery.Payload), Is.EqualTo(new[] { new byte[] { 1, 2 }, [11, 12] }));
    }

    /// <summary>Traps 31 and 32: ids are assigned when the first frame is written, and continuation frames carry none.</summary>
    [Test]
    public void Trap_31_and_32_a_large_message_is_cut_to_the_peers_frame_size()
    {
        using var wire = WireScript.Server().SendHeader(Amqp.Framing.ProtocolHeader.Amqp);
        wire.Send(new Open { ContainerId = "peer", MaxFrameSize = 512 }).Send(new Begin { IncomingWindow = 3, OutgoingWindow = 10 });
        wire.Send(new Attach { Name = "out", Handle = 0, Role = Role.Receiver });
        wire.Send(new Flow { IncomingWindow = 3, OutgoingWindow = 10, Handle = 0, LinkCredit = 5 }).ExpectHeader(Amqp.Framing.ProtocolHeader.Amqp);
        wire.Expect<Open>();
        wire.Expect<Begin>();
        wire.Expect<Attach>();
        var prefix = Enumerable.Range(0, 700).Select(i => (byte)i).ToArray();
        var body = Enumerable.Range(0, 1500).Select(i => (byte)(i * 7)).ToArray();
        var delivery = new OutgoingDelivery { Tag = Tag, Context = 5 };
        Assert.That(wire.Handler.Sender.Send(ref delivery, prefix, body, maxBytes: 1), Is.EqualTo(SendResult.Partial));
        Assert.That(wire.Handler.Sender.IsSending, Is.True);
        Assert.That(wire.Handler.Sender.Send(ref delivery, prefix, body), Is.EqualTo(SendResult.WindowClosed));
        var second = new OutgoingDelivery { Tag = Tag };
        Assert.That(() => wire.Handler.Sender.Send(ref second, [], body), Throws.InvalidOperationException);
        wire.Send(new Flow { NextIncomingId = 3, IncomingWindow = 100, OutgoingWindow = 10 });
        Assert.That(wire.Handler.Sender.Send(ref delivery, prefix, body), Is.EqualTo(SendResult.Sent));
        Assert.That(delivery.BytesWritten, Is.EqualTo(2200));
        Assert.That(() => wire.Handler.Sender.Send(ref delivery, prefix, body), Throws.InvalidOperationException, "sent once");

        var joined = new List<byte>();
        for (var i = 0; i < 5; i++)
        {
            var (transfer, _, payload) = wire.ExpectFrame<Transfer>();
            Assert.That(transfer.DeliveryId, Is.EqualTo(i == 0 ? 0u : null));
            Assert.That(transfer.MessageFormat, Is.EqualTo(i == 0 ? 0u : null));
            Assert.That(transfer.More, Is.EqualTo(i < 4));
            Assert.That(WireScript.Encode(0, transfer, payload), Has.Length.LessThanOrEqualTo(512));
            joined.AddRange(payload);
        }

        Assert.That(joined, Is.EqualTo(prefix.Concat(body)));
        wire.ExpectNothing();
        Assert.That(wire.Handler.Sender.DeliveryCount, Is.EqualTo(1u));
        Assert.That(wire.Handler.Sender.UnsettledCount, Is.EqualTo(1));
    }

    [TestCase(0, 0)]
    [TestCase(5, 0)]
    [TestCase(0, 5)]
    public void Small_messages_take_one_frame(int prefix, int body)
    {
        using var wire = WireScript.ServerWithSender();
        var delivery = new OutgoingDelivery { Tag = Tag };
        Assert.That(wire.Handler.Sender.Send(ref delivery, new byte[prefix], new byte[body]), Is.EqualTo(SendResult.Sent));
        var (transfer, _, payload) = wire.ExpectFrame<Transfer>();
        Assert.That((transfer.MessageFormat, transfer.More, transfer.Settled), Is.EqualTo((0u, false, false)));
        Assert.That(payload, Has.Length.EqualTo(prefix + body));
        wire.ExpectNothing();
    }

    [Test]
    public void A_message_above_the_peers_max_message_size_is_not_begun()
    {
        using var wire = WireScript.ServerWithSession();
        wire.Send(new Attach { Name = "out", Handle = 0, Role = Role.Receiver, MaxMessageSize = 10 });
        wire.Send(new Flow { NextIncomingId = 0, IncomingWindow = 10, OutgoingWindow = 10, Handle = 0, LinkCredit = 5 });
        wire.Expect<Attach>();
        var delivery = new OutgoingDelivery { Tag = Tag };
        Assert.That(wire.Handler.Sender.Send(ref delivery, new byte[5], new byte[6]), Is.EqualTo(SendResult.TooLarge));
        Assert.That(wire.Handler.Sender.Send(ref delivery, new byte[5], new byte[5]), Is.EqualTo(SendResult.Sent));
    }

    [Test]
    public void Unsettled_deliveries_are_bounded()
    {
        using var wire = WireScript.ServerWithSender(WireScript.ServerSettings with { MaxUnsettledPerLink = 2 });
        for (var i = 0; i < 2; i++)
        {
            var delivery = new OutgoingDelivery { Tag = DeliveryTag.FromUInt64((ulong)i) };
            Assert.That(wire.Handler.Sender.Send(ref delivery, [], [1]), Is.EqualTo(SendResult.Sent));
        }

        var third = new OutgoingDelivery { Tag = Tag };
        Assert.That(wire.Handler.Sender.Send(ref third, [], [1]), Is.EqualTo(SendResult.UnsettledLimit));
        wire.Send(new Disposition { Role = Role.Receiver, First = 0, Settled = true, State = Accepted.Instance });
        Assert.That(wire.Handler.Sender.Send(ref third, [], [1]), Is.EqualTo(SendResult.Sent));
        Assert.That(third.DeliveryId, Is.EqualTo(2u));
    }

    [Test]
    public void A_delivery_that_was_begun_can_be_aborted()
    {
        using var wire = WireScript.Server().SendHeader(Amqp.Framing.ProtocolHeader.Amqp);
        wire.Send(new Open { ContainerId = "peer", MaxFrameSize = 512 }).Send(new Begin { IncomingWindow = 10, OutgoingWindow = 10 });
        wire.Send(new Attach { Name = "out", Handle = 0, Role = Role.Receiver });
        wire.Send(new Flow { IncomingWindow = 10, OutgoingWindow = 10, Handle = 0, LinkCredit = 5 }).ExpectHeader(Amqp.Framing.ProtocolHeader.Amqp);
        wire.Expect<Open>();
        wire.Expect<Begin>();
        wire.Expect<Attach>();
        var delivery = new OutgoingDelivery { Tag = Tag };
        Assert.That(() => wire.Handler.Sender.Abort(ref delivery), Throws.InvalidOperationException, "not begun");
        wire.Handler.Sender.Send(ref delivery, [], new byte[2000], maxBytes: 1);
        Assert.That(wire.Expect<Transfer>().More, Is.True);
        wire.Handler.Sender.Abort(ref delivery);
        Assert.That(wire.Expect<Transfer>().Aborted, Is.True);
        Assert.That(wire.Handler.Sender.UnsettledCount, Is.Zero);
        var next = new OutgoingDelivery { Tag = Tag };
        Assert.That(wire.Handler.Sender.Send(ref next, [], [1]), Is.EqualTo(SendResult.Sent));
        Assert.That(wire.Expect<Transfer>().DeliveryId, Is.EqualTo(1u));
        Assert.That(wire.Session.RemoteIncomingWindow, Is.EqualTo(7u));
    }

    [Test]
    public void The_joined_bytes_stay_valid_while_the_owner_detaches_the_link()
    {
        using var wire = WireScript.ServerWithReceiver();
        wire.Handler.WhenDelivery = (link, _) => link.Detach(closed: true);
        wire.Send(new Transfer { Handle = 0, DeliveryId = 0, More = true }, [1]).Send(new Transfer { Handle = 0 }, [2]);
        wire.Expect<Detach>();
        Assert.That(wire.Handler.Deliveries.Single().Payload, Is.EqualTo(new byte[] { 1, 2 }));
        Assert.That(wire.Handler.Receiver.HasPartial, Is.False);
    }

    /// <summary>Trap 64: a range covers deliveries of several links, of detached ones, and ids nobody knows.</summary>
    [Test]
    public void Trap_64_a_disposition_range_spans_links_and_unknown_ids()
    {
        using var wire = WireScript.ServerWithSender();
        var first = wire.Handler.Sender;
        wire.Send(new Attach { Name = "two", Handle = 1, Role = Role.Receiver });
        wire.Send(new Flow { NextIncomingId = 0, IncomingWindow = 10, OutgoingWindow = 10, Handle = 1, DeliveryCount = 0, LinkCredit = 5 });
        var second = wire.Handler.Sender;
        for (var i = 0; i < 4; i++)
        {
            var delivery = new OutgoingDelivery { Tag = Tag, Context = 100 + i };
            (i % 2 == 0 ? first : second).Send(ref delivery, [], [1]);
        }

        wire.Handler.Clear();
        wire.Send(new Disposition { Role = Role.Receiver, First = 1, Last = uint.MaxValue - 5, Settled = true, State = Accepted.Instance });
        Assert.That(wire.Handler.Events, Is.EqualTo(new[]
        {
            "disposition 1 context=101 Accepted settled=True",
            "disposition 2 context=102 Accepted settled=True",
            "disposition 3 context=103 Accepted settled=True",
        }));
        wire.Send(new Detach { Handle = 0, Closed = true });
        wire.Handler.Clear();
        wire.Send(new Disposition { Role = Role.Receiver, First = 0, Settled = true, State = Accepted.Instance });
        Assert.That(wire.Handler.Events, Is.Empty);
        Assert.That(wire.Engine.IsOpen, Is.True);
    }

    /// <summary>Trap 55: an unsettled outcome of a receiver is passed up, and the owner answers it settled.</summary>
    [Test]
    public void Trap_55_an_unsettled_outcome_is_answered_with_settlement()
    {
        using var wire = WireScript.ServerWithSender();
        wire.Handler.WhenDisposition = (link, id, state, settled) =>
        {
            Assert.That(settled, Is.False);
            link.Settle(id, state!);
        };
        for (var i = 0; i < 3; i++)
        {
            var delivery = new OutgoingDelivery { Tag = Tag };
            wire.Handler.Sender.Send(ref delivery, [], [1]);
            wire.Expect<Transfer>();
        }

        wire.Send(new Disposition { Role = Role.Receiver, First = 0, Last = 2, State = Accepted.Instance });
        var answer = wire.Expect<Disposition>();
        Assert.That((answer.Role, answer.First, answer.Last, answer.Settled), Is.EqualTo((Role.Sender, 0u, 2u, true)));
        Assert.That(answer.State, Is.SameAs(Accepted.Instance));
        wire.ExpectNothing();
        Assert.That(wire.Handler.Sender.UnsettledCount, Is.Zero);
        wire.Handler.Sender.Settle(0, Accepted.Instance);
        wire.ExpectNothing();
    }

    /// <summary>Trap 26: dispositions of consecutive deliveries become one range; trap 54: with a state.</summary>
    [Test]
    public void Trap_26_dispositions_are_merged_into_ranges()
    {
        using var wire = WireScript.ServerWithReceiver();
        for (uint i = 0; i < 8; i++)
        {
            wire.Send(new Transfer { Handle = 0, DeliveryId = i, DeliveryTag = DeliveryTag.FromUInt64(i) }, [1]);
        }

        var link = wire.Handler.Receiver;
        link.Disposition(0, 0, Accepted.Instance, settled: true);
        link.Disposition(1, 2, Accepted.Instance, settled: true);
        link.Disposition(3, 3, new Rejected { Error = new AmqpError(ErrorCondition.NotFound) }, settled: true);
        link.Disposition(5, 5, Accepted.Instance, settled: true);
        link.Disposition(4, 4, Accepted.Instance, settled: true);
        link.Disposition(7, 7, Accepted.Instance, settled: true);
        var frames = wire.Rest().Cast<Disposition>().ToList();
        Assert.That(frames.Select(frame => (frame.First, frame.Last ?? frame.First)), Is.EqualTo(new[] { (0u, 2u), (3u, 3u), (4u, 5u), (7u, 7u) }));
        Assert.That(frames.All(frame => frame is { Role: Role.Receiver, Settled: true, State: not null }), Is.True);
        Assert.That(link.UnsettledCount, Is.EqualTo(1));
    }

    /// <summary>Trap 65: a range that wraps is written as two.</summary>
    [Test]
    public void Trap_65_a_range_past_the_wrap_is_written_as_two()
    {
        using var wire = WireScript.ServerWithReceiver();
        for (uint i = 0; i < 4; i++)
        {
            wire.Send(new Transfer { Handle = 0, DeliveryId = unchecked(uint.MaxValue - 1 + i), DeliveryTag = Tag }, [1]);
        }

        wire.Handler.Receiver.Disposition(uint.MaxValue - 1, 1, Accepted.Instance, settled: true);
        var first = wire.Expect<Disposition>();
        var second = wire.Expect<Disposition>();
        Assert.That((first.First, first.Last), Is.EqualTo((uint.MaxValue - 1, (uint?)uint.MaxValue)));
        Assert.That((second.First, second.Last), Is.EqualTo((0u, (uint?)1u)));
        Assert.That(wire.Handler.Receiver.UnsettledCount, Is.Zero);
    }

    [Test]
    public void Second_mode_ends_with_the_senders_settlement()
    {
        using var wire = WireScript.ServerWithReceiver();
        wire.Send(new Transfer { Handle = 0, DeliveryId = 0, DeliveryTag = Tag, RcvSettleMode = ReceiverSettleMode.Second }, [1]);
        Assert.That(wire.Handler.Deliveries.Single().Delivery.SettleMode, Is.EqualTo(ReceiverSettleMode.Second));
        wire.Handler.Receiver.Disposition(0, 0, Accepted.Instance, settled: false);
        Assert.That(wire.Expect<Disposition>().Settled, Is.False);
        Assert.That(wire.Handler.Receiver.UnsettledCount, Is.EqualTo(1));
        wire.Send(new Disposition { Role = Role.Sender, First = 0, Settled = true, State = Accepted.Instance });
        Assert.That(wire.Handler.Events[^1], Is.EqualTo("sender-settled 0 Accepted"));
        Assert.That(wire.Handler.Receiver.UnsettledCount, Is.Zero);
        wire.Send(new Disposition { Role = Role.Sender, First = 0, Settled = true, State = Accepted.Instance });
        Assert.That(wire.Handler.Events, Has.Count.EqualTo(2));
    }

    [Test]
    public void What_a_link_has_unsettled_can_be_taken_when_it_goes()
    {
        using var wire = WireScript.ServerWithSender();
        var taken = new List<UnsettledDelivery>();
        wire.Handler.WhenDetach = (link, closed) =>
        {
            ((SenderEndpoint)link).TakeUnsettled(taken);
            link.Detach(closed);
        };
        for (var i = 0; i < 5; i++)
        {
            var delivery = new OutgoingDelivery { Tag = Tag, Context = 10 + i };
            wire.Handler.Sender.Send(ref delivery, [], [1]);
        }

        wire.Send(new Disposition { Role = Role.Receiver, First = 1, Last = 2, Settled = true, State = Accepted.Instance });
        wire.Send(new Detach { Handle = 0, Closed = true });
        Assert.That(taken, Is.EqualTo(new[] { new UnsettledDelivery(0, 10), new UnsettledDelivery(3, 13), new UnsettledDelivery(4, 14) }));
        Assert.That(wire.Handler.Sender.UnsettledCount, Is.Zero);
    }

    [Test]
    public void What_a_session_has_unsettled_can_be_taken_when_it_ends()
    {
        using var wire = WireScript.ServerWithSender();
        var taken = new List<UnsettledDelivery>();
        wire.Handler.WhenEnd = _ => wire.Handler.Sender.TakeUnsettled(taken);
        var delivery = new OutgoingDelivery { Tag = Tag, Context = 9 };
        wire.Handler.Sender.Send(ref delivery, [], [1]);
        wire.Send(new End());
        Assert.That(taken, Is.EqualTo(new[] { new UnsettledDelivery(0, 9) }));
    }
}
