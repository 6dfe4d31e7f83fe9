using Mamba.Amqp.Messaging;
using Mamba.Amqp.Transport;
using Mamba.Amqp.Types;

namespace Mamba.Broker.Server.Links;

/// <summary>
/// Whether a sender sees which of its messages, and of its commits, were left out or left messages out as duplicates (<see cref="MarkedAccepted"/>): it asks with the desired
/// capability <c>mamba:duplicate-mark</c> of its link, or, as not every library can desire something of a link, with the link property
/// of that name set to true. It is told by the same: the offered capability, and the property.
/// </summary>
internal static class DuplicateMark
{
    private static readonly Symbol Name = new("mamba:duplicate-mark");

    public static bool IsAsked(Attach attach) => IsDesired(attach) || attach.Properties?[Name] is true;

    /// <summary>Says in the answer that the peer gets it, if it asked.</summary>
    public static void Grant(Attach attach, Attach reply)
    {
        if (IsDesired(attach))
        {
            reply.OfferedCapabilities = [.. reply.OfferedCapabilities ?? [], Name];
        }

        if (attach.Properties?[Name] is true)
        {
            reply.Properties = new AmqpMap { { Name, true } };
        }
    }

    private static bool IsDesired(Attach attach) => Array.IndexOf(attach.DesiredCapabilities ?? [], Name) >= 0;
}
