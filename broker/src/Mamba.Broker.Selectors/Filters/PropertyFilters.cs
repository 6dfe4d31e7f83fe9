using Mamba.Amqp.Types;
using Mamba.Broker.Selectors.Evaluation;

namespace Mamba.Broker.Selectors.Filters;

/// <summary>
/// The properties and application-properties filters of the AMQP filter expressions draft (§4.2.4, §4.2.5): all entries must match.
/// A string <c>&amp;p:x</c> asks for the prefix x, <c>&amp;s:x</c> for the suffix x, <c>&amp;&amp;x</c> for <c>&amp;x</c> itself; a
/// null matches whatever is there, or not there.
/// </summary>
internal static class PropertyFilters
{
    private const string PropertiesName = "properties filter";
    private const string HeadersName = "headers binding";
    private const string ApplicationPropertiesName = "application-properties filter";

    public static void AddProperties(object? described, ProgramBuilder program, List<Node> conditions)
    {
        foreach (var (key, value) in MapOf(described, PropertiesName))
        {
            var name = NameOf(key, PropertiesName);
            var index = PropertyIndex.Of(name);
            if (index < 0)
            {
                throw new SelectorException($"the {PropertiesName} names '{name}', which is no field of the properties section");
            }

            if (value is not null)
            {
                CheckType(index, name, value);
                Add(Field.Property(index), name, value, program, conditions);
            }
        }
    }

    public static void AddApplicationProperties(object? described, ProgramBuilder program, List<Node> conditions)
    {
        foreach (var (key, value) in MapOf(described, ApplicationPropertiesName))
        {
            if (value is not null)
            {
                var name = NameOf(key, ApplicationPropertiesName);
                Add(Field.ApplicationProperty(name), name, value, program, conditions);
            }
        }
    }

    /// <summary>
    /// The legacy headers binding (AMQP 0-9-1, headers exchange) over the application properties: <c>x-match</c> is <c>all</c>, as
    /// without it, or <c>any</c>; a null asks whether the property is there; other names that begin with <c>x-</c> mean nothing.
    /// </summary>
    public static void AddHeaders(object? described, ProgramBuilder program, List<Node> conditions)
    {
        var headers = MapOf(described, HeadersName);
        var entries = new List<Node>();
        var any = false;
        foreach (var (key, value) in headers)
        {
            var name = NameOf(key, HeadersName);
            if (string.Equals(name, "x-match", StringComparison.Ordinal))
            {
                any = IsAny(value);
            }
            else if (!name.StartsWith("x-", StringComparison.Ordinal))
            {
                entries.Add(Header(name, value, program));
            }
        }

        if (entries.Count == 1)
        {
            conditions.Add(entries[0]);
        }
        else if (entries.Count > 1)
        {
            conditions.Add(any ? JunctionNode.Or(entries) : JunctionNode.And(entries));
        }
        else if (any)
        {
            // Any of none: no message.
            conditions.Add(new LiteralNode(Value.Of(value: false)));
        }
    }

    private static bool IsAny(object? match) => (match is Symbol symbol ? symbol.Value : match as string) switch
    {
        "all" => false,
        "any" => true,
        _ => throw new SelectorException($"the x-match of the {HeadersName} is neither 'all' nor 'any'"),
    };

    private static Node Header(string name, object? value, ProgramBuilder program)
    {
        var slot = program.SlotOf(Field.ApplicationProperty(name));
        if (slot < 0)
        {
            throw new SelectorException($"the filters name more than {SelectorLimits.MaxFields} different fields");
        }

        var field = new FieldNode(slot);
        var text = value is Symbol symbol ? symbol.Value : value as string;
        return value is null ? new NotNode(new IsNullNode(field))
            : Equal(field, text is null ? LiteralOf(name, value, program) : program.Text(text));
    }

    private static AmqpMap MapOf(object? described, string filter)
    {
        if (described is not AmqpMap map)
        {
            throw new SelectorException($"the {filter} describes no map");
        }

        return map.Count <= SelectorLimits.MaxFilterEntries
            ? map
            : throw new SelectorException($"the {filter} has {map.Count} entries, and {SelectorLimits.MaxFilterEntries} are allowed");
    }

    private static string NameOf(object key, string filter) => key switch
    {
        Symbol symbol => symbol.Value,
        string text => text,
        _ => throw new SelectorException($"the {filter} has a key that is neither a symbol nor a string"),
    };

    private static void CheckType(int index, string name, object value)
    {
        var fits = index switch
        {
            PropertyIndex.MessageId or PropertyIndex.CorrelationId => value is string or ulong or Guid or byte[],
            PropertyIndex.UserId => value is byte[],
            PropertyIndex.AbsoluteExpiryTime or PropertyIndex.CreationTime => value is Timestamp,
            PropertyIndex.GroupSequence => value is uint,
            _ => value is string or Symbol,
        };
        if (!fits)
        {
            throw new SelectorException($"the {PropertiesName} compares '{name}' with a value of a type that field does not have");
        }
    }

    private static void Add(in Field field, string name, object value, ProgramBuilder program, List<Node> conditions)
    {
        var slot = program.SlotOf(field);
        if (slot < 0)
        {
            throw new SelectorException($"the filters name more than {SelectorLimits.MaxFields} different fields");
        }

        var node = new FieldNode(slot);
        var text = value is Symbol symbol ? symbol.Value : value as string;
        conditions.Add(text is null ? Equal(node, LiteralOf(name, value, program)) : OfText(node, name, text, program));
    }

    private static Node OfText(FieldNode node, string name, string text, ProgramBuilder program)
    {
        if (!text.StartsWith('&'))
        {
            return Equal(node, program.Text(text));
        }

        if (text.StartsWith("&p:", StringComparison.Ordinal))
        {
            return new LikeNode(node, LikePattern.OfEnds(text[3..], ""));
        }

        if (text.StartsWith("&s:", StringComparison.Ordinal))
        {
            return new LikeNode(node, LikePattern.OfEnds("", text[3..]));
        }

        return text.StartsWith("&&", StringComparison.Ordinal)
            ? Equal(node, program.Text(text[1..]))
            : throw new SelectorException($"the filter for '{name}' begins with & and is none of &p:, &s: and &&");
    }

    private static ComparisonNode Equal(FieldNode node, in Value literal) =>
        new(node, Comparison.Equal, new LiteralNode(literal), ordersTexts: false);

    private static Value LiteralOf(string name, object value, ProgramBuilder program) => value switch
    {
        bool flag => Value.Of(flag),
        byte or sbyte or short or ushort or int or uint or long => Value.Of(Convert.ToInt64(value)),
        ulong number => number <= long.MaxValue ? Value.Of((long)number) : Value.Of((double)number),
        float number => Value.Of((double)number),
        double number => Value.Of(number),
        Decimal32 number when number.TryToDecimal(out var d) => Value.Of((double)d),
        Decimal64 number when number.TryToDecimal(out var d) => Value.Of((double)d),
        Decimal128 number when number.TryToDecimal(out var d) => Value.Of((double)d),
        Timestamp time => Value.Of(time.Milliseconds),
        System.Text.Rune rune => program.Text(rune.ToString()),
        Guid id => program.Bytes(ValueKind.Binary, id.ToByteArray(bigEndian: true)),
        byte[] bytes => program.Bytes(ValueKind.Binary, bytes),
        _ => throw new SelectorException($"the filter for '{name}' compares with a value of no simple type"),
    };
}
