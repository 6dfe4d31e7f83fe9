using System.Buffers;

namespace Mamba.Broker.Journal;

/// <summary>A window that slides over a file with large reads, and grows for a record that is larger than itself.</summary>
internal sealed class SegmentWindow : IDisposable
{
    private const int ReadSize = 1024 * 1024;

    private byte[] _buffer = [];
    private IJournalFile? _file;
    private long _start;
    private int _count;

    public long FileLength { get; private set; }

    public void Open(IJournalFile file)
    {
        _file = file;
        FileLength = file.Length;
        _start = 0;
        _count = 0;
    }

    /// <summary>The bytes at an offset: <paramref name="count"/> of them, or fewer at the file's end. Valid until the next call.</summary>
    public ReadOnlySpan<byte> Get(long offset, long count)
    {
        count = Math.Max(0, Math.Min(count, FileLength - offset));
        if (offset < _start || offset + count > _start + _count)
        {
            Slide(offset, count);
        }

        return _buffer.AsSpan((int)(offset - _start), (int)Math.Min(count, _start + _count - offset));
    }

    /// <summary>The bytes from an offset on, as many as one read brings; empty at the file's end.</summary>
    public ReadOnlySpan<byte> GetSome(long offset)
    {
        if (offset >= _start && offset < _start + _count)
        {
            return _buffer.AsSpan((int)(offset - _start), (int)(_start + _count - offset));
        }

        return Get(offset, ReadSize);
    }

    public void Dispose()
    {
        ArrayPool<byte>.Shared.Return(_buffer);
        _buffer = [];
    }

    private void Slide(long offset, long count)
    {
        var kept = offset >= _start && offset < _start + _count ? (int)(_start + _count - offset) : 0;
        var old = _buffer;
        if (count > _buffer.Length)
        {
            _buffer = ArrayPool<byte>.Shared.Rent((int)Math.Min(Array.MaxLength, Math.Max(count, Math.Min(ReadSize, FileLength))));
        }

        if (kept > 0)
        {
            Buffer.BlockCopy(old, (int)(offset - _start), _buffer, 0, kept);
        }

        var wanted = (int)Math.Max(0, Math.Min(_buffer.Length - kept, FileLength - offset - kept));
        if (old != _buffer)
        {
            ArrayPool<byte>.Shared.Return(old);
        }

        _start = offset;
        _count = kept + _file!.Read(_buffer.AsSpan(kept, wanted), offset + kept);
    }
}
