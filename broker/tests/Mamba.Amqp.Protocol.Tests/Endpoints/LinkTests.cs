using Mamba.Amqp.Endpoints;
using Mamba.Amqp.Messaging;
using Mamba.Amqp.Transport;

namespace Mamba.Amqp.Tests.Endpoints;

/// <summary>Attach, refusal, detach, credit and drain (contract §3).</summary>
public sealed class LinkTests
{
    [Test]
    public void An_attach_reply_has_the_opposite_role_and_the_peers_modes()
    {
        using var wire = WireScript.ServerWithSession();
        wire.Send(new Attach
        {
            Name = "l",
            Handle = 3,
            Role = Role.Sender,
            SndSettleMode = SenderSettleMode.Unsettled,
            RcvSettleMode = ReceiverSettleMode.Second,
            InitialDeliveryCount = 77,
            Target = new Target { Address = "q" },
        });
        var reply = wire.Expect<Attach>();
        Assert.That((reply.Name, reply.Handle, reply.Role), Is.EqualTo(("l", 3u, Role.Receiver)));
        Assert.That((reply.SndSettleMode, reply.RcvSettleMode), Is.EqualTo((SenderSettleMode.Unsettled, ReceiverSettleMode.Second)));
        Assert.That(reply.MaxMessageSize, Is.EqualTo(16UL * 1024 * 1024));
        Assert.That(reply.InitialDeliveryCount, Is.Null);
        Assert.That(wire.Handler.Receiver.DeliveryCount, Is.EqualTo(77u));
        wire.ExpectNothing();
    }

    /// <summary>Trap 35: a refusal is Attach with a null terminus and Detach(closed, error), together; a bare Detach hangs clients.</summary>
    [TestCase(Role.Receiver)]
    [TestCase(Role.Sender)]
    public void Trap_35_a_refused_link_is_attached_without_terminus_and_detached(Role peer)
    {
        using var wire = WireScript.ServerWithSession();
        wire.Handler.WhenAttach = (link, _) => link.Refuse(new AmqpError(ErrorCondition.NotFound, "no node 'q'"));
        wire.Send(new Attach { Name = "l", Handle = 0, Role = peer, Source = new Source { Address = "s" }, Target = new Target { Address = "t" } });
        var attach = wire.Expect<Attach>();
        Assert.That(attach.Source is null, Is.EqualTo(peer == Role.Receiver));
        Assert.That(attach.Target is null, Is.EqualTo(peer == Role.Sender));
        Assert.That(attach.InitialDeliveryCount, Is.EqualTo(peer == Role.Receiver ? 0u : null));
        var detach = wire.Expect<Detach>();
        Assert.That(detach.Closed, Is.True);
        Assert.That(detach.Error!.Condition, Is.EqualTo(ErrorCondition.NotFound));

        // The client's answer is not answered again (contract §11.3).
        wire.Send(new Detach { Handle = 0, Closed = true }).ExpectNothing();
        wire.Handler.WhenAttach = (link, _) => link.Attach(new Attach());
        wire.Send(new Attach { Name = "l", Handle = 0, Role = peer });
        wire.Expect<Attach>();
    }

    [Test]
    public void An_attach_answered_later_keeps_the_flow_that_came_early()
    {
        using var wire = WireScript.ServerWithSession();
        wire.Handler.WhenAttach = null;
        wire.Send(new Attach { Name = "l", Handle = 0, Role = Role.Receiver });
        wire.Send(new Flow { IncomingWindow = 5, OutgoingWindow = 5, Handle = 0, LinkCredit = 10, Drain = true });
        wire.ExpectNothing();
        Assert.That(wire.Handler.Events, Is.EqualTo(new[] { "attach l Sender" }));
        wire.Handler.WhenLinkFlow = link => link.Drained();
        wire.Handler.Sender.Attach(new Attach { Source = new Source { Address = "q" } });
        wire.Expect<Attach>();
        var flow = wire.Expect<Flow>();
        Assert.That((flow.DeliveryCount, flow.LinkCredit, flow.Drain), Is.EqualTo((10u, 0u, true)));
        Assert.That(wire.Handler.Events[^1], Is.EqualTo("flow l credit=10 drain=True"));
    }

    [Test]
    public void A_link_detached_before_its_answer_gets_attach_and_detach()
    {
        using var wire = WireScript.ServerWithSession();
        wire.Handler.WhenAttach = null;
        wire.Send(new Attach { Name = "l", Handle = 0, Role = Role.Receiver }).Send(new Detach { Handle = 0, Closed = true });
        Assert.That(wire.Expect<Attach>().Source, Is.Null);
        Assert.That(wire.Expect<Detach>().Closed, Is.True);
        Assert.That(wire.Session.Links, Is.Empty);
    }

