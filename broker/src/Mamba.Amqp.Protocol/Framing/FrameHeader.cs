using System.Buffers.Binary;
using System.Runtime.InteropServices;
using Mamba.Amqp.Transport;

namespace Mamba.Amqp.Framing;

/// <summary>What a frame carries (AMQP 1.0 §2.3.1).</summary>
public enum FrameType : byte
{
    /// <summary>A performative on a channel.</summary>
    Amqp = 0,

    /// <summary>A step of the SASL exchange.</summary>
    Sasl = 1,
}

/// <summary>
/// The first eight bytes of a frame (AMQP 1.0 §2.3.1):
/// <code>
///    0      4      5      6         8        doff*4    size
///   +------+------+------+---------+----------+---------+
///   | size | doff | type | channel | extended |  body   |
///   +------+------+------+---------+----------+---------+
///      4      1      1        2
/// </code>
/// The extended header is skipped. A SASL frame has no channel: its two bytes are ignored.
/// </summary>
/// <param name="Size">The size of the whole frame in bytes, header included.</param>
/// <param name="DataOffset">Where the body begins, in words of four bytes.</param>
/// <param name="Type">What the frame carries.</param>
/// <param name="Channel">The channel of the session.</param>
[StructLayout(LayoutKind.Auto)]
public readonly record struct FrameHeader(uint Size, byte DataOffset, FrameType Type, ushort Channel)
{
    /// <summary>The length of the header in bytes, and so the smallest frame there is: an empty one, which only keeps alive.</summary>
    public const int Length = 8;

    /// <summary>The size of the body in bytes, performative and payload.</summary>
    public int BodySize => (int)Size - DataOffset * 4;

    /// <summary>Reads a header of at least eight bytes, and checks it.</summary>
    /// <param name="bytes">The bytes of the frame as far as they have arrived; at least eight.</param>
    /// <param name="maxFrameSize">The largest frame that the peer may send, in bytes.</param>
    /// <exception cref="AmqpException">amqp:connection:framing-error: size below 8 or above the limit, doff below 2 or beyond the frame.</exception>
    public static FrameHeader Parse(ReadOnlySpan<byte> bytes, uint maxFrameSize)
    {
        var size = BinaryPrimitives.ReadUInt32BigEndian(bytes);
        var header = new FrameHeader(size, bytes[4], (FrameType)bytes[5], BinaryPrimitives.ReadUInt16BigEndian(bytes[6..8]));
        if (size < Length || size > maxFrameSize || size > int.MaxValue || header.DataOffset < 2 || header.DataOffset * 4u > size)
        {
            throw Refuse(header, maxFrameSize);
        }

        return header;
    }

    /// <summary>Writes the eight bytes.</summary>
    public void Write(Span<byte> destination)
    {
        BinaryPrimitives.WriteUInt16BigEndian(destination[6..], Channel);
        destination[5] = (byte)Type;
        destination[4] = DataOffset;
        BinaryPrimitives.WriteUInt32BigEndian(destination, Size);
    }

    private static AmqpException Refuse(in FrameHeader header, uint maxFrameSize)
    {
        var why = header.Size < Length ? $"a frame of {header.Size} bytes; the header alone has {Length}"
            : header.Size > maxFrameSize || header.Size > int.MaxValue ? $"a frame of {header.Size} bytes; the limit is {maxFrameSize}"
            : $"a frame of {header.Size} bytes with a data offset of {header.DataOffset} words; it lies between 2 words and the frame's end";
        return new AmqpException(ErrorCondition.FramingError, why);
    }
}
