namespace Mamba.Broker.Journal;

/// <summary>
/// An append-only log of opaque records, each atomic and checked by itself. Producers build batches outside any lock; one
/// dedicated thread writes whatever has gathered, syncs once, and calls the completions in append order.
/// Thread-safe, except that <see cref="Dispose"/> is called once and last. The format is described in journal-format.md.
/// <para>
/// Promise: when <see cref="IJournalCompletion.OnWritten"/> is called for an append with <c>sync</c>, everything appended up to
/// and including that batch survives a power cut. After a failed write or fdatasync nothing more is taken: the failure is final.
/// </para>
/// </summary>
public sealed class Journal : IDisposable
{
    private readonly Lock _gate = new();
    private readonly JournalOptions _options;
    private readonly JournalBatchPool _pool;
    private readonly PendingQueue _pending = new();
    private readonly AppendCursor _cursor;
    private readonly SegmentTable _segments;
    private readonly SegmentReader _reader;
    private readonly Housekeeper _housekeeper;
    private readonly SegmentFactory _factory;
    private readonly GroupCommitter _committer;
    private readonly IDisposable _lock;
    private readonly ManualResetEventSlim _room = new(initialState: true);
    private TaskCompletionSource? _roomTask;
    private JournalException? _failure;
    private long _pendingBytes;
    private long _frontier;
    private bool _closing;
    private bool _disposed;

    private Journal(JournalOptions options, IDisposable directoryLock, RecoveredJournal recovered)
    {
        _options = options;
        _lock = directoryLock;
        _pool = recovered.Pool;
        _cursor = recovered.Cursor;
        _segments = recovered.Segments;
        _housekeeper = recovered.Housekeeper;
        _factory = recovered.Factory;
        Recovery = recovered.Report;
        Id = recovered.JournalId;
        _reader = new SegmentReader(_segments, recovered.JournalId);
        _frontier = Pack(_cursor.Segment, _cursor.Position);
        _committer = new GroupCommitter(this, options, recovered);
    }

    /// <summary>
    /// Called when a new segment has been begun and is on the disk; the argument is its number. On the journal's thread, under
    /// the rules of <see cref="IJournalCompletion"/>. The moment to append a snapshot of what must outlive older segments.
    /// Set it before the first append.
    /// </summary>
    public Action<int>? SegmentBegan { get; set; }

    /// <summary>The journal's random number, the same in all its segments for as long as it exists. Nobody outside the folder knows it.</summary>
    public ulong Id { get; }

    /// <summary>What recovery found when the journal was opened.</summary>
    public JournalRecoveryReport Recovery { get; }

    /// <summary>True once a write or sync has failed: nothing more is taken.</summary>
    public bool HasFailed => Failure is not null;

    /// <summary>The first cause, once the journal has failed.</summary>
    public JournalException? Failure => Volatile.Read(ref _failure);

    /// <summary>Bytes appended and not yet written.</summary>
    public long PendingBytes => Interlocked.Read(ref _pendingBytes);

    /// <summary>Size of all segment files, unused space included.</summary>
    public long DiskBytes => _segments.DiskBytes;

    /// <summary>The segment that takes the next records.</summary>
    public int ActiveSegment
    {
        get
        {
            lock (_gate)
            {
                return _cursor.Segment;
            }
        }
    }

    /// <summary>All segments whose files exist, in order.</summary>
    public IReadOnlyList<SegmentInfo> Segments => _segments.Describe(ActiveSegment);

