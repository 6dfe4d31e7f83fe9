using Mamba.Amqp.Client;
using Mamba.Amqp.Messaging;
using Mamba.Amqp.Transport;
using Mamba.Amqp.Types;
using Mamba.Tools.Model.Modelling;
using Mamba.Tools.Model.Sequences;

namespace Mamba.Tools.Model.Jms;

/// <summary>How JMS consumers and browsers attach: link names, capabilities and filters are those of Qpid JMS.</summary>
internal static class JmsLinks
{
    /// <summary>What a link to <paramref name="target"/> is attached with; it has no credit yet.</summary>
    public static ReceiverOptions Consumer(Destination target, string prefix, int number, Selector? selector, bool noLocal, bool confirmed) => new()
    {
        Name = target.IsNamed() ? target.LinkName(prefix, number) : null,
        Credit = 0,
        AutoReplenish = false,
        SenderSettleMode = SenderSettleMode.Unsettled,
        SettleMode = confirmed ? ReceiverSettleMode.Second : ReceiverSettleMode.First,
        Capabilities = Capabilities(target),
        Filters = Filters(selector, noLocal),
        Durable = target.IsDurable(),
        DistributionMode = target.IsDurable() ? DistributionMode.Copy : default(Symbol?),
    };

    public static ReceiverOptions Browser(Selector? selector) => new()
    {
        Credit = 1_000,
        AutoReplenish = false,
        SenderSettleMode = SenderSettleMode.Settled,
        Capabilities = Capabilities(Destination.Queue),
        Filters = Filters(selector, noLocal: false),
        DistributionMode = DistributionMode.Copy,
    };

    private static IReadOnlyList<Symbol> Capabilities(Destination target) => target switch
    {
        _ when target.IsQueue() => [new Symbol("queue")],
        Destination.Topic or Destination.Durable => [new Symbol("topic")],
        Destination.SharedDurable => [new Symbol("topic"), new Symbol("shared")],
        _ => [new Symbol("topic"), new Symbol("shared"), new Symbol("global")],
    };

    private static AmqpMap? Filters(Selector? selector, bool noLocal)
    {
        var filters = new AmqpMap();
        if (selector is not null)
        {
            filters.Add(new Symbol("jms-selector"), new DescribedValue(FilterDescriptors.SelectorCode, selector.Text));
        }

        if (noLocal)
        {
            filters.Add(new Symbol("no-local"), new DescribedValue(FilterDescriptors.NoLocalCode, "NoLocalFilter{}"));
        }

        return filters.Count == 0 ? null : filters;
    }
}
