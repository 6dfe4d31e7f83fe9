using System.Diagnostics.CodeAnalysis;

namespace Mamba.Broker.Journal;

/// <summary>
/// The journal's one writing thread. It batches by being busy: what is appended during a write and sync is the next group.
/// A group is one gathered write, one fdatasync if any of its appends asked for it, then the completions in order.
/// <para>
/// Why no completion can run too early: completions run on this thread only, after the fdatasync has returned without error, and
/// any exception on the way leaves through <see cref="Stop(Exception)"/>, which fails them instead.
/// </para>
/// </summary>
internal sealed class GroupCommitter
{
    /// <summary>Bytes after which a group is closed, so that the first in it does not wait for ever; 4 ms of a fast disk.</summary>
    private const int MaxGroupBytes = 8 * 1024 * 1024;
    private const int MaxGroupBatches = LinuxNative.MaxVectors;

    private readonly Journal _journal;
    private readonly JournalOptions _options;
    private readonly SegmentTable _segments;
    private readonly SegmentFactory _factory;
    private readonly JournalBatchPool _pool;
    private readonly ulong _journalId;
    private readonly JournalBatch?[] _group = new JournalBatch?[MaxGroupBatches];
    private readonly ReadOnlyMemory<byte>[] _buffers = new ReadOnlyMemory<byte>[MaxGroupBatches];
    private readonly AutoResetEvent _work = new(initialState: false);
    private readonly Thread _thread;
    private JournalSegment _segment;
    private int _end;
    private int _durable;
    private long _records;
    private int _checkpoint;
    private bool _sleeping;
    private bool _spareAsked;

    public GroupCommitter(Journal journal, JournalOptions options, RecoveredJournal recovered)
    {
        _journal = journal;
        _options = options;
        _segments = recovered.Segments;
        _factory = recovered.Factory;
        _pool = recovered.Pool;
        _journalId = recovered.JournalId;
        _segment = recovered.Active;
        _end = recovered.Cursor.Position;
        _durable = _end;
        _records = recovered.ActiveRecords;
        _checkpoint = recovered.EndsWithCheckpoint ? _end : 0;
        _thread = new Thread(Run) { IsBackground = true, Name = "journal" };
    }

    public void Start() => _thread.Start();

    public void Stop()
    {
        _work.Set();
        if (Thread.CurrentThread != _thread)
        {
            _thread.Join();
            _work.Dispose();
        }
    }

    /// <summary>Under the journal's lock: the thread finds nothing to do.</summary>
    public void FallAsleep() => _sleeping = true;

    /// <summary>Under the journal's lock: true if the thread must be woken, once.</summary>
    public bool TakeSleep()
    {
        var sleeping = _sleeping;
        _sleeping = false;
        return sleeping;
    }

    public void Wake() => _work.Set();

    [SuppressMessage("Design", "CA1031", Justification = "Whatever goes wrong on this thread must fail the pending appends, not vanish.")]
    private void Run()
    {
        try
        {
            while (true)
            {
                var count = _journal.TakeGroup(_group, MaxGroupBytes, out var closing);
                if (count > 0)
                {
                    Commit(count);
                }
                else if (closing)
                {
                    MarkCleanEnd();
                    return;
                }
                else if (!_work.WaitOne(_options.CheckpointAfterIdle))
                {
                    WriteCheckpoint();
                }
            }
        }
        catch (Exception exception)
        {
            FailEverything(exception);
        }
    }

    private void Commit(int count)
    {
        if (_group[0]!.Roll is { } roll && !TryRoll(roll))
        {
            Array.Clear(_group, 0, count);
            return;
        }

        var began = _group[0]!.Roll is not null;
        var sync = Write(count, out var bytes);
        if (sync)
        {
            SyncSegment();
        }

        // Only now do the batches leave the queue: a failure before this line finds all of them still pending.
        _journal.OnGroupWritten(count, bytes, _segment.Number, _end);
        if (began)
        {
            _journal.OnSegmentBegan(_segment.Number);
        }

        Complete(count);
        PrepareAhead();
    }

    private bool Write(int count, out long bytes)
    {
        var start = _group[0]!.Offset;
        var end = start;
        var sync = false;
        for (var i = 0; i < count; i++)
        {
            var batch = _group[i]!;
            batch.Bind(_journalId, _durable);
            _buffers[i] = batch.Written;
            sync |= batch.Sync;
            end += batch.Size;
            _records += batch.Kind == RecordKind.Data ? batch.Count : 0;
        }

        _segment.File.Write(_buffers.AsSpan(0, count), start);
        _end = end;
        _segment.Used = end;
        bytes = end - start;
        return sync;
    }

    private void SyncSegment()
    {
        if (_options.Sync)
        {
            _segment.File.SyncData();
        }

        _durable = _end;
    }

