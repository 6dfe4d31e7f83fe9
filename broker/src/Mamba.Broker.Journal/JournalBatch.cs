using System.Buffers;

namespace Mamba.Broker.Journal;

/// <summary>
/// Builds records outside any lock, in one pinned buffer that is written as it stands: the only copy on the way to the disk.
/// <code>
/// using var batch = journal.RentBatch();
/// batch.BeginRecord(); batch.Write(bytes); var first = batch.EndRecord();
/// journal.Append(batch, sync: true, completion);
/// index.Add(batch.AddressOf(first));
/// </code>
/// Used by one thread at a time. Each record is atomic by itself; a batch is contiguous, but a crash may keep a prefix of it.
/// After the append the renter may only ask for addresses, and disposes; the buffer goes back to the pool when both the journal
/// and the renter are done with it. A batch that is never disposed is not reused, but does no harm.
/// </summary>
public sealed class JournalBatch : IBufferWriter<byte>, IDisposable
{
    internal const int InitialSize = 16 * 1024;

    /// <summary>A batch lies in one segment, and offsets in a segment are positive 32-bit numbers.</summary>
    internal const int MaxSize = 0x7FFF_FFC7 - (2 * 1024 * 1024);

    private readonly JournalBatchPool _pool;
    private int[] _starts = new int[64];
    private int _open = -1;
    private int _references;
    private int _rented;
    private int _segment;
    private int _base;
    private State _state;

    internal JournalBatch(JournalBatchPool pool)
    {
        _pool = pool;
        Buffer = GC.AllocateUninitializedArray<byte>(InitialSize, pinned: true);
    }

    private enum State
    {
        Building,
        Appended,
    }

    /// <summary>Number of finished records.</summary>
    public int Count { get; private set; }

    /// <summary>Bytes on the disk so far, headers and padding included.</summary>
    public int Size { get; private set; }

    internal byte[] Buffer { get; private set; }

    internal RecordKind Kind { get; set; }

    internal bool Sync { get; set; }

    internal IJournalCompletion? Completion { get; set; }

    /// <summary>Set if writing this batch begins its segment.</summary>
    internal SegmentRoll? Roll { get; set; }

    internal int Segment => _segment;

    internal int Offset => _base;

    internal ReadOnlyMemory<byte> Written => Buffer.AsMemory(0, Size);

    /// <summary>Begins a record; the bytes written until <see cref="EndRecord"/> are its payload.</summary>
    /// <exception cref="InvalidOperationException">A record is already open, or the batch was appended.</exception>
    public void BeginRecord()
    {
        if (_open >= 0 || _state != State.Building)
        {
            ThrowMisuse("BeginRecord");
        }

        Reserve(RecordHeader.Size);
        _open = Size;
        Size += RecordHeader.Size;
    }

    /// <summary>Room for at least <paramref name="sizeHint"/> bytes of the open record.</summary>
    public Span<byte> GetSpan(int sizeHint = 0)
    {
        RequireOpen();
        Reserve(Math.Max(1, sizeHint));
        return Buffer.AsSpan(Size);
    }

    /// <inheritdoc cref="GetSpan"/>
    public Memory<byte> GetMemory(int sizeHint = 0)
    {
        RequireOpen();
        Reserve(Math.Max(1, sizeHint));
        return Buffer.AsMemory(Size);
    }

    /// <summary>Counts <paramref name="count"/> bytes of the last span as written.</summary>
    public void Advance(int count)
    {
        RequireOpen();
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(count, Buffer.Length - Size);
        Size += count;
    }

    /// <summary>Adds bytes to the open record.</summary>
    public void Write(ReadOnlySpan<byte> bytes)
    {
        RequireOpen();
        Reserve(bytes.Length);
        bytes.CopyTo(Buffer.AsSpan(Size));
        Size += bytes.Length;
    }

    /// <summary>Ends the open record, computes its checksum, and returns its index in the batch.</summary>
    public int EndRecord()
    {
        RequireOpen();
        var payload = Buffer.AsSpan(_open + RecordHeader.Size, Size - _open - RecordHeader.Size);
        RecordHeader.WriteUnbound(Buffer.AsSpan(_open), payload.Length, Crc32C.Compute(payload));
        var padded = (Size + RecordHeader.Alignment - 1) & -RecordHeader.Alignment;
        Reserve(padded - Size);
        Buffer.AsSpan(Size, padded - Size).Clear();
        Size = padded;
        if (Count == _starts.Length)
        {
            Array.Resize(ref _starts, Count * 2);
        }

        _starts[Count] = _open;
        _open = -1;
        return Count++;
    }

