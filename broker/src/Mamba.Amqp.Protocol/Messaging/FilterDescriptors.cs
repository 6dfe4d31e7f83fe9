using Mamba.Amqp.Types;

namespace Mamba.Amqp.Messaging;

/// <summary>
/// The descriptors of the filters in a source's filter-set (AMQP 1.0 §3.5.8), as codes and symbols. A peer may send either,
/// so compare with <see cref="Is"/>. The value of a filter stays a <see cref="DescribedValue"/>.
/// </summary>
public static class FilterDescriptors
{
    /// <summary>Exact match of the subject; value: string.</summary>
    public const ulong DirectBindingCode = 0x0000468C00000000;

    /// <summary>Topic pattern over the subject; value: string.</summary>
    public const ulong TopicBindingCode = 0x0000468C00000001;

    /// <summary>Match of headers; value: map.</summary>
    public const ulong HeadersBindingCode = 0x0000468C00000002;

    /// <summary>No messages of the same connection; value: list.</summary>
    public const ulong NoLocalCode = 0x0000468C00000003;

    /// <summary>JMS message selector; value: string.</summary>
    public const ulong SelectorCode = 0x0000468C00000004;

    /// <summary>Filter expressions over properties (AMQP filter expressions 1.0, draft); value: map.</summary>
    public const ulong PropertiesCode = 0x173;

    /// <summary>Filter expressions over application-properties (draft); value: map.</summary>
    public const ulong ApplicationPropertiesCode = 0x174;

    /// <summary>SQL filter expression (draft); value: string.</summary>
    public const ulong SqlCode = 0x120;

    public static readonly Symbol DirectBinding = "apache.org:legacy-amqp-direct-binding:string";
    public static readonly Symbol TopicBinding = "apache.org:legacy-amqp-topic-binding:string";
    public static readonly Symbol HeadersBinding = "apache.org:legacy-amqp-headers-binding:map";
    public static readonly Symbol NoLocal = "apache.org:no-local-filter:list";
    public static readonly Symbol NoLocalJms = "apache.org:jms-no-local-filter:list";
    public static readonly Symbol Selector = "apache.org:selector-filter:string";
    public static readonly Symbol SelectorJms = "apache.org:jms-selector-filter:string";
    public static readonly Symbol Properties = "amqp:properties-filter";
    public static readonly Symbol ApplicationProperties = "amqp:application-properties-filter";
    public static readonly Symbol Sql = "amqp:sql-filter";

    /// <summary>Whether a filter's descriptor is a code, or one of the symbols that mean the same.</summary>
    /// <param name="filter">A value of the filter-set.</param>
    /// <param name="code">One of the codes above.</param>
    public static bool Is(object? filter, ulong code) =>
        filter is DescribedValue described && CodeOf(described.Descriptor) == code;

    /// <summary>The code of a filter's descriptor; null when it is none of the above.</summary>
    public static ulong? CodeOf(object descriptor) => descriptor switch
    {
        ulong code when code is >= DirectBindingCode and <= SelectorCode or PropertiesCode or ApplicationPropertiesCode or SqlCode => code,
        Symbol symbol => CodeOf(symbol),
        _ => null,
    };

    private static ulong? CodeOf(Symbol symbol) => symbol.Value switch
    {
        "apache.org:legacy-amqp-direct-binding:string" => DirectBindingCode,
        "apache.org:legacy-amqp-topic-binding:string" => TopicBindingCode,
        "apache.org:legacy-amqp-headers-binding:map" => HeadersBindingCode,
        "apache.org:no-local-filter:list" or "apache.org:jms-no-local-filter:list" => NoLocalCode,
        "apache.org:selector-filter:string" or "apache.org:jms-selector-filter:string" => SelectorCode,
        "amqp:properties-filter" => PropertiesCode,
        "amqp:application-properties-filter" => ApplicationPropertiesCode,
        "amqp:sql-filter" => SqlCode,
        _ => null,
    };
}
