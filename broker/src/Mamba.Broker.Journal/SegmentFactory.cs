namespace Mamba.Broker.Journal;

/// <summary>
/// Makes segment files and takes them away. A file gets its segment's name only when its header is on the disk, so that a
/// named segment is a whole one. A spare is filled with zeros ahead of time by the housekeeper: fdatasync of a write into
/// written blocks has no metadata to flush and costs about half.
/// </summary>
internal sealed class SegmentFactory(IJournalFiles files, JournalOptions options, ulong journalId, Housekeeper housekeeper) : IDisposable
{
    public const string TemporaryExtension = ".tmp";
    private const string SpareName = "spare.tmp";
    private const string NewName = "new.tmp";
    private const int FillStep = 1024 * 1024;
    private const int ZeroBlock = 64 * 1024;

    private static readonly byte[] Zeros = GC.AllocateArray<byte>(ZeroBlock, pinned: true);

    private readonly Lock _gate = new();
    private readonly byte[] _block = GC.AllocateArray<byte>(SegmentHeader.Size, pinned: true);
    private readonly ReadOnlyMemory<byte>[] _blocks = new ReadOnlyMemory<byte>[1];
    private IJournalFile? _spare;
    private bool _spareAsked;

    public string PathOf(int segment) => Path.Combine(options.Directory, SegmentHeader.FileName(segment));

    private string SparePath => Path.Combine(options.Directory, SpareName);

    /// <summary>A file with header and space, still without its name. Throws <see cref="JournalFileException"/> if there is no room.</summary>
    public NewSegment Create(int number, int length)
    {
        var (file, path) = TakeSpare(length);
        try
        {
            if (file is null)
            {
                path = Path.Combine(options.Directory, NewName);
                file = files.Open(path, create: true);
                file.Allocate(length);
            }

            new SegmentHeader(journalId, number, options.Time.GetUtcNow().ToUnixTimeMilliseconds()).Write(_block);
            _blocks[0] = _block;
            file.Write(_blocks, 0);
            if (options.Sync)
            {
                file.SyncData();
            }

            return new NewSegment(new JournalSegment(number, PathOf(number), file, length) { Used = SegmentHeader.Size }, path);
        }
        catch
        {
            file?.Dispose();
            files.Delete(path);
            throw;
        }
    }

    /// <summary>Gives the new file its name, durably.</summary>
    public void Publish(NewSegment created)
    {
        files.Rename(created.TemporaryPath, created.Segment.Path);
        SyncDirectory();
    }

    public void SyncDirectory()
    {
        if (options.Sync)
        {
            files.SyncDirectory(options.Directory);
        }
    }

    public void Delete(JournalSegment segment)
    {
        files.Delete(segment.Path);
        SyncDirectory();
        segment.File.Dispose();
    }

    /// <summary>Asks for a spare of the ordinary size, if there is none and none is on its way.</summary>
    public void PrepareSpare()
    {
        lock (_gate)
        {
            if (_spareAsked || _spare is not null)
            {
                return;
            }

            _spareAsked = true;
        }

        housekeeper.Post(FillSpare);
    }

    public void Dispose()
    {
        if (_spare is null)
        {
            return;
        }

        _spare.Dispose();
        try
        {
            files.Delete(SparePath);
        }
        catch (IOException exception)
        {
            options.OnTrouble?.Invoke(new JournalException($"The spare segment {SparePath} could not be deleted; the next start will do it.", exception));
        }
    }

    private (IJournalFile? File, string Path) TakeSpare(int length)
    {
        lock (_gate)
        {
            var spare = length == options.SegmentSize ? _spare : null;
            if (spare is not null)
            {
                _spare = null;
            }

            return (spare, SparePath);
        }
    }

    private void FillSpare()
    {
        IJournalFile? file = null;
        var done = false;
        try
        {
            file = files.Open(SparePath, create: true);
            file.Allocate(options.SegmentSize);
            Zero(file, SegmentHeader.Size, options.SegmentSize);
            if (options.Sync)
            {
                file.SyncData();
            }

            done = true;
        }
        finally
        {
            if (!done && file is not null)
            {
                file.Dispose();
                files.Delete(SparePath);
            }

            lock (_gate)
            {
                _spareAsked = false;
                _spare = done ? file : null;
            }
        }
    }

    /// <summary>Writes zeros in steps of <see cref="FillStep"/> bytes; one small block stands for all of them.</summary>
    internal static void Zero(IJournalFile file, long from, long to)
    {
        var blocks = new ReadOnlyMemory<byte>[FillStep / ZeroBlock];
        for (var position = from; position < to;)
        {
            var count = 0;
            while (count < blocks.Length && position + (count * ZeroBlock) < to)
            {
                blocks[count] = Zeros.AsMemory(0, (int)Math.Min(ZeroBlock, to - position - (count * ZeroBlock)));
                count++;
            }

            file.Write(blocks.AsSpan(0, count), position);
            position += count * ZeroBlock;
        }
    }
}

/// <summary>A segment file that has no name yet.</summary>
internal sealed record NewSegment(JournalSegment Segment, string TemporaryPath);