    /// <summary>Drops the open record and what was written to it.</summary>
    public void CancelRecord()
    {
        RequireOpen();
        Size = _open;
        _open = -1;
    }

    /// <summary>
    /// Where a record was put. Known once the append has returned, before it is written; it holds only if the completion
    /// reports success.
    /// </summary>
    public RecordAddress AddressOf(int recordIndex)
    {
        if (_state != State.Appended)
        {
            ThrowMisuse("AddressOf before the append");
        }

        ArgumentOutOfRangeException.ThrowIfNegative(recordIndex);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(recordIndex, Count);
        return new RecordAddress(_segment, _base + _starts[recordIndex] + RecordHeader.Size);
    }

    /// <summary>The renter is done with the batch; without an append its records are dropped.</summary>
    public void Dispose()
    {
        if (Interlocked.Exchange(ref _rented, 0) == 1)
        {
            Release();
        }
    }

    internal void RequireAppendable()
    {
        if (_open >= 0 || _state != State.Building || Count == 0)
        {
            ThrowMisuse(_open >= 0 ? "Append with an open record" : _state != State.Building ? "a second Append" : "Append of no record");
        }
    }

    internal void Rent()
    {
        Count = 0;
        Size = 0;
        _open = -1;
        _segment = 0;
        _state = State.Building;
        Kind = RecordKind.Data;
        Sync = false;
        Completion = null;
        Roll = null;
        _references = 1;
        _rented = 1;
    }

    /// <summary>The journal takes the batch at this place, and holds it too until it is written.</summary>
    internal void PlaceAt(int segment, int offset)
    {
        _segment = segment;
        _base = offset;
        _state = State.Appended;
        Hold();
    }

    internal void Hold() => Interlocked.Increment(ref _references);

    internal void Release()
    {
        if (Interlocked.Decrement(ref _references) == 0)
        {
            _pool.Return(this);
        }
    }

    /// <summary>Completes all headers, now that place and durable offset are known.</summary>
    internal void Bind(ulong journalId, int durable)
    {
        for (var i = 0; i < Count; i++)
        {
            var start = _starts[i];
            RecordHeader.Bind(Buffer.AsSpan(start, RecordHeader.Size), Kind, journalId, _segment, _base + start, durable);
        }
    }

    /// <summary>Reads from a batch that is still pending; the caller holds it.</summary>
    internal int ReadBack(RecordAddress address, int offsetInPayload, Span<byte> destination)
    {
        var length = Math.Max(0, Math.Min(LengthOf(address) - offsetInPayload, destination.Length));
        if (length > 0)
        {
            Buffer.AsSpan(address.Offset - _base + offsetInPayload, length).CopyTo(destination);
        }

        return length;
    }

    internal int LengthOf(RecordAddress address)
    {
        var start = address.Offset - _base - RecordHeader.Size;
        if (Kind != RecordKind.Data || Array.BinarySearch(_starts, 0, Count, start) < 0)
        {
            throw SegmentReader.NoRecord(address);
        }

        return (int)RecordHeader.Read(Buffer.AsSpan(start)).Length;
    }

    internal void DropLargeBuffer()
    {
        if (Buffer.Length > InitialSize)
        {
            Buffer = GC.AllocateUninitializedArray<byte>(InitialSize, pinned: true);
        }

        if (_starts.Length > 4096)
        {
            _starts = new int[64];
        }
    }

    private void Reserve(int count)
    {
        if (count > Buffer.Length - Size)
        {
            Grow(count);
        }
    }

    private void Grow(int count)
    {
        var needed = (long)Size + count;
        if (needed > MaxSize)
        {
            throw new InvalidOperationException(
                $"A batch of the journal holds at most {MaxSize} bytes. Append what is there and rent another.");
        }

        var size = (int)Math.Min(Math.Max(needed, 2L * Buffer.Length), MaxSize);
        var larger = GC.AllocateUninitializedArray<byte>(size, pinned: true);
        Buffer.AsSpan(0, Size).CopyTo(larger);
        Buffer = larger;
    }

    private void RequireOpen()
    {
        if (_open < 0)
        {
            ThrowMisuse("Writing outside of BeginRecord and EndRecord");
        }
    }

    private static void ThrowMisuse(string what) => throw new InvalidOperationException($"{what} is not allowed in this state of the batch.");
}
