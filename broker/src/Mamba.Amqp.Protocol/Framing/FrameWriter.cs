using Mamba.Amqp.Codec;
using Mamba.Amqp.Transport;

namespace Mamba.Amqp.Framing;

/// <summary>Appends frames to a buffer. The caller keeps them within the peer's max-frame-size.</summary>
public static class FrameWriter
{
    /// <summary>Begins a frame; write the body next, then call <see cref="End"/> with what this call returned.</summary>
    public static int Begin(ByteBuffer buffer, FrameType type, ushort channel)
    {
        ArgumentNullException.ThrowIfNull(buffer);
        var start = buffer.Length;
        new FrameHeader(0, 2, type, channel).Write(buffer.Take(FrameHeader.Length));
        return start;
    }

    /// <summary>Ends a frame: patches its size.</summary>
    /// <returns>The size of the frame in bytes.</returns>
    public static int End(ByteBuffer buffer, int start)
    {
        ArgumentNullException.ThrowIfNull(buffer);
        var size = buffer.Length - start;
        buffer.PatchUInt32(start, (uint)size);
        return size;
    }

    /// <summary>Appends a frame with a performative.</summary>
    /// <returns>The size of the frame in bytes.</returns>
    public static int Write<T>(ByteBuffer buffer, ushort channel, in T performative)
        where T : IAmqpEncodable
    {
        var start = Begin(buffer, FrameType.Amqp, channel);
        performative.Write(new AmqpWriter(buffer));
        return End(buffer, start);
    }

    /// <summary>Appends a frame with a transfer and its payload.</summary>
    /// <returns>The size of the frame in bytes.</returns>
    public static int Write(ByteBuffer buffer, ushort channel, in Transfer transfer, ReadOnlySpan<byte> payload)
    {
        var start = Begin(buffer, FrameType.Amqp, channel);
        transfer.Write(new AmqpWriter(buffer));
        buffer.Write(payload);
        return End(buffer, start);
    }

    /// <summary>Appends a frame of the SASL exchange.</summary>
    public static int WriteSasl<T>(ByteBuffer buffer, in T body)
        where T : IAmqpEncodable
    {
        var start = Begin(buffer, FrameType.Sasl, 0);
        body.Write(new AmqpWriter(buffer));
        return End(buffer, start);
    }

    /// <summary>Appends an empty frame, which keeps the connection alive (AMQP 1.0 §2.4.5).</summary>
    public static void WriteEmpty(ByteBuffer buffer) => End(buffer, Begin(buffer, FrameType.Amqp, 0));
}
