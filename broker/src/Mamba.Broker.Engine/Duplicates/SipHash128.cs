using System.Buffers.Binary;
using System.Numerics;

namespace Mamba.Broker.Engine;

/// <summary>
/// SipHash-2-4 with 128 bits of output (Aumasson and Bernstein): short, fast for short inputs, and without the key nobody can
/// make two inputs of one hash. The first block of the input is a number, so that texts and numbers of the same bytes differ.
/// </summary>
internal readonly struct SipHash128(ulong key0, ulong key1)
{
    /// <summary>The hash of a kind and a value behind it.</summary>
    public UInt128 Of(ulong kind, ReadOnlySpan<byte> value)
    {
        var state = new State(key0, key1);
        state.Absorb(kind);
        var rest = value;
        for (; rest.Length >= 8; rest = rest[8..])
        {
            state.Absorb(BinaryPrimitives.ReadUInt64LittleEndian(rest));
        }

        var last = (ulong)(value.Length + 8) << 56;
        for (var i = 0; i < rest.Length; i++)
        {
            last |= (ulong)rest[i] << (8 * i);
        }

        state.Absorb(last);
        return state.End();
    }

    private struct State
    {
        private ulong _v0;
        private ulong _v1;
        private ulong _v2;
        private ulong _v3;

        public State(ulong key0, ulong key1)
        {
            _v0 = 0x736f6d6570736575 ^ key0;
            _v1 = 0x646f72616e646f6d ^ key1 ^ 0xee;
            _v2 = 0x6c7967656e657261 ^ key0;
            _v3 = 0x7465646279746573 ^ key1;
        }

        public void Absorb(ulong block)
        {
            _v3 ^= block;
            Round();
            Round();
            _v0 ^= block;
        }

        public UInt128 End()
        {
            _v2 ^= 0xee;
            Rounds();
            var low = _v0 ^ _v1 ^ _v2 ^ _v3;
            _v1 ^= 0xdd;
            Rounds();
            return new UInt128(_v0 ^ _v1 ^ _v2 ^ _v3, low);
        }

        private void Rounds()
        {
            Round();
            Round();
            Round();
            Round();
        }

        private void Round()
        {
            unchecked
            {
                _v0 += _v1;
                _v1 = BitOperations.RotateLeft(_v1, 13) ^ _v0;
                _v0 = BitOperations.RotateLeft(_v0, 32);
                _v2 += _v3;
                _v3 = BitOperations.RotateLeft(_v3, 16) ^ _v2;
                _v0 += _v3;
                _v3 = BitOperations.RotateLeft(_v3, 21) ^ _v0;
                _v2 += _v1;
                _v1 = BitOperations.RotateLeft(_v1, 17) ^ _v2;
                _v2 = BitOperations.RotateLeft(_v2, 32);
            }
        }
    }
}
