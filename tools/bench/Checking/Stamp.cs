using System.Buffers.Binary;

namespace Mamba.Tools.Bench.Checking;

/// <summary>
/// What every body begins with, big-endian, so that each message can be told from every other and its age be known:
/// <code>
///   0        4        8          12             20                      28
///   +--------+--------+----------+--------------+-----------------------+----------------------
///   | "MBN1" | run id | producer | sequence     | due time, monotonic ns | fill, the same in all
///   +--------+--------+----------+--------------+-----------------------+----------------------
/// </code>
/// </summary>
internal readonly record struct Stamp(uint Run, uint Producer, long Sequence, long DueTime)
{
    /// <summary>Bytes of the stamp; no body may be shorter.</summary>
    public const int Size = 28;

    private const uint Magic = 0x4D424E31;

    public void Write(Span<byte> body)
    {
        BinaryPrimitives.WriteUInt32BigEndian(body, Magic);
        BinaryPrimitives.WriteUInt32BigEndian(body[4..], Run);
        BinaryPrimitives.WriteUInt32BigEndian(body[8..], Producer);
        BinaryPrimitives.WriteInt64BigEndian(body[12..], Sequence);
        BinaryPrimitives.WriteInt64BigEndian(body[20..], DueTime);
    }

    public static bool TryRead(ReadOnlySpan<byte> body, out Stamp stamp)
    {
        if (body.Length < Size || BinaryPrimitives.ReadUInt32BigEndian(body) != Magic)
        {
            stamp = default;
            return false;
        }

        stamp = new Stamp(
            BinaryPrimitives.ReadUInt32BigEndian(body[4..]),
            BinaryPrimitives.ReadUInt32BigEndian(body[8..]),
            BinaryPrimitives.ReadInt64BigEndian(body[12..]),
            BinaryPrimitives.ReadInt64BigEndian(body[20..]));
        return true;
    }
}