    /// <summary>Trap 37: the answer's closed flag is the request's.</summary>
    [TestCase(true)]
    [TestCase(false)]
    public void Trap_37_detach_is_answered_with_the_same_flag(bool closed)
    {
        using var wire = WireScript.ServerWithSender();
        wire.Send(new Detach { Handle = 0, Closed = closed });
        Assert.That(wire.Expect<Detach>().Closed, Is.EqualTo(closed));
        wire.ExpectNothing();
    }

    [Test]
    public void A_handle_and_a_name_can_be_used_again_before_we_have_answered_the_detach()
    {
        using var wire = WireScript.ServerWithSender();
        var first = wire.Handler.Sender;
        wire.Handler.WhenDetach = null;
        wire.Send(new Detach { Handle = 0, Closed = false }).Send(new Attach { Name = "out", Handle = 0, Role = Role.Receiver });
        var attach = wire.Expect<Attach>();
        Assert.That(attach.Handle, Is.EqualTo(1u), "our handle 0 is still in use");
        first.Detach(closed: false);
        Assert.That(wire.Expect<Detach>().Handle, Is.Zero);
        wire.Handler.Sender.Detach(closed: true);
        Assert.That(wire.Expect<Detach>().Handle, Is.EqualTo(1u));
    }

    [Test]
    public void Dispositions_that_wait_are_written_before_a_detach_and_an_end()
    {
        using var wire = WireScript.ServerWithReceiver();
        wire.Send(new Transfer { Handle = 0, DeliveryId = 0, DeliveryTag = DeliveryTag.FromUInt64(1) }, [1]);
        wire.Send(new Transfer { Handle = 0, DeliveryId = 1, DeliveryTag = DeliveryTag.FromUInt64(2) }, [1]);
        wire.Handler.Receiver.Disposition(0, 0, Accepted.Instance, settled: true);
        wire.Handler.Receiver.Detach(closed: true);
        wire.Expect<Disposition>();
        wire.Expect<Detach>();
        wire.Handler.Receiver.Disposition(1, 1, Accepted.Instance, settled: true);
        wire.Session.End();
        wire.Expect<Disposition>();
        wire.Expect<End>();
        wire.ExpectNothing();
    }

    /// <summary>Trap 20: a Flow of a pipelining client lacks next-incoming-id and delivery-count.</summary>
    [Test]
    public void Trap_20_a_flow_without_counters_grants_credit()
    {
        using var wire = WireScript.ServerWithSender(credit: 0);
        wire.Send(new Flow { IncomingWindow = 10, OutgoingWindow = 10, Handle = 0, LinkCredit = 5 });
        Assert.That(wire.Handler.Sender.Credit, Is.EqualTo(5u));
        var delivery = new OutgoingDelivery { IsSettled = true };
        wire.Handler.Sender.Send(ref delivery, [], [1]);
        wire.Expect<Transfer>();
        wire.Send(new Flow { IncomingWindow = 10, OutgoingWindow = 10, Handle = 0, LinkCredit = 5 });
        Assert.That(wire.Handler.Sender.Credit, Is.EqualTo(4u));
        Assert.That(wire.Session.RemoteIncomingWindow, Is.EqualTo(9u));
    }

    [Test]
    public void Nothing_is_sent_without_credit()
    {
        using var wire = WireScript.ServerWithSender(credit: 1);
        var first = new OutgoingDelivery { IsSettled = true };
        var second = new OutgoingDelivery { IsSettled = true };
        Assert.That(wire.Handler.Sender.Send(ref first, [], [1]), Is.EqualTo(SendResult.Sent));
        Assert.That(wire.Handler.Sender.Send(ref second, [], [1]), Is.EqualTo(SendResult.NoCredit));
        wire.Expect<Transfer>();
        wire.ExpectNothing();
    }

    /// <summary>Traps 19 and 24: the answer to an echo has all six fields of session and link.</summary>
    [Test]
    public void Trap_19_a_link_flow_is_complete_and_echo_is_answered_once()
    {
        using var wire = WireScript.ServerWithSender();
        wire.Handler.Sender.Available = 42;
        wire.Send(new Flow { NextIncomingId = 0, IncomingWindow = 10, OutgoingWindow = 10, Handle = 0, DeliveryCount = 0, LinkCredit = 7, Echo = true });
        var flow = wire.Expect<Flow>();
        Assert.That(flow.NextIncomingId, Is.Zero);
        Assert.That((flow.Handle, flow.DeliveryCount, flow.LinkCredit, flow.Available), Is.EqualTo((0u, 0u, 7u, 42u)));
        Assert.That(flow.Drain || flow.Echo, Is.False);
        wire.ExpectNothing();
    }