    private void Complete(int count)
    {
        for (var i = 0; i < count; i++)
        {
            var batch = _group[i]!;
            var completion = batch.Completion;
            batch.Completion = null;
            completion?.OnWritten();
        }

        for (var i = 0; i < count; i++)
        {
            _group[i]!.Release();
        }

        Array.Clear(_group, 0, count);
        Array.Clear(_buffers, 0, count);
    }

    /// <summary>
    /// Closes the segment and begins the next. Order matters: the old segment is wholly on the disk before the new one has its
    /// name, so that the existence of a later segment proves that anything missing from an earlier one is damage.
    /// </summary>
    private bool TryRoll(SegmentRoll roll)
    {
        NewSegment created;
        try
        {
            created = _factory.Create(roll.Segment, roll.FileLength);
        }
        catch (JournalFileException exception) when (exception.IsNoSpace)
        {
            RefuseForSpace(roll, exception);
            return false;
        }

        WriteEnd();
        SyncSegment();
        _factory.Publish(created);
        TrimSegment();
        _segments.Add(created.Segment);
        _segment = created.Segment;
        _end = SegmentHeader.Size;
        _durable = _end;
        _records = 0;
        _checkpoint = 0;
        _spareAsked = false;
        return true;
    }

    private void WriteEnd()
    {
        using var batch = _pool.Rent();
        batch.Kind = RecordKind.End;
        batch.BeginRecord();
        System.Buffers.Binary.BinaryPrimitives.WriteInt64LittleEndian(batch.GetSpan(8), _records);
        batch.Advance(8);
        batch.EndRecord();
        WriteOwn(batch);
    }

    /// <summary>Gives back the unused space of a segment that was left early for a large batch.</summary>
    private void TrimSegment()
    {
        const int WorthTrimming = 64 * 1024;
        if (_segment.FileLength - _end > WorthTrimming)
        {
            _segment.File.Truncate(_end);
            _segments.Shorten(_segment, _end);
        }
    }

    /// <summary>Writes a batch of the writer's own at the end of the segment.</summary>
    private void WriteOwn(JournalBatch batch)
    {
        if (batch.Segment == 0)
        {
            batch.PlaceAt(_segment.Number, _end);
        }

        batch.Bind(_journalId, _durable);
        _buffers[0] = batch.Written;
        _segment.File.Write(_buffers.AsSpan(0, 1), _end);
        _end += batch.Size;
        _segment.Used = _end;
        batch.Release();
    }

    /// <summary>
    /// A record that says "all before me is on the disk". Without it, damage to the very last records could be taken for a torn
    /// tail, because nothing behind them would vouch that they had been synced.
    /// </summary>
    private void WriteCheckpoint()
    {
        if (_checkpoint == _end || _durable != _end || _end == SegmentHeader.Size)
        {
            return;
        }

        using var batch = _pool.Rent();
        batch.Kind = RecordKind.Control;
        ControlRecord.WriteCheckpoint(batch);
        if (_journal.TryPlaceLast(batch))
        {
            WriteOwn(batch);
            _checkpoint = _end;
        }
    }

    private void MarkCleanEnd()
    {
        if (_checkpoint == _end)
        {
            return;
        }

        SyncSegment();
        WriteCheckpoint();
        SyncSegment();
    }

    private void PrepareAhead()
    {
        if (!_spareAsked && _end > _segment.FileLength / 2)
        {
            _spareAsked = true;
            _factory.PrepareSpare();
        }
    }

    private void RefuseForSpace(SegmentRoll roll, JournalFileException exception)
    {
        var cause = new JournalFullException(
            $"The disk has no room for the next segment of the journal ({roll.FileLength} bytes): {exception.Message} Free space on it; appends then succeed again.",
            exception);
        FailAll(_journal.Refuse(roll), cause);
    }

    private void FailEverything(Exception exception)
    {
        var cause = new JournalFailedException(
            $"The journal stopped for good after a failure: {exception.Message} Nothing unconfirmed may be taken as stored. Repair the disk, then restart the broker: recovery keeps what was confirmed.",
            exception);
        var pending = _journal.Fail(cause);

        // A group that was written when a completion threw is no longer pending; those not yet told still wait for an answer.
        foreach (var batch in _group)
        {
            if (batch?.Completion is { } completion && Array.IndexOf(pending, batch) < 0)
            {
                batch.Completion = null;
                completion.OnFailed(cause);
            }
        }

        FailAll(pending, cause);
    }

    private static void FailAll(JournalBatch[] batches, JournalException cause)
    {
        foreach (var batch in batches)
        {
            var completion = batch.Completion;
            batch.Completion = null;
            completion?.OnFailed(cause);
            batch.Release();
        }
    }
}
