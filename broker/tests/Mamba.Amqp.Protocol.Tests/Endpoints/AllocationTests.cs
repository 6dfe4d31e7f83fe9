using Mamba.Amqp.Endpoints;
using Mamba.Amqp.Messaging;
using Mamba.Amqp.Sasl;
using Mamba.Amqp.Transport;

namespace Mamba.Amqp.Tests.Endpoints;

/// <summary>In steady state a message costs no allocation, on its way in or out.</summary>
[NonParallelizable]
public sealed class AllocationTests
{
    [Test]
    public void Receiving_and_settling_messages_allocates_nothing()
    {
        var handler = new QuietHandler();
        using var engine = Start(handler, new Attach { Name = "in", Handle = 0, Role = Role.Sender, InitialDeliveryCount = 0 });
        var transfer = WireScript.Encode(0, new Transfer { Handle = 0, DeliveryId = 0x01020304, DeliveryTag = DeliveryTag.FromUInt64(1), MessageFormat = 0 }, new byte[100]);
        var idAt = transfer.AsSpan().IndexOf("\u0001\u0002\u0003\u0004"u8);
        var flow = WireScript.Encode(0, new Flow { NextIncomingId = 0, IncomingWindow = 100, NextOutgoingId = 0, OutgoingWindow = 100, Handle = 0, DeliveryCount = 0, LinkCredit = 0 });
        uint id = 0;
        var allocated = Measure(() =>
        {
            for (var i = 0; i < 100; i++, id++)
            {
                System.Buffers.Binary.BinaryPrimitives.WriteUInt32BigEndian(transfer.AsSpan(idAt), id);
                engine.Receive(transfer);
            }

            handler.Receiver!.SetCredit(200);
            engine.Receive(flow);
            engine.FlushDispositions();
            engine.Output.Clear();
        });
        Assert.That(handler.Failure, Is.Null);
        Assert.That(id, Is.GreaterThan(10_000u));
        Assert.That(handler.Received, Is.EqualTo(id));
        Assert.That(allocated, Is.Zero, "bytes allocated");
    }

    [Test]
    public void Sending_messages_and_their_settlement_allocates_nothing()
    {
        var handler = new QuietHandler();
        using var engine = Start(handler, new Attach { Name = "out", Handle = 0, Role = Role.Receiver });
        var flow = WireScript.Encode(0, new Flow
        {
            NextIncomingId = 0x01020304,
            IncomingWindow = 1000,
            NextOutgoingId = 0,
            OutgoingWindow = 100,
            Handle = 0,
            DeliveryCount = 0x05060708,
            LinkCredit = 1000,
        });
        var idAt = flow.AsSpan().IndexOf("\u0001\u0002\u0003\u0004"u8);
        var countAt = flow.AsSpan().IndexOf("\u0005\u0006\u0007\u0008"u8);
        var disposition = WireScript.Encode(0, new Disposition { Role = Role.Receiver, First = 0x01020304, Last = 0x05060708, Settled = true, State = Accepted.Instance });
        var firstAt = disposition.AsSpan().IndexOf("\u0001\u0002\u0003\u0004"u8);
        var lastAt = disposition.AsSpan().IndexOf("\u0005\u0006\u0007\u0008"u8);
        var body = new byte[200];
        uint sent = 0;
        var allocated = Measure(() =>
        {
            System.Buffers.Binary.BinaryPrimitives.WriteUInt32BigEndian(flow.AsSpan(idAt), sent);
            System.Buffers.Binary.BinaryPrimitives.WriteUInt32BigEndian(flow.AsSpan(countAt), sent);
            engine.Receive(flow);
            System.Buffers.Binary.BinaryPrimitives.WriteUInt32BigEndian(disposition.AsSpan(firstAt), sent);
            for (var i = 0; i < 100; i++)
            {
                var delivery = new OutgoingDelivery { Tag = DeliveryTag.FromUInt64(sent), Context = sent };
                handler.Sender!.Send(ref delivery, body.AsSpan(0, 20), body);
                sent++;
            }

            System.Buffers.Binary.BinaryPrimitives.WriteUInt32BigEndian(disposition.AsSpan(lastAt), sent - 1);
            engine.Receive(disposition);
            engine.FlushDispositions();
            engine.Output.Clear();
        });
        Assert.That(handler.Failure, Is.Null);
        Assert.That(sent, Is.GreaterThan(10_000u));
        Assert.That(handler.Settled, Is.EqualTo(sent));
        Assert.That(allocated, Is.Zero, "bytes allocated");
    }

