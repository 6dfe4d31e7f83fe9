using Mamba.Amqp.Messaging;
using Mamba.Amqp.Transport;
using Mamba.Amqp.Types;
using Mamba.Broker.Engine;
using Mamba.Broker.Selectors;
using Mamba.Broker.Selectors.Filters;
using Mamba.Broker.Server.Messages;

namespace Mamba.Broker.Server.Links;

/// <summary>
/// The filters of a consumer's source: no-local, which is about the publisher and means something on topics only, and those about
/// the message. What is not understood is left out, and so out of the reply.
/// </summary>
internal sealed class SourceFilters
{
    private static readonly Symbol NoLocalKey = new("no-local");
    private static readonly Symbol FieldKey = new("field");
    private static readonly Symbol FilterField = new("filter");

    private readonly FilterSet _set;

    private SourceFilters(FilterSet set, bool noLocal, AmqpMap? inForce)
    {
        _set = set;
        NoLocal = noLocal;
        InForce = inForce;
    }

    /// <summary>Messages of the consumer's own container are not for it.</summary>
    public bool NoLocal { get; }

    /// <summary>The filters that are applied, as the peer wrote them; null for none.</summary>
    public AmqpMap? InForce { get; }

    /// <summary>What the engine asks of each message; null for nothing.</summary>
    public IMessageFilter? Filter { get; private init; }

    /// <summary>The filters in the form that is stored with a subscription, and compared when it is attached to again.</summary>
    public ReadOnlyMemory<byte> Definition => _set.Definition;

    /// <summary>Reads a filter-set.</summary>
    /// <exception cref="LinkRefusedException">amqp:invalid-field: a filter cannot be used; the description says where and why.</exception>
    public static SourceFilters Read(AmqpMap? filters, NodeKind kind, TimeProvider time)
    {
        try
        {
            var set = FilterSet.Compile(filters);
            var inForce = set.InForce.Clone();
            var noLocal = kind == NodeKind.Topic && AddNoLocal(filters, inForce);
            return new SourceFilters(set, noLocal, inForce.Count == 0 ? null : inForce)
            {
                Filter = set.Selector is null ? null : new SelectorFilter(set.Selector, time),
            };
        }
        catch (SelectorException e)
        {
            throw new LinkRefusedException(new AmqpError(
                ErrorCondition.InvalidField, $"The filter of the source cannot be used: {e.Message}.", new AmqpMap { { FieldKey, FilterField } }));
        }
    }

    /// <summary>The filters of a subscription that exists, under their usual keys; null for none, and for those not understood.</summary>
    public static AmqpMap? Describe(SubscriptionOptions options)
    {
        if (options.HeldBecause is not null)
        {
            return null;
        }

        var filters = FilterSet.Restore(options.FilterDefinition).InForce.Clone();
        if (options.NoLocalOrigin is not null)
        {
            filters.Add(NoLocalKey, new DescribedValue(FilterDescriptors.NoLocalCode, new List<object?>()));
        }

        return filters.Count == 0 ? null : filters;
    }

    /// <summary>The no-local entry, recognised by its descriptor whatever its key and content.</summary>
    private static bool AddNoLocal(AmqpMap? filters, AmqpMap inForce)
    {
        foreach (var (key, value) in filters ?? [])
        {
            if (FilterDescriptors.Is(value, FilterDescriptors.NoLocalCode))
            {
                inForce.TryAdd(key, value);
                return true;
            }
        }

        return false;
    }
}
