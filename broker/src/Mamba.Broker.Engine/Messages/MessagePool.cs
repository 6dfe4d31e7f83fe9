namespace Mamba.Broker.Engine;

/// <summary>Keeps up to <see cref="Capacity"/> idle <see cref="StoredMessage"/> objects. Thread-safe.</summary>
internal static class MessagePool
{
    private const int Capacity = 16_384;

    private static readonly IdlePool<StoredMessage> Idle = new(Capacity);

    public static StoredMessage Take() => Idle.TryTake(out var message) ? message : new StoredMessage();

    public static void Give(StoredMessage message) => Idle.TryGive(message);

    /// <summary>See <see cref="IdlePool{T}.Trim"/>.</summary>
    public static void Trim() => Idle.Trim();

    /// <summary>See <see cref="IdlePool{T}.Clear"/>.</summary>
    public static void Clear() => Idle.Clear();
}
