using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Mamba.Broker.Journal;

/// <summary>CRC-32C (Castagnoli), eight bytes a step on the processor's own instruction: several GB/s.</summary>
internal static class Crc32C
{
    public static uint Compute(ReadOnlySpan<byte> data) => Continue(0, data);

    /// <summary>The checksum of some bytes, of which <paramref name="before"/> is the checksum, and <paramref name="data"/> behind them.</summary>
    public static uint Continue(uint before, ReadOnlySpan<byte> data)
    {
        var crc = ~before;
        ref var start = ref MemoryMarshal.GetReference(data);
        nint position = 0;
        for (nint end = data.Length - 7; position < end; position += 8)
        {
            crc = BitOperations.Crc32C(crc, Unsafe.ReadUnaligned<ulong>(ref Unsafe.Add(ref start, position)));
        }

        for (; position < data.Length; position++)
        {
            crc = BitOperations.Crc32C(crc, Unsafe.Add(ref start, position));
        }

        return ~crc;
    }
}
