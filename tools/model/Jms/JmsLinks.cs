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

    /// <summary>A receiver that makes a temporary node, as clients other than JMS have it.</summary>
    public static ReceiverOptions DynamicSource(Destination target, string name) => new()
    {
        Name = name,
        Credit = 0,
        AutoReplenish = false,
        SenderSettleMode = SenderSettleMode.Unsettled,
        Capabilities = Capabilities(target),
        Dynamic = true,
        DynamicNodeProperties = Lifetime(),
    };

    /// <summary>The sender by which JMS clients make a temporary node. They send on others.</summary>
    public static SenderOptions DynamicTarget(Destination target, string name) => new()
    {
        Name = name,
        Capabilities = Capabilities(target),
        Dynamic = true,
        DynamicNodeProperties = Lifetime(),
    };

    public static SenderOptions Sender(Destination? target) => new()
    {
        Capabilities = target switch
        {
            null => [],
            { } node when node.IsQueue() || node.IsTemporary() => Capabilities(node),
            _ => Capabilities(Destination.Topic),
        },
    };

    private static AmqpMap Lifetime() => new() { [LifetimePolicy.Key] = LifetimePolicy.DeleteOnClose };

    private static IReadOnlyList<Symbol> Capabilities(Destination target) => target switch
    {
        Destination.TemporaryQueue => [new Symbol("temporary-queue")],
        Destination.TemporaryTopic => [new Symbol("temporary-topic")],
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
