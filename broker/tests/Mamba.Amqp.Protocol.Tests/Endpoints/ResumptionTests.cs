using Mamba.Amqp.Endpoints;
using Mamba.Amqp.Framing;
using Mamba.Amqp.Messaging;
using Mamba.Amqp.Transactions;
using Mamba.Amqp.Transport;
using Mamba.Amqp.Types;

namespace Mamba.Amqp.Tests.Endpoints;

/// <summary>The example of AMQP 1.0 §3.4.6, tag by tag: what the sender does, and what a receiver makes of it.</summary>
public sealed class ResumptionTests
{
    private const byte NotKnown = 0xff;

    private static readonly byte[] Message = new AmqpMessage { Header = MessageHeader.Default with { Durable = true }, Body = new ValueBody("a message of two sections") }.Encode();

    private static IEnumerable<TestCaseData> Example()
    {
        yield return Case(1, null, known: false, null, ResumptionStep.SendAnew);
        yield return Case(2, null, known: true, At(3, 0), ResumptionStep.Resume);
        yield return Case(3, null, known: true, Accepted.Instance, ResumptionStep.TakeOver);
        yield return Case(4, null, known: true, null, ResumptionStep.Resume);
        yield return Case(5, At(0, 200), known: false, null, ResumptionStep.SendAnew);
        yield return Case(6, At(1, 150), known: true, At(2, 0), ResumptionStep.Resume);
        yield return Case(7, At(0, 500), known: true, At(0, 100), ResumptionStep.Abort);
        yield return Case(8, At(3, 5), known: true, Accepted.Instance, ResumptionStep.TakeOver);
        yield return Case(9, At(2, 0), known: true, null, ResumptionStep.Abort);
        yield return Case(10, Accepted.Instance, known: false, null, ResumptionStep.Forget);
        yield return Case(11, Accepted.Instance, known: true, At(1, 2000), ResumptionStep.Abort);
        yield return Case(12, Accepted.Instance, known: true, Accepted.Instance, ResumptionStep.Settle);
        yield return Case(13, Accepted.Instance, known: true, Released.Instance, ResumptionStep.Restate);
        yield return Case(14, Accepted.Instance, known: true, null, ResumptionStep.Abort);
    }

    [TestCaseSource(nameof(Example))]
    public void The_sender_does_as_the_example_says(DeliveryState? sender, bool known, DeliveryState? receiver, ResumptionStep step) =>
        Assert.That(DeliveryResumption.Decide(sender, known, receiver, complete: true), Is.EqualTo(step));

    [Test]
    public void The_edges_of_the_table()
    {
        Assert.That(DeliveryResumption.Decide(At(1, 150), true, At(1, 150), true), Is.EqualTo(ResumptionStep.Resume), "the very position");
        Assert.That(DeliveryResumption.Decide(At(0, 0), true, null, true), Is.EqualTo(ResumptionStep.Resume), "null is the beginning");
        Assert.That(DeliveryResumption.Decide(null, true, new TransactionalState { TxnId = [1], Outcome = Accepted.Instance }, true), Is.EqualTo(ResumptionStep.Resume));
        Assert.That(DeliveryResumption.Decide(null, true, new Modified { DeliveryFailed = true }, true), Is.EqualTo(ResumptionStep.TakeOver));
        Assert.That(DeliveryResumption.Decide(null, false, null, complete: false), Is.EqualTo(ResumptionStep.Wait));
        Assert.That(DeliveryResumption.Decide(Accepted.Instance, false, null, complete: false), Is.EqualTo(ResumptionStep.Wait));
        Assert.That(DeliveryResumption.Decide(null, true, Accepted.Instance, complete: false), Is.EqualTo(ResumptionStep.TakeOver));
    }

    /// <summary>Tags 2 and 6: data is there up to some point of the second section; the sender goes on there, before it, or begins anew.</summary>
    [TestCase(0u, 0u, 0, TestName = "{m}(from the beginning, said)")]
    [TestCase(NotKnown, 0u, 0, TestName = "{m}(from the beginning, nothing said)")]
    [TestCase(0u, 3u, 3, TestName = "{m}(from within the first section)")]
    [TestCase(1u, 0u, -1, TestName = "{m}(from the second section)")]
    public void A_delivery_that_is_there_in_part_is_completed(uint section, uint offset, int from)
    {
        using var wire = Resuming(Message[..^4], out var header);
        from = from < 0 ? header : from;
        wire.Send(Resumed(state: section == NotKnown ? null : At(section, offset)) with { More = true }, Message[from..^6]);
        Assert.That(wire.Handler.Deliveries, Is.Empty);
        wire.Send(new Transfer { Handle = 0 }, Message[^6..]);
        var (_, payload, delivery) = wire.Handler.Deliveries.Single();
        Assert.That(payload, Is.EqualTo(Message));
        Assert.That(delivery.IsResumed, Is.True);
        Assert.That(delivery.State, Is.Null, "a position is no state of the delivery");
        Assert.That(wire.Handler.Receiver.UnsettledCount, Is.EqualTo(1));
    }

