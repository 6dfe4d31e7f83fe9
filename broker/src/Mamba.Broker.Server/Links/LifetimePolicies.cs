using Mamba.Amqp.Codec;
using Mamba.Amqp.Types;
using Mamba.Broker.Engine;
using WirePolicy = Mamba.Amqp.Messaging.LifetimePolicy;

namespace Mamba.Broker.Server.Links;

/// <summary>
/// Between the lifetime-policy in dynamic-node-properties (AMQP 1.0 §3.5.10 to §3.5.13) and the engine's. The standard has a
/// described empty list there; one JMS client sends the bare symbol <c>delete-on-close</c>.
/// </summary>
internal static class LifetimePolicies
{
    /// <summary>The policy asked for; delete-on-close where none is, or none that we know.</summary>
    public static LifetimePolicy Read(AmqpMap? properties)
    {
        var value = properties?[WirePolicy.Key];
        return WirePolicy.CodeOf(value) switch
        {
            DescriptorCode.DeleteOnNoLinks => LifetimePolicy.DeleteOnNoLinks,
            DescriptorCode.DeleteOnNoMessages => LifetimePolicy.DeleteOnNoMessages,
            DescriptorCode.DeleteOnNoLinksOrMessages => LifetimePolicy.DeleteOnNoLinksOrMessages,
            DescriptorCode.DeleteOnClose => LifetimePolicy.DeleteOnClose,
            _ => ReadName(value is Symbol symbol ? symbol.Value : value as string),
        };
    }

    /// <summary>The policy in force, for the answering attach.</summary>
    public static AmqpMap Write(LifetimePolicy policy) => new()
    {
        {
            WirePolicy.Key,
            policy switch
            {
                LifetimePolicy.DeleteOnNoLinks => WirePolicy.DeleteOnNoLinks,
                LifetimePolicy.DeleteOnNoMessages => WirePolicy.DeleteOnNoMessages,
                LifetimePolicy.DeleteOnNoLinksOrMessages => WirePolicy.DeleteOnNoLinksOrMessages,
                _ => WirePolicy.DeleteOnClose,
            }
        },
    };

    private static LifetimePolicy ReadName(string? name) => name switch
    {
        "delete-on-no-links" => LifetimePolicy.DeleteOnNoLinks,
        "delete-on-no-messages" => LifetimePolicy.DeleteOnNoMessages,
        "delete-on-no-links-or-messages" => LifetimePolicy.DeleteOnNoLinksOrMessages,
        _ => LifetimePolicy.DeleteOnClose,
    };
}
