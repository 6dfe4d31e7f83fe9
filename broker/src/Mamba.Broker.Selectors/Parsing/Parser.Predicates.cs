using System.Text;
using Mamba.Broker.Selectors.Evaluation;

namespace Mamba.Broker.Selectors.Parsing;

/// <content>Comparisons, IS NULL, BETWEEN, IN and LIKE; and the checks all parts share.</content>
internal sealed partial class Parser
{
    private Node ParsePredicate()
    {
        var position = _token.Position;
        var operand = ParseSum();
        switch (_token.Kind)
        {
            case >= TokenKind.Equal and <= TokenKind.GreaterOrEqual:
                return ParseComparison(operand, position);
            case TokenKind.Is:
                return ParseIsNull(operand, position);
            case TokenKind.Not:
                Advance();
                return _token.Kind is TokenKind.Between or TokenKind.In or TokenKind.Like
                    ? ParseRange(operand, position, negated: true)
                    : throw Expected("BETWEEN, IN or LIKE behind NOT");
            default:
                return ParseRange(operand, position, negated: false);
        }
    }

    private Node ParseRange(Node operand, int position, bool negated) => _token.Kind switch
    {
        TokenKind.Between => ParseBetween(operand, position, negated),
        TokenKind.In => ParseIn(operand, position, negated),
        TokenKind.Like => ParseLike(operand, position, negated),
        _ => operand,
    };

    private Node ParseComparison(Node left, int leftPosition)
    {
        var sign = _token;
        var comparison = (Comparison)(sign.Kind - TokenKind.Equal);
        Advance();
        var position = _token.Position;
        var right = ParseSum();
        if (comparison is not (Comparison.Equal or Comparison.NotEqual))
        {
            RequireOrder(left, leftPosition);
            RequireOrder(right, position);
        }

        if (_token.Kind is >= TokenKind.Equal and <= TokenKind.GreaterOrEqual)
        {
            throw new SelectorException(_token.Position, "comparisons cannot follow one another; put one of them in parentheses");
        }

        return Count(new ComparisonNode(left, comparison, right, IsSql), sign.Position);
    }

    private Node ParseIsNull(Node operand, int position)
    {
        if (operand is not FieldNode)
        {
            throw new SelectorException(position, "IS NULL asks about an identifier");
        }

        var word = _token.Position;
        Advance();
        var negated = TryTake(TokenKind.Not);
        Take(TokenKind.Null, negated ? "NULL" : "NULL or NOT NULL");
        return Negate(new IsNullNode(operand), negated, word);
    }

    private Node ParseBetween(Node operand, int position, bool negated)
    {
        RequireOrder(operand, position);
        var word = _token.Position;
        Advance();
        var lowPosition = _token.Position;
        var low = ParseSum();
        RequireOrder(low, lowPosition);
        Take(TokenKind.And, "the AND of BETWEEN");
        var highPosition = _token.Position;
        var high = ParseSum();
        RequireOrder(high, highPosition);
        return Count(new BetweenNode(operand, low, high, negated, IsSql), word);
    }

    private Node ParseIn(Node operand, int position, bool negated)
    {
        RequireTextIdentifier(operand, position, "IN");
        var word = _token.Position;
        Advance();
        Take(TokenKind.Open, "'(' and the list of IN");
        return Negate(IsSql ? ParseExpressions(operand) : new InTextsNode(operand, ParseTexts()), negated, word);
    }

    private ByteStringSet ParseTexts()
    {
        var texts = new List<byte[]>();
        do
        {
            if (_token.Kind != TokenKind.Text)
            {
                throw Expected("a string: IN has a list of strings");
            }

            texts.Add(Encoding.UTF8.GetBytes(_token.Text!));
            Advance();
        }
        while (TryTake(TokenKind.Comma));
        Take(TokenKind.Close, "',' or ')'");
        return new ByteStringSet(texts);
    }

