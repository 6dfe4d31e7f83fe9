namespace Mamba.Broker.Journal;

/// <summary>
/// Reads a journal back. What is found where a record should begin means:
/// <code>
///   segment   found                     a later header's durable     meaning
///                                       offset lies behind it
///   not last  mark of the end           -                            whole
///   not last  anything else             -                            damage: a segment is closed and synced before the next begins
///   last      mark of the end, zeros    no                           clean end
///   last      anything else             no                           torn tail: cleared and reported
///   last      anything but a record     yes                          damage
/// </code>
/// Damage stops the start, unless the options accept it.
/// </summary>
internal sealed class JournalRecovery
{
    private readonly JournalOptions _options;
    private readonly IJournalFiles _files;
    private readonly IJournalReplay _replay;
    private readonly SegmentListing _listing;
    private readonly List<JournalDamage> _damages = [];
    private SegmentRepair _repair;
    private SegmentScanner _scanner;
    private JournalTornTail? _tornTail;
    private ulong _journalId;
    private long _records;
    private long _payloadBytes;
    private long _segmentRecords;
    private long _durable;
    private long _end;
    private bool _endsWithCheckpoint;

    private JournalRecovery(JournalOptions options, IJournalFiles files, IJournalReplay replay)
    {
        _options = options;
        _files = files;
        _replay = replay;
        _listing = new SegmentListing(files, options.Directory);
        _repair = new SegmentRepair(files, options, journalId: 0);
        _scanner = new SegmentScanner(journalId: 0);
    }

    public static RecoveredJournal Run(JournalOptions options, IJournalFiles files, IJournalReplay replay)
    {
        var recovery = new JournalRecovery(options, files, replay);
        try
        {
            var recovered = recovery.Run();
            recovery._scanner.Dispose();
            return recovered;
        }
        catch
        {
            foreach (var segment in recovery._listing.Found)
            {
                segment.File.Dispose();
            }

            throw;
        }
    }

    private RecoveredJournal Run()
    {
        var started = _options.Time.GetTimestamp();
        _listing.Read();
        _journalId = _listing.Found.Count > 0
            ? _listing.JournalId
            : NewJournalId();
        _repair = new SegmentRepair(_files, _options, _journalId);
        _scanner = new SegmentScanner(_journalId);
        var given = _listing.Found.FindAll(segment => !_listing.Expected.Contains(segment.Number));
        var missing = CheckMissing();
        var kept = _listing.Found.FindAll(segment => _listing.Expected.Contains(segment.Number));
        foreach (var segment in kept)
        {
            ReadSegment(segment, segment == kept[^1]);
        }

        FinishDeletions(given);
        _listing.Expected.ExceptWith(missing);
        return Assemble(kept, missing, started);
    }

    /// <summary>
    /// Both halves of a random UUID, so that its fixed bits do not show. The system's own random numbers: the cryptographic library
    /// would take 5 MiB of a broker that may never need it.
    /// </summary>
    private static ulong NewJournalId()
    {
        var random = Guid.NewGuid().ToByteArray();
        return BitConverter.ToUInt64(random) ^ BitConverter.ToUInt64(random, sizeof(ulong));
    }

    private List<int> CheckMissing()
    {
        var missing = new List<int>();
        foreach (var number in _listing.Expected)
        {
            if (!_listing.Found.Exists(segment => segment.Number == number))
            {
                missing.Add(number);
                var path = Path.Combine(_options.Directory, SegmentHeader.FileName(number));
                Accept(new JournalDamage(JournalDamageKind.SegmentMissing, path, number, 0, 0, 0, Later(number)), "it belongs to the journal and is not there");
            }
        }

        return missing;
    }

    private void ReadSegment(FoundSegment segment, bool last)
    {
        if (segment.HeaderDamaged)
        {
            Accept(Damage(JournalDamageKind.SegmentHeader, segment, 0, SegmentHeader.Size, SegmentHeader.Size), "its header does not check");
            _repair.Quarantine(segment);
            _repair.RewriteHeader(segment);
            _repair.Sync(segment.File);
        }

        _segmentRecords = 0;
        _durable = SegmentHeader.Size;
        _endsWithCheckpoint = false;
        _scanner.Open(segment.File, segment.Number);
        while (true)
        {
            var step = _scanner.Step();
            if (step == ScanStep.Record)
            {
                OnRecord(segment);
            }
            else if (step == ScanStep.Sealed || (last && !_scanner.WasDurable(_scanner.Position)))
            {
                EndSegment(segment, last, step);
                return;
            }
            else if (!SkipDamage(segment, last, step))
            {
                return;
            }
        }
    }

    private void EndSegment(FoundSegment segment, bool last, ScanStep step)
    {
        segment.End = step == ScanStep.Sealed ? _scanner.Position + _scanner.Header.FrameSize : _scanner.Position;
        if (last)
        {
            SettleTail(segment, _scanner.Position, step == ScanStep.Sealed);
        }
    }

    private void OnRecord(FoundSegment segment)
    {
        var header = _scanner.Header;
        _durable = Math.Max(_durable, header.Durable);
        _endsWithCheckpoint = header.Kind == RecordKind.Control;
        if (header.Kind == RecordKind.Data)
        {
            _records++;
            _segmentRecords++;
            _payloadBytes += header.Length;
            _replay.OnRecord(new RecordAddress(segment.Number, (int)_scanner.PayloadOffset), _scanner.Payload);
        }
    }

