using Mamba.Amqp.Codec;
using Mamba.Amqp.Endpoints;
using Mamba.Amqp.Framing;
using Mamba.Amqp.Messaging;
using Mamba.Amqp.Transport;
using Mamba.Amqp.Types;

namespace Mamba.Amqp.Tests.Endpoints;

/// <summary>Absent fields at the end of a performative are left out, or written as nulls to a peer that does so (AMQP 1.0 §1.4).</summary>
public sealed class AbsentFieldTests
{
    private const int OpenFields = 10;
    private const int BeginFields = 8;
    private const int AttachFields = 14;
    private const int FlowFields = 11;
    private const int TransferFields = 11;
    private const int DispositionFields = 6;
    private const int DetachFields = 3;
    private const int EndFields = 1;
    private const int CloseFields = 1;

    private static readonly byte[] NullMessage = [0, 0x53, 0x77, 0x40];

    [Test]
    public void A_peer_that_leaves_fields_out_is_written_to_in_the_same_way()
    {
        using var wire = Connect(new Open { ContainerId = "peer" }, new Begin { IncomingWindow = 10, OutgoingWindow = 10 }, whole: false);
        Assert.That(Counts(wire), Is.EqualTo(new[] { OpenFields - 5, BeginFields - 3 }));
        Converse(wire);
        Assert.That(Counts(wire), Is.EqualTo(new[] { AttachFields - 4, TransferFields - 6, AttachFields - 3, FlowFields - 4, DispositionFields - 1, DetachFields - 1, 0, 0 }));
    }

    [TestCase(true, TestName = "A_peer_that_writes_nulls_at_the_end_of_its_open_is_given_all_fields_of_each_frame")]
    [TestCase(false, TestName = "A_peer_that_writes_nulls_at_the_end_of_its_begin_is_given_all_fields_of_each_later_frame")]
    public void A_peer_that_writes_nulls(bool inOpen)
    {
        var open = new Open { ContainerId = "peer", Properties = inOpen ? null : new AmqpMap { { new Symbol("product"), "x" } } };
        using var wire = Connect(open, new Begin { IncomingWindow = 10, OutgoingWindow = 10 }, whole: true);
        Assert.That(Counts(wire), Is.EqualTo(new[] { inOpen ? OpenFields : OpenFields - 5, BeginFields }));
        Converse(wire);
        Assert.That(Counts(wire), Is.EqualTo(new[]
        {
            AttachFields, TransferFields, AttachFields, FlowFields, DispositionFields, DetachFields, EndFields, CloseFields,
        }));
    }

    [Test]
    public void All_fields_can_be_read_back()
    {
        using var buffer = new ByteBuffer { WritesAbsentFields = true };
        var detach = new Detach { Handle = 7, Closed = true, Error = new AmqpError(ErrorCondition.NotFound, "no node 'q'") };
        detach.Write(new AmqpWriter(buffer));
        var reader = new AmqpReader(buffer.WrittenSpan);
        var read = Detach.Read(ref reader);
        Assert.That((read.Handle, read.Closed, read.Error!.Condition, read.Error.Description, read.Error.Info), Is.EqualTo((7u, true, ErrorCondition.NotFound, "no node 'q'", (AmqpMap?)null)));
    }

    private static WireScript Connect(Open open, Begin begin, bool whole)
    {
        var wire = WireScript.Server().SendHeader(ProtocolHeader.Amqp).ExpectHeader(ProtocolHeader.Amqp);
        return wire.SendBytes(Frame(open, whole)).SendBytes(Frame(begin, whole));
    }

    /// <summary>Has the engine write each of the other performatives.</summary>
    private static void Converse(WireScript wire)
    {
        wire.Send(new Attach { Name = "out", Handle = 0, Role = Role.Receiver, Source = new Source { Address = "q" }, Target = new Target() });
        wire.Send(new Flow { NextIncomingId = 0, IncomingWindow = 10, NextOutgoingId = 0, OutgoingWindow = 10, Handle = 0, DeliveryCount = 0, LinkCredit = 1 });
        var delivery = new OutgoingDelivery { Tag = DeliveryTag.FromUInt64(1) };
        Assert.That(wire.Handler.Sender.Send(ref delivery, [], NullMessage), Is.EqualTo(SendResult.Sent));
        wire.Send(new Attach { Name = "in", Handle = 1, Role = Role.Sender, Source = new Source(), Target = new Target { Address = "q" }, InitialDeliveryCount = 0 });
        wire.Handler.Receiver.SetCredit(10);
        wire.Send(new Transfer { Handle = 1, DeliveryId = 0, DeliveryTag = DeliveryTag.FromUInt64(1), MessageFormat = 0 }, NullMessage);
        wire.Handler.Receiver.Disposition(0, 0, Accepted.Instance, settled: true);
        wire.Engine.FlushDispositions();
        wire.Send(new Detach { Handle = 0, Closed = true }).Send(new End()).Send(new Close());
    }

    private static byte[] Frame<T>(T performative, bool whole)
        where T : IAmqpEncodable
    {
        using var buffer = new ByteBuffer { WritesAbsentFields = whole };
        FrameWriter.Write(buffer, 0, in performative);
        return buffer.ToArray();
    }

    /// <summary>How many fields each frame has that was written since the last call.</summary>
    private static int[] Counts(WireScript wire)
    {
        var counts = new List<int>();
        for (ReadOnlySpan<byte> bytes = wire.RestBytes(); FrameReader.TryRead(bytes, uint.MaxValue, out _, out var body, out var consumed); bytes = bytes[consumed..])
        {
            var reader = new AmqpReader(body);
            reader.ReadDescriptor();
            counts.Add(reader.BeginList(out _));
        }

        return [.. counts];
    }
}
