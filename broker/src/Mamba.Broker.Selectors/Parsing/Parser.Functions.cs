using System.Text;
using Mamba.Broker.Selectors.Evaluation;

namespace Mamba.Broker.Selectors.Parsing;

/// <content>The functions of SQL filters; their names are in any case, and no words of their own elsewhere.</content>
internal sealed partial class Parser
{
    private const string Known = "UTC(), EXISTS(name), LOWER(text), UPPER(text), LEFT(text, count), RIGHT(text, count), "
        + "SUBSTRING(text, first [, count]) and DATE(text) are known";

    private int _functions;

    private Node ParseFunction(Token name)
    {
        Enter(name.Position);
        Advance();
        var node = Count(ParseCall(name), name.Position);
        _nesting--;
        return node;
    }

    private Node ParseCall(Token name)
    {
        switch (name.Text!.ToUpperInvariant())
        {
            case "UTC":
                Take(TokenKind.Close, "')'");
                _program.UsesClock = true;
                return new UtcNode();
            case "EXISTS":
                var argument = _token;
                Take(TokenKind.Identifier, "an identifier");
                Take(TokenKind.Close, "')'");
                return new NotNode(new IsNullNode(ParseField(argument)));
            case "LOWER":
                return new CaseNode(ParseTextArgument(name, isLast: true), upper: false);
            case "UPPER":
                return new CaseNode(ParseTextArgument(name, isLast: true), upper: true);
            case "LEFT":
                return new PartNode(ParseTextArgument(name), first: null, ParseNumberArgument(isLast: true), fromEnd: false);
            case "RIGHT":
                return new PartNode(ParseTextArgument(name), first: null, ParseNumberArgument(isLast: true), fromEnd: true);
            case "SUBSTRING":
                return ParseSubstring(name);
            case "DATE":
                return ParseDate(name);
            default:
                throw new SelectorException(name.Position, $"there is no function '{name.Text}'; {Known}");
        }
    }

    private PartNode ParseSubstring(Token name)
    {
        var text = ParseTextArgument(name);
        var position = _token.Position;
        var first = RequireNumber(ParseSum(), position);
        if (TryTake(TokenKind.Close))
        {
            return new PartNode(text, first, count: null, fromEnd: false);
        }

        Take(TokenKind.Comma, "',' or ')'");
        return new PartNode(text, first, ParseNumberArgument(isLast: true), fromEnd: false);
    }

    private DateNode ParseDate(Token name)
    {
        var literal = _token;
        var text = ParseTextArgument(name, isLast: true);
        if (text is LiteralNode && literal.Kind == TokenKind.Text && !TextFunction.TryDate(Encoding.UTF8.GetBytes(literal.Text!), out _))
        {
            throw new SelectorException(literal.Position, $"'{literal.Text}' is no time as 2026-01-31T23:59:59Z, and no date");
        }

        return new DateNode(text);
    }

    /// <summary>The text that a function is about; such functions are counted, since each may copy what it is given.</summary>
    private Node ParseTextArgument(Token name, bool isLast = false)
    {
        if (++_functions > SelectorLimits.MaxTextFunctions)
        {
            throw new SelectorException(name.Position, $"the expression has more than {SelectorLimits.MaxTextFunctions} functions of texts");
        }

        var position = _token.Position;
        var text = ParseSum();
        if (text.Type is not (StaticType.Text or StaticType.Any))
        {
            throw new SelectorException(position, $"{name.Text!.ToUpperInvariant()} needs a string and found {Name(text.Type)}");
        }

        EndArgument(isLast);
        return text;
    }

    private Node ParseNumberArgument(bool isLast)
    {
        var position = _token.Position;
        var number = RequireNumber(ParseSum(), position);
        EndArgument(isLast);
        return number;
    }

    private void EndArgument(bool isLast) => Take(isLast ? TokenKind.Close : TokenKind.Comma, isLast ? "')'" : "','");
}
