using Mamba.Amqp.Transport;

namespace Mamba.Amqp.Conformance.Wire;

/// <summary>Another frame came than the one that was waited for.</summary>
public sealed class UnexpectedFrameException(string wanted, AmqpFrame frame)
    : Exception($"expected {wanted}, and {WireTrace.Describe(frame.Channel, frame.Body, frame.Payload)} came")
{
    public AmqpFrame Frame => frame;

    /// <summary>The error of a detach, end or close.</summary>
    public AmqpError? Error => frame.Body switch
    {
        Detach detach => detach.Error,
        End end => end.Error,
        Close close => close.Error,
        _ => null,
    };
}
