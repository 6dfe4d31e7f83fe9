namespace Mamba.Broker.Journal.Tests;

/// <summary>
/// A disk in memory that misbehaves like a real one. What was written and not synced may be lost, wholly or by sectors of 512
/// bytes; names that were created, renamed or deleted without a sync of the folder may be as before; the Nth call may fail; space
/// may run out.
/// </summary>
internal sealed class FaultyDisk : IJournalFiles
{
    public const int Sector = 512;

    private readonly Lock _gate = new();
    private readonly Dictionary<string, Inode> _names = new(StringComparer.Ordinal);
    private readonly Dictionary<string, Inode> _durableNames = new(StringComparer.Ordinal);
    private readonly List<Action<Dictionary<string, Inode>>> _nameChanges = [];
    private bool _locked;
    private bool _off;

    /// <summary>Called before each operation with its name and file; may throw, or block, or count.</summary>
    public Action<string, string>? Before { get; set; }

    /// <summary>Called after an operation succeeded.</summary>
    public Action<string, string>? After { get; set; }

    /// <summary>Operations so far that a power cut could come before.</summary>
    public int Calls { get; private set; }

    /// <summary>The power fails at this call and stays off.</summary>
    public int CutAtCall { get; set; } = int.MaxValue;

    /// <summary>Bytes that can be allocated in all.</summary>
    public long Capacity { get; set; } = long.MaxValue;

    public bool IsOff => _off;

    public IEnumerable<string> Names => _names.Keys.Order(StringComparer.Ordinal);

    /// <summary>The bytes of a file as a reader sees them, to change or to copy.</summary>
    public byte[] this[string name]
    {
        get => _names[name].Current;
        set => _names[name] = _durableNames[name] = new Inode { Current = value, Durable = value };
    }

    public void CutPower() => _off = true;

    /// <summary>What the disk holds when the power is back. Each un-synced sector is there or not by <paramref name="random"/>.</summary>
    public FaultyDisk Survivor(Random random)
    {
        lock (_gate)
        {
            _off = true;
            var names = new Dictionary<string, Inode>(_durableNames, StringComparer.Ordinal);
            foreach (var change in _nameChanges.Take(random.Next(_nameChanges.Count + 1)))
            {
                change(names);
            }

            var image = new FaultyDisk();
            foreach (var (name, inode) in names)
            {
                image[name] = inode.Survive(random);
            }

            return image;
        }
    }

    /// <summary>A copy of what a reader sees now, as after a crash of the process alone.</summary>
    public FaultyDisk Copy()
    {
        lock (_gate)
        {
            var image = new FaultyDisk();
            foreach (var (name, inode) in _names)
            {
                image[name] = inode.Current.AsSpan(0, inode.Length < 0 ? inode.Current.Length : inode.Length).ToArray();
            }

            return image;
        }
    }

    public void Remove(string name)
    {
        _names.Remove(name);
        _durableNames.Remove(name);
    }

    public void CreateDirectory(string path)
    {
    }

    public string[] List(string directory) => [.. _names.Keys];

    public IJournalFile Open(string path, bool create)
    {
        var name = Path.GetFileName(path);
        Call("open", name);
        lock (_gate)
        {
            if (create == _names.ContainsKey(name))
            {
                throw new JournalFileException("open", name, create ? 17 : 2);
            }

            if (create)
            {
                var inode = new Inode();
                Change(names => names[name] = inode);
            }

            return new OpenFile(this, name, _names[name]);
        }
    }

    public void Rename(string from, string to)
    {
        var (old, name) = (Path.GetFileName(from), Path.GetFileName(to));
        Call("rename", name);
        lock (_gate)
        {
            var inode = _names[old];
            Change(names =>
            {
                names.Remove(old);
                names[name] = inode;
            });
        }
    }

    public void Delete(string path)
    {
        var name = Path.GetFileName(path);
        Call("delete", name);
        lock (_gate)
        {
            Change(names => names.Remove(name));
        }
    }

    public void SyncDirectory(string directory)
    {
        Call("sync folder", "");
        lock (_gate)
        {
            foreach (var change in _nameChanges)
            {
                change(_durableNames);
            }

            _nameChanges.Clear();
        }
    }

    public IDisposable Lock(string path)
    {
        lock (_gate)
        {
            if (_locked)
            {
                throw LinuxJournalFiles.Taken(path, "1");
            }

            _locked = true;
        }

        return new Unlock(this);
    }

    private void Change(Action<Dictionary<string, Inode>> change)
    {
        change(_names);
        _nameChanges.Add(change);
    }

