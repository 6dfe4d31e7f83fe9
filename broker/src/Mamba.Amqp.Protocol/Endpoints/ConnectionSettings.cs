using Mamba.Amqp.Codec;
using Mamba.Amqp.Sasl;

namespace Mamba.Amqp.Endpoints;

/// <summary>
/// What one <see cref="ConnectionEngine"/> grants its peer. Immutable; one instance may serve any number of connections,
/// except on the client side when it holds SASL mechanisms, which are good for one connection each.
/// </summary>
public sealed record ConnectionSettings
{
    /// <summary>Whether we are the side that accepted the connection.</summary>
    public required bool IsServer { get; init; }

    /// <summary>Our container-id, used when the engine itself has to write the Open (AMQP 1.0 §2.4.1).</summary>
    public required string ContainerId { get; init; }

    /// <summary>The largest frame we accept after Open, in bytes, 512 or more. Says nothing about what we may send.</summary>
    public uint MaxFrameSize { get; init; } = 131_072;

    /// <summary>The largest AMQP frame we accept up to and including Open, in bytes.</summary>
    public uint PreOpenMaxFrameSize { get; init; } = 8_192;

    /// <summary>The largest SASL frame we accept, in bytes; OAuth tokens are the reason that it is larger.</summary>
    public uint MaxSaslFrameSize { get; init; } = 65_536;

    /// <summary>The most SASL frames we accept in one exchange.</summary>
    public int MaxSaslFrames { get; init; } = 8;

    /// <summary>The highest channel number either side may use; at most 255.</summary>
    public ushort ChannelMax { get; init; } = 63;

    /// <summary>The highest link handle the peer may use on a session; at most 1,023.</summary>
    public uint HandleMax { get; init; } = 255;

    /// <summary>
    /// The silence after which we give the peer up, in milliseconds; 0 for never. The Open advertises half of it, so that a
    /// peer that keeps to what it was told is never given up (AMQP 1.0 §2.4.5).
    /// </summary>
    public uint IdleTimeoutMilliseconds { get; init; } = 60_000;

    /// <summary>The most sessions the peer may have at a time; a Begin above it is answered with Begin and End(resource-limit-exceeded).</summary>
    public int MaxSessionsInUse { get; init; } = 64;

    /// <summary>The incoming window of a session when it is full, in transfer frames.</summary>
    public uint IncomingWindow { get; init; } = 2_048;

    /// <summary>The largest message we accept, in bytes of payload summed over its transfers; 0 for no limit but the partial-bytes limit.</summary>
    public ulong MaxMessageSize { get; init; } = 16 * 1024 * 1024;

    /// <summary>The most bytes all incomplete incoming messages of the connection may hold; at least <see cref="MaxMessageSize"/> is granted.</summary>
    public long MaxPartialBytesPerConnection { get; init; } = 32 * 1024 * 1024;

    /// <summary>How long an incomplete incoming message may wait for its next frame, in milliseconds.</summary>
    public long PartialDeliveryTimeoutMilliseconds { get; init; } = 30_000;

    /// <summary>The most deliveries a link may have unsettled; when it is reached, Send says <see cref="SendResult.UnsettledLimit"/>.</summary>
    public int MaxUnsettledPerLink { get; init; } = 10_000;

    /// <summary>The most deliveries the connection may have unsettled, counted apart for each direction.</summary>
    public int MaxUnsettledPerConnection { get; init; } = 50_000;

    /// <summary>What the decoder accepts.</summary>
    public DecodeLimits DecodeLimits { get; init; } = DecodeLimits.Default;

    /// <summary>Server: whether a client must go through the SASL layer. If not, a bare AMQP header is accepted too.</summary>
    public bool RequireSasl { get; init; }

    /// <summary>Server: the mechanisms offered, strongest first (rhea takes the first it knows). Empty: no SASL layer.</summary>
    public IReadOnlyList<string> OfferedSaslMechanisms { get; init; } = [];

    /// <summary>Client: the mechanisms to use, best first; the first the server offers too is taken. Empty: no SASL layer.</summary>
    public IReadOnlyList<ISaslClientMechanism> SaslClientMechanisms { get; init; } = [];

    /// <summary>Client: the hostname of sasl-init, or null.</summary>
    public string? SaslHostname { get; init; }

    internal long PartialBytesLimit => Math.Max(MaxPartialBytesPerConnection, (long)Math.Min(MaxMessageSize, long.MaxValue));
}
