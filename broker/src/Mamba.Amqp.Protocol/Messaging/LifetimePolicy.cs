using Mamba.Amqp.Codec;
using Mamba.Amqp.Types;

namespace Mamba.Amqp.Messaging;

/// <summary>
/// When a dynamically created node goes away: values of the node property <c>lifetime-policy</c> (AMQP 1.0 §3.5.10 to §3.5.13).
/// On the wire each is a descriptor on an empty list.
/// </summary>
public static class LifetimePolicy
{
    /// <summary>The key in dynamic-node-properties.</summary>
    public static readonly Symbol Key = "lifetime-policy";

    /// <summary>The key in dynamic-node-properties of the distribution modes that the node must support.</summary>
    public static readonly Symbol SupportedDistModesKey = "supported-dist-modes";

    /// <summary>The node goes with the link that caused it.</summary>
    public static DescribedValue DeleteOnClose => Make(DescriptorCode.DeleteOnClose);

    /// <summary>The node goes when no link uses it.</summary>
    public static DescribedValue DeleteOnNoLinks => Make(DescriptorCode.DeleteOnNoLinks);

    /// <summary>The node goes when the creating link is gone and it holds no messages.</summary>
    public static DescribedValue DeleteOnNoMessages => Make(DescriptorCode.DeleteOnNoMessages);

    /// <summary>The node goes when no link uses it and it holds no messages.</summary>
    public static DescribedValue DeleteOnNoLinksOrMessages => Make(DescriptorCode.DeleteOnNoLinksOrMessages);

    /// <summary>The policy's descriptor code, 0x2b to 0x2e; null when the value is no lifetime policy.</summary>
    public static ulong? CodeOf(object? value)
    {
        var code = value is DescribedValue described
            ? described.Descriptor switch
            {
                ulong number => number,
                Symbol symbol => DescriptorCode.FromSymbol(System.Text.Encoding.UTF8.GetBytes(symbol.Value)),
                _ => DescriptorCode.Unknown,
            }
            : DescriptorCode.Unknown;
        return code is >= DescriptorCode.DeleteOnClose and <= DescriptorCode.DeleteOnNoLinksOrMessages ? code : null;
    }

    // Made anew each time: the empty list inside could be changed by whoever holds it.
    private static DescribedValue Make(ulong code) => new(code, new List<object?>());
}
