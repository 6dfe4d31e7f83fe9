namespace Mamba.Broker.Selectors.Parsing;

/// <summary>The reserved words, in any case (Jakarta Messaging 3.1 §3.8.1.1).</summary>
internal static class Keywords
{
    private static readonly Dictionary<string, TokenKind> Words = new(StringComparer.OrdinalIgnoreCase)
    {
        ["AND"] = TokenKind.And,
        ["OR"] = TokenKind.Or,
        ["NOT"] = TokenKind.Not,
        ["BETWEEN"] = TokenKind.Between,
        ["IN"] = TokenKind.In,
        ["LIKE"] = TokenKind.Like,
        ["ESCAPE"] = TokenKind.Escape,
        ["IS"] = TokenKind.Is,
        ["NULL"] = TokenKind.Null,
        ["TRUE"] = TokenKind.True,
        ["FALSE"] = TokenKind.False,
    };

    public static TokenKind Of(string word) => Words.GetValueOrDefault(word, TokenKind.Identifier);
}
