using Mamba.Amqp.Endpoints;
using Mamba.Amqp.Framing;
using Mamba.Amqp.Messaging;
using Mamba.Amqp.Transport;

namespace Mamba.Amqp.Tests.Endpoints;

/// <summary>Begin, End, windows and handles (contract §2).</summary>
public sealed class SessionTests
{
    /// <summary>Trap 17: our next-outgoing-id, initial-delivery-count and first delivery-id are 0; others overflow in rhea and AMQPNetLite.</summary>
    [Test]
    public void Trap_17_our_counters_begin_at_zero()
    {
        using var wire = WireScript.Server().SendHeader(ProtocolHeader.Amqp).Send(new Open { ContainerId = "peer" });
        wire.Send(new Begin { NextOutgoingId = 4294967293, IncomingWindow = 10, OutgoingWindow = 10 }, channel: 3).ExpectHeader(ProtocolHeader.Amqp);
        wire.Expect<Open>();
        var (begin, channel, _) = wire.ExpectFrame<Begin>();
        Assert.That(channel, Is.EqualTo(3), "the channel is mirrored");
        Assert.That(begin.RemoteChannel, Is.EqualTo(3));
        Assert.That(begin.NextOutgoingId, Is.Zero);
        Assert.That(begin.IncomingWindow, Is.EqualTo(2048u));
        Assert.That(begin.HandleMax, Is.EqualTo(255u));
        wire.Send(new Attach { Name = "out", Handle = 4, Role = Role.Receiver }, channel: 3);
        var attach = wire.Expect<Attach>();
        Assert.That(attach.InitialDeliveryCount, Is.Zero);
        Assert.That(attach.Handle, Is.EqualTo(4u), "the handle is mirrored");
        wire.Send(new Flow { IncomingWindow = 10, NextOutgoingId = 4294967293, OutgoingWindow = 10, Handle = 4, LinkCredit = 1 }, channel: 3);
        var delivery = new OutgoingDelivery { Tag = DeliveryTag.FromUInt64(1) };
        wire.Handler.Sender.Send(ref delivery, [], [1]);
        Assert.That(wire.Expect<Transfer>().DeliveryId, Is.Zero);
    }

    /// <summary>Trap 18: AMQPNetLite's transfer ids begin at 4294967293 and wrap after three frames.</summary>
    [Test]
    public void Trap_18_the_peers_transfer_ids_wrap()
    {
        using var wire = WireScript.Server(WireScript.ServerSettings with { IncomingWindow = 8 }).SendHeader(ProtocolHeader.Amqp);
        wire.Send(new Open { ContainerId = "peer" }).Send(new Begin { NextOutgoingId = 4294967293, IncomingWindow = 10, OutgoingWindow = 10 });
        wire.Send(new Attach { Name = "in", Handle = 0, Role = Role.Sender, InitialDeliveryCount = 0 });
        wire.ExpectHeader(ProtocolHeader.Amqp);
        wire.Handler.Receiver.SetCredit(100);
        wire.Rest();
        for (uint i = 0; i < 4; i++)
        {
            wire.Send(new Transfer { Handle = 0, DeliveryId = i, Settled = true }, [1]);
        }

        var flow = wire.Expect<Flow>();
        Assert.That(flow.NextIncomingId, Is.EqualTo(1u));
        Assert.That(flow.IncomingWindow, Is.EqualTo(8u));
        Assert.That(flow.Handle, Is.Null);
    }

    /// <summary>Trap 28: rhea sends End and Begin on the same channel in one packet.</summary>
    [Test]
    public void Trap_28_end_and_begin_on_one_channel_in_one_read()
    {
        using var wire = WireScript.ServerWithSession();
        var segment = WireScript.Encode(0, new End()).Concat(WireScript.Encode(0, new Begin { IncomingWindow = 7, OutgoingWindow = 1 }));
        wire.SendBytes(segment.ToArray());
        wire.Expect<End>();
        Assert.That(wire.ExpectFrame<Begin>().Channel, Is.Zero);
        Assert.That(wire.Handler.Events, Is.EqualTo(new[] { "end 0", "begin 0" }));
        Assert.That(wire.Session.RemoteIncomingWindow, Is.EqualTo(7u));
    }

    /// <summary>Trap 29: AMQPNetLite throws when a Detach follows its End. Nothing but End answers an End.</summary>
    [Test]
    public void Trap_29_only_end_is_written_after_the_peers_end()
    {
        using var wire = WireScript.ServerWithReceiver();
        wire.Send(new Transfer { Handle = 0, DeliveryId = 0, DeliveryTag = DeliveryTag.FromUInt64(1) }, [1]);
        var link = wire.Handler.Receiver;
        link.Disposition(0, 0, Accepted.Instance, settled: true);
        wire.Handler.WhenEnd = _ =>
        {
            link.Detach(closed: true);
            link.AddCredit(10);
            link.Disposition(0, 0, Accepted.Instance, settled: true);
        };
        wire.SendBytes(WireScript.Encode(0, new End()));
        var rest = wire.Rest();
        Assert.That(rest.Where(frame => frame is not Disposition).Select(frame => frame!.GetType()), Is.EqualTo(new[] { typeof(End) }));
        link.Session.End();
        link.Detach(closed: true);
        wire.ExpectNothing();
    }

