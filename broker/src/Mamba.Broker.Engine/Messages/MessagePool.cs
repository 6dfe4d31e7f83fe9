using System.Collections.Concurrent;

namespace Mamba.Broker.Engine;

/// <summary>Keeps up to <see cref="Capacity"/> idle <see cref="StoredMessage"/> objects. Thread-safe.</summary>
internal static class MessagePool
{
    private const int Capacity = 16_384;

    private static readonly ConcurrentQueue<StoredMessage> Idle = new();
    private static int _count;

    public static StoredMessage Take()
    {
        if (Idle.TryDequeue(out var message))
        {
            Interlocked.Decrement(ref _count);
            return message;
        }

        return new StoredMessage();
    }

    public static void Give(StoredMessage message)
    {
        if (Interlocked.Increment(ref _count) <= Capacity)
        {
            Idle.Enqueue(message);
        }
        else
        {
            Interlocked.Decrement(ref _count);
        }
    }
}