    [Test]
    public void A_delivery_goes_on_at_the_very_position_that_the_map_said()
    {
        using var wire = Resuming(Message[..^4], out _);
        var position = MessagePosition.After(Message[..^4]);
        Assert.That(position.SectionNumber, Is.EqualTo(1u));
        wire.Send(Resumed(position), Message[^4..]);
        Assert.That(wire.Handler.Deliveries.Single().Payload, Is.EqualTo(Message));
    }

    [Test]
    public void A_position_behind_what_is_there_ends_the_link_and_what_is_there_is_kept()
    {
        using var wire = Resuming(Message[..^4], out _);
        wire.Send(Resumed(At(1, (ulong)Message.Length)), [1]);
        Assert.That(wire.Expect<Detach>().Error!.Condition, Is.EqualTo(ErrorCondition.InvalidField));
        Assert.That(wire.Handler.Deliveries, Is.Empty);
    }

    /// <summary>Tags 3, 8, 12 and 13: the receiver has the message; the transfer brings a state, settled or not, and no data.</summary>
    [TestCase(true)]
    [TestCase(false)]
    public void A_delivery_that_is_there_whole_is_told_of_with_its_state(bool settled)
    {
        using var wire = Resuming([], out _);
        wire.Send(Resumed(Accepted.Instance) with { Settled = settled });
        var (_, payload, delivery) = wire.Handler.Deliveries.Single();
        Assert.That(payload, Is.Empty);
        Assert.That(delivery is { IsResumed: true, State: Accepted } && delivery.IsSettled == settled, Is.True);
        Assert.That(wire.Handler.Receiver.UnsettledCount, Is.EqualTo(settled ? 0 : 1));
    }

    /// <summary>Tags 7, 9, 11 and 14.</summary>
    [Test]
    public void An_aborted_delivery_is_forgotten()
    {
        using var wire = Resuming(Message[..^4], out _);
        wire.Send(Resumed() with { Aborted = true });
        wire.Send(Resumed() with { DeliveryId = 1 }, Message);
        Assert.That(wire.Handler.Events, Is.EqualTo(new[] { "aborted 0", "aborted 1" }), "the second is not known any more");
        Assert.That(wire.Handler.Receiver.UnsettledCount, Is.Zero);
    }

    /// <summary>§2.6.13: deliveries that only the source considers unsettled, marked as resumed, are ignored.</summary>
    [Test]
    public void What_is_resumed_and_not_known_is_ignored_whole()
    {
        using var wire = Resuming([], out _);
        wire.Send(Resumed() with { DeliveryTag = new DeliveryTag([9]), More = true }, Message[..5]);
        wire.Send(new Transfer { Handle = 0 }, Message[5..]);
        Assert.That(wire.Handler.Deliveries, Is.Empty);
        Assert.That(wire.Handler.Events, Is.EqualTo(new[] { "aborted 0" }));
    }

    [Test]
    public void A_tag_is_resumed_once()
    {
        using var wire = Resuming([], out _);
        wire.Send(Resumed());
        wire.Send(Resumed() with { DeliveryId = 1 });
        Assert.That(wire.Handler.Deliveries, Has.Count.EqualTo(1));
    }

    [Test]
    public void What_arrived_of_an_incomplete_delivery_can_be_taken_over_when_the_link_is_detached()
    {
        using var wire = WireScript.ServerWithReceiver();
        var link = wire.Handler.Receiver;
        link.KeepsPartial = true;
        wire.Send(new Transfer { Handle = 0, DeliveryId = 0, DeliveryTag = new DeliveryTag([1]), More = true }, Message[..5]);
        DeliveryTag tag = default;
        byte[] received = [];
        wire.Handler.WhenDetach = (detached, closed) =>
        {
            Assert.That(link.TryTakePartial(out tag, out received), Is.True);
            detached.Detach(closed);
        };
        wire.Send(new Detach { Handle = 0 });
        Assert.That(tag, Is.EqualTo(new DeliveryTag([1])));
        Assert.That(received, Is.EqualTo(Message[..5]));
        Assert.That(link.TryTakePartial(out _, out _), Is.False, "once");
    }