    [Test]
    public void After_our_end_frames_of_the_session_are_discarded_until_the_peers_end()
    {
        using var wire = WireScript.ServerWithSender();
        wire.Session.End(new AmqpError(ErrorCondition.ResourceDeleted, "gone"));
        Assert.That(wire.Expect<End>().Error!.Condition, Is.EqualTo(ErrorCondition.ResourceDeleted));
        wire.Send(new Flow { IncomingWindow = 1, OutgoingWindow = 1, Handle = 99, Echo = true });
        wire.Send(new Transfer { Handle = 99 }, [1]);
        wire.Send(new Detach { Handle = 99 }).ExpectNothing();
        wire.Send(new End());
        wire.ExpectNothing();
        Assert.That(wire.Handler.Events, Is.EqualTo(new[] { "end 0" }));
        wire.Send(new Begin { IncomingWindow = 1, OutgoingWindow = 1 });
        wire.Expect<Begin>();
    }

    [Test]
    public void Begin_on_a_channel_in_use_closes_the_connection()
    {
        using var wire = WireScript.ServerWithSession();
        wire.Send(new Begin { IncomingWindow = 1, OutgoingWindow = 1 });
        Assert.That(wire.Expect<Close>().Error!.Condition, Is.EqualTo(ErrorCondition.NotAllowed));
    }

    [Test]
    public void A_session_above_the_limit_is_begun_and_ended()
    {
        using var wire = WireScript.ServerWithSession(WireScript.ServerSettings with { MaxSessionsInUse = 1 });
        wire.Send(new Begin { IncomingWindow = 1, OutgoingWindow = 1 }, channel: 1);
        Assert.That(wire.ExpectFrame<Begin>().Channel, Is.EqualTo(1));
        Assert.That(wire.Expect<End>().Error!.Condition, Is.EqualTo(ErrorCondition.ResourceLimitExceeded));
        wire.Send(new End(), channel: 1).ExpectNothing();
        Assert.That(wire.Engine.Sessions.Count(), Is.EqualTo(1));
    }

    [Test]
    public void A_session_answered_later_keeps_what_came_meanwhile()
    {
        using var wire = WireScript.Server();
        wire.Handler.WhenBegin = null;
        wire.SendHeader(ProtocolHeader.Amqp).Send(new Open { ContainerId = "peer" }).Send(new Begin { IncomingWindow = 5, OutgoingWindow = 5 });
        wire.ExpectHeader(ProtocolHeader.Amqp);
        wire.Expect<Open>();
        wire.ExpectNothing();
        wire.Send(new Flow { IncomingWindow = 6, OutgoingWindow = 5, Echo = true }).ExpectNothing();
        wire.Session.Begin(new Begin());
        wire.Expect<Begin>();
        Assert.That(wire.Session.RemoteIncomingWindow, Is.EqualTo(6u));
        Assert.That(() => wire.Session.Begin(new Begin()), Throws.InvalidOperationException);
    }

    [Test]
    public void A_session_ended_before_its_answer_gets_begin_and_end()
    {
        using var wire = WireScript.Server();
        wire.Handler.WhenBegin = null;
        wire.SendHeader(ProtocolHeader.Amqp).Send(new Open { ContainerId = "peer" }).Send(new Begin { IncomingWindow = 5, OutgoingWindow = 5 });
        wire.ExpectHeader(ProtocolHeader.Amqp);
        wire.Expect<Open>();
        wire.Send(new End());
        wire.Expect<Begin>();
        wire.Expect<End>();
        wire.ExpectNothing();
    }

    [Test]
    public void An_overrun_window_ends_the_session()
    {
        using var wire = WireScript.ServerWithReceiver(WireScript.ServerSettings with { IncomingWindow = 2 });
        wire.Session.Paused = true;
        for (uint i = 0; i < 3; i++)
        {
            wire.Send(new Transfer { Handle = 0, DeliveryId = i, Settled = true }, [1]);
        }

        Assert.That(wire.Expect<End>().Error!.Condition, Is.EqualTo(ErrorCondition.WindowViolation));
        Assert.That(wire.Handler.Events[^1], Is.EqualTo("session-failed 0 amqp:session:window-violation"));
        Assert.That(wire.Handler.Deliveries, Has.Count.EqualTo(2));
    }

