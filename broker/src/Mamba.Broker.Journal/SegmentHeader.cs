using System.Buffers.Binary;
using System.Globalization;

namespace Mamba.Broker.Journal;

/// <summary>
/// The first block of a segment's file. It has 4,096 bytes to itself, so that writing the first record never rewrites it.
/// <code>
///   0          8         12        16          24        28        32            40      60     64 .. 4095
///   +----------+---------+---------+-----------+---------+---------+-------------+-------+------+---------+
///   | MAMBAJNL | version | records | journal id| segment | 0       | created     | 0     | crc  | 0       |
///   +----------+---------+---------+-----------+---------+---------+-------------+-------+------+---------+
///   version     1                    records  offset of the first record: 4,096
///   journal id  random, the same in all segments of a journal: the epoch that every record's checksum is bound to
///   created     milliseconds since 1970-01-01 UTC
///   crc         CRC-32C of bytes 0 to 59
/// </code>
/// </summary>
internal readonly record struct SegmentHeader(ulong JournalId, int Segment, long CreatedMilliseconds)
{
    public const int Size = 4096;
    public const uint FormatVersion = 1;
    private const int CheckedBytes = 60;
    private const string Extension = ".journal";

    private static ReadOnlySpan<byte> Magic => "MAMBAJNL"u8;

    public enum Reading
    {
        Valid,
        NotASegment,
        OtherVersion,
        Damaged,
    }

    public static string FileName(int segment) => segment.ToString("D10", CultureInfo.InvariantCulture) + Extension;

    /// <summary>True if the name claims to be a segment; <paramref name="segment"/> is 0 if it claims in vain.</summary>
    public static bool IsSegmentName(string name, out int segment)
    {
        segment = 0;
        if (!name.EndsWith(Extension, StringComparison.Ordinal))
        {
            return false;
        }

        var digits = name.AsSpan(0, name.Length - Extension.Length);
        if (digits.Length == 10 && int.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number > 0)
        {
            segment = number;
        }

        return true;
    }

    public void Write(Span<byte> block)
    {
        block.Clear();
        Magic.CopyTo(block);
        BinaryPrimitives.WriteUInt32LittleEndian(block[8..], FormatVersion);
        BinaryPrimitives.WriteUInt32LittleEndian(block[12..], Size);
        BinaryPrimitives.WriteUInt64LittleEndian(block[16..], JournalId);
        BinaryPrimitives.WriteInt32LittleEndian(block[24..], Segment);
        BinaryPrimitives.WriteInt64LittleEndian(block[32..], CreatedMilliseconds);
        BinaryPrimitives.WriteUInt32LittleEndian(block[CheckedBytes..], Crc32C.Compute(block[..CheckedBytes]));
    }

    public static Reading Read(ReadOnlySpan<byte> block, out SegmentHeader header, out uint version)
    {
        header = default;
        version = 0;
        if (block.Length < CheckedBytes + 4 || !block.StartsWith(Magic))
        {
            return Reading.NotASegment;
        }

        // A later format keeps magic, version and this checksum where they are; all else may differ.
        if (BinaryPrimitives.ReadUInt32LittleEndian(block[CheckedBytes..]) != Crc32C.Compute(block[..CheckedBytes]))
        {
            return Reading.Damaged;
        }

        version = BinaryPrimitives.ReadUInt32LittleEndian(block[8..]);
        if (version != FormatVersion)
        {
            return Reading.OtherVersion;
        }

        header = new SegmentHeader(
            BinaryPrimitives.ReadUInt64LittleEndian(block[16..]),
            BinaryPrimitives.ReadInt32LittleEndian(block[24..]),
            BinaryPrimitives.ReadInt64LittleEndian(block[32..]));
        return Reading.Valid;
    }
}
