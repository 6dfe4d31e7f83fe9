namespace Mamba.Broker.Server.Messages;

/// <summary>Which of the annotations the broker itself reads may be there.</summary>
[Flags]
internal enum OwnKeys
{
    None = 0,

    /// <summary>See <see cref="DeliveryTime"/>.</summary>
    Delivery = 1,

    /// <summary>See <see cref="RetryAnnotations"/>.</summary>
    Retry = 2,
}

/// <summary>Most messages have annotations of other kinds, if any: one search of the bytes is cheaper than a walk over the map.</summary>
internal static class OwnAnnotations
{
    /// <summary>What may be among encoded annotations; a text that looks like a key counts, too.</summary>
    public static OwnKeys Find(ReadOnlySpan<byte> annotations)
    {
        var found = OwnKeys.None;
        for (int at; (at = annotations.IndexOf("x-opt-"u8)) >= 0;)
        {
            annotations = annotations[(at + 6)..];
            found |= annotations.StartsWith("delivery-"u8) ? OwnKeys.Delivery
                : annotations.StartsWith("retry-"u8) || annotations.StartsWith("max-deliveries"u8) ? OwnKeys.Retry
                : OwnKeys.None;
        }

        return found;
    }
}
