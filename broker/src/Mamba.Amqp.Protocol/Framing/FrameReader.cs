using Mamba.Amqp.Transport;

namespace Mamba.Amqp.Framing;

/// <summary>Cuts frames out of the bytes that have arrived. Allocates nothing, and looks at nothing beyond those bytes.</summary>
public static class FrameReader
{
    /// <summary>Cuts the first frame out of a buffer, if all of it is there.</summary>
    /// <param name="buffer">What has arrived and is not consumed yet; may hold several frames, or part of one.</param>
    /// <param name="maxFrameSize">The largest frame that the peer may send, in bytes: checked as soon as the header is there.</param>
    /// <param name="header">The frame's header.</param>
    /// <param name="body">The performative and payload, a slice of the buffer; empty in a frame that only keeps alive.</param>
    /// <param name="consumed">How many bytes of the buffer the frame takes.</param>
    /// <returns>False when more bytes must arrive first.</returns>
    /// <exception cref="AmqpException">amqp:connection:framing-error, see <see cref="FrameHeader.Parse"/>.</exception>
    public static bool TryRead(
        ReadOnlySpan<byte> buffer, uint maxFrameSize, out FrameHeader header, out ReadOnlySpan<byte> body, out int consumed)
    {
        body = default;
        consumed = 0;
        if (buffer.Length < FrameHeader.Length)
        {
            header = default;
            return false;
        }

        header = FrameHeader.Parse(buffer, maxFrameSize);
        if ((uint)buffer.Length < header.Size)
        {
            return false;
        }

        consumed = (int)header.Size;
        body = buffer[(header.DataOffset * 4)..consumed];
        return true;
    }
}