    [Test]
    public void A_paused_window_is_used_up_and_opened_again_on_resumption()
    {
        using var wire = WireScript.ServerWithReceiver(WireScript.ServerSettings with { IncomingWindow = 4 });
        wire.Session.Paused = true;
        for (uint i = 0; i < 4; i++)
        {
            wire.Send(new Transfer { Handle = 0, DeliveryId = i, Settled = true }, [1]);
        }

        wire.ExpectNothing();
        wire.Session.Paused = false;
        Assert.That(wire.Expect<Flow>().IncomingWindow, Is.EqualTo(4u));
    }

    [Test]
    public void A_flow_from_the_future_is_a_window_violation()
    {
        using var wire = WireScript.ServerWithSession();
        wire.Send(new Flow { NextIncomingId = 1, IncomingWindow = 1, OutgoingWindow = 1 });
        Assert.That(wire.Expect<End>().Error!.Condition, Is.EqualTo(ErrorCondition.WindowViolation));
    }

    /// <summary>Trap 19: a Flow of ours has all its fields; what is missing is NaN to rhea.</summary>
    [Test]
    public void Trap_19_a_session_flow_is_complete_and_echo_is_answered_once()
    {
        using var wire = WireScript.ServerWithSession();
        wire.Send(new Flow { NextIncomingId = 0, IncomingWindow = 5, NextOutgoingId = 0, OutgoingWindow = 5, Echo = true });
        var flow = wire.Expect<Flow>();
        Assert.That(flow.NextIncomingId, Is.Zero);
        Assert.That(flow.IncomingWindow, Is.EqualTo(2048u));
        Assert.That(flow.NextOutgoingId, Is.Zero);
        Assert.That(flow.OutgoingWindow, Is.GreaterThan(0u));
        Assert.That(flow.Echo, Is.False);
        wire.ExpectNothing();
    }

    /// <summary>Trap 27: AMQPNetLite opens its window only when it is used up, so all of it must be used.</summary>
    [Test]
    public void Trap_27_the_peers_window_is_used_to_the_last_frame()
    {
        using var wire = WireScript.ServerWithSender(window: 3);
        var results = new List<SendResult>();
        for (var i = 0; i < 4; i++)
        {
            var delivery = new OutgoingDelivery { IsSettled = true };
            results.Add(wire.Handler.Sender.Send(ref delivery, [], [1]));
        }

        Assert.That(results, Is.EqualTo(new[] { SendResult.Sent, SendResult.Sent, SendResult.Sent, SendResult.WindowClosed }));
        Assert.That(wire.Rest(), Has.Count.EqualTo(3));
        wire.Send(new Flow { NextIncomingId = 3, IncomingWindow = 3, NextOutgoingId = 0, OutgoingWindow = 5 });
        Assert.That(wire.Handler.Events, Is.EqualTo(new[] { "window-open 3" }));
    }

    /// <summary>Trap 25: a peer that stops reading stalls its session, and is not disconnected.</summary>
    [Test]
    public void Trap_25_a_shut_window_stalls_one_session_only()
    {
        using var wire = WireScript.ServerWithSender(window: 1);
        var blocked = wire.Handler.Sender;
        var delivery = new OutgoingDelivery { IsSettled = true };
        blocked.Send(ref delivery, [], [1]);
        var next = new OutgoingDelivery { IsSettled = true };
        Assert.That(blocked.Send(ref next, [], [1]), Is.EqualTo(SendResult.WindowClosed));
        Assert.That(next.IsStarted, Is.False, "no delivery-id is spent");
        wire.Send(new Begin { IncomingWindow = 5, OutgoingWindow = 5 }, channel: 1);
        wire.Send(new Attach { Name = "other", Handle = 0, Role = Role.Receiver }, channel: 1);
        wire.Send(new Flow { NextIncomingId = 0, IncomingWindow = 5, OutgoingWindow = 5, Handle = 0, DeliveryCount = 0, LinkCredit = 1 }, channel: 1);
        var other = new OutgoingDelivery { IsSettled = true };
        Assert.That(wire.Handler.Sender.Send(ref other, [], [1]), Is.EqualTo(SendResult.Sent));
        Assert.That(wire.Engine.IsOpen, Is.True);
    }

    [Test]
    public void A_handle_above_handle_max_closes_the_connection()
    {
        using var wire = WireScript.ServerWithSession();
        wire.Send(new Attach { Name = "x", Handle = 256 });
        Assert.That(wire.Expect<Close>().Error!.Condition, Is.EqualTo(ErrorCondition.FramingError));
    }

