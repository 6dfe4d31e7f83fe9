namespace Mamba.Broker.Selectors.Parsing;

internal enum TokenKind : byte
{
    End,
    Identifier,
    Text,
    Binary,
    Exact,
    Approximate,
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Plus,
    Minus,
    Star,
    Slash,
    Percent,
    Open,
    Close,
    Comma,
    And,
    Or,
    Not,
    Between,
    In,
    Like,
    Escape,
    Is,
    Null,
    True,
    False,
}

/// <summary>One word or sign of an expression.</summary>
/// <param name="Kind">What it is.</param>
/// <param name="Position">Where it begins, in UTF-16 units.</param>
/// <param name="Length">Its UTF-16 units.</param>
internal readonly record struct Token(TokenKind Kind, int Position, int Length)
{
    /// <summary>The name, or the text without its quotes.</summary>
    public string? Text { get; init; }

    /// <summary>The bytes of a binary literal.</summary>
    public byte[]? Bytes { get; init; }

    /// <summary>Magnitude of an exact literal. 2^63 is allowed behind a minus only.</summary>
    public ulong Magnitude { get; init; }

    /// <summary>The magnitude is the bits of a long, sign included.</summary>
    public bool IsBits { get; init; }

    public double Approximate { get; init; }

    /// <summary>The word was in delimiters.</summary>
    public bool IsDelimited { get; init; }
}
