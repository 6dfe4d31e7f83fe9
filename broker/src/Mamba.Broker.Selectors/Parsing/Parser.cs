using System.Text;
using Mamba.Broker.Selectors.Evaluation;

namespace Mamba.Broker.Selectors.Parsing;

/// <summary>
/// Recursive descent from an expression to its nodes:
/// <code>
///   or        := and { OR and }
///   and       := not { AND not }
///   not       := NOT not | predicate
///   predicate := sum [ comparison sum | IS [NOT] NULL | [NOT] BETWEEN sum AND sum | [NOT] IN (list) | [NOT] LIKE text [ESCAPE text] ]
///   sum       := product { (+|-) product }
///   product   := signed { (*|/) signed }                     SQL filters also have %
///   signed    := (+|-) signed | primary
///   primary   := literal | identifier | ( or )               SQL filters also have functions
/// </code>
/// What can be known to be wrong without a message is refused here, with its place.
/// </summary>
internal sealed partial class Parser
{
    private readonly Lexer _lexer;
    private readonly SelectorDialect _dialect;
    private readonly ProgramBuilder _program;
    private Token _token;
    private int _nesting;
    private int _nodes;
    private int _searches;

    private Parser(string text, SelectorDialect dialect, ProgramBuilder program)
    {
        _lexer = new Lexer(text, dialect);
        _dialect = dialect;
        _program = program;
        _token = _lexer.Next();
    }

    private bool IsSql => _dialect == SelectorDialect.Sql;

    /// <summary>Parses a whole expression. A blank one gives null: it matches everything.</summary>
    /// <exception cref="SelectorException">It is none, or passes a limit.</exception>
    public static Node? Parse(string text, SelectorDialect dialect, ProgramBuilder program)
    {
        if (text.Length > SelectorLimits.MaxLength)
        {
            throw new SelectorException(
                SelectorLimits.MaxLength, $"the expression has {text.Length} characters, and {SelectorLimits.MaxLength} are allowed");
        }

        var parser = new Parser(text, dialect, program);
        if (parser._token.Kind == TokenKind.End)
        {
            return null;
        }

        var root = parser.ParseCondition();
        return parser._token.Kind == TokenKind.End ? root : throw parser.Expected("an operator or the end");
    }

    private Node ParseCondition()
    {
        var position = _token.Position;
        return RequireCondition(ParseOr(), position);
    }

    private Node ParseOr()
    {
        var position = _token.Position;
        var first = ParseAnd();
        if (_token.Kind != TokenKind.Or)
        {
            return first;
        }

        var operands = new List<Node> { RequireCondition(first, position) };
        while (TryTake(TokenKind.Or))
        {
            position = _token.Position;
            operands.Add(RequireCondition(ParseAnd(), position));
        }

        return Count(JunctionNode.Or(operands), position);
    }

    private Node ParseAnd()
    {
        var position = _token.Position;
        var first = ParseNot();
        if (_token.Kind != TokenKind.And)
        {
            return first;
        }

        var operands = new List<Node> { RequireCondition(first, position) };
        while (TryTake(TokenKind.And))
        {
            position = _token.Position;
            operands.Add(RequireCondition(ParseNot(), position));
        }

        return Count(JunctionNode.And(operands), position);
    }

    private Node ParseNot()
    {
        var position = _token.Position;
        if (!TryTake(TokenKind.Not))
        {
            return ParsePredicate();
        }

        Enter(position);
        var operandPosition = _token.Position;
        var operand = RequireCondition(ParseNot(), operandPosition);
        _nesting--;
        return Count(new NotNode(operand), position);
    }

    private Node ParseSum()
    {
        var position = _token.Position;
        var left = ParseProduct();
        while (_token.Kind is TokenKind.Plus or TokenKind.Minus)
        {
            left = ParseRightOperand(left, position, _token.Kind == TokenKind.Plus ? Operation.Add : Operation.Subtract, ParseProduct);
        }

        return left;
    }

