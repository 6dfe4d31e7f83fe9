using System.Buffers;
using System.Buffers.Binary;
using System.Runtime.CompilerServices;

namespace Mamba.Amqp.Codec;

/// <summary>
/// A growing buffer over pooled memory which frames and messages are written into. Not safe for concurrent use.
/// Spans handed out are valid until the next write. After <see cref="Dispose"/> the buffer is empty, and may be used again.
/// </summary>
public sealed class ByteBuffer : IBufferWriter<byte>, IDisposable
{
    private const int MinCapacity = 256;

    private byte[] _array = [];
    private int _length;
    private int _lastCapacity;

    /// <summary>Creates an empty buffer that rents its memory at the first write.</summary>
    public ByteBuffer()
    {
    }

    /// <summary>Creates an empty buffer with room for some bytes.</summary>
    public ByteBuffer(int capacity)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(capacity);
        _array = capacity == 0 ? [] : ArrayPool<byte>.Shared.Rent(capacity);
    }

    /// <summary>The number of bytes written.</summary>
    public int Length => _length;

    /// <summary>The number of bytes that fit without growing.</summary>
    public int Capacity => _array.Length;

    /// <summary>
    /// Whether a composite written here ends in a null for each absent field at its end, where it otherwise leaves them out
    /// (AMQP 1.0 §1.4 allows both). It belongs to the buffer, not to what it holds.
    /// </summary>
    public bool WritesAbsentFields { get; set; }

    /// <summary>What was written.</summary>
    public ReadOnlySpan<byte> WrittenSpan => _array.AsSpan(0, _length);

    /// <summary>What was written.</summary>
    public ReadOnlyMemory<byte> WrittenMemory => _array.AsMemory(0, _length);

    /// <summary>What was written, for patching in place.</summary>
    internal Span<byte> WrittenForPatching => _array.AsSpan(0, _length);

    /// <summary>Forgets what was written and keeps the memory.</summary>
    public void Clear() => _length = 0;

    /// <summary>Exchanges contents with another buffer without copying: one is filled while the other is on its way.</summary>
    public void SwapWith(ByteBuffer other)
    {
        ArgumentNullException.ThrowIfNull(other);
        (_array, other._array) = (other._array, _array);
        (_length, other._length) = (other._length, _length);
    }

    /// <summary>Cuts what was written to a shorter length.</summary>
    public void Truncate(int length)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan((uint)length, (uint)_length, nameof(length));
        _length = length;
    }

    /// <summary>Returns the memory to the pool. What is written next takes as much again, at once.</summary>
    public void Dispose()
    {
        var array = _array;
        _lastCapacity = Math.Max(_lastCapacity, array.Length);
        _array = [];
        _length = 0;
        if (array.Length > 0)
        {
            ArrayPool<byte>.Shared.Return(array);
        }
    }

    /// <summary>A copy of what was written.</summary>
    public byte[] ToArray() => WrittenSpan.ToArray();

    public void Advance(int count)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan((uint)count, (uint)(_array.Length - _length), nameof(count));
        _length += count;
    }

    public Memory<byte> GetMemory(int sizeHint = 0)
    {
        EnsureRoom(Math.Max(sizeHint, 1));
        return _array.AsMemory(_length);
    }

    public Span<byte> GetSpan(int sizeHint = 0)
    {
        EnsureRoom(Math.Max(sizeHint, 1));
        return _array.AsSpan(_length);
    }

    /// <summary>Takes the next bytes for the caller to fill.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Span<byte> Take(int count)
    {
        EnsureRoom(count);
        var span = _array.AsSpan(_length, count);
        _length += count;
        return span;
    }

    /// <summary>Appends one byte.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void WriteByte(byte value)
    {
        var at = _length;
        var array = _array;
        if ((uint)at < (uint)array.Length)
        {
            array[at] = value;
            _length = at + 1;
            return;
        }

        Take(1)[0] = value;
    }

    /// <summary>Appends bytes.</summary>
    public void Write(ReadOnlySpan<byte> bytes) => bytes.CopyTo(Take(bytes.Length));

    /// <summary>Overwrites four bytes written earlier with a big-endian number.</summary>
    public void PatchUInt32(int offset, uint value) => BinaryPrimitives.WriteUInt32BigEndian(WrittenForPatching.Slice(offset, 4), value);

    /// <summary>Moves what was written from an offset on towards the end, leaving a gap to fill.</summary>
    internal void OpenGap(int offset, int size)
    {
        var tail = _length - offset;
        Take(size);
        _array.AsSpan(offset, tail).CopyTo(_array.AsSpan(offset + size));
    }

    /// <summary>Removes bytes written earlier, closing the gap.</summary>
    internal void Remove(int offset, int size)
    {
        _array.AsSpan(offset + size, _length - offset - size).CopyTo(_array.AsSpan(offset));
        _length -= size;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void EnsureRoom(int count)
    {
        if (count > _array.Length - _length)
        {
            Grow(count);
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private void Grow(int count)
    {
        var needed = (long)_length + count;
        if (needed > Array.MaxLength)
        {
            throw new InvalidOperationException($"a buffer cannot hold {needed} bytes; send the message in several transfers");
        }

        var capacity = (int)Math.Min(Array.MaxLength, Math.Max(needed, Math.Max(Math.Max(MinCapacity, _lastCapacity), 2L * _array.Length)));
        var grown = ArrayPool<byte>.Shared.Rent(capacity);
        _array.AsSpan(0, _length).CopyTo(grown);
        if (_array.Length > 0)
        {
            ArrayPool<byte>.Shared.Return(_array);
        }

        _array = grown;
    }
}
