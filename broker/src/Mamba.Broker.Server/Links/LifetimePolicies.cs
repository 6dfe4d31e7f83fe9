using Mamba.Amqp.Codec;
using Mamba.Amqp.Types;
using Mamba.Broker.Engine;

namespace Mamba.Broker.Server.Links;

/// <summary>The lifetime-policy in dynamic-node-properties (AMQP 1.0 §3.5.9 to §3.5.13): a described empty list; one client sends a bare symbol.</summary>
internal static class LifetimePolicies
{
    private static readonly Symbol Key = new("lifetime-policy");

    private static readonly (ulong Code, string Name, LifetimePolicy Policy)[] Known =
    [
        (0x2b, "delete-on-close", LifetimePolicy.DeleteOnClose),
        (0x2c, "delete-on-no-links", LifetimePolicy.DeleteOnNoLinks),
        (0x2d, "delete-on-no-messages", LifetimePolicy.DeleteOnNoMessages),
        (0x2e, "delete-on-no-links-or-messages", LifetimePolicy.DeleteOnNoLinksOrMessages),
    ];

    /// <summary>The policy asked for; delete-on-close where none is, or none that we know.</summary>
    public static LifetimePolicy Read(AmqpMap? properties)
    {
        if (properties is null || !properties.TryGetValue(Key, out var value))
        {
            return LifetimePolicy.DeleteOnClose;
        }

        var named = value is DescribedValue described ? described.Descriptor : value;
        foreach (var (code, name, policy) in Known)
        {
            if (named is ulong number && number == code)
            {
                return policy;
            }

            var text = named switch { Symbol symbol => symbol.Value, string s => s, _ => null };
            if (text is not null && (text == name || text == $"amqp:{name}:list"))
            {
                return policy;
            }
        }

        return LifetimePolicy.DeleteOnClose;
    }

    /// <summary>The policy in force, for the answering attach.</summary>
    public static AmqpMap Write(LifetimePolicy policy)
    {
        foreach (var (code, _, known) in Known)
        {
            if (known == policy)
            {
                return new AmqpMap { { Key, new DescribedValue(code, new List<object?>()) } };
            }
        }

        throw new ArgumentOutOfRangeException(nameof(policy), policy, "not a lifetime policy");
    }
}
