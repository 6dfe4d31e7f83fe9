using System.Text;
using Mamba.Amqp.Codec;
using Mamba.Amqp.Messaging;
using Mamba.Amqp.Types;
using Mamba.Broker.Selectors.Evaluation;
using Mamba.Broker.Selectors.Parsing;

namespace Mamba.Broker.Selectors.Filters;

/// <summary>
/// What of a source's filter-set (AMQP 1.0 §3.5.8) is understood here, compiled: all its filters must match. Filters are known by
/// their descriptors, whatever their keys; those not known are left out, as is no-local, which is not about the message.
/// Immutable and thread-safe.
/// </summary>
public sealed class FilterSet
{
    private static readonly SortedDictionary<ulong, string> Keys = new()
    {
        [FilterDescriptors.SqlCode] = "sql-filter",
        [FilterDescriptors.PropertiesCode] = "properties-filter",
        [FilterDescriptors.ApplicationPropertiesCode] = "application-properties-filter",
        [FilterDescriptors.DirectBindingCode] = "legacy-amqp-direct-binding",
        [FilterDescriptors.TopicBindingCode] = "legacy-amqp-topic-binding",
        [FilterDescriptors.HeadersBindingCode] = "legacy-amqp-headers-binding",
        [FilterDescriptors.SelectorCode] = "jms-selector",
    };

    private FilterSet(Selector? selector, AmqpMap inForce, ReadOnlyMemory<byte> definition)
    {
        Selector = selector;
        InForce = inForce;
        Definition = definition;
    }

    /// <summary>The set without any filter.</summary>
    public static FilterSet Empty { get; } = new(selector: null, new AmqpMap(), default);

    /// <summary>The condition on messages; null when there is none.</summary>
    public Selector? Selector { get; }

    /// <summary>The filters in force as the peer wrote them: its keys, its descriptors.</summary>
    public AmqpMap InForce { get; }

    /// <summary>
    /// The same filters in a form to store and to compare: an encoded map of descriptor codes (ulong, ascending) to values. Equal
    /// for two peers that mean the same by other keys and descriptors; empty for none.
    /// </summary>
    public ReadOnlyMemory<byte> Definition { get; }

    /// <summary>Compiles a filter-set.</summary>
    /// <exception cref="SelectorException">A filter of a known kind cannot be used, or comes twice.</exception>
    public static FilterSet Compile(AmqpMap? filters)
    {
        if (filters is null)
        {
            return Empty;
        }

        var inForce = new AmqpMap();
        var byCode = new SortedDictionary<ulong, object?>();
        foreach (var (key, value) in filters)
        {
            if (value is not DescribedValue described || FilterDescriptors.CodeOf(described.Descriptor) is not { } code || !Keys.ContainsKey(code))
            {
                continue;
            }

            if (!byCode.TryAdd(code, described.Value))
            {
                throw new SelectorException($"there are two filters of the kind {Keys[code]}; combine them in one");
            }

            inForce.Add(key, value);
        }

        return byCode.Count == 0 ? Empty : new FilterSet(CompileAll(byCode), inForce, Encode(byCode));
    }

    /// <summary>Makes a set again from its <see cref="Definition"/>; its keys are the usual ones.</summary>
    /// <exception cref="SelectorException">The definition has what this version does not understand.</exception>
    public static FilterSet Restore(ReadOnlyMemory<byte> definition)
    {
        if (definition.IsEmpty)
        {
            return Empty;
        }

        var reader = new AmqpReader(definition.Span);
        var filters = new AmqpMap();
        foreach (var (code, value) in reader.ReadMap())
        {
            if (code is not ulong known || !Keys.TryGetValue(known, out var name))
            {
                throw new SelectorException($"there is a filter of the kind {code}, which this version does not know");
            }

            filters.Add(new Symbol(name), new DescribedValue(known, value));
        }

        return Compile(filters);
    }

    private static Selector? CompileAll(SortedDictionary<ulong, object?> filters)
    {
        var program = new ProgramBuilder();
        var conditions = new List<Node>();
        foreach (var (code, value) in filters)
        {
            Add(code, value, program, conditions);
        }

        return conditions.Count switch
        {
            0 => null,
            1 => new Selector(program.Build(conditions[0])),
            _ => new Selector(program.Build(JunctionNode.And(conditions))),
        };
    }

    private static void Add(ulong code, object? value, ProgramBuilder program, List<Node> conditions)
    {
        switch (code)
        {
            case FilterDescriptors.PropertiesCode:
                PropertyFilters.AddProperties(value, program, conditions);
                break;
            case FilterDescriptors.ApplicationPropertiesCode:
                PropertyFilters.AddApplicationProperties(value, program, conditions);
                break;
            case FilterDescriptors.DirectBindingCode:
                conditions.Add(new ComparisonNode(Subject(program), Comparison.Equal, new LiteralNode(program.Text(TextOf(code, value))), ordersTexts: false));
                break;
            case FilterDescriptors.TopicBindingCode:
                conditions.Add(new TopicPatternNode(Subject(program), PatternOf(TextOf(code, value))));
                break;
            case FilterDescriptors.HeadersBindingCode:
                PropertyFilters.AddHeaders(value, program, conditions);
                break;
            default:
                var dialect = code == FilterDescriptors.SqlCode ? SelectorDialect.Sql : SelectorDialect.Jms;
                if (Parser.Parse(TextOf(code, value), dialect, program) is { } root)
                {
                    conditions.Add(root);
                }

                break;
        }
    }

    private static FieldNode Subject(ProgramBuilder program) => program.SlotOf(Field.Property(PropertyIndex.Subject)) is >= 0 and var slot
        ? new FieldNode(slot)
        : throw new SelectorException($"the filters name more than {SelectorLimits.MaxFields} different fields");

    private static string TextOf(ulong code, object? value) => value switch
    {
        string text => text,
        Symbol symbol => symbol.Value,
        _ => throw new SelectorException($"the filter {Keys[code]} describes no string"),
    };

    private static TopicPattern PatternOf(string pattern) => Encoding.UTF8.GetByteCount(pattern) <= SelectorLimits.MaxTopicPattern
        ? new TopicPattern(pattern)
        : throw new SelectorException($"the topic pattern has more than {SelectorLimits.MaxTopicPattern} bytes");

    private static byte[] Encode(SortedDictionary<ulong, object?> filters)
    {
        var map = new AmqpMap();
        foreach (var (code, value) in filters)
        {
            map.Add(code, value is Symbol symbol ? symbol.Value : value);
        }

        using var buffer = new ByteBuffer();
        new AmqpWriter(buffer).WriteMap(map);
        return buffer.WrittenSpan.ToArray();
    }
}
