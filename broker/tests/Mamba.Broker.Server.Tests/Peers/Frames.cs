using Mamba.Amqp.Codec;
using Mamba.Amqp.Framing;
using Mamba.Amqp.Messaging;
using Mamba.Amqp.Sasl;
using Mamba.Amqp.Transport;

namespace Mamba.Broker.Server.Tests.Peers;

/// <summary>The frames of ordinary conversations, as bytes.</summary>
internal static class Frames
{
    public static readonly byte[] AmqpHeader = [(byte)'A', (byte)'M', (byte)'Q', (byte)'P', 0, 1, 0, 0];

    public static readonly byte[] SaslHeader = [(byte)'A', (byte)'M', (byte)'Q', (byte)'P', 3, 1, 0, 0];

    public static readonly byte[] SaslAnonymous = Sasl(new SaslInit { Mechanism = "ANONYMOUS" });

    public static byte[] Of(IAmqpEncodable performative, ushort channel = 0, byte[]? payload = null)
    {
        using var buffer = new ByteBuffer();
        var start = FrameWriter.Begin(buffer, FrameType.Amqp, channel);
        performative.Write(new AmqpWriter(buffer));
        buffer.Write(payload ?? []);
        FrameWriter.End(buffer, start);
        return buffer.ToArray();
    }

    public static byte[] Sasl(IAmqpEncodable body)
    {
        using var buffer = new ByteBuffer();
        var start = FrameWriter.Begin(buffer, FrameType.Sasl, 0);
        body.Write(new AmqpWriter(buffer));
        FrameWriter.End(buffer, start);
        return buffer.ToArray();
    }

    public static byte[] Open(string container = "peer") => Of(new Open { ContainerId = container });

    public static byte[] Begin(ushort channel = 0) =>
        Of(new Begin { NextOutgoingId = 0, IncomingWindow = 1_000_000, OutgoingWindow = 1_000_000 }, channel);

    /// <summary>Attach of a sender at the peer's end.</summary>
    public static byte[] Sender(uint handle, string address, string? name = null, ushort channel = 0) => Of(
        new Attach
        {
            Name = name ?? $"s{handle}-{address}",
            Handle = handle,
            Role = Role.Sender,
            Source = new Source { Address = "here" },
            Target = new Target { Address = address },
            InitialDeliveryCount = 0,
        },
        channel);

    /// <summary>Attach of a receiver at the peer's end.</summary>
    public static byte[] Receiver(uint handle, string address, string? name = null, ushort channel = 0) => Of(
        new Attach
        {
            Name = name ?? $"r{handle}-{address}",
            Handle = handle,
            Role = Role.Receiver,
            Source = new Source { Address = address },
            Target = new Target { Address = "here" },
        },
        channel);

    /// <summary>Credit for a receiver at the peer's end.</summary>
    public static byte[] Credit(uint handle, uint credit, uint? deliveryCount = 0, bool drain = false, ushort channel = 0) => Of(
        new Flow
        {
            NextIncomingId = null,
            IncomingWindow = 1_000_000,
            NextOutgoingId = 0,
            OutgoingWindow = 1_000_000,
            Handle = handle,
            DeliveryCount = deliveryCount,
            LinkCredit = credit,
            Drain = drain,
        },
        channel);

    public static byte[] Transfer(uint handle, uint id, byte[] payload, bool settled = false, bool more = false, DeliveryState? state = null) => Of(
        new Transfer
        {
            Handle = handle,
            DeliveryId = id,
            DeliveryTag = DeliveryTag.FromUInt64(id),
            MessageFormat = 0,
            Settled = settled,
            More = more,
            State = state,
        },
        payload: payload);

    public static byte[] Continuation(uint handle, byte[] payload, bool more) =>
        Of(new Transfer { Handle = handle, More = more }, payload: payload);

    public static byte[] Settle(uint first, DeliveryState? state, uint? last = null, bool settled = true) =>
        Of(new Disposition { Role = Role.Receiver, First = first, Last = last, Settled = settled, State = state });

    public static byte[] Detach(uint handle, bool closed = true) => Of(new Detach { Handle = handle, Closed = closed });

    public static byte[] End(ushort channel = 0) => Of(new End(), channel);

    public static byte[] Close() => Of(new Close());

    public static byte[] Message(string body, bool durable = false) => Message(body, MessageHeader.Default with { Durable = durable });

    public static byte[] Message(string body, MessageHeader header) =>
        new AmqpMessage { Header = header, Body = new ValueBody(body) }.Encode();
}