    private Node ParseProduct()
    {
        var position = _token.Position;
        var left = ParseSigned();
        while (_token.Kind is TokenKind.Star or TokenKind.Slash or TokenKind.Percent)
        {
            var operation = _token.Kind switch
            {
                TokenKind.Star => Operation.Multiply,
                TokenKind.Slash => Operation.Divide,
                _ => Operation.Remainder,
            };
            left = ParseRightOperand(left, position, operation, ParseSigned);
        }

        return left;
    }

    private Node ParseRightOperand(Node left, int leftPosition, Operation operation, Func<Node> parse)
    {
        RequireNumber(left, leftPosition);
        var sign = _token.Position;
        Advance();
        var position = _token.Position;
        var right = RequireNumber(parse(), position);
        return Count(new ArithmeticNode(left, operation, right), sign);
    }

    private Node ParseSigned()
    {
        if (_token.Kind is not (TokenKind.Plus or TokenKind.Minus))
        {
            return ParsePrimary();
        }

        var position = _token.Position;
        var negates = _token.Kind == TokenKind.Minus;
        Enter(position);
        Advance();
        var operandPosition = _token.Position;
        var operand = negates && _token.Kind == TokenKind.Exact ? ParseNegativeExact() : RequireNumber(ParseSigned(), operandPosition);
        _nesting--;
        return operand is LiteralNode { Literal.Kind: ValueKind.Exact or ValueKind.Approximate } literal
            ? new LiteralNode(Sign(literal.Literal, negates))
            : Count(new SignNode(operand, negates), position);
    }

    private static Value Sign(in Value literal, bool negates) => (negates, literal.Kind) switch
    {
        (false, _) => literal,
        (_, ValueKind.Exact) => Value.Of(unchecked(-literal.Bits)),
        _ => Value.Of(-literal.AsDouble),
    };

    /// <summary>The literal behind a minus, whose magnitude may be one more than that of others; the caller negates it.</summary>
    private LiteralNode ParseNegativeExact()
    {
        var literal = new LiteralNode(Value.Of(unchecked((long)_token.Magnitude)));
        Count(literal, _token.Position);
        Advance();
        return literal;
    }

    private Node ParsePrimary()
    {
        var token = _token;
        switch (token.Kind)
        {
            case TokenKind.Open:
                Enter(token.Position);
                Advance();
                var inner = ParseOr();
                Take(TokenKind.Close, "')'");
                _nesting--;
                return inner;
            case TokenKind.Identifier:
                Advance();
                return IsSql && _token.Kind == TokenKind.Open && !token.IsDelimited ? ParseFunction(token) : ParseField(token);
            case TokenKind.Exact when token.Magnitude > long.MaxValue && !token.IsBits:
                throw new SelectorException(token.Position, "the number is beyond the range of a long; write it with a point to have it approximate");
            case TokenKind.Exact:
                return Literal(Value.Of(unchecked((long)token.Magnitude)));
            case TokenKind.Approximate:
                return Literal(Value.Of(token.Approximate));
            case TokenKind.Text:
                return Literal(_program.Text(token.Text!));
            case TokenKind.Binary:
                return Literal(_program.Bytes(ValueKind.Binary, token.Bytes));
            case TokenKind.True or TokenKind.False:
                return Literal(Value.Of(token.Kind == TokenKind.True));
            default:
                throw Expected("a value, an identifier or '('");
        }
    }

    private Node Literal(in Value value)
    {
        var node = Count(new LiteralNode(value), _token.Position);
        Advance();
        return node;
    }

    private Node ParseField(Token name)
    {
        var slot = _program.SlotOf(FieldNames.Resolve(name.Text!, _dialect, name.IsDelimited, name.Position));
        return slot >= 0
            ? Count(new FieldNode(slot), name.Position)
            : throw new SelectorException(name.Position, $"the expression names more than {SelectorLimits.MaxFields} different identifiers");
    }
}
