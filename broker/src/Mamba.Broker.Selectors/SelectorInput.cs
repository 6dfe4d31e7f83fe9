namespace Mamba.Broker.Selectors;

/// <summary>
/// What an expression is evaluated over: a message as it is stored,
/// <code>
///   [message-annotations section]? [properties section]? [application-properties section]? body...
/// </code>
/// and beside it what the header says, as header fields are no part of the stored bytes.
/// </summary>
public readonly ref struct SelectorInput
{
    /// <summary>Creates the input.</summary>
    /// <param name="message">The stored bytes. They were checked when the message came in.</param>
    /// <param name="annotationsLength">Bytes of the message-annotations section at their front; 0 without one.</param>
    public SelectorInput(ReadOnlySpan<byte> message, int annotationsLength)
    {
        Message = message;
        AnnotationsLength = annotationsLength;
        Priority = 4;
    }

    /// <summary>The stored bytes.</summary>
    public ReadOnlySpan<byte> Message { get; }

    /// <summary>Bytes of the message-annotations section at the front, 0 without one.</summary>
    public int AnnotationsLength { get; }

    /// <summary>header.durable.</summary>
    public bool Durable { get; init; }

    /// <summary>header.priority, 0 to 9.</summary>
    public byte Priority { get; init; }

    /// <summary>header.ttl in milliseconds, 0 = absent.</summary>
    public uint Ttl { get; init; }

    /// <summary>Unix milliseconds at which the message expires, 0 = never.</summary>
    public long ExpiresAt { get; init; }

    /// <summary>Failed deliveries so far: the header.delivery-count that the coming delivery will carry.</summary>
    public uint DeliveryCount { get; init; }

    /// <summary>Unix milliseconds now, for UTC().</summary>
    public long Now { get; init; }
}