    [Test]
    public void An_echo_the_owner_answers_itself_is_not_answered_twice()
    {
        using var wire = WireScript.ServerWithSender();
        wire.Handler.WhenLinkFlow = link => link.SendFlow();
        wire.Send(new Flow { NextIncomingId = 0, IncomingWindow = 10, OutgoingWindow = 10, Handle = 0, DeliveryCount = 0, LinkCredit = 7, Echo = true });
        wire.Expect<Flow>();
        wire.ExpectNothing();
    }

    /// <summary>Contract §11.2: receive(timeout) of Qpid JMS on an empty queue.</summary>
    [Test]
    public void A_drain_gives_up_the_credit_that_is_left()
    {
        using var wire = WireScript.ServerWithSender(credit: 1000);
        wire.Handler.WhenLinkFlow = link => link.Drained();
        wire.Send(new Flow { NextIncomingId = 0, IncomingWindow = 10, OutgoingWindow = 10, Handle = 0, DeliveryCount = 0, LinkCredit = 1000, Drain = true });
        var flow = wire.Expect<Flow>();
        Assert.That((flow.DeliveryCount, flow.LinkCredit, flow.Drain, flow.Available), Is.EqualTo((1000u, 0u, true, 0u)));
        wire.Handler.WhenLinkFlow = null;
        wire.Send(new Flow { NextIncomingId = 0, IncomingWindow = 10, OutgoingWindow = 10, Handle = 0, DeliveryCount = 1000, LinkCredit = 1000 });
        Assert.That((wire.Handler.Sender.Credit, wire.Handler.Sender.Drain), Is.EqualTo((1000u, false)));
        wire.ExpectNothing();
    }

    /// <summary>Trap 22: a drain without credit is answered too, by the engine itself; Qpid JMS waits 60 s for it.</summary>
    [Test]
    public void Trap_22_a_drain_without_credit_is_answered()
    {
        using var wire = WireScript.ServerWithSender(credit: 0);
        wire.Send(new Flow { NextIncomingId = 0, IncomingWindow = 10, OutgoingWindow = 10, Handle = 0, DeliveryCount = 0, LinkCredit = 0, Drain = true });
        var flow = wire.Expect<Flow>();
        Assert.That((flow.DeliveryCount, flow.LinkCredit, flow.Drain), Is.EqualTo((0u, 0u, true)));
        wire.ExpectNothing();
    }

    [Test]
    public void A_drain_that_ends_by_sending_is_answered_behind_the_last_transfer()
    {
        using var wire = WireScript.ServerWithSender(credit: 0);
        wire.Send(new Flow { NextIncomingId = 0, IncomingWindow = 10, OutgoingWindow = 10, Handle = 0, DeliveryCount = 0, LinkCredit = 2, Drain = true });
        wire.ExpectNothing();
        for (var i = 0; i < 2; i++)
        {
            var delivery = new OutgoingDelivery { IsSettled = true };
            wire.Handler.Sender.Send(ref delivery, [], [1]);
        }

        wire.Expect<Transfer>();
        wire.Expect<Transfer>();
        var flow = wire.Expect<Flow>();
        Assert.That((flow.DeliveryCount, flow.LinkCredit, flow.Drain), Is.EqualTo((2u, 0u, true)));
        wire.ExpectNothing();
    }

    /// <summary>Trap 23 (ARTEMIS-2642): an answer owed to a drain leaves before a later Flow is applied.</summary>
    [Test]
    public void Trap_23_a_drain_is_answered_before_the_next_flow_counts()
    {
        using var wire = WireScript.ServerWithSender(credit: 0);
        wire.Send(new Flow { NextIncomingId = 0, IncomingWindow = 10, OutgoingWindow = 10, Handle = 0, DeliveryCount = 0, LinkCredit = 10, Drain = true });
        wire.ExpectNothing();
        wire.Send(new Flow { NextIncomingId = 0, IncomingWindow = 10, OutgoingWindow = 10, Handle = 0, DeliveryCount = 0, LinkCredit = 15 });
        var flow = wire.Expect<Flow>();
        Assert.That((flow.DeliveryCount, flow.LinkCredit, flow.Drain), Is.EqualTo((10u, 0u, true)));
        Assert.That(wire.Handler.Sender.Credit, Is.EqualTo(5u));
    }

    /// <summary>Trap 24: rhea repeats drain=true on later flows; each is a drain cycle of its own, and delivery-count is never null.</summary>
    [Test]
    public void Trap_24_repeated_drains_are_answered_each_time()
    {
        using var wire = WireScript.ServerWithSender(credit: 0);
        wire.Handler.WhenLinkFlow = link => link.Drained();
        for (uint i = 0; i < 3; i++)
        {
            wire.Send(new Flow { NextIncomingId = 0, IncomingWindow = 10, OutgoingWindow = 10, Handle = 0, DeliveryCount = 5 * i, LinkCredit = 5, Drain = true });
            var flow = wire.Expect<Flow>();
            Assert.That((flow.DeliveryCount, flow.LinkCredit, flow.Drain), Is.EqualTo((5 * (i + 1), 0u, true)));
        }
    }