    private void Call(string operation, string name)
    {
        lock (_gate)
        {
            Calls++;
            if (_off || Calls >= CutAtCall)
            {
                _off = true;
                throw new JournalFileException(operation + " (power is off)", name, 5);
            }
        }

        Before?.Invoke(operation, name);
    }

    private long Allocated() => _names.Values.Sum(inode => (long)Math.Max(0, inode.Length));

    private sealed class Unlock(FaultyDisk disk) : IDisposable
    {
        public void Dispose() => disk._locked = false;
    }

    private sealed class Inode
    {
        public byte[] Current { get; set; } = [];

        public int Length { get; set; } = -1;

        public byte[] Durable { get; set; } = [];

        public List<(int Offset, byte[] Bytes)> Unsynced { get; } = [];

        /// <summary>An image's bytes are durable and current at once until the first change.</summary>
        public void Own()
        {
            if (ReferenceEquals(Current, Durable))
            {
                Current = (byte[])Current.Clone();
            }
        }

        public void Resize(int length)
        {
            Own();
            if (length > Current.Length)
            {
                var larger = new byte[length];
                Current.CopyTo(larger, 0);
                Current = larger;
            }
            else if (length < Length)
            {
                Current.AsSpan(length).Clear();
            }

            Length = length;
        }

        public byte[] Survive(Random random)
        {
            // The size survives too, or not: allocation is metadata of its own.
            var length = random.Next(2) == 0 ? Durable.Length : Math.Max(Durable.Length, Length);
            var bytes = new byte[length];
            Durable.AsSpan(0, Math.Min(length, Durable.Length)).CopyTo(bytes);
            var mode = random.Next(3);
            foreach (var (offset, written) in Unsynced)
            {
                for (var at = offset & -Sector; at < offset + written.Length; at += Sector)
                {
                    if (mode == 0 || (mode == 1 && random.Next(2) == 0))
                    {
                        var from = Math.Max(at, offset);
                        var to = Math.Min(Math.Min(at + Sector, offset + written.Length), length);
                        if (from < to)
                        {
                            written.AsSpan(from - offset, to - from).CopyTo(bytes.AsSpan(from));
                        }
                    }
                }
            }

            return bytes;
        }
    }

    private sealed class OpenFile : IJournalFile
    {
        private readonly FaultyDisk _disk;
        private readonly string _name;
        private readonly Inode _inode;

        public OpenFile(FaultyDisk disk, string name, Inode inode)
        {
            (_disk, _name, _inode) = (disk, name, inode);
            if (inode.Length < 0)
            {
                inode.Length = inode.Current.Length;
            }
        }

        public long Length => _inode.Length;

        public int Read(Span<byte> destination, long offset)
        {
            lock (_disk._gate)
            {
                var count = (int)Math.Max(0, Math.Min(destination.Length, _inode.Length - offset));
                _inode.Current.AsSpan((int)Math.Min(offset, _inode.Length), count).CopyTo(destination);
                return count;
            }
        }

        public void Write(ReadOnlySpan<ReadOnlyMemory<byte>> buffers, long offset)
        {
            _disk.Call("write", _name);
            lock (_disk._gate)
            {
                foreach (var buffer in buffers)
                {
                    var end = (int)offset + buffer.Length;
                    if (end > _inode.Length)
                    {
                        _inode.Resize(end);
                    }

                    _inode.Own();
                    buffer.Span.CopyTo(_inode.Current.AsSpan((int)offset));
                    _inode.Unsynced.Add(((int)offset, buffer.ToArray()));
                    offset = end;
                }
            }

            _disk.After?.Invoke("write", _name);
        }

        public void SyncData()
        {
            _disk.Call("sync", _name);
            lock (_disk._gate)
            {
                _inode.Durable = _inode.Current.AsSpan(0, _inode.Length).ToArray();
                _inode.Unsynced.Clear();
            }

            _disk.After?.Invoke("sync", _name);
        }

        public void Allocate(long length)
        {
            _disk.Call("allocate", _name);
            lock (_disk._gate)
            {
                if (_disk.Allocated() + length - _inode.Length > _disk.Capacity)
                {
                    throw new JournalFileException("allocate", _name, JournalFileException.NoSpace);
                }

                if (length > _inode.Length)
                {
                    _inode.Resize((int)length);
                }
            }
        }

        public void Truncate(long length)
        {
            _disk.Call("truncate", _name);
            lock (_disk._gate)
            {
                _inode.Resize((int)length);
            }
        }

        public void Dispose()
        {
        }
    }
}