    /// <summary>Reports damage at the scanner's place and goes on behind it. False if the segment is done with.</summary>
    private bool SkipDamage(FoundSegment segment, bool last, ScanStep step)
    {
        var from = _scanner.Position;
        var next = _scanner.FindRecord(from + RecordHeader.Size);
        var lastWritten = _scanner.FindLastWritten(from);
        var cut = !last && step == ScanStep.Unwritten && lastWritten == from;
        var to = next >= 0 ? next : AlignUp(Math.Max(last ? lastWritten : _scanner.FileLength, from + RecordHeader.Size));
        Accept(Damage(cut ? JournalDamageKind.SegmentCutShort : JournalDamageKind.Records, segment, from, to - from, to),
            cut ? "the records that followed and the mark that closes the segment are gone" : "there are no valid records");
        _repair.Quarantine(segment);
        if (next < 0 && !last)
        {
            _repair.MarkEnd(segment, to);
        }

        _repair.MarkGap(segment, from, to);
        _repair.Sync(segment.File);
        _scanner.Open(segment.File, segment.Number);
        _scanner.ContinueAt(to);
        segment.End = to;
        return next >= 0 || last;
    }

    private static long AlignUp(long offset) => (offset + RecordHeader.Alignment - 1) & -RecordHeader.Alignment;

    private void SettleTail(FoundSegment segment, long end, bool isSealed)
    {
        _end = end;
        var lastWritten = _scanner.FindLastWritten(end);
        if (lastWritten > end && !isSealed)
        {
            _tornTail = new JournalTornTail(segment.Path, segment.Number, end, lastWritten - end);
            _options.OnTornTail?.Invoke(_tornTail);
        }

        if (segment.File.Length < _options.SegmentSize)
        {
            segment.File.Allocate(_options.SegmentSize);
        }

        _endsWithCheckpoint &= lastWritten == end;
        _repair.SettleTail(segment, Math.Min(_durable, end), end, lastWritten);
    }

    private void FinishDeletions(List<FoundSegment> given)
    {
        if (_listing.CutShort is { } unfinished)
        {
            given.Add(unfinished);
        }

        foreach (var segment in given)
        {
            segment.File.Dispose();
            _files.Delete(segment.Path);
        }

        if (_options.Sync)
        {
            _files.SyncDirectory(_options.Directory);
        }
    }

    private RecoveredJournal Assemble(List<FoundSegment> kept, List<int> missing, long started)
    {
        var pool = new JournalBatchPool();
        var housekeeper = new Housekeeper(_options.OnTrouble);
        var factory = new SegmentFactory(_files, _options, _journalId, housekeeper);
        var table = new SegmentTable();
        foreach (var segment in kept)
        {
            var length = segment.File.Length;
            table.Add(new JournalSegment(segment.Number, segment.Path, segment.File, length) { Used = Math.Min(segment.End, length) });
        }

        var active = kept.Count > 0 ? table.Find(kept[^1].Number)! : CreateFirst(factory, table);
        var cursor = new AppendCursor(pool, _options.SegmentSize, _listing.Expected);
        cursor.MoveTo(active.Number, (int)Math.Max(_end, SegmentHeader.Size), (int)active.FileLength);
        active.Used = cursor.Position;
        WriteOwnRecords(pool, cursor, active, missing);
        var report = new JournalRecoveryReport(kept.Count, _records, _payloadBytes, _tornTail, _damages, _options.Time.GetElapsedTime(started));
        return new RecoveredJournal(_journalId, pool, cursor, table, active, _segmentRecords,
            _endsWithCheckpoint && missing.Count == 0, housekeeper, factory, report);
    }

    private JournalSegment CreateFirst(SegmentFactory factory, SegmentTable table)
    {
        var created = factory.Create(1, _options.SegmentSize);
        factory.Publish(created);
        table.Add(created.Segment);
        _listing.Expected.Add(1);
        return created.Segment;
    }

    /// <summary>
    /// The list of segments, if the active one is still without; and that missing ones are given up, so that accepted damage is
    /// reported once.
    /// </summary>
    private void WriteOwnRecords(JournalBatchPool pool, AppendCursor cursor, JournalSegment active, List<int> missing)
    {
        using var batch = pool.Rent();
        batch.Kind = RecordKind.Control;
        if (cursor.Position == SegmentHeader.Size)
        {
            ControlRecord.WriteSegments(batch, cursor.Live);
        }

        foreach (var segment in missing)
        {
            ControlRecord.WriteDeleted(batch, segment);
        }

        if (batch.Count == 0)
        {
            return;
        }

        cursor.Place(batch);
        batch.Bind(_journalId, batch.Offset);
        active.File.Write([batch.Written], batch.Offset);
        _repair.Sync(active.File);
        active.Used = cursor.Position;
        batch.Release();
    }

    private JournalDamage Damage(JournalDamageKind kind, FoundSegment segment, long offset, long length, long countFrom)
    {
        _scanner.Open(segment.File, segment.Number);
        var after = _scanner.CountRecords(countFrom);
        return new JournalDamage(kind, segment.Path, segment.Number, offset, length, after, Later(segment.Number));
    }

    private int Later(int number) => _listing.Found.FindAll(segment => segment.Number > number).Count;

    private void Accept(JournalDamage damage, string what)
    {
        if (!_options.AcceptDamage)
        {
            throw new JournalDamagedException(
                $"The journal is damaged: {damage.File}, {damage.Length} bytes from byte {damage.Offset}: {what}. {damage.RecordsAfter} valid records follow in the file, and {damage.SegmentsAfter} later segments. Nothing was changed. Restore the file from a copy; or start once with damage accepted, which keeps a copy and goes on without exactly this range.",
                damage);
        }

        _damages.Add(damage);
        _options.OnDamage?.Invoke(damage);
    }
}