    /// <summary>Trap 30: our handle never exceeds the peer's handle-max; where its own number does not fit, a free one is taken.</summary>
    [Test]
    public void Trap_30_our_handles_stay_below_the_peers_handle_max()
    {
        using var wire = WireScript.Server().SendHeader(ProtocolHeader.Amqp).Send(new Open { ContainerId = "peer" });
        wire.Send(new Begin { IncomingWindow = 5, OutgoingWindow = 5, HandleMax = 1 }).ExpectHeader(ProtocolHeader.Amqp);
        wire.Expect<Open>();
        wire.Expect<Begin>();
        wire.Send(new Attach { Name = "a", Handle = 9, Role = Role.Receiver });
        wire.Send(new Attach { Name = "b", Handle = 1, Role = Role.Receiver });
        wire.Send(new Attach { Name = "c", Handle = 8, Role = Role.Receiver });
        Assert.That(wire.Expect<Attach>().Handle, Is.Zero);
        Assert.That(wire.Expect<Attach>().Handle, Is.EqualTo(1u));
        Assert.That(wire.Expect<End>().Error!.Condition, Is.EqualTo(ErrorCondition.ResourceLimitExceeded));
    }

    [Test]
    public void A_handle_in_use_ends_the_session()
    {
        using var wire = WireScript.ServerWithSender();
        wire.Send(new Attach { Name = "another", Handle = 0, Role = Role.Receiver });
        Assert.That(wire.Expect<End>().Error!.Condition, Is.EqualTo(ErrorCondition.HandleInUse));
    }

    [Test]
    public void A_name_attached_twice_in_the_same_direction_ends_the_session()
    {
        using var wire = WireScript.ServerWithSender();
        wire.Send(new Attach { Name = "out", Handle = 1, Role = Role.Sender, InitialDeliveryCount = 0 });
        wire.Expect<Attach>();
        wire.Send(new Attach { Name = "out", Handle = 2, Role = Role.Receiver });
        Assert.That(wire.Expect<End>().Error!.Condition, Is.EqualTo(ErrorCondition.InvalidField));
    }

    /// <summary>Trap 21: frames on a handle without link are a session error.</summary>
    [Test]
    public void Trap_21_unattached_handles_end_the_session()
    {
        using var flow = WireScript.ServerWithSession();
        flow.Send(new Flow { IncomingWindow = 1, OutgoingWindow = 1, Handle = 7 });
        Assert.That(flow.Expect<End>().Error!.Condition, Is.EqualTo(ErrorCondition.UnattachedHandle));

        using var transfer = WireScript.ServerWithSession();
        transfer.Send(new Transfer { Handle = 7, DeliveryId = 0 }, [1]);
        Assert.That(transfer.Expect<End>().Error!.Condition, Is.EqualTo(ErrorCondition.UnattachedHandle));

        using var detach = WireScript.ServerWithSession();
        detach.Send(new Detach { Handle = uint.MaxValue });
        Assert.That(detach.Expect<End>().Error!.Condition, Is.EqualTo(ErrorCondition.UnattachedHandle));
    }

    /// <summary>Trap 21: frames that cross our Detach on the way are discarded until the peer's Detach.</summary>
    [Test]
    public void Trap_21_frames_that_race_with_our_detach_are_discarded()
    {
        using var wire = WireScript.ServerWithReceiver();
        var link = wire.Handler.Receiver;
        link.Detach(closed: true, new AmqpError(ErrorCondition.ResourceDeleted, "gone"));
        wire.Expect<Detach>();
        wire.Send(new Transfer { Handle = 0, DeliveryId = 0, More = true }, [1]);
        wire.Send(new Flow { NextIncomingId = 0, IncomingWindow = 1, NextOutgoingId = 1, OutgoingWindow = 1, Handle = 0, Echo = true });
        wire.Send(new Detach { Handle = 0, Closed = true });
        wire.ExpectNothing();
        Assert.That(wire.Handler.Events, Is.EqualTo(new[] { "detach in closed=True" }));
        wire.Send(new Transfer { Handle = 0, DeliveryId = 1 }, [1]);
        Assert.That(wire.Expect<End>().Error!.Condition, Is.EqualTo(ErrorCondition.UnattachedHandle));
    }

    [Test]
    public void An_error_thrown_by_the_owner_ends_what_its_scope_says()
    {
        using var wire = WireScript.ServerWithSession();
        wire.Handler.WhenAttach = (link, _) => throw new AmqpException(ErrorCondition.NotFound, "no such node", link.Name == "s" ? AmqpErrorScope.Session : AmqpErrorScope.Link);
        wire.Send(new Attach { Name = "l", Handle = 0, Role = Role.Receiver });
        Assert.That(wire.Expect<Attach>().Source, Is.Null);
        Assert.That(wire.Expect<Detach>().Error!.Condition, Is.EqualTo(ErrorCondition.NotFound));
        wire.Send(new Attach { Name = "s", Handle = 1, Role = Role.Receiver });
        Assert.That(wire.Expect<End>().Error!.Condition, Is.EqualTo(ErrorCondition.NotFound));
        Assert.That(wire.Engine.IsOpen, Is.True);
    }
}