    [Test]
    public void A_transfer_without_credit_detaches_the_link()
    {
        using var wire = WireScript.ServerWithReceiver(credit: 1);
        wire.Send(new Transfer { Handle = 0, DeliveryId = 0, Settled = true }, [1]);
        wire.Send(new Transfer { Handle = 0, DeliveryId = 1, Settled = true }, [1]);
        var detach = wire.Expect<Detach>();
        Assert.That(detach.Closed, Is.True);
        Assert.That(detach.Error!.Condition, Is.EqualTo(ErrorCondition.TransferLimitExceeded));
        Assert.That(wire.Handler.Events[^1], Is.EqualTo("link-failed in amqp:link:transfer-limit-exceeded"));
        Assert.That(wire.Session.IsOpen, Is.True);
    }

    [Test]
    public void Granting_credit_writes_a_complete_flow()
    {
        using var wire = WireScript.ServerWithReceiver(credit: 0, initialDeliveryCount: 4294967295);
        wire.Handler.Receiver.AddCredit(10);
        var flow = wire.Expect<Flow>();
        Assert.That((flow.Handle, flow.DeliveryCount, flow.LinkCredit), Is.EqualTo((0u, 4294967295u, 10u)));
        Assert.That(flow.NextIncomingId, Is.Zero);
        wire.Send(new Transfer { Handle = 0, DeliveryId = 0, Settled = true }, [1]);
        wire.Handler.Receiver.AddCredit(1);
        flow = wire.Expect<Flow>();
        Assert.That((flow.DeliveryCount, flow.LinkCredit), Is.EqualTo((0u, 10u)));
        wire.Handler.Receiver.AddCredit(uint.MaxValue);
        Assert.That(wire.Expect<Flow>().LinkCredit, Is.EqualTo(uint.MaxValue));
    }

    [Test]
    public void A_drain_of_ours_ends_with_the_senders_flow()
    {
        using var wire = WireScript.ServerWithReceiver(credit: 10);
        wire.Handler.Receiver.Drain();
        Assert.That(wire.Expect<Flow>().Drain, Is.True);
        wire.Send(new Flow { NextIncomingId = 0, IncomingWindow = 1, OutgoingWindow = 1, Handle = 0, DeliveryCount = 10, LinkCredit = 0, Drain = true, Available = 3 });
        Assert.That(wire.Handler.Events, Is.EqualTo(new[] { "receiver-flow in credit=0 draining=False available=3" }));
        wire.ExpectNothing();
    }

    [Test]
    public void A_transfer_on_a_link_on_which_we_send_ends_the_session()
    {
        using var wire = WireScript.ServerWithSender();
        wire.Send(new Transfer { Handle = 0, DeliveryId = 0 }, [1]);
        Assert.That(wire.Expect<End>().Error!.Condition, Is.EqualTo(ErrorCondition.NotAllowed));
    }

    [Test]
    public void A_link_is_answered_once_and_only_after_its_session()
    {
        using var wire = WireScript.ServerWithSender();
        Assert.That(() => wire.Handler.Sender.Attach(new Attach()), Throws.InvalidOperationException);
        Assert.That(() => wire.Handler.Sender.Refuse(new AmqpError(ErrorCondition.NotFound)), Throws.InvalidOperationException);

        using var early = WireScript.Server();
        early.Handler.WhenBegin = null;
        early.Handler.WhenAttach = null;
        early.SendHeader(Amqp.Framing.ProtocolHeader.Amqp).Send(new Open { ContainerId = "peer" }).Send(new Begin { IncomingWindow = 1, OutgoingWindow = 1 });
        early.Send(new Attach { Name = "l", Handle = 0, Role = Role.Receiver });
        Assert.That(() => early.Handler.Sender.Attach(new Attach()), Throws.InvalidOperationException);
    }

    /// <summary>Trap 75: a link may be idle for as long as its connection lives; only Azure detaches it.</summary>
    [Test]
    public void Trap_75_an_idle_link_is_left_alone()
    {
        using var wire = WireScript.ServerWithSender();
        for (long minute = 0; minute < 24 * 60; minute++)
        {
            wire.SendBytes([0, 0, 0, 8, 2, 0, 0, 0]);
            wire.Engine.Tick(minute * 50_000);
        }

        wire.ExpectNothing();
        Assert.That(wire.Handler.Sender.IsAttached, Is.True);
    }
}