    [Test]
    public void A_sender_marks_what_it_resumes_and_aborts()
    {
        using var wire = WireScript.ServerWithSender();
        var delivery = new OutgoingDelivery { Tag = new DeliveryTag([1]), IsResumed = true, State = At(0, 0) };
        Assert.That(wire.Handler.Sender.Send(ref delivery, Message, default), Is.EqualTo(SendResult.Sent));
        var resumed = wire.Expect<Transfer>();
        Assert.That(resumed is { Resume: true, State: Received, DeliveryTag.Length: 1 }, Is.True);

        var settled = new OutgoingDelivery { Tag = new DeliveryTag([2]), IsResumed = true, IsSettled = true, State = Accepted.Instance };
        wire.Handler.Sender.Send(ref settled, default, default);
        var (transfer, _, payload) = wire.ExpectFrame<Transfer>();
        Assert.That(transfer is { Resume: true, State: Accepted, Settled: true } && payload.Length == 0, Is.True);

        Assert.That(wire.Handler.Sender.AbortResumed(new DeliveryTag([3])), Is.EqualTo(SendResult.Sent));
        var aborted = wire.Expect<Transfer>();
        Assert.That(aborted is { Resume: true, Aborted: true, DeliveryId: 2u }, Is.True);
        Assert.That(wire.Handler.Sender.UnsettledCount, Is.EqualTo(1));
        Assert.That(wire.Handler.Sender.Credit, Is.EqualTo(97u), "each uses up credit");
    }

    [Test]
    public void On_a_link_with_an_incomplete_map_only_resumed_deliveries_are_sent()
    {
        using var wire = WireScript.ServerWithSession();
        wire.Send(new Attach
        {
            Name = "out", Handle = 0, Role = Role.Receiver, Source = new Source { Address = "q" }, Target = new Target(), IncompleteUnsettled = true,
        });
        wire.Expect<Attach>();
        wire.Send(new Flow { NextIncomingId = 0, IncomingWindow = 9, NextOutgoingId = 0, OutgoingWindow = 9, Handle = 0, DeliveryCount = 0, LinkCredit = 9 });
        var fresh = new OutgoingDelivery { Tag = new DeliveryTag([1]) };
        Assert.That(wire.Handler.Sender.Send(ref fresh, Message, default), Is.EqualTo(SendResult.MapIncomplete));
        var resumed = new OutgoingDelivery { Tag = new DeliveryTag([2]), IsResumed = true };
        Assert.That(wire.Handler.Sender.Send(ref resumed, Message, default), Is.EqualTo(SendResult.Sent));
    }

    [TestCase(512u)]
    [TestCase(700u)]
    [TestCase(5000u)]
    public void A_map_that_does_not_fit_a_frame_is_cut_and_said_to_be_incomplete(uint maxFrameSize)
    {
        using var wire = WireScript.Server();
        var full = new AmqpMap();
        for (var i = 0; i < 300; i++)
        {
            full.Add(DeliveryTag.FromUInt64((ulong)i).ToArray(), Accepted.Instance);
        }

        wire.Handler.WhenAttach = (link, remote) => link.Attach(new Attach { Source = remote.Source, Target = remote.Target, Unsettled = full });
        wire.SendHeader(ProtocolHeader.Amqp).Send(new Open { ContainerId = "peer", MaxFrameSize = maxFrameSize });
        wire.Send(new Begin { NextOutgoingId = 0, IncomingWindow = 9, OutgoingWindow = 9 });
        wire.Send(new Attach { Name = "in", Handle = 0, Role = Role.Sender, Source = new Source(), Target = new Target { Address = "q" }, InitialDeliveryCount = 0 });
        wire.ExpectHeader(ProtocolHeader.Amqp);
        wire.Expect<Open>();
        wire.Expect<Begin>();
        var bytes = wire.RestBytes();
        Assert.That(bytes, Has.Length.LessThanOrEqualTo((int)maxFrameSize));
        FrameReader.TryRead(bytes, int.MaxValue, out var header, out var body, out _);
        var attach = (Attach)WireFrame.Decode(header, body).Performative!;
        Assert.That(attach.IncompleteUnsettled, Is.EqualTo(maxFrameSize < 5000));
        var states = UnsettledMap.Read(attach.Unsettled);
        Assert.That(states.Keys, Is.EqualTo(Enumerable.Range(0, states.Count).Select(static i => DeliveryTag.FromUInt64((ulong)i))));
        Assert.That(states.Values, Is.All.TypeOf<Accepted>());
        Assert.That(maxFrameSize < 5000 ? states.Count < 300 : states.Count == 300, Is.True);
        Assert.That(maxFrameSize - bytes.Length, Is.LessThan(maxFrameSize < 5000 ? 48 : 5000), "as many as fit");

        if (maxFrameSize < 5000)
        {
            wire.Handler.Receiver.SetCredit(1);
            wire.Expect<Flow>();
            wire.Send(new Transfer { Handle = 0, DeliveryId = 0, DeliveryTag = new DeliveryTag([1]) }, Message);
            Assert.That(wire.Expect<Detach>().Error!.Condition, Is.EqualTo(ErrorCondition.IllegalState), "a new delivery");
        }
    }

