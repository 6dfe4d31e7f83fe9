using Mamba.Amqp.Types;

namespace Mamba.Broker.Server;

/// <summary>The properties of every open we accept a connection with, made once. Thread-safe.</summary>
internal sealed class OpenProperties
{
    /// <summary>Frames in which an open has room for the longest list of brokers.</summary>
    private const uint RoomForAll = 8 * 1024;

    private static readonly Symbol Detection = new("sole-connection-detection-policy");

    private readonly AmqpMap _all;
    private readonly AmqpMap _short;
    private readonly AmqpMap _soleAll;
    private readonly AmqpMap _soleShort;

    public OpenProperties(ServerOptions options)
    {
        _short = Identity.InOpen(options);
        _all = Identity.WithFailover(_short, options.FailoverServers);
        _soleShort = Sole(_short);
        _soleAll = Sole(_all);
    }

    /// <summary>Those for a connection.</summary>
    /// <param name="isSole">Whether it is its container's only one, which is enforced strongly (detection policy 0).</param>
    /// <param name="maxFrameSize">What the peer takes: the list of other brokers is left out where it may not fit.</param>
    public AmqpMap For(bool isSole, uint maxFrameSize) =>
        maxFrameSize < RoomForAll ? isSole ? _soleShort : _short : isSole ? _soleAll : _all;

    private static AmqpMap Sole(AmqpMap properties)
    {
        var sole = properties.Clone();
        sole.Add(Detection, 0u);
        return sole;
    }
}
