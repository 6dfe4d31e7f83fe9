namespace Mamba.Broker.Selectors;

/// <summary>
/// The bounds of one expression. They bound what an evaluation can cost, whoever wrote the expression: see
/// <c>tools/selector-fuzz</c>, which measures the worst.
/// </summary>
public static class SelectorLimits
{
    /// <summary>Length in UTF-16 units.</summary>
    public const int MaxLength = 8192;

    /// <summary>Operators, operands and literals; the strings of an IN list count together as one.</summary>
    public const int MaxNodes = 1024;

    /// <summary>Nesting of parentheses, NOT and signs.</summary>
    public const int MaxNesting = 100;

    /// <summary>Depth of the expression as a tree; a sum of n terms is n deep, a chain of AND or OR is not.</summary>
    public const int MaxDepth = 256;

    /// <summary>Different identifiers.</summary>
    public const int MaxFields = 128;

    /// <summary>
    /// LIKE patterns that are searched for anywhere in a value (<c>'%abc%'</c>), one with a literal of more than 64 bytes counting as
    /// four; those fixed at the ends are not counted.
    /// </summary>
    public const int MaxSearches = 16;

    /// <summary>Functions of texts (LOWER, UPPER, LEFT, RIGHT, SUBSTRING, DATE) in one SQL filter.</summary>
    public const int MaxTextFunctions = 16;

    /// <summary>Bytes of a text that such a function takes; of a longer one its result is null.</summary>
    public const int MaxFunctionText = 65_536;

    /// <summary>Characters between two % of a LIKE pattern when there is a _ among them.</summary>
    public const int MaxWildcardSegment = 64;

    /// <summary>Entries of a properties or application-properties filter.</summary>
    public const int MaxFilterEntries = 16;

    /// <summary>Bytes of a topic pattern.</summary>
    public const int MaxTopicPattern = 255;
}

/// <summary>Which language an expression is written in.</summary>
public enum SelectorDialect
{
    /// <summary>Jakarta Messaging 3.1 §3.8: message selectors.</summary>
    Jms,

    /// <summary>AMQP Filter Expressions 1.0 (committee draft) §6: SQL filter expressions.</summary>
    Sql,
}

/// <summary>A truth value of SQL: comparing with what is not there is neither true nor false.</summary>
public enum Truth : byte
{
    /// <summary>It does not hold.</summary>
    False,

    /// <summary>It holds.</summary>
    True,

    /// <summary>Not known: a value is missing or of no use there.</summary>
    Unknown,
}
