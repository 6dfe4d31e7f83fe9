using Mamba.Broker.Journal;

namespace Mamba.Broker.Engine.Tests;

/// <summary>A disk in memory whose syncs are counted, can be held up, and can be made to fail. Thread-safe.</summary>
internal sealed class HeldDisk : IJournalFiles, IDisposable
{
    private readonly Lock _gate = new();
    private readonly Dictionary<string, HeldFile> _files = new(StringComparer.Ordinal);
    private readonly ManualResetEventSlim _open = new(initialState: true);
    private readonly SemaphoreSlim _held = new(0);
    private int _syncs;

    public int Syncs => Volatile.Read(ref _syncs);

    /// <summary>From now on a sync fails.</summary>
    public bool Fails { get; set; }

    /// <summary>From now on a sync waits for <see cref="LetGo"/>.</summary>
    public void Hold() => _open.Reset();

    public void LetGo() => _open.Set();

    /// <summary>Returns when a sync is being held up.</summary>
    public void WaitUntilHeld() => Assert.That(_held.Wait(TimeSpan.FromSeconds(60)), Is.True, "no sync came");

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
                _files[path] = file = new HeldFile(this);
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

    IDisposable IJournalFiles.Lock(string path) => new HeldFile(this);

    public void Dispose()
    {
        _open.Dispose();
        _held.Dispose();
    }

    private void Sync()
    {
        if (!_open.IsSet)
        {
            _held.Release();
            _open.Wait();
        }

        Interlocked.Increment(ref _syncs);
        if (Fails)
        {
            throw new JournalFileException("fdatasync", "the held disk", errno: 5);
        }
    }

    private sealed class HeldFile(HeldDisk disk) : IJournalFile
    {
        private readonly Lock _gate = new();
        private byte[] _bytes = [];

        public long Length
        {
            get
            {
                lock (_gate)
                {
                    return _bytes.Length;
                }
            }
        }

        public int Read(Span<byte> destination, long offset)
        {
            lock (_gate)
            {
                var from = _bytes.AsSpan((int)Math.Min(offset, _bytes.Length));
                from = from[..Math.Min(from.Length, destination.Length)];
                from.CopyTo(destination);
                return from.Length;
            }
        }

        public void Write(ReadOnlySpan<ReadOnlyMemory<byte>> buffers, long offset)
        {
            lock (_gate)
            {
                foreach (var buffer in buffers)
                {
                    Grow(offset + buffer.Length);
                    buffer.Span.CopyTo(_bytes.AsSpan((int)offset));
                    offset += buffer.Length;
                }
            }
        }

        public void SyncData() => disk.Sync();

        public void Allocate(long length)
        {
            lock (_gate)
            {
                Grow(length);
            }
        }

        public void Truncate(long length)
        {
            lock (_gate)
            {
                Array.Resize(ref _bytes, (int)length);
            }
        }

        public void Dispose()
        {
            // The bytes stay: the disk outlives who uses it.
        }

        private void Grow(long length)
        {
            if (length > _bytes.Length)
            {
                Array.Resize(ref _bytes, (int)length);
            }
        }
    }
}