    private static long Measure(Action round)
    {
        for (var i = 0; i < 200; i++)
        {
            round();
        }

        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var i = 0; i < 200; i++)
        {
            round();
        }

        return GC.GetAllocatedBytesForCurrentThread() - before;
    }

    private static ConnectionEngine Start(QuietHandler handler, Attach attach)
    {
        var engine = new ConnectionEngine(WireScript.ServerSettings, handler);
        handler.Engine = engine;
        engine.Receive(WireScript.Encode(Amqp.Framing.ProtocolHeader.Amqp));
        engine.Receive(WireScript.Encode(0, new Open { ContainerId = "peer" }));
        engine.Receive(WireScript.Encode(0, new Begin { IncomingWindow = 1000, OutgoingWindow = 1000 }));
        engine.Receive(WireScript.Encode(0, attach));
        handler.Receiver?.SetCredit(200);
        engine.Output.Clear();
        return engine;
    }

    private sealed class QuietHandler : IConnectionHandler
    {
        public ConnectionEngine? Engine { get; set; }

        public ReceiverEndpoint? Receiver { get; private set; }

        public SenderEndpoint? Sender { get; private set; }

        public uint Received { get; private set; }

        public uint Settled { get; private set; }

        public AmqpException? Failure { get; private set; }

        public void OnSaslInit(string mechanism, ReadOnlySpan<byte> initialResponse, string? hostname) => Failure = Unexpected();

        public void OnSaslResponse(ReadOnlySpan<byte> response) => Failure = Unexpected();

        public void OnSaslOutcome(SaslCode code) => Failure = Unexpected();

        public void OnOpen(Open remote) => Engine!.Open(new Open());

        public void OnClose(AmqpError? error) => Failure = Unexpected();

        public void OnBegin(SessionEndpoint session, Begin remote) => session.Begin(new Begin());

        public void OnEnd(SessionEndpoint session, AmqpError? error) => Failure = Unexpected();

        public void OnSessionFailed(SessionEndpoint session, AmqpError error) => Failure = new AmqpException(error);

        public void OnAttach(LinkEndpoint link, Attach remote)
        {
            link.Attach(new Attach());
            Receiver = link as ReceiverEndpoint;
            Sender = link as SenderEndpoint;
        }

        public void OnDetach(LinkEndpoint link, bool closed, AmqpError? error) => Failure = Unexpected();

        public void OnLinkFailed(LinkEndpoint link, AmqpError error) => Failure = new AmqpException(error);

        public void OnLinkFlow(SenderEndpoint link) => Sender = link;

        public void OnReceiverFlow(ReceiverEndpoint link) => Receiver = link;

        public void OnSessionWindowOpen(SessionEndpoint session) => Failure = Unexpected();

        public void OnDelivery(ReceiverEndpoint link, in IncomingDelivery delivery, ReadOnlySpan<byte> payload)
        {
            Received++;
            link.Disposition(delivery.DeliveryId, delivery.DeliveryId, Accepted.Instance, settled: true);
        }

        public void OnDeliveryAborted(ReceiverEndpoint link, in IncomingDelivery delivery) => Failure = Unexpected();

        public void OnDisposition(SenderEndpoint link, uint deliveryId, long context, DeliveryState? state, bool settled) => Settled++;

        public void OnSenderSettled(ReceiverEndpoint link, uint deliveryId, DeliveryState? state) => Failure = Unexpected();

        public void OnFailed(AmqpException cause) => Failure = cause;

        private static AmqpException Unexpected() => new(ErrorCondition.InternalError, "unexpected call");
    }
}