    private InListNode ParseExpressions(Node operand)
    {
        var items = new List<Node>();
        do
        {
            items.Add(ParseSum());
        }
        while (TryTake(TokenKind.Comma));
        Take(TokenKind.Close, "',' or ')'");
        return new InListNode(operand, items);
    }

    private Node ParseLike(Node operand, int position, bool negated)
    {
        RequireTextIdentifier(operand, position, "LIKE");
        var word = _token.Position;
        Advance();
        var pattern = _token;
        Take(TokenKind.Text, "the pattern of LIKE, a string");
        var compiled = LikePattern.Compile(pattern.Text!, ParseEscape(), pattern.Position);
        _searches += compiled.SearchCost;
        if (_searches > SelectorLimits.MaxSearches)
        {
            throw new SelectorException(
                pattern.Position, $"the expression has more than {SelectorLimits.MaxSearches} LIKE patterns that are searched for anywhere, as '%abc%'");
        }

        return Negate(new LikeNode(operand, compiled), negated, word);
    }

    private Rune? ParseEscape()
    {
        if (!TryTake(TokenKind.Escape))
        {
            return null;
        }

        var token = _token;
        Take(TokenKind.Text, "the escape character, a string of one character");
        var runes = token.Text!.EnumerateRunes();
        var escape = runes.MoveNext() ? runes.Current : (Rune?)null;
        return escape is not null && !runes.MoveNext() ? escape : throw new SelectorException(token.Position, "the string behind ESCAPE has exactly one character");
    }

    private Node Negate(Node node, bool negated, int position)
    {
        Count(node, position);
        return negated ? Count(new NotNode(node), position) : node;
    }

    private static Node RequireCondition(Node node, int position) => node.Type is StaticType.Condition or StaticType.Any
        ? node
        : throw new SelectorException(position, $"expected a condition and found {Name(node.Type)}");

    private static Node RequireNumber(Node node, int position) => node.Type is StaticType.Number or StaticType.Any
        ? node
        : throw new SelectorException(position, $"arithmetic needs a number and found {Name(node.Type)}");

    private void RequireOrder(Node node, int position)
    {
        var isOrdered = node.Type is StaticType.Number or StaticType.Any || (IsSql && node.Type == StaticType.Text);
        if (!isOrdered)
        {
            throw new SelectorException(position, $"{Name(node.Type)} can be compared by = and <> only");
        }
    }

    private void RequireTextIdentifier(Node node, int position, string word)
    {
        if (!IsSql && node is not FieldNode)
        {
            throw new SelectorException(position, $"{word} asks about an identifier");
        }
    }

    private static string Name(StaticType type) => type switch
    {
        StaticType.Condition => "a condition",
        StaticType.Number => "a number",
        StaticType.Text => "a string",
        StaticType.Binary => "a binary value",
        _ => "an identifier",
    };

    private Node Count(Node node, int position)
    {
        if (++_nodes > SelectorLimits.MaxNodes)
        {
            throw new SelectorException(position, $"the expression has more than {SelectorLimits.MaxNodes} operators and operands");
        }

        return node.Depth <= SelectorLimits.MaxDepth
            ? node
            : throw new SelectorException(position, $"the expression is more than {SelectorLimits.MaxDepth} levels deep");
    }

    private void Enter(int position)
    {
        if (++_nesting > SelectorLimits.MaxNesting)
        {
            throw new SelectorException(position, $"the expression is nested more than {SelectorLimits.MaxNesting} levels deep");
        }
    }

    private void Advance() => _token = _lexer.Next();

    private bool TryTake(TokenKind kind)
    {
        if (_token.Kind != kind)
        {
            return false;
        }

        Advance();
        return true;
    }

    private void Take(TokenKind kind, string name)
    {
        if (!TryTake(kind))
        {
            throw Expected(name);
        }
    }

    private SelectorException Expected(string what) => new(_token.Position, $"expected {what} and found {_lexer.Show(_token)}");
}
