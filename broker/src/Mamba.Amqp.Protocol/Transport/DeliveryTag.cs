using System.Runtime.CompilerServices;
using Mamba.Amqp.Types;

namespace Mamba.Amqp.Transport;

/// <summary>
/// The tag of a delivery: up to 32 bytes chosen by the sender, unique among the unsettled deliveries of a link
/// (AMQP 1.0 §2.8.7). Held in place, so that tags cost no allocation.
/// </summary>
public struct DeliveryTag : IEquatable<DeliveryTag>
{
    /// <summary>The longest tag that the specification allows, in bytes.</summary>
    public const int MaxLength = 32;

    private Storage _bytes;
    private byte _length;

    /// <summary>Creates a tag of the given bytes.</summary>
    /// <exception cref="ArgumentException">There are more than 32 bytes.</exception>
    public DeliveryTag(ReadOnlySpan<byte> bytes)
    {
        if (bytes.Length > MaxLength)
        {
            throw new ArgumentException($"a delivery-tag has at most {MaxLength} bytes, not {bytes.Length}", nameof(bytes));
        }

        bytes.CopyTo(_bytes);
        _length = (byte)bytes.Length;
    }

    /// <summary>The number of bytes, 0 to 32.</summary>
    public readonly int Length => _length;

    /// <summary>The bytes of the tag, without a copy.</summary>
    [System.Diagnostics.CodeAnalysis.UnscopedRef]
    public readonly ReadOnlySpan<byte> Span => ((ReadOnlySpan<byte>)_bytes)[.._length];

    /// <summary>A tag of 8 bytes (big-endian), for senders that number their deliveries.</summary>
    public static DeliveryTag FromUInt64(ulong value)
    {
        Span<byte> bytes = stackalloc byte[8];
        System.Buffers.Binary.BinaryPrimitives.WriteUInt64BigEndian(bytes, value);
        return new DeliveryTag(bytes);
    }

    public static bool operator ==(in DeliveryTag left, in DeliveryTag right) => left.Equals(right);

    public static bool operator !=(in DeliveryTag left, in DeliveryTag right) => !left.Equals(right);

    /// <summary>A copy of the bytes.</summary>
    public readonly byte[] ToArray() => Span.ToArray();

    public readonly bool Equals(DeliveryTag other) => Span.SequenceEqual(other.Span);

    public override readonly bool Equals(object? obj) => obj is DeliveryTag other && Equals(other);

    public override readonly int GetHashCode()
    {
        var hash = default(HashCode);
        hash.AddBytes(Span);
        return hash.ToHashCode();
    }

    /// <summary>The bytes in hexadecimal.</summary>
    public override readonly string ToString() => Convert.ToHexStringLower(Span);

    [InlineArray(MaxLength)]
    private struct Storage
    {
        private byte _first;
    }
}