    /// <summary>
    /// Locks the folder, reads every record into <paramref name="replay"/>, clears a write that a crash cut off, and starts.
    /// </summary>
    /// <exception cref="JournalLockedException">Somebody else has the folder open.</exception>
    /// <exception cref="JournalDamagedException">Stored records cannot be read; nothing was changed.</exception>
    /// <exception cref="JournalException">The folder holds something else, or a format this version does not know.</exception>
    public static Journal Open(JournalOptions options, IJournalReplay replay)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(replay);
        options.Validate();
        var files = options.Files ?? DefaultFiles();
        files.CreateDirectory(options.Directory);
        var directoryLock = files.Lock(Path.Combine(options.Directory, "journal.lock"));
        try
        {
            var journal = new Journal(options, directoryLock, JournalRecovery.Run(options, files, replay));
            journal._committer.Start();
            return journal;
        }
        catch
        {
            directoryLock.Dispose();
            throw;
        }
    }

    /// <summary>An empty batch. Dispose it when the addresses are no longer needed.</summary>
    public JournalBatch RentBatch() => _pool.Rent();

    /// <summary>Gives up the memory that is kept for later batches. Thread-safe.</summary>
    public void ReleaseIdleMemory() => _pool.Clear();

    /// <summary>
    /// Hands a batch over; the addresses of its records are known when this returns. Waits while
    /// <see cref="JournalOptions.MaxPendingBytes"/> are pending, so it must not be called with a lock held that a completion takes.
    /// With <paramref name="sync"/> the completion follows an fdatasync that covers the batch.
    /// Either this throws and the completion is never called, or the completion is called exactly once.
    /// </summary>
    /// <exception cref="JournalFailedException">The journal has failed; nothing is taken any more.</exception>
    /// <exception cref="ObjectDisposedException">The journal is closed.</exception>
    public void Append(JournalBatch batch, bool sync, IJournalCompletion? completion)
    {
        while (!TryAppend(batch, sync, completion))
        {
            _room.Wait();
        }
    }

    /// <summary>As <see cref="Append"/>, but returns false at once if too much is pending. See <see cref="WaitForRoomAsync"/>.</summary>
    public bool TryAppend(JournalBatch batch, bool sync, IJournalCompletion? completion)
    {
        ArgumentNullException.ThrowIfNull(batch);
        batch.RequireAppendable();
        bool wake;
        lock (_gate)
        {
            ThrowIfUnusable();
            if (_pendingBytes > 0 && _pendingBytes + batch.Size > _options.MaxPendingBytes)
            {
                _room.Reset();
                return false;
            }

            batch.Sync = sync;
            batch.Completion = completion;
            Enqueue(batch);
            wake = _committer.TakeSleep();
        }

        if (wake)
        {
            _committer.Wake();
        }

        return true;
    }

    /// <summary>Completes when an append would be taken again, or the journal has failed or is closed.</summary>
    public Task WaitForRoomAsync()
    {
        lock (_gate)
        {
            if (_pendingBytes < _options.MaxPendingBytes || _failure is not null || _closing)
            {
                return Task.CompletedTask;
            }

            _roomTask ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            return _roomTask.Task;
        }
    }

    /// <summary>
    /// Copies part of a payload, written or still pending. Returns the bytes copied: fewer than asked only at the payload's end.
    /// A read from within the first 256 bytes that reaches the payload's end is checked against its checksum; any read is checked
    /// to be of a record that was written at this address.
    /// </summary>
    /// <exception cref="JournalException">No record is there: the address is wrong or its segment was deleted.</exception>
    /// <exception cref="JournalDamagedException">What is on the disk is not what was written.</exception>
    public int Read(RecordAddress address, int offsetInPayload, Span<byte> destination)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(offsetInPayload);
        if (FindPending(address) is not { } batch)
        {
            return _reader.Read(address, offsetInPayload, destination);
        }

        try
        {
            return batch.ReadBack(address, offsetInPayload, destination);
        }
        finally
        {
            batch.Release();
        }
    }

    /// <summary>The length of the payload at an address, in bytes.</summary>
    public int LengthOf(RecordAddress address)
    {
        if (FindPending(address) is not { } batch)
        {
            return _reader.LengthOf(address);
        }

        try
        {
            return batch.LengthOf(address);
        }
        finally
        {
            batch.Release();
        }
    }

    /// <summary>
    /// Gives a segment up, because nothing live is in it any more. Returns at once. The decision is a record of its own, made
    /// durable in append order behind everything appended before (so copies of live records need not be waited for); then the
    /// file is deleted in the background and the folder synced. After a crash in between, the next start finishes the deletion
    /// without replaying the segment.
    /// </summary>
    /// <exception cref="ArgumentException">The segment is active, or there is none of that number.</exception>
    public void DeleteSegment(int segment)
    {
        using var batch = _pool.Rent();
        batch.Kind = RecordKind.Control;
        ControlRecord.WriteDeleted(batch, segment);
        bool wake;
        lock (_gate)
        {
            ThrowIfUnusable();
            if (segment >= _cursor.Segment || !_cursor.Live.Remove(segment))
            {
                throw new ArgumentException(segment == _cursor.Segment
                    ? $"Segment {segment} is the active one; it can be deleted only after the next has begun."
                    : $"There is no segment {segment} to delete.", nameof(segment));
            }

            batch.Sync = true;
            batch.Completion = new Deletion(this, segment);
            Enqueue(batch);
            wake = _committer.TakeSleep();
        }

        if (wake)
        {
            _committer.Wake();
        }
    }

    /// <summary>Writes what is pending, marks a clean end, and lets the folder go.</summary>
    public void Dispose()
    {
        if (_disposed)
        {
            return;
        }

        _disposed = true;
        lock (_gate)
        {
            _closing = true;
        }

        ReleaseWaiters();
        _committer.Stop();
        _housekeeper.Dispose();
        _factory.Dispose();
        _segments.Dispose();
        _lock.Dispose();
    }

    internal static long Pack(int segment, int offset) => ((long)segment << 32) | (uint)offset;

    /// <summary>The writer's turn: copies the batches of one write into <paramref name="group"/>. 0 if there is nothing.</summary>
    internal int TakeGroup(JournalBatch?[] group, int maxBytes, out bool closing)
    {
        lock (_gate)
        {
            closing = _closing;
            var bytes = 0L;
            var count = 0;
            while (count < _pending.Count && count < group.Length && bytes < maxBytes)
            {
                var batch = _pending[count];
                if (count > 0 && batch.Roll is not null)
                {
                    break;
                }

                bytes += batch.Size;
                group[count++] = batch;
            }

            if (count == 0)
            {
                _committer.FallAsleep();
            }

            return count;
        }
    }

    /// <summary>The first <paramref name="count"/> batches are written up to this place: readers find them in the file now.</summary>
    internal void OnGroupWritten(int count, long bytes, int segment, int end)
    {
        lock (_gate)
        {
            Volatile.Write(ref _frontier, Pack(segment, end));
            _pending.RemoveFirst(count);
            _pendingBytes -= bytes;
        }

        ReleaseWaiters();
    }

    /// <summary>Places a batch of the writer itself, behind everything else; false if something is pending or it does not fit.</summary>
    internal bool TryPlaceLast(JournalBatch batch)
    {
        lock (_gate)
        {
            if (_pending.Count > 0 || _failure is not null || !_cursor.Fits(batch))
            {
                return false;
            }

            _cursor.Place(batch);
            Volatile.Write(ref _frontier, Pack(_cursor.Segment, _cursor.Position));
            return true;
        }
    }

    internal void OnSegmentBegan(int segment) => SegmentBegan?.Invoke(segment);

    /// <summary>The end: everything pending fails, everything later is refused. The first cause wins.</summary>
    internal JournalBatch[] Fail(JournalException cause)
    {
        JournalBatch[] failed;
        lock (_gate)
        {
            _failure ??= cause;
            failed = _pending.Drain();
            _pendingBytes = 0;
        }

        ReleaseWaiters();
        return failed;
    }

    /// <summary>No room for the next segment: what was placed there is refused, and the journal stands where it stood.</summary>
    internal JournalBatch[] Refuse(SegmentRoll roll)
    {
        JournalBatch[] failed;
        lock (_gate)
        {
            failed = _pending.Drain();
            _pendingBytes = 0;
            _cursor.Unroll(roll);
        }

        ReleaseWaiters();
        return failed;
    }

    private static IJournalFiles DefaultFiles()
    {
        if (!OperatingSystem.IsLinux() || !BitConverter.IsLittleEndian)
        {
            throw new PlatformNotSupportedException(
                "The journal needs Linux on a little-endian machine: elsewhere it cannot vouch for fdatasync. Run the broker on Linux, or without durable storage.");
        }

        return new LinuxJournalFiles();
    }

    private void Enqueue(JournalBatch batch)
    {
        if (!_cursor.Fits(batch))
        {
            var opening = _cursor.Roll(batch);
            _pending.Add(opening);
            _pendingBytes += opening.Size;
        }

        _cursor.Place(batch);
        _pending.Add(batch);
        _pendingBytes += batch.Size;
    }

    private JournalBatch? FindPending(RecordAddress address)
    {
        // By the header, not the payload: an empty payload begins where the next record's header does.
        address = address with { Offset = address.Offset - RecordHeader.Size };
        if (Pack(address.Segment, address.Offset) < Volatile.Read(ref _frontier))
        {
            return null;
        }

        lock (_gate)
        {
            var batch = _pending.Find(address);
            batch?.Hold();
            return batch;
        }
    }

    private void ThrowIfUnusable()
    {
        ObjectDisposedException.ThrowIf(_closing, this);
        if (_failure is { } failure)
        {
            throw new JournalFailedException(failure.Message, failure);
        }
    }

    private void ReleaseWaiters()
    {
        if (_room.IsSet && Volatile.Read(ref _roomTask) is null)
        {
            return;
        }

        TaskCompletionSource? waiting;
        lock (_gate)
        {
            waiting = _roomTask;
            _roomTask = null;
            _room.Set();
        }

        waiting?.TrySetResult();
    }

    private sealed class Deletion(Journal journal, int segment) : IJournalCompletion
    {
        public void OnWritten() => journal._housekeeper.Post(Delete);

        public void OnFailed(JournalException cause)
        {
            lock (journal._gate)
            {
                journal._cursor.Live.Add(segment);
            }
        }

        private void Delete()
        {
            if (journal._segments.Remove(segment) is { } found)
            {
                journal._factory.Delete(found);
            }
        }
    }
}
