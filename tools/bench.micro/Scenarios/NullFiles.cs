using Mamba.Broker.Journal;

namespace Mamba.Tools.Bench.Micro.Scenarios;

/// <summary>
/// A file system that takes what is written and keeps the beginning of each file only: what is left is the cost of our own code,
/// the same on every machine. Nothing can be read back, so it serves writing only.
/// </summary>
internal sealed class NullFiles : IJournalFiles
{
    private readonly Lock _gate = new();
    private readonly Dictionary<string, NullFile> _files = new(StringComparer.Ordinal);

    public void CreateDirectory(string path)
    {
    }

    public string[] List(string directory)
    {
        lock (_gate)
        {
            return [.. _files.Keys.Select(static path => Path.GetFileName(path))];
        }
    }

    public IJournalFile Open(string path, bool create)
    {
        lock (_gate)
        {
            if (!_files.TryGetValue(path, out var file))
            {
                _files[path] = file = new NullFile();
            }

            return file;
        }
    }

    public void Rename(string from, string to)
    {
        lock (_gate)
        {
            _files.Remove(from, out var file);
            _files[to] = file!;
        }
    }

    public void Delete(string path)
    {
        lock (_gate)
        {
            _files.Remove(path);
        }
    }

    public void SyncDirectory(string directory)
    {
    }

    public IDisposable Lock(string path) => new NullFile();

    private sealed class NullFile : IJournalFile
    {
        private readonly byte[] _begin = new byte[4096];

        public long Length { get; private set; }

        public int Read(Span<byte> destination, long offset)
        {
            destination.Clear();
            if (offset < _begin.Length)
            {
                var kept = _begin.AsSpan((int)offset);
                kept[..Math.Min(kept.Length, destination.Length)].CopyTo(destination);
            }

            return (int)Math.Min(destination.Length, Math.Max(0, Length - offset));
        }

        public void Write(ReadOnlySpan<ReadOnlyMemory<byte>> buffers, long offset)
        {
            foreach (var buffer in buffers)
            {
                if (offset < _begin.Length)
                {
                    var room = _begin.AsSpan((int)offset);
                    buffer.Span[..Math.Min(room.Length, buffer.Length)].CopyTo(room);
                }

                offset += buffer.Length;
            }

            Length = Math.Max(Length, offset);
        }

        public void SyncData()
        {
        }

        public void Allocate(long length) => Length = Math.Max(Length, length);

        public void Truncate(long length) => Length = length;

        public void Dispose()
        {
        }
    }
}
