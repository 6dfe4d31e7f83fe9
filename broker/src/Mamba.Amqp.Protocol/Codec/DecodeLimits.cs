namespace Mamba.Amqp.Codec;

/// <summary>
/// What a decoder accepts from a peer, checked before anything is allocated. Every limit that is passed ends the decode
/// with an <see cref="Transport.AmqpException"/>; none is ever rounded down in silence.
/// </summary>
public sealed record DecodeLimits
{
    /// <summary>The limits used when none are given.</summary>
    public static DecodeLimits Default { get; } = new();

    /// <summary>The deepest nesting of lists, maps, arrays and described values inside one value.</summary>
    public int MaxDepth { get; init; } = 32;

    /// <summary>The most elements in one list, map (keys and values) or array.</summary>
    public int MaxCount { get; init; } = 65_536;

    /// <summary>The longest symbol, in bytes.</summary>
    public int MaxSymbolLength { get; init; } = 1_024;

    /// <summary>The most values that one reader hands out or walks over, nested ones included.</summary>
    public int MaxValues { get; init; } = 262_144;

    /// <summary>The most sections in one message.</summary>
    public int MaxSections { get; init; } = 1_024;
}
