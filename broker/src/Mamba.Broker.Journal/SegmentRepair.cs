using System.Buffers.Binary;
using System.Globalization;

namespace Mamba.Broker.Journal;

/// <summary>The writes of recovery: to copy a damaged file aside and mark its gaps, and to clear a torn tail.</summary>
internal sealed class SegmentRepair(IJournalFiles files, JournalOptions options, ulong journalId)
{
    private const int CopyStep = 1024 * 1024;
    private readonly HashSet<int> _quarantined = [];

    /// <summary>Copies the file as it is to the folder <c>quarantine</c>, once: damage is never overwritten without a copy.</summary>
    public void Quarantine(FoundSegment segment)
    {
        if (!_quarantined.Add(segment.Number))
        {
            return;
        }

        var folder = Path.Combine(options.Directory, "quarantine");
        files.CreateDirectory(folder);
        var stamp = options.Time.GetUtcNow().ToString("yyyyMMdd'T'HHmmss.fff", CultureInfo.InvariantCulture);
        using var copy = files.Open(Path.Combine(folder, $"{Path.GetFileName(segment.Path)}.{stamp}"), create: true);
        Copy(segment.File, 0, segment.File.Length, copy);
        Sync(copy);
        files.SyncDirectory(folder);
    }

    /// <summary>Overwrites the first 16 bytes of a damaged range with a header that spans it; the rest stays as it is.</summary>
    public void MarkGap(FoundSegment segment, long from, long to) =>
        WriteHeader(segment, from, (int)(to - from) - RecordHeader.Size, RecordKind.Gap, payload: []);

    public void MarkEnd(FoundSegment segment, long offset)
    {
        Span<byte> records = stackalloc byte[sizeof(long)];
        BinaryPrimitives.WriteInt64LittleEndian(records, -1);
        WriteHeader(segment, offset, records.Length, RecordKind.End, records);
    }

    public void RewriteHeader(FoundSegment segment)
    {
        var block = Pinned(SegmentHeader.Size);
        new SegmentHeader(journalId, segment.Number, options.Time.GetUtcNow().ToUnixTimeMilliseconds()).Write(block);
        Write(segment.File, block, 0);
    }

    /// <summary>
    /// Puts the tail of the last segment on the disk for certain. The records from <paramref name="durable"/> on may be in the
    /// page cache only, and after a failed sync of the process before us the kernel may even call those pages clean; so they are
    /// written again before the sync.
    /// </summary>
    public void SettleTail(FoundSegment segment, long durable, long end, long lastWritten)
    {
        if (lastWritten > end)
        {
            SegmentFactory.Zero(segment.File, end, lastWritten);
        }

        Copy(segment.File, durable, end, segment.File);
        Sync(segment.File);
    }

    public void Sync(IJournalFile file)
    {
        if (options.Sync)
        {
            file.SyncData();
        }
    }

    private void WriteHeader(FoundSegment segment, long offset, int length, RecordKind kind, ReadOnlySpan<byte> payload)
    {
        var bytes = Pinned(RecordHeader.Size + payload.Length);
        RecordHeader.WriteUnbound(bytes, length, Crc32C.Compute(payload));
        RecordHeader.Bind(bytes.AsSpan(0, RecordHeader.Size), kind, journalId, segment.Number, (int)offset, (int)offset);
        payload.CopyTo(bytes.AsSpan(RecordHeader.Size));
        Write(segment.File, bytes, offset);
    }

    private static void Copy(IJournalFile from, long start, long end, IJournalFile to)
    {
        var buffer = Pinned((int)Math.Min(CopyStep, Math.Max(0, end - start)));
        for (var offset = start; offset < end;)
        {
            var count = from.Read(buffer.AsSpan(0, (int)Math.Min(buffer.Length, end - offset)), offset);
            if (count == 0)
            {
                return;
            }

            Write(to, buffer.AsMemory(0, count), offset);
            offset += count;
        }
    }

    private static byte[] Pinned(int size) => GC.AllocateArray<byte>(size, pinned: true);

    private static void Write(IJournalFile file, ReadOnlyMemory<byte> bytes, long offset) => file.Write([bytes], offset);
}
