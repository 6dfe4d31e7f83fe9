using System.Buffers.Binary;
using System.Numerics;

namespace Mamba.Broker.Journal;

/// <summary>What a record is. 0 is not a kind: preallocated space reads as zero and must not look like a record.</summary>
internal enum RecordKind
{
    None = 0,

    /// <summary>The engine's bytes.</summary>
    Data = 1,

    /// <summary>The journal's own bookkeeping, see <see cref="ControlRecord"/>.</summary>
    Control = 2,

    /// <summary>The last record of a segment that was closed; its payload is the number of data records in it.</summary>
    End = 3,

    /// <summary>Damage that somebody accepted: the payload is whatever was there, and is not checked.</summary>
    Gap = 4,
}

/// <summary>
/// The 16 bytes before each payload. Everything is little-endian; records begin at multiples of 8, padding is zero.
/// <code>
///   0        4             8            12           16
///   +--------+-------------+------------+------------+----------------+---------+
///   | length | durable|kind| payload crc| header crc | payload        | 0..7 pad|
///   +--------+-------------+------------+------------+----------------+---------+
///   length       bytes of payload
///   durable|kind byte offset in this segment up to which everything had been fdatasynced when this record was written
///                (a multiple of 8), with the kind in the low three bits
///   payload crc  CRC-32C of the payload
///   header crc   CRC-32C of journal id (8), segment number (4), offset of this header (4), and the twelve bytes before it
/// </code>
/// The header binds the payload's checksum to journal, segment and offset, so a record that landed elsewhere or is left over
/// from another life of the file never validates. The payload's checksum does not depend on the position and is computed by
/// the producer's thread; the binding takes three steps of eight bytes on the journal's thread.
/// The durable offset is what tells a torn tail from damage: bytes before it were once known to be on the disk.
/// </summary>
internal readonly struct RecordHeader
{
    public const int Size = 16;
    public const int Alignment = 8;
    private const uint KindMask = Alignment - 1;

    private readonly uint _durableAndKind;

    private RecordHeader(uint length, uint durableAndKind, uint payloadCrc, uint headerCrc)
    {
        Length = length;
        _durableAndKind = durableAndKind;
        PayloadCrc = payloadCrc;
        HeaderCrc = headerCrc;
    }

    public uint Length { get; }

    public uint PayloadCrc { get; }

    public uint HeaderCrc { get; }

    public RecordKind Kind => (RecordKind)(_durableAndKind & KindMask);

    public long Durable => _durableAndKind & ~KindMask;

    /// <summary>Bytes from this header to the next.</summary>
    public long FrameSize => FrameSizeOf(Length);

    public bool IsZero => Length == 0 && _durableAndKind == 0 && PayloadCrc == 0 && HeaderCrc == 0;

    public static long FrameSizeOf(long payloadLength) => (Size + payloadLength + Alignment - 1) & ~(long)(Alignment - 1);

    public static RecordHeader Read(ReadOnlySpan<byte> bytes) => new(
        BinaryPrimitives.ReadUInt32LittleEndian(bytes),
        BinaryPrimitives.ReadUInt32LittleEndian(bytes[4..]),
        BinaryPrimitives.ReadUInt32LittleEndian(bytes[8..]),
        BinaryPrimitives.ReadUInt32LittleEndian(bytes[12..]));

    /// <summary>What is known when the record is built: its length and the checksum of its payload.</summary>
    public static void WriteUnbound(Span<byte> bytes, int length, uint payloadCrc)
    {
        BinaryPrimitives.WriteInt32LittleEndian(bytes, length);
        BinaryPrimitives.WriteUInt32LittleEndian(bytes[8..], payloadCrc);
    }

    /// <summary>Completes a header in place, just before it is written.</summary>
    public static void Bind(Span<byte> bytes, RecordKind kind, ulong journalId, int segment, int offset, int durable)
    {
        var durableAndKind = (uint)durable | (uint)kind;
        BinaryPrimitives.WriteUInt32LittleEndian(bytes[4..], durableAndKind);
        var header = Read(bytes);
        BinaryPrimitives.WriteUInt32LittleEndian(bytes[12..], header.Check(journalId, segment, offset));
    }

    /// <summary>True if this header was written at just this place of just this journal.</summary>
    public bool IsBoundTo(ulong journalId, int segment, long offset) =>
        Kind is >= RecordKind.Data and <= RecordKind.Gap && Durable <= offset && HeaderCrc == Check(journalId, segment, (int)offset);

    private uint Check(ulong journalId, int segment, int offset)
    {
        var crc = BitOperations.Crc32C(uint.MaxValue, journalId);
        crc = BitOperations.Crc32C(crc, (uint)segment | ((ulong)(uint)offset << 32));
        crc = BitOperations.Crc32C(crc, Length | ((ulong)_durableAndKind << 32));
        return ~BitOperations.Crc32C(crc, PayloadCrc);
    }
}
