using Mamba.Amqp.Messaging;
using Mamba.Amqp.Transport;
using Mamba.Amqp.Types;
using Mamba.Tools.Bench.Checking;

namespace Mamba.Tools.Bench.Load;

/// <summary>The JMS message selector of a receiver, as a filter of its source (AMQP 1.0 §3.5.8).</summary>
internal static class SelectorFilter
{
    /// <summary>A filter set with the selector, in which %d became the key of the receiver.</summary>
    public static AmqpMap Of(string pattern, int receiver)
    {
        var filters = new AmqpMap();
        var selector = pattern.Replace("%d", MessageTemplate.KeyOf(receiver), StringComparison.Ordinal);
        filters.Add(FilterDescriptors.Selector, new DescribedValue(FilterDescriptors.SelectorCode, selector));
        return filters;
    }

    /// <summary>
    /// What to say when the broker's attach does not name the filter: it then delivers everything, and no figure of the run
    /// would mean anything. Null when it does.
    /// </summary>
    public static string? Refused(Attach? answer)
    {
        var granted = answer?.Source?.Filter?.Any(entry => FilterDescriptors.Is(entry.Value, FilterDescriptors.SelectorCode)) ?? false;
        return granted
            ? null
            : $"the broker does not do selectors: its attach leaves out the filter {FilterDescriptors.Selector}, so it would deliver every message";
    }
}
