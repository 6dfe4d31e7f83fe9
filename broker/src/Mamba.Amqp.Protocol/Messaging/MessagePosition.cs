using Mamba.Amqp.Codec;
using Mamba.Amqp.Transport;

namespace Mamba.Amqp.Messaging;

/// <summary>
/// Positions in a message of which only the beginning is there (AMQP 1.0 §3.4.1): the number of a section, counted from 0, and an
/// offset in bytes from the section's first one, its descriptor included.
/// </summary>
public static class MessagePosition
{
    /// <summary>The first position that is not among these bytes.</summary>
    public static Received After(ReadOnlySpan<byte> beginning)
    {
        uint sections = 0;
        var start = 0;
        while (TryStep(beginning, ref start))
        {
            sections++;
        }

        return new Received { SectionNumber = sections, SectionOffset = (ulong)(beginning.Length - start) };
    }

    /// <summary>Where a position lies in these bytes, or right behind them; false when it lies further.</summary>
    public static bool TryFind(ReadOnlySpan<byte> beginning, Received position, out int offset)
    {
        ArgumentNullException.ThrowIfNull(position);
        offset = 0;
        for (uint section = 0; section < position.SectionNumber; section++)
        {
            if (!TryStep(beginning, ref offset))
            {
                return false;
            }
        }

        if (position.SectionOffset > (ulong)(beginning.Length - offset))
        {
            return false;
        }

        offset += (int)position.SectionOffset;
        return true;
    }

    /// <summary>Steps over a section that is there to its end.</summary>
    private static bool TryStep(ReadOnlySpan<byte> bytes, ref int start)
    {
        if (start >= bytes.Length)
        {
            return false;
        }

        try
        {
            var reader = new AmqpReader(bytes[start..]);
            reader.SkipShallow();
            start += reader.Position;
            return true;
        }
        catch (AmqpException)
        {
            // The section is cut off, or garbled: either way nothing behind its beginning is known.
            return false;
        }
    }
}