    [Test]
    public void The_map_is_read_whatever_is_in_it()
    {
        var states = UnsettledMap.Read(new AmqpMap
        {
            { new byte[] { 1 }, null },
            { new byte[] { 2 }, new DescribedValue(0x24ul, new List<object?>()) },
            { new byte[] { 3 }, new DescribedValue(0x23ul, new List<object?> { 1u, 5ul }) },
            { new byte[] { 4 }, new DescribedValue(0x99ul, new List<object?>()) },
            { new byte[] { 5 }, "no state" },
        });
        Assert.That(states[new DeliveryTag([1])], Is.Null);
        Assert.That(states[new DeliveryTag([2])], Is.TypeOf<Accepted>());
        Assert.That(states[new DeliveryTag([3])] is Received { SectionNumber: 1, SectionOffset: 5 }, Is.True);
        Assert.That(states[new DeliveryTag([4])], Is.Null);
        Assert.That(states[new DeliveryTag([5])], Is.Null);
        Assert.That(UnsettledMap.Read(null), Is.Empty);
        Assert.That(() => UnsettledMap.Read(new AmqpMap { { "text", null } }), Throws.TypeOf<AmqpException>().With.Property("Scope").EqualTo(AmqpErrorScope.Link));
        Assert.That(() => UnsettledMap.Read(new AmqpMap { { new byte[33], null } }), Throws.TypeOf<AmqpException>());
        Assert.That(
            () => UnsettledMap.Read(new AmqpMap { { new byte[] { 1 }, new DescribedValue(0x23ul, "no list") } }),
            Throws.TypeOf<AmqpException>().With.Property("Scope").EqualTo(AmqpErrorScope.Link));
    }

    [Test]
    public void Every_position_of_a_message_is_found_again()
    {
        for (var length = 0; length <= Message.Length; length++)
        {
            var position = MessagePosition.After(Message.AsSpan(0, length));
            Assert.That(MessagePosition.TryFind(Message.AsSpan(0, length), position, out var offset), Is.True);
            Assert.That(offset, Is.EqualTo(length));
            Assert.That(MessagePosition.TryFind(Message, position, out offset) && offset == length, Is.True);
        }

        Assert.That(MessagePosition.TryFind(Message, At(7, 0), out _), Is.False);
        Assert.That(MessagePosition.TryFind(Message, At(0, ulong.MaxValue), out _), Is.False);
        Assert.That(MessagePosition.After([0xff, 1, 2]) is { SectionNumber: 0, SectionOffset: 3 }, Is.True, "garbled");
    }

    private static TestCaseData Case(int tag, DeliveryState? sender, bool known, DeliveryState? receiver, ResumptionStep step) =>
        new TestCaseData(sender, known, receiver, step).SetArgDisplayNames($"tag {tag}");

    private static Received At(uint section, ulong offset) => new() { SectionNumber = section, SectionOffset = offset };

    private static Transfer Resumed(DeliveryState? state = null) =>
        new() { Handle = 0, DeliveryId = 0, DeliveryTag = new DeliveryTag([1]), MessageFormat = 0, Resume = true, State = state };

    /// <summary>A link whose map has tag 1, of which these bytes are there.</summary>
    private static WireScript Resuming(byte[] received, out int header)
    {
        header = 0;
        while (MessagePosition.After(Message.AsSpan(0, header)).SectionNumber == 0)
        {
            header++;
        }

        var wire = WireScript.ServerWithSession();
        wire.Handler.WhenAttach = (link, remote) =>
        {
            ((ReceiverEndpoint)link).Retain(new DeliveryTag([1]), received);
            link.Attach(new Attach { Source = remote.Source, Target = remote.Target, Unsettled = new AmqpMap { { new byte[] { 1 }, Accepted.Instance } } });
        };
        wire.Send(new Attach
        {
            Name = "in", Handle = 0, Role = Role.Sender, Source = new Source(), Target = new Target { Address = "q" }, InitialDeliveryCount = 0,
        });
        Assert.That(wire.Expect<Attach>().Unsettled, Is.Not.Null);
        wire.Handler.Receiver.SetCredit(10);
        wire.Expect<Flow>();
        wire.Handler.Clear();
        return wire;
    }
}
