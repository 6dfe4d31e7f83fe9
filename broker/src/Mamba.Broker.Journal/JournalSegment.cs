using System.Collections.Concurrent;

namespace Mamba.Broker.Journal;

/// <summary>An open segment file.</summary>
internal sealed class JournalSegment(int number, string path, IJournalFile file, long fileLength)
{
    private long _used;
    private long _fileLength = fileLength;

    public int Number => number;

    public string Path => path;

    public IJournalFile File => file;

    public long FileLength
    {
        get => Volatile.Read(ref _fileLength);
        set => Volatile.Write(ref _fileLength, value);
    }

    /// <summary>End of the last written record.</summary>
    public long Used
    {
        get => Volatile.Read(ref _used);
        set => Volatile.Write(ref _used, value);
    }
}

/// <summary>The open segments by number. Looked up by readers without a lock.</summary>
internal sealed class SegmentTable : IDisposable
{
    private readonly ConcurrentDictionary<int, JournalSegment> _segments = new();
    private long _diskBytes;

    public long DiskBytes => Interlocked.Read(ref _diskBytes);

    public void Add(JournalSegment segment)
    {
        _segments[segment.Number] = segment;
        Interlocked.Add(ref _diskBytes, segment.FileLength);
    }

    public JournalSegment? Find(int number) => _segments.GetValueOrDefault(number);

    public JournalSegment? Remove(int number)
    {
        if (_segments.TryRemove(number, out var segment))
        {
            Interlocked.Add(ref _diskBytes, -segment.FileLength);
        }

        return segment;
    }

    public void Shorten(JournalSegment segment, long fileLength)
    {
        Interlocked.Add(ref _diskBytes, fileLength - segment.FileLength);
        segment.FileLength = fileLength;
    }

    public List<SegmentInfo> Describe(int active)
    {
        var list = new List<SegmentInfo>();
        foreach (var (number, segment) in _segments)
        {
            list.Add(new SegmentInfo(number, segment.FileLength, segment.Used, number == active));
        }

        list.Sort(static (a, b) => a.Number.CompareTo(b.Number));
        return list;
    }

    public void Dispose()
    {
        foreach (var (_, segment) in _segments)
        {
            segment.File.Dispose();
        }
    }
}
