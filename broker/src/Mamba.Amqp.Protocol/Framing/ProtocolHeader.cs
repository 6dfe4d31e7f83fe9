using Mamba.Amqp.Codec;

namespace Mamba.Amqp.Framing;

/// <summary>
/// The eight bytes that begin each layer of a connection (AMQP 1.0 §2.2):
/// <code>
///   +--------+----+-------+-------+----------+
///   | "AMQP" | id | major | minor | revision |
///   +--------+----+-------+-------+----------+
///      4        1     1       1        1
/// </code>
/// </summary>
/// <param name="Id">0 for AMQP, 2 for TLS, 3 for SASL.</param>
/// <param name="Major">The major version.</param>
/// <param name="Minor">The minor version.</param>
/// <param name="Revision">The revision.</param>
public readonly record struct ProtocolHeader(byte Id, byte Major, byte Minor, byte Revision)
{
    /// <summary>The length of a protocol header in bytes.</summary>
    public const int Size = 8;

    /// <summary>AMQP 1.0.0 itself.</summary>
    public static readonly ProtocolHeader Amqp = new(0, 1, 0, 0);

    /// <summary>The TLS layer in front of AMQP 1.0.0.</summary>
    public static readonly ProtocolHeader Tls = new(2, 1, 0, 0);

    /// <summary>The SASL layer in front of AMQP 1.0.0.</summary>
    public static readonly ProtocolHeader Sasl = new(3, 1, 0, 0);

    private static ReadOnlySpan<byte> Magic => "AMQP"u8;

    /// <summary>
    /// Whether the bytes can still become an AMQP protocol header of whatever version. False tells that the peer speaks something
    /// else, also when fewer than eight bytes have arrived.
    /// </summary>
    public static bool CouldBe(ReadOnlySpan<byte> bytes)
    {
        var length = Math.Min(bytes.Length, Magic.Length);
        return bytes[..length].SequenceEqual(Magic[..length]);
    }

    /// <summary>Reads a protocol header of any version; false when there are fewer than eight bytes, or they are none.</summary>
    public static bool TryParse(ReadOnlySpan<byte> bytes, out ProtocolHeader header)
    {
        if (bytes.Length < Size || !CouldBe(bytes))
        {
            header = default;
            return false;
        }

        header = new ProtocolHeader(bytes[4], bytes[5], bytes[6], bytes[7]);
        return true;
    }

    /// <summary>Writes the eight bytes.</summary>
    public void Write(Span<byte> destination)
    {
        Magic.CopyTo(destination);
        destination[7] = Revision;
        destination[6] = Minor;
        destination[5] = Major;
        destination[4] = Id;
    }

    /// <summary>Appends the eight bytes.</summary>
    public void Write(ByteBuffer buffer)
    {
        ArgumentNullException.ThrowIfNull(buffer);
        Write(buffer.Take(Size));
    }

    /// <summary>For example "AMQP 3 1.0.0".</summary>
    public override string ToString() => $"AMQP {Id} {Major}.{Minor}.{Revision}";
}
