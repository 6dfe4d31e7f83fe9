using System.Buffers.Binary;
using System.Globalization;

namespace Mamba.Tools.Bench.Checking;

/// <summary>
/// A message encoded once, of which only the stamp changes, and the key when there are keys: a header that says durable or not
/// in so many words, application properties for selectors to look at, then one data section (AMQP 1.0 §3.2.1, §3.2.5, §3.2.6).
/// Not thread-safe: one per sender.
/// <code>
///   00 53 70  c0 02 01 durable  [ 00 53 74  c1 1a 04 a1 06 region a1 05 key  a1 06 amount 54 2a ]  00 53 75  a0 size | b0 size(4)  body
/// </code>
/// </summary>
internal sealed class MessageTemplate
{
    /// <summary>As many different keys as four digits can tell apart.</summary>
    public const int MaxKeys = 10_000;

    private const int KeyDigitsAt = 24;
    private const int KeyDigits = 4;

    private readonly byte[] _encoded;
    private readonly int _keys;
    private readonly int _bodyAt;

    /// <param name="size">Bytes of the body.</param>
    /// <param name="durable">What the header says.</param>
    /// <param name="keys">How many keys messages have in turn, by their sequence number; 0 is no application properties.</param>
    public MessageTemplate(int size, bool durable, int keys = 0)
    {
        _keys = keys;
        byte[] header =
        [
            0x00, 0x53, 0x70, 0xC0, 0x02, 0x01, durable ? (byte)0x41 : (byte)0x42,
            .. keys > 0 ? ApplicationProperties() : [],
            0x00, 0x53, 0x75,
        ];
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
        if (_keys > 0)
        {
            WriteDigits(_encoded.AsSpan(KeyDigitsAt, KeyDigits), (int)(stamp.Sequence % _keys));
        }

        return _encoded;
    }

    /// <summary>The key number <paramref name="index"/> as selectors have to name it.</summary>
    public static string KeyOf(int index) => string.Create(CultureInfo.InvariantCulture, $"r{index:D4}");

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

    private static byte[] ApplicationProperties() =>
    [
        0x00, 0x53, 0x74, 0xC1, 0x1A, 0x04,
        0xA1, 0x06, .. "region"u8, 0xA1, 0x05, .. "r0000"u8,
        0xA1, 0x06, .. "amount"u8, 0x54, 42,
    ];

    private static void WriteDigits(Span<byte> digits, int number)
    {
        for (var i = digits.Length - 1; i >= 0; i--)
        {
            digits[i] = (byte)('0' + number % 10);
            number /= 10;
        }
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
