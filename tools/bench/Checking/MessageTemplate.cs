using System.Buffers.Binary;

namespace Mamba.Tools.Bench.Checking;

/// <summary>
/// A message encoded once, of which only the stamp changes: a header that says durable or not in so many words, then one
/// data section (AMQP 1.0 §3.2.1, §3.2.6). Not thread-safe: one per sender.
/// <code>
///   00 53 70  c0 02 01 durable   00 53 75  a0 size | b0 size(4)   body
/// </code>
/// </summary>
internal sealed class MessageTemplate
{
    private readonly byte[] _encoded;
    private readonly int _bodyAt;

    public MessageTemplate(int size, bool durable)
    {
        byte[] header = [0x00, 0x53, 0x70, 0xC0, 0x02, 0x01, durable ? (byte)0x41 : (byte)0x42, 0x00, 0x53, 0x75];
        _bodyAt = header.Length + (size <= byte.MaxValue ? 2 : 5);
        _encoded = new byte[_bodyAt + size];
        header.CopyTo(_encoded, 0);
        if (size <= byte.MaxValue)
        {
            _encoded[header.Length] = 0xA0;
            _encoded[header.Length + 1] = (byte)size;
        }
        else
        {
            _encoded[header.Length] = 0xB0;
            BinaryPrimitives.WriteInt32BigEndian(_encoded.AsSpan(header.Length + 1), size);
        }

        FillOf(size).CopyTo(_encoded, _bodyAt + Stamp.Size);
    }

    /// <summary>The whole encoded message with this stamp; valid until the next call.</summary>
    public ReadOnlySpan<byte> With(scoped in Stamp stamp)
    {
        stamp.Write(_encoded.AsSpan(_bodyAt));
        return _encoded;
    }

    /// <summary>The bytes behind the stamp in a body of <paramref name="size"/> bytes.</summary>
    public static byte[] FillOf(int size)
    {
        var fill = new byte[size - Stamp.Size];
        for (var i = 0; i < fill.Length; i++)
        {
            fill[i] = (byte)((i + Stamp.Size) * 7 + 1);
        }

        return fill;
    }

    /// <summary>
    /// The body of an encoded message, without decoding it: its tail, if what stands before it is the head of a data section
    /// of the expected size. An empty span says that the message is not of this shape.
    /// </summary>
    public static ReadOnlySpan<byte> BodyOf(ReadOnlySpan<byte> encoded, int size)
    {
        var at = encoded.Length - size;
        if (size <= byte.MaxValue && at >= 5 && encoded[at - 1] == size && encoded[at - 2] == 0xA0 && encoded[at - 3] == 0x75)
        {
            return encoded[at..];
        }

        var wide = at >= 8 && encoded[at - 5] == 0xB0 && encoded[at - 6] == 0x75
            && BinaryPrimitives.ReadInt32BigEndian(encoded[(at - 4)..]) == size;
        return wide ? encoded[at..] : default;
    }
}
