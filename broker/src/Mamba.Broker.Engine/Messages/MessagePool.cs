using System.Numerics;

namespace Mamba.Broker.Engine;

/// <summary>
/// Idle messages, each with its buffer, so that one is taken and given back in one step. Four size classes to each doubling, so
/// that a 1,100-byte message does not occupy 2 KiB; publishers rent on one thread and consumers return on another, which the
/// shared array pool serves badly. Each class keeps at most <see cref="BytesPerClass"/> bytes; messages larger than
/// <see cref="Largest"/> are not kept. Thread-safe.
/// </summary>
internal static class MessagePool
{
    private const int Smallest = 128;
    private const int SmallestLog2 = 7;
    private const int Largest = 128 * 1024;
    private const int BytesPerClass = 1024 * 1024;

    private static readonly SizeClass[] Classes = CreateClasses();

    /// <summary>A message with a buffer of <paramref name="size"/> bytes or some more.</summary>
    public static StoredMessage Take(int size) =>
        size > Largest ? new StoredMessage(GC.AllocateUninitializedArray<byte>(size)) : Classes[ClassOf(size)].Take();

    public static void Give(StoredMessage message)
    {
        if (message.Buffer.Length <= Largest)
        {
            Classes[ClassOf(message.Buffer.Length)].Idle.TryGive(message);
        }
    }

    /// <summary>See <see cref="IdlePool{T}.Trim"/>.</summary>
    public static void Trim()
    {
        foreach (var sizeClass in Classes)
        {
            sizeClass.Idle.Trim();
        }
    }

    /// <summary>See <see cref="IdlePool{T}.Clear"/>.</summary>
    public static void Clear()
    {
        foreach (var sizeClass in Classes)
        {
            sizeClass.Idle.Clear();
        }
    }

    /// <summary>Index of the smallest class that holds <paramref name="size"/> bytes.</summary>
    private static int ClassOf(int size)
    {
        if (size <= Smallest)
        {
            return 0;
        }

        // Between 2^k (exclusive) and 2^(k+1) (inclusive) lie four classes: 1.25, 1.5, 1.75 and 2 times 2^k.
        var log2 = BitOperations.Log2((uint)(size - 1));
        var quarter = (size - 1 - (1 << log2)) >> (log2 - 2);
        return ((log2 - SmallestLog2) * 4) + quarter + 1;
    }

    private static SizeClass[] CreateClasses()
    {
        var classes = new SizeClass[ClassOf(Largest) + 1];
        classes[0] = new SizeClass(Smallest);
        for (var i = 1; i < classes.Length; i++)
        {
            var floor = Smallest << ((i - 1) / 4);
            classes[i] = new SizeClass(floor + ((((i - 1) % 4) + 1) * (floor / 4)));
        }

        return classes;
    }

    private sealed class SizeClass(int size)
    {
        public IdlePool<StoredMessage> Idle { get; } = new(Math.Max(BytesPerClass / size, 8));

        public StoredMessage Take() => Idle.TryTake(out var message) ? message : new StoredMessage(GC.AllocateUninitializedArray<byte>(size));
    }
}
